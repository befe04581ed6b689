//! `POST /api/chat`: stores the user's message, asks a model, streams its reply as server-sent
//! events, and stores the reply whether or not the client stays connected. Also: reading, stopping
//! and regenerating a reply. Clients speak goldfish's own protocol or the AI SDK's.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod ai_sdk;
mod alleato;
mod attachments;
mod context_window;
mod evicted;
mod idempotency;
mod json;
mod live;
mod native;
mod prompt;
mod protocol;
mod readers;
mod reply_end;
mod request;
mod response_format;
mod socket;
mod start;
mod stop;
mod stream;
mod title;
mod turn;

use completion::Report;
use contracts::identity::types::{Principal, Scope};
use http_edge::{ApiError, Context, Response};

use protocol::Protocol;
use request::{ChatBody, RegenerateBody, TurnRequest};
use turn::ReplyRequest;

http_edge::routes! {
    POST "/api/chat" => send_message,
    GET "/api/conversations/:id/stream" => readers::read_reply,
    POST "/api/conversations/:id/stop" => stop::stop_reply,
    POST "/api/conversations/:id/regenerate" => regenerate_reply,
    GET "/api/chat/:id/stream" => readers::read_ai_sdk_reply,
    POST "/api/chat/:id/stop" => stop::stop_ai_sdk_reply,
    POST "/api/v1/chats/:id/messages" => send_chat_message,
    GET "/ws/:conversationId" => socket::refuse_without_proxy,
    POST "/ws/:conversationId" => socket::receive_events,
    POST "/api/websocket" => socket::broadcast::broadcast,
}

async fn send_message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = authenticate(context).await?;
    let request = message_request(context, principal).await?;
    respond(context, request).await
}

/// Parses the body, which is dropped before the model is asked: it may contain files.
async fn message_request(
    context: &mut Context,
    principal: Principal,
) -> Result<ReplyRequest, ApiError> {
    let body = context.json_text().await?;
    if ai_sdk::is_ai_sdk(&body) {
        let (turn, key) = ai_sdk::parse(&context.head, &principal.user.id, &body)?;
        return Ok(ReplyRequest {
            principal,
            turn,
            key,
            protocol: Protocol::AiSdk,
            last_event_id: Ok(None),
        });
    }
    let body = body.read::<ChatBody>()?;
    let key = idempotency::key(&context.head, "/api/chat", &body)?;
    let turn = TurnRequest::try_from(body)?;
    Ok(native_request(context, principal, turn, key))
}

async fn regenerate_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = authenticate(context).await?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let body = context.json_or_default::<RegenerateBody>().await?;
    let path = format!("/api/conversations/{id}/regenerate");
    let key = idempotency::key(&context.head, &path, &body)?;
    let request = native_request(context, principal, body.for_conversation(id)?, key);
    respond(context, request).await
}

/// `POST /api/v1/chats/:id/messages`: like `POST /api/chat`, with the body of alleato's clients.
async fn send_chat_message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = authenticate(context).await?;
    let id = context.uuid("id", "Chat")?;
    let body: alleato::MessagesBody = context.json().await?;
    let path = format!("/api/v1/chats/{id}/messages");
    let key = idempotency::key(&context.head, &path, &body)?;
    let request = native_request(context, principal, body.for_chat(id)?, key);
    respond(context, request).await
}

async fn authenticate(context: &mut Context) -> Result<Principal, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    Ok(principal)
}

fn native_request(
    context: &Context,
    principal: Principal,
    turn: TurnRequest,
    key: Option<contracts::conversations::turns::IdempotencyKey>,
) -> ReplyRequest {
    ReplyRequest {
        principal,
        turn,
        key,
        protocol: Protocol::Native,
        last_event_id: idempotency::last_event_id(&context.head, None),
    }
}

async fn respond(context: &mut Context, request: ReplyRequest) -> Result<Response, ApiError> {
    let mut report = Report::default();
    let response = turn::respond(request, &mut report).await;
    report.apply(context);
    response
}

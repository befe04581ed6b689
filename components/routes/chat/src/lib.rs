//! `POST /api/chat`: stores the user's message, asks a model, streams its reply as server-sent
//! events and stores that too, whether or not the client stays to read it. And what can be done with
//! a reply from elsewhere: read along, stop it, have another one.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod attend;
mod backlog;
mod bell;
mod events;
mod follow;
mod opening;
mod outbox;
mod prompt;
mod repeat;
mod reply;
mod request;
mod screened;
mod source;
mod title;
mod ui_messages;
mod window;
mod wire;

use contracts::{
    conversations::{
        replies,
        turns::{Beginning, Outcome, RequestKey, Turn},
    },
    identity::types::{Principal, Scope},
    llm::{provider, types::ChatRequest},
    quota::limits::Action,
};
use futures::future::{join, join3};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use billing::{Bill, Payer};
use request::{AgainBody, Asked, ChatBody};
use source::Opening;
use title::Untitled;
use wire::Wire;

http_edge::routes! {
    POST "/api/chat" => send_message,
    GET "/api/conversations/:id/stream" => follow::follow_reply,
    POST "/api/conversations/:id/stop" => stop_reply,
    POST "/api/conversations/:id/regenerate" => regenerate_reply,
    GET "/api/chat/:id/stream" => ui_messages::follow_reply,
    POST "/api/chat/:id/stop" => ui_messages::stop_reply,
}

#[derive(Serialize)]
struct Stopped {
    success: bool,
    /// Whether there was anything to stop.
    stopped: bool,
}

async fn send_message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    let body = context.json_text().await?;
    if ui_messages::request::is_one(&body) {
        return ui_messages::send_message(context, principal, &body).await;
    }
    let body = body.read::<ChatBody>()?;
    let key = repeat::key(&context.head, "/api/chat", &body)?;
    answer(
        context,
        principal,
        Asked::try_from(body)?,
        key,
        Wire::Native,
    )
    .await
}

async fn regenerate_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let body = context.json_or_default::<AgainBody>().await?;
    let path = format!("/api/conversations/{id}/regenerate");
    let key = repeat::key(&context.head, &path, &body)?;
    answer(context, principal, body.of(id)?, key, Wire::Native).await
}

async fn stop_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    access::admit(context, Action::Api, &principal.user.id).await?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let stopped = replies::stop(principal.user.id, id)
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    Ok(Response::json(&Stopped {
        success: true,
        stopped,
    }))
}

async fn answer(
    context: &mut Context,
    principal: Principal,
    mut asked: Asked,
    key: Option<RequestKey>,
    wire: Wire,
) -> Result<Response, ApiError> {
    let user = principal.user.id.clone();
    let is_keyed = key.is_some();
    // Three capabilities that do not need each other's answers.
    let (verdict, turn, models) = join3(
        billing::admit(&principal),
        open(user.clone(), &asked, key),
        provider::models(),
    )
    .await;
    access::apply_rate_limit(context, verdict)?;
    let turn = turn.map_err(|error| error_mapping::conversations(error, "conversationId"))?;
    if let Some(started) = turn.repeats() {
        return follow::repeat_reply(context, user, started, wire).await;
    }
    let models = models.map_err(error_mapping::catalogue)?;

    let mut preferences = turn.preferences();
    let of_conversation = turn.model();
    let is_new = of_conversation.is_none();
    let mut message = turn.question().or(asked.message.take()).unwrap_or_default();
    let screen = screened::screen(&mut message, &mut asked.system, &mut preferences).await?;
    let model = prompt::choose_model(&asked, of_conversation, &preferences, &models).await?;
    context.log.model(&model);
    let system = prompt::choose_system(asked.system, preferences.system_prompt).await;
    let history = window::fitting(
        turn.history(),
        model_choice::find(&model, &models).and_then(|model| model.context_window),
        asked.max_tokens,
        &[system.as_deref().unwrap_or_default(), &message],
    );
    let messages = prompt::messages(system, history, &message);
    let payer = Payer::from(&principal);
    let prompt = billing::size(&messages);
    let bill = Bill::open(payer.clone(), prompt, asked.max_tokens).await?;
    let question = ChatRequest {
        model: model.clone(),
        messages,
        temperature: asked.temperature,
        max_tokens: bill.max_tokens,
        options: None,
    };

    let (beginning, opening) = opening::open(&turn, message.clone(), question, is_keyed).await;
    let started = match beginning {
        Ok(Beginning::Started(started)) => started,
        Ok(Beginning::Repeated(started)) => {
            note(context, bill.release().await);
            return follow::repeat_reply(context, user, started, wire).await;
        }
        Err(error) => {
            note(context, bill.release().await);
            return Err(error_mapping::conversations(error, "message"));
        }
    };
    context.set_header("x-conversation-id", started.conversation_id.clone());

    // Until something has been said, failing is an ordinary error with a status of its own.
    let source = match opening {
        Opening::Speaking(source) => {
            if let Some(served) = source.served() {
                billing::tell(context, served);
            }
            Some(source)
        }
        Opening::Stopped => None,
        Opening::Failed(error) => {
            // If even that cannot be stored, the reply counts as broken off when it is overdue.
            let nothing = reply::Text::default();
            let finished = reply::finish(
                &turn,
                Outcome::Incomplete,
                nothing,
                None,
                None,
                &mut context.log,
            );
            let (_, released) = join(finished, bill.release()).await;
            note(context, released);
            return Err(error_mapping::llm(error));
        }
    };
    let untitled = is_new.then(|| Untitled {
        user,
        conversation: started.conversation_id.clone(),
        message,
        payer,
    });
    let exchange = reply::Exchange {
        turn,
        source,
        screen,
        started,
        model,
        bill,
        wire,
        untitled,
    };
    Ok(wire.mark(Response::events(|body, log| exchange.run(body, log))))
}

async fn open(
    user: String,
    asked: &Asked,
    key: Option<RequestKey>,
) -> Result<Turn, contracts::conversations::types::Error> {
    let conversation = asked.conversation_id.clone();
    match (&asked.named, &asked.message, conversation) {
        (Some(named), _, Some(conversation)) => {
            Turn::open_named(user, conversation, named.clone(), key).await
        }
        (None, None, Some(conversation)) => Turn::open_again(user, conversation, key).await,
        (_, _, conversation) => Turn::open(user, conversation, key).await,
    }
}

fn note(context: &mut Context, trouble: Option<String>) {
    if let Some(cause) = trouble {
        context.log.warn(&cause);
    }
}

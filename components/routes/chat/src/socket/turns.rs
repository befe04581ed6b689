//! Turns that begin with a message on a socket. They go on after the response to the proxy, which sends one request of a
//! connection at a time.

use completion::Report;
use contracts::{
    conversations::{replies::Reader, turns::ReplyInfo},
    identity::types::{Principal, Proof, Scope, User, UserKind},
    messaging::connections,
};
use http_edge::{ApiError, Context, LogRecord};
use realtime_events::{connection_item, publish_if_configured};
use serde_json::{Value, json};
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::Events;

use super::{
    join,
    messages::{self, Deltas},
    state::Socket,
};
use crate::{
    idempotency, live,
    protocol::Protocol,
    request::{ChatBody, TurnRequest},
    turn::{self, Begun, ReplyRequest},
};

/// The time in which subscriptions of a new socket may not hold yet, in milliseconds.
const SETTLE_TIME: u64 = 2_000;

/// Begins a turn as `POST /api/chat` does; false if the socket was closed. `id` in the message is its idempotency key.
pub(super) async fn send(
    context: &mut Context,
    socket: &Socket,
    mut fields: Value,
    out: &mut Events,
) -> Result<bool, ApiError> {
    let Some(principal) = principal(context, socket).await? else {
        return socket.sign_out(out).await;
    };
    access::require_scope(&principal, Scope::Chat)?;
    let mut id = None;
    if let Some(fields) = fields.as_object_mut() {
        id = fields.remove("id");
        fields.insert("conversationId".to_owned(), json!(socket.kind.conversation));
    }
    let body: ChatBody = serde_json::from_value(fields)
        .map_err(|error| ApiError::invalid("message", error.to_string()))?;
    let id = match id {
        None => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(ApiError::invalid("id", "must be a text")),
    };
    let key = match &id {
        // The same key in a request is the same message.
        Some(id) => Some(idempotency::named("id", id, "/api/chat", &body)?),
        None => None,
    };
    let request = ReplyRequest {
        principal,
        turn: TurnRequest::try_from(body)?,
        key,
        protocol: Protocol::Native,
        last_event_id: Ok(None),
    };
    let turn = SocketTurn {
        user: socket.user.clone(),
        conversation: socket.kind.conversation.clone(),
        connection: socket.id.clone(),
        id,
    };
    spawn(turn.run(request, context.log.of_later_work()));
    if socket.now.saturating_sub(socket.kind.opened_at) < SETTLE_TIME {
        join::ask_for_pong(false, None, out);
    }
    Ok(true)
}

/// Who sends the message: the credentials of the request, or the session whose ticket opened the socket. None if the
/// user has signed out.
///
/// # Errors
/// 403 if the ticket was of an API key.
pub(super) async fn principal(
    context: &mut Context,
    socket: &Socket,
) -> Result<Option<Principal>, ApiError> {
    if socket.has_credentials {
        return socket.principal(context).await;
    }
    if !socket.kind.is_of_session {
        return Err(ApiError::Forbidden(
            "A socket that was opened with the ticket of an API key only listens. Send the key with the handshake.",
        ));
    }
    // Signing out removes it.
    let found = connections::check(socket.id.clone()).await;
    if found.map_err(error_mapping::messaging)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Principal {
        user: User {
            id: socket.user.clone(),
            // Not known from a ticket, and not asked for.
            kind: UserKind::Registered,
            email: None,
            name: None,
        },
        proof: Proof::Session(String::new()),
        renewed_cookie: None,
    }))
}

/// A turn for a socket.
struct SocketTurn {
    user: String,
    conversation: String,
    connection: String,
    /// What the client calls the message.
    id: Option<String>,
}

impl SocketTurn {
    async fn run(self, request: ReplyRequest, mut log: LogRecord) {
        let mut report = Report::default();
        match turn::begin(request, self.id.clone(), &mut report).await {
            Ok(Begun::New(stream)) => stream.run_without_client(log).await,
            Ok(Begun::Existing(reply)) => {
                log.write();
                self.repeat(reply).await;
            }
            Err(error) => {
                log.error(&error);
                log.write();
                let public = error.public();
                let about = Some("message");
                let message =
                    messages::error(public.code, &public.sentence, about, self.id.as_deref());
                self.tell(vec![message]).await;
            }
        }
    }

    /// Sends the reply that the message has already to this connection.
    async fn repeat(self, reply: ReplyInfo) {
        let (user, conversation) = (self.user.clone(), self.conversation.clone());
        let id = reply.message_id.clone();
        let reader = Reader::open(user.clone(), conversation.clone(), Some(id.clone()), 0).await;
        let Ok(reader) = reader else { return };
        let begun = live::begun(&user, &reply, &reader.model(), self.id.as_deref()).await;
        self.tell(begun).await;
        let deltas = Deltas::new(id, 0);
        join::follow(user, conversation, self.connection, reader, deltas).await;
    }

    async fn tell(&self, texts: Vec<String>) {
        let items = texts
            .into_iter()
            .map(|text| connection_item(&self.connection, text));
        // A client that does not get it sends the message again, with the same id.
        let _ = publish_if_configured(items.collect()).await;
    }
}

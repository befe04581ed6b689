//! Messages of clients.

use contracts::{conversations::replies, identity::types::Scope, quota::limits::Action};
use http_edge::{ApiError, Context};
use realtime_events::{connection_name, conversation_item, publish_if_configured};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use websockets::Events;

use super::{join, messages, state::Socket, turns};

/// The shortest time between two messages that the user is typing, in milliseconds.
const TYPING_INTERVAL: u64 = 3_000;

#[derive(Deserialize)]
struct Typing {
    state: Option<TypingState>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TypingState {
    Start,
    Stop,
}

/// What a client has of a reply.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sync {
    message_id: String,
    #[serde(default)]
    offset: usize,
}

/// The type of a message and its fields.
fn parse(text: &[u8]) -> Option<(String, Value)> {
    let Value::Object(mut message) = serde_json::from_slice(text).ok()? else {
        return None;
    };
    let r#type = message.remove("type")?.as_str()?.to_owned();
    Some((r#type, Value::Object(message)))
}

fn read<T: DeserializeOwned>(fields: Value) -> Result<T, ApiError> {
    // The text of the error may repeat what the client sent; it goes to that client only.
    serde_json::from_value(fields).map_err(|error| ApiError::invalid("message", error.to_string()))
}

const TYPES: [&str; 5] = ["message", "stop", "typing", "sync", "ping"];

/// Does what a message says; false if the socket was closed.
pub(super) async fn receive(
    context: &mut Context,
    socket: &mut Socket,
    text: &[u8],
    out: &mut Events,
) -> bool {
    let Some((r#type, fields)) = parse(text) else {
        let sentence = "A message is a JSON object with the field `type`.";
        out.json(&messages::error("VALIDATION_ERROR", sentence, None, None));
        return true;
    };
    let id = fields.get("id").and_then(Value::as_str).map(str::to_owned);
    let handled = handle(context, socket, &r#type, fields, out).await;
    handled.unwrap_or_else(|failure| {
        context.log.error(&failure);
        let public = failure.public();
        // A type of the client's own is not sent back.
        let about = TYPES.into_iter().find(|known| *known == r#type);
        out.json(&messages::error(
            public.code,
            &public.sentence,
            about,
            id.as_deref(),
        ));
        true
    })
}

async fn handle(
    context: &mut Context,
    socket: &mut Socket,
    r#type: &str,
    fields: Value,
    out: &mut Events,
) -> Result<bool, ApiError> {
    match r#type {
        "message" => turns::send(context, socket, fields, out).await,
        "stop" => stop(context, socket, out).await,
        "typing" => {
            tell_typing(socket, &read(fields)?).await?;
            Ok(true)
        }
        "sync" => {
            let Sync { message_id, offset } = read(fields)?;
            let id = http_edge::parse_uuid(&message_id)
                .ok_or_else(|| ApiError::invalid("messageId", "must be a UUID"))?;
            join::join(socket, Some((id, offset)), out).await?;
            Ok(true)
        }
        "ping" => {
            out.json(&messages::pong(socket.now));
            Ok(true)
        }
        _ => {
            let sentence = "There is no message of this type.";
            out.json(&messages::error("VALIDATION_ERROR", sentence, None, None));
            Ok(true)
        }
    }
}

/// As `POST /api/conversations/:id/stop`.
async fn stop(context: &mut Context, socket: &Socket, out: &mut Events) -> Result<bool, ApiError> {
    let Some(principal) = turns::principal(context, socket).await? else {
        return socket.sign_out(out).await;
    };
    access::require_scope(&principal, Scope::Chat)?;
    access::admit(context, Action::Api, &socket.user).await?;
    let stopped = replies::stop(socket.user.clone(), socket.kind.conversation.clone())
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    if !stopped {
        let sentence = "No reply is being written.";
        out.json(&messages::error("CONFLICT", sentence, Some("stop"), None));
    }
    Ok(true)
}

/// Tells the other tabs.
async fn tell_typing(socket: &mut Socket, typing: &Typing) -> Result<(), ApiError> {
    let is_typing = typing.state != Some(TypingState::Stop);
    if is_typing && socket.now.saturating_sub(socket.kind.typed_at) < TYPING_INTERVAL {
        return Ok(());
    }
    socket.kind.typed_at = if is_typing { socket.now } else { 0 };
    let item = conversation_item(
        &socket.user,
        &socket.kind.conversation,
        messages::typing(is_typing),
        Some(connection_name(&socket.id)),
    );
    publish_if_configured(vec![item]).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parse_separates_the_type_from_the_fields() {
        let (r#type, fields) = parse(br#"{"type":"message","message":"Hi"}"#).unwrap();
        assert_eq!(
            (r#type.as_str(), fields),
            ("message", json!({ "message": "Hi" }))
        );
        for bad in ["", "[]", "1", "{}", r#"{"type":1}"#, r#"{"type":"#] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

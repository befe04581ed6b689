//! Messages of clients.

use contracts::messaging::events::Scope;
use http_edge::{ApiError, Context};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use websockets::Events;

use crate::messages::{confirmation, error};
use crate::socket::Socket;
use crate::{follow, presence, typing};

/// A thread or channel to follow.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    thread_id: Option<String>,
    channel_id: Option<String>,
    after: Option<follow::After>,
}

/// The type of a message and its fields, which are beside the type or in `payload`.
fn parse(text: &[u8]) -> Option<(String, Value)> {
    let Value::Object(mut message) = serde_json::from_slice(text).ok()? else {
        return None;
    };
    let r#type = message.remove("type")?.as_str()?.to_owned();
    let fields = match message.remove("payload") {
        Some(Value::Object(payload)) => payload,
        _ => message,
    };
    Some((r#type, Value::Object(fields)))
}

pub(crate) async fn receive(
    context: &mut Context,
    socket: &mut Socket,
    text: &[u8],
    out: &mut Events,
) {
    let Some((r#type, fields)) = parse(text) else {
        let message = "A message is a JSON object with the field `type`.";
        out.json(&error("VALIDATION_ERROR", message, None));
        return;
    };
    if let Err(failure) = handle(context, socket, &r#type, fields, out).await {
        context.log.error(&failure);
        let public = failure.public();
        let about = known_type(&r#type);
        out.json(&error(public.code, &public.sentence, about));
    }
}

const TYPES: [&str; 11] = [
    "JOIN_THREAD",
    "LEAVE_THREAD",
    "JOIN_CHANNEL",
    "LEAVE_CHANNEL",
    "JOIN_FEED",
    "LEAVE_FEED",
    "TYPING",
    "PRESENCE",
    "WATCH_PRESENCE",
    "UNWATCH_PRESENCE",
    "PING",
];

/// The type if there is such a one: a client's own text is not sent back.
fn known_type(r#type: &str) -> Option<&'static str> {
    TYPES.into_iter().find(|known| *known == r#type)
}

async fn handle(
    context: &mut Context,
    socket: &mut Socket,
    r#type: &str,
    fields: Value,
    out: &mut Events,
) -> Result<(), ApiError> {
    match r#type {
        "JOIN_THREAD" | "JOIN_CHANNEL" | "JOIN_FEED" => {
            let join: Join = read(fields)?;
            let scope = scope_of(r#type, &join)?;
            follow::join(socket, scope, join.after, out).await
        }
        "LEAVE_THREAD" | "LEAVE_CHANNEL" | "LEAVE_FEED" => {
            let join: Join = read(fields)?;
            let scope = scope_of(r#type, &join)?;
            follow::leave(socket, scope, out).await
        }
        "TYPING" => typing::tell(socket, read(fields)?).await,
        "PRESENCE" => presence::set(context, socket, read(fields)?).await,
        "WATCH_PRESENCE" => presence::watch(socket, read(fields)?, out).await,
        "UNWATCH_PRESENCE" => {
            presence::unwatch(socket, &read(fields)?, out);
            Ok(())
        }
        "PING" => {
            out.json(&confirmation("PONG", json!({ "time": socket.now })));
            Ok(())
        }
        _ => {
            let message = "There is no message of this type.";
            out.json(&error("VALIDATION_ERROR", message, None));
            Ok(())
        }
    }
}

fn read<T: DeserializeOwned>(fields: Value) -> Result<T, ApiError> {
    // The text of the error may repeat what the client sent; it goes to that client only.
    serde_json::from_value(fields).map_err(|error| ApiError::invalid("payload", error.to_string()))
}

fn scope_of(r#type: &str, join: &Join) -> Result<Scope, ApiError> {
    let uuid = |id: &Option<String>, name: &'static str, what: &'static str| match id {
        None => Err(ApiError::invalid(name, "is missing")),
        Some(id) => http_edge::parse_uuid(id).ok_or(ApiError::NotFound(what)),
    };
    Ok(match r#type {
        "JOIN_THREAD" | "LEAVE_THREAD" => {
            Scope::Thread(uuid(&join.thread_id, "threadId", "Thread")?)
        }
        "JOIN_CHANNEL" | "LEAVE_CHANNEL" => {
            Scope::Channel(uuid(&join.channel_id, "channelId", "Channel")?)
        }
        _ => Scope::Feed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_fields_beside_the_type_and_in_the_payload() {
        for text in [
            r#"{"type":"JOIN_THREAD","threadId":"t"}"#,
            r#"{"type":"JOIN_THREAD","payload":{"threadId":"t"}}"#,
        ] {
            let (r#type, fields) = parse(text.as_bytes()).unwrap();
            assert_eq!(
                (r#type.as_str(), fields),
                ("JOIN_THREAD", json!({ "threadId": "t" }))
            );
        }
        for bad in ["", "[]", "1", "{}", r#"{"type":1}"#, r#"{"type":"#] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

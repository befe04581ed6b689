//! Items that the application publishes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

/// Something published on a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) channel: String,
    pub(super) id: Option<String>,
    /// The id of the item before this one on the channel.
    pub(super) prev_id: Option<String>,
    /// Subscribers with the filter `skip-self` and this name do not get it.
    pub(super) sender: Option<String>,
    /// Subscribers with the filter `skip-users` and one of these names do not get it.
    pub(super) skipped_users: Vec<String>,
    pub(super) web_socket: Option<WebSocketAction>,
    pub(super) stream: Option<StreamAction>,
}

/// The action of a WebSocket for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WebSocketAction {
    Send(Message),
    Close { code: Option<u16>, reason: String },
}

/// A message on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: MessageKind,
    pub(super) content: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageKind {
    Text,
    Binary,
    Ping,
    Pong,
}

/// The action of a stream for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamAction {
    Send(Bytes),
    Close,
    /// The next link is fetched.
    Hint,
}

impl MessageKind {
    pub(super) fn parse(name: Option<&str>) -> Option<Self> {
        Some(match name {
            None | Some("text") => Self::Text,
            Some("binary") => Self::Binary,
            Some("ping") => Self::Ping,
            Some("pong") => Self::Pong,
            Some(_) => return None,
        })
    }
}

/// The items in the body of a publish request.
///
/// # Errors
/// The reason, for the response.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Item>, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| "Body is not valid JSON.".to_owned())?;
    let items = match value.get("items") {
        None => std::slice::from_ref(&value),
        Some(Value::Array(items)) => items,
        Some(_) => return Err("Invalid format: object contains 'items' with wrong type".into()),
    };
    let items = items.iter().map(item);
    items
        .collect::<Result<_, _>>()
        .map_err(|error| format!("Invalid format: {error}"))
}

fn item(value: &Value) -> Result<Item, String> {
    let value = value.as_object().ok_or("item is not an object")?;
    let channel = string(value, "channel")?.unwrap_or_default();
    if channel.is_empty() {
        return Err("item does not contain 'channel'".to_owned());
    }
    let formats = match value.get("formats") {
        None => value,
        Some(formats) => formats.as_object().ok_or("'formats' has a wrong type")?,
    };
    let meta = |name: &str| match value.get("meta").and_then(Value::as_object) {
        Some(meta) => string(meta, name),
        None => Ok(None),
    };
    let item = Item {
        id: string(value, "id")?,
        prev_id: string(value, "prev-id")?,
        sender: meta("sender")?,
        skipped_users: meta("skip_users")?
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|user| !user.is_empty())
            .map(str::to_owned)
            .collect(),
        web_socket: format(formats, "ws-message")?.map(web_socket).transpose()?,
        stream: format(formats, "http-stream")?.map(stream).transpose()?,
        channel,
    };
    if item.web_socket.is_none() && item.stream.is_none() {
        return Err("no formats specified".to_owned());
    }
    Ok(item)
}

fn format<'a>(
    formats: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, String> {
    match formats.get(name) {
        None => Ok(None),
        Some(Value::Object(format)) => Ok(Some(format)),
        Some(_) => Err(format!("'{name}' has a wrong type")),
    }
}

fn web_socket(format: &Map<String, Value>) -> Result<WebSocketAction, String> {
    Ok(match string(format, "action")?.as_deref() {
        None | Some("send") => WebSocketAction::Send(Message {
            kind: MessageKind::parse(string(format, "type")?.as_deref())
                .ok_or("'type' has an unknown value")?,
            content: content(format)?,
        }),
        Some("close") => WebSocketAction::Close {
            code: match format.get("code") {
                None => None,
                Some(code) => Some(
                    code.as_u64()
                        .and_then(|code| u16::try_from(code).ok())
                        .ok_or("'code' has an invalid value")?,
                ),
            },
            reason: string(format, "reason")?.unwrap_or_default(),
        },
        Some(_) => return Err("'action' has an unknown value".to_owned()),
    })
}

fn stream(format: &Map<String, Value>) -> Result<StreamAction, String> {
    Ok(match string(format, "action")?.as_deref() {
        None | Some("send") => StreamAction::Send(content(format)?),
        Some("close") => StreamAction::Close,
        Some("hint") => StreamAction::Hint,
        Some(_) => return Err("'action' has an unknown value".to_owned()),
    })
}

/// `content`, or `content-bin` in Base64.
pub(super) fn content(format: &Map<String, Value>) -> Result<Bytes, String> {
    if let Some(text) = string(format, "content-bin")? {
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| "'content-bin' is not Base64")?;
        return Ok(bytes.into());
    }
    let text = string(format, "content")?.ok_or("no 'content' or 'content-bin'")?;
    Ok(text.into())
}

pub(super) fn string(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("'{name}' has a wrong type")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(value: Value) -> Result<Item, String> {
        let items = parse(value.to_string().as_bytes())?;
        Ok(items.into_iter().next().unwrap())
    }

    #[test]
    fn parse_reads_all_actions_of_both_formats() {
        let of = |web_socket: Value, stream: Value| {
            let formats = json!({ "ws-message": web_socket, "http-stream": stream });
            let item = one(json!({ "items": [{ "channel": "c", "formats": formats }] })).unwrap();
            (item.web_socket.unwrap(), item.stream.unwrap())
        };
        let message = |kind, content: &'static [u8]| {
            WebSocketAction::Send(Message {
                kind,
                content: Bytes::from_static(content),
            })
        };
        let sent = of(json!({ "content": "a" }), json!({ "content": "b" }));
        let expected = StreamAction::Send(Bytes::from_static(b"b"));
        assert_eq!(sent, (message(MessageKind::Text, b"a"), expected));
        let ping = of(
            json!({ "type": "ping", "content-bin": "/w==" }),
            json!({ "action": "hint" }),
        );
        assert_eq!(
            ping,
            (message(MessageKind::Ping, b"\xff"), StreamAction::Hint)
        );
        let close = of(
            json!({ "action": "close", "code": 4401, "reason": "r" }),
            json!({ "action": "close" }),
        );
        let expected = WebSocketAction::Close {
            code: Some(4401),
            reason: "r".to_owned(),
        };
        assert_eq!(close, (expected, StreamAction::Close));
    }

    #[test]
    fn parse_reads_ids_and_the_sender() {
        let item = one(json!({
            "channel": "c", "id": "2", "prev-id": "1", "meta": { "sender": "u" },
            "formats": { "http-stream": { "action": "hint" } },
        }));
        let expected = Item {
            channel: "c".to_owned(),
            id: Some("2".to_owned()),
            prev_id: Some("1".to_owned()),
            sender: Some("u".to_owned()),
            skipped_users: Vec::new(),
            web_socket: None,
            stream: Some(StreamAction::Hint),
        };
        assert_eq!(item.unwrap(), expected);
    }

    #[test]
    fn parse_of_malformed_items_fails() {
        for value in [
            json!([]),
            json!({ "items": {} }),
            json!({ "channel": "c" }),
            json!({ "formats": { "ws-message": { "content": "a" } } }),
            json!({ "channel": 1, "formats": { "ws-message": { "content": "a" } } }),
            json!({ "channel": "c", "formats": { "ws-message": {} } }),
            // Pushpin has this since 1.38.
            json!({ "channel": "c", "formats": { "ws-message": { "action": "refresh" } } }),
            json!({ "channel": "c", "formats": { "ws-message": { "action": "close", "code": -1 } } }),
            json!({ "channel": "c", "formats": { "http-stream": { "content-bin": "?" } } }),
        ] {
            assert!(parse(value.to_string().as_bytes()).is_err(), "{value}");
        }
        assert!(parse(b"{").is_err());
    }
}

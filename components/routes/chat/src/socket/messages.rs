//! Messages for clients. They have their fields beside `type`. All begin with `{`: the proxy takes other texts for its
//! own.

use contracts::conversations::{
    turns::{Outcome, ReplyInfo},
    types::Message,
};
use serde_json::{Value, json};

use crate::reply_end::ReplyEnd;

/// Bytes of text in one message. Pushpin drops what does not fit into the buffer of a connection, which has 8 KiB.
const DELTA_MAX: usize = 4_000;
/// Milliseconds after which a user is not typing any more, without another message.
const TYPING_TIME: u32 = 6_000;

/// Where a reply stands.
pub(crate) struct Place<'a> {
    pub(crate) id: &'a str,
    pub(crate) is_streaming: bool,
}

/// The conversation as it is now; the first message on a socket, and one at each check.
pub(crate) fn conversation(
    id: &str,
    title: Option<&str>,
    model: Option<&str>,
    reply: Option<Place<'_>>,
) -> String {
    let reply = reply.map(|reply| {
        json!({
            "messageId": reply.id,
            "status": if reply.is_streaming { "streaming" } else { "ended" },
        })
    });
    let message = json!({
        "type": "conversation",
        "conversationId": id,
        "title": title,
        "model": model,
        "reply": reply,
    });
    message.to_string()
}

/// A message of the user.
pub(crate) fn message(message: &Message, client_id: Option<&str>) -> String {
    let mut shown = json!({
        "type": "message",
        "message": {
            "id": message.id,
            "role": "user",
            "content": message.content,
            "timestamp": message.timestamp,
            "status": "complete",
        },
    });
    if let Some(id) = client_id
        && let Some(fields) = shown.as_object_mut()
    {
        fields.insert("id".to_owned(), json!(id));
    }
    shown.to_string()
}

/// A reply begins.
pub(crate) fn reply(info: &ReplyInfo, model: &str, is_version: bool) -> String {
    let message = json!({
        "type": "reply",
        "messageId": info.message_id,
        "model": model,
        "isVersion": is_version,
    });
    message.to_string()
}

/// Another title.
pub(crate) fn title(conversation: &str, title: &str) -> String {
    json!({ "type": "title", "conversationId": conversation, "title": title }).to_string()
}

/// Somebody types in another tab.
pub(crate) fn typing(is_typing: bool) -> String {
    let state = if is_typing { "start" } else { "stop" };
    json!({ "type": "typing", "state": state, "expiresIn": TYPING_TIME }).to_string()
}

/// The response to `ping`, with the time in milliseconds since the epoch.
pub(crate) fn pong(now: u64) -> String {
    json!({ "type": "pong", "time": now }).to_string()
}

/// An error. `about` is the type of the client's message, and `id` what the client calls it.
pub(crate) fn error(code: &str, sentence: &str, about: Option<&str>, id: Option<&str>) -> String {
    let mut error = json!({ "type": "error", "code": code, "message": sentence });
    if let Some(fields) = error.as_object_mut() {
        fields.extend(about.map(|about| ("about".to_owned(), json!(about))));
        fields.extend(id.map(|id| ("id".to_owned(), json!(id))));
    }
    error.to_string()
}

/// The messages at the end of a reply, without the fields that [`with_place`] adds.
pub(crate) fn end(end: &ReplyEnd<'_>) -> Vec<Value> {
    let mut messages = Vec::new();
    if let Some((prompt, completion)) = end.usage {
        messages.push(json!({
            "type": "usage",
            "promptTokens": prompt,
            "completionTokens": completion,
            "model": end.model,
        }));
    }
    let status = match end.outcome {
        Outcome::Complete => "complete",
        Outcome::Stopped => "stopped",
        Outcome::Incomplete => "incomplete",
    };
    if end.outcome == Outcome::Stopped {
        messages.push(json!({ "type": "stop" }));
    }
    let mut last = json!({ "type": "end", "status": status });
    if let (Some((error, _)), Some(fields)) = (end.error, last.as_object_mut()) {
        let public = error.public();
        let error = json!({ "code": public.code, "message": public.sentence });
        fields.insert("error".to_owned(), error);
    }
    messages.push(last);
    messages
}

/// Adds to the messages at the end of a reply which reply it is, and to the last one how long it is.
pub(crate) fn with_place(messages: Vec<Value>, deltas: &Deltas) -> Vec<String> {
    let messages = messages.into_iter().map(|mut message| {
        let is_end = message.get("type").is_some_and(|name| name == "end");
        if let Some(fields) = message.as_object_mut() {
            fields.insert("messageId".to_owned(), json!(deltas.reply));
            if is_end {
                fields.insert("length".to_owned(), json!(deltas.offset));
            }
        }
        message.to_string()
    });
    messages.collect()
}

/// A text in parts that fit into messages.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, more) = rest.split_at(rest.floor_char_boundary(DELTA_MAX));
        parts.push(part);
        rest = more;
    }
    parts
}

/// Cuts the text of a reply, and its reasoning, into messages.
pub(crate) struct Deltas {
    reply: String,
    /// Where the next part of the reasoning begins.
    reasoning: usize,
    /// Where the next one begins, as JavaScript counts the length of a text.
    offset: usize,
    /// How much is not sent, because the client has it.
    skip: usize,
}

impl Deltas {
    /// The messages of a reply for a client that has `known` UTF-16 units of it.
    pub(crate) fn new(reply: String, known: usize) -> Self {
        Self {
            reply,
            reasoning: 0,
            offset: 0,
            skip: known,
        }
    }

    /// Where the next one begins.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The messages for what the reply grows by.
    pub(crate) fn next(&mut self, text: &str) -> Vec<String> {
        let mut messages = Vec::new();
        for delta in parts(text) {
            let end = self.offset + delta.encode_utf16().count();
            if end > self.skip {
                let known = self.skip.saturating_sub(self.offset);
                messages.push(self.message(delta, known));
            }
            self.offset = end;
        }
        messages
    }

    /// The messages for what the reasoning grows by. Clients get it from its beginning.
    pub(crate) fn reasoning(&mut self, text: &str) -> Vec<String> {
        let messages = parts(text).into_iter().map(|delta| {
            let message = json!({
                "type": "reasoning",
                "messageId": self.reply,
                "offset": self.reasoning,
                "delta": delta,
            });
            self.reasoning += delta.encode_utf16().count();
            message.to_string()
        });
        messages.collect()
    }

    /// One message, without what the client has.
    fn message(&self, delta: &str, known: usize) -> String {
        let mut units = 0;
        let mut shown = delta;
        for (at, character) in delta.char_indices() {
            if units >= known {
                shown = delta.get(at..).unwrap_or_default();
                break;
            }
            units += character.len_utf16();
        }
        let message = json!({
            "type": "delta",
            "messageId": self.reply,
            "offset": self.offset + units,
            "delta": shown,
        });
        message.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(messages: &[String]) -> Vec<Value> {
        assert!(messages.iter().all(|message| message.starts_with('{')));
        let messages = messages
            .iter()
            .map(|message| serde_json::from_str(message).unwrap());
        messages.collect()
    }

    #[test]
    fn deltas_have_their_offset_as_javascript_counts_and_leave_out_what_is_known() {
        let delta = |offset: u32, delta: &str| json!({ "type": "delta", "messageId": "m", "offset": offset, "delta": delta });
        let mut deltas = Deltas::new("m".into(), 0);
        assert_eq!(values(&deltas.next("🐟 é")), [delta(0, "🐟 é")]);
        assert_eq!(values(&deltas.next(" and")), [delta(4, " and")]);
        let mut deltas = Deltas::new("m".into(), 3);
        assert!(deltas.next("🐟").is_empty());
        assert_eq!(values(&deltas.next(" é")), [delta(3, "é")]);
        assert_eq!(deltas.offset(), 4);
    }

    #[test]
    fn reasoning_has_offsets_of_its_own() {
        let mut deltas = Deltas::new("m".into(), 3);
        let part = |offset: u32, delta: &str| json!({ "type": "reasoning", "messageId": "m", "offset": offset, "delta": delta });
        assert_eq!(values(&deltas.reasoning("🐟")), [part(0, "🐟")]);
        assert_eq!(values(&deltas.reasoning("a")), [part(2, "a")]);
        assert_eq!(deltas.reasoning(&"é".repeat(5_000)).len(), 3);
        assert!(deltas.reasoning("").is_empty());
        assert_eq!(deltas.offset(), 0);
    }

    #[test]
    fn long_texts_are_cut() {
        let mut deltas = Deltas::new("m".into(), 0);
        let text = "é".repeat(5_000);
        let cut = values(&deltas.next(&text));
        assert_eq!(cut.len(), 3);
        let joined: String = cut
            .iter()
            .map(|one| one["delta"].as_str().unwrap())
            .collect();
        assert_eq!(joined, text);
        assert_eq!(cut[1]["offset"], 2_000);
    }

    #[test]
    fn end_says_how_the_reply_ended() {
        let stopped = end(&ReplyEnd {
            outcome: Outcome::Stopped,
            reason: None,
            usage: Some((1, 2)),
            model: "m1",
            error: None,
        });
        let mut deltas = Deltas::new("m".into(), 0);
        deltas.next("abc");
        assert_eq!(
            values(&with_place(stopped, &deltas)),
            [
                json!({ "type": "usage", "promptTokens": 1, "completionTokens": 2, "model": "m1", "messageId": "m" }),
                json!({ "type": "stop", "messageId": "m" }),
                json!({ "type": "end", "status": "stopped", "messageId": "m", "length": 3 }),
            ]
        );
    }
}

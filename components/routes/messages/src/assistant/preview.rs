//! The text of an answer while it is generated, for those who follow the thread. It is not stored: the message that is
//! posted at the end has the whole text.

use std::{cell::RefCell, time::Duration};

use contracts::{
    messaging::{events, types::Message},
    realtime::proxy,
};
use realtime_events::transient_item;
use serde_json::json;
use spin_sdk::time::sleep;

use super::{ASSISTANT, MAX_CONTENT};

/// The time between two events. Shorter would cost the proxy more and be no easier to read.
const INTERVAL: Duration = Duration::from_millis(250);

/// Publishes what `text` grows by as events `REPLY_DELTA`. Returns if there is no proxy, and when the user who asked
/// may not write in the thread any more.
pub(super) async fn publish(question: &Message, user: &str, text: &RefCell<String>) {
    if !proxy::is_configured().await {
        return;
    }
    let mut preview = Preview::default();
    loop {
        sleep(INTERVAL).await;
        let Some(frame) = preview.next(question, &text.borrow()) else {
            continue;
        };
        // Who may see it can change meanwhile.
        let audience = events::audience(user.to_owned(), question.thread_id.clone()).await;
        let Ok(excluded) = audience else { return };
        let item = transient_item(&question.thread_id, frame, None, excluded);
        // What is lost here is in the message.
        let _ = proxy::publish(vec![item]).await;
    }
}

/// How much of a text was published.
#[derive(Default)]
struct Preview {
    bytes: usize,
    characters: usize,
    /// As JavaScript counts the length of a text.
    utf16_units: usize,
}

impl Preview {
    /// The event for what was added to `text`. None if nothing was, or more than a message may have.
    fn next(&mut self, question: &Message, text: &str) -> Option<String> {
        let rest = text.get(self.bytes..).unwrap_or_default();
        let free = MAX_CONTENT.saturating_sub(self.characters);
        let delta: String = rest.chars().take(free).collect();
        if delta.is_empty() {
            return None;
        }
        let frame = json!({
            "type": "REPLY_DELTA",
            "payload": {
                "threadId": question.thread_id,
                "userId": ASSISTANT,
                "replyTo": question.id,
                "offset": self.utf16_units,
                "delta": delta,
            },
        });
        self.bytes += delta.len();
        self.characters += delta.chars().count();
        self.utf16_units += delta.encode_utf16().count();
        Some(frame.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn question() -> Message {
        Message {
            id: "m".into(),
            thread_id: "t".into(),
            channel_id: "c".into(),
            number: 1,
            sender: None,
            content: "@goldfish?".into(),
            attachments: vec![],
            mentions: vec![],
            reply_to: None,
            reactions: vec![],
            created_at: 0,
            edited_at: None,
            deleted: false,
        }
    }

    fn payload(frame: Option<String>) -> Value {
        let frame: Value = serde_json::from_str(&frame.unwrap()).unwrap();
        assert_eq!(frame["type"], "REPLY_DELTA");
        frame["payload"].clone()
    }

    #[test]
    fn deltas_have_their_offset_as_javascript_counts() {
        let mut preview = Preview::default();
        assert_eq!(preview.next(&question(), ""), None);
        let first = payload(preview.next(&question(), "🐟 é"));
        assert_eq!(
            first,
            json!({ "threadId": "t", "userId": "assistant", "replyTo": "m", "offset": 0, "delta": "🐟 é" })
        );
        assert_eq!(preview.next(&question(), "🐟 é"), None);
        let second = payload(preview.next(&question(), "🐟 é and more"));
        assert_eq!(
            (&second["offset"], &second["delta"]),
            (&json!(4), &json!(" and more"))
        );
    }

    #[test]
    fn deltas_end_with_the_longest_message() {
        let mut preview = Preview::default();
        let text = "é".repeat(MAX_CONTENT - 1);
        assert!(preview.next(&question(), &text).is_some());
        let longer = format!("{text}xyz");
        assert_eq!(payload(preview.next(&question(), &longer))["delta"], "x");
        assert_eq!(preview.next(&question(), &longer), None);
    }
}

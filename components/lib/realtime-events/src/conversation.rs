//! What those learn who follow one of their conversations by a WebSocket. Messages have their fields beside `type`.

use contracts::realtime::proxy::{self, Action, Closing, Item};
use http_edge::{ApiError, Context};
use serde_json::json;
use spin_sdk::wasip3::wit_bindgen::spawn;

use crate::names::{connection_name, conversation_name, conversations_name};

/// The code of the close frame of a conversation that is gone.
const GONE: u16 = 4404;

/// Why a conversation is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The user deleted it.
    Deleted,
    /// Another one took its place.
    Evicted,
}

impl Removal {
    fn reason(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Evicted => "evicted",
        }
    }
}

/// A message to all sockets for a conversation of a user. `sender`: the name of the connection that does not get it.
pub fn conversation_item(
    user: &str,
    conversation: &str,
    message: String,
    sender: Option<String>,
) -> Item {
    Item {
        sender,
        ..item(
            conversation_name(user, conversation),
            Action::Message(message),
        )
    }
}

/// A message to one connection.
pub fn connection_item(connection: &str, message: String) -> Item {
    item(connection_name(connection), Action::Message(message))
}

/// The message that a conversation is gone, and the code and the reason of the close frame after it.
pub fn removed_frame(conversation: &str, removal: Removal) -> (String, u16, &'static str) {
    let reason = removal.reason();
    let frame = json!({ "type": "deleted", "conversationId": conversation, "reason": reason });
    let sentence = match removal {
        Removal::Deleted => "The conversation was deleted.",
        Removal::Evicted => "The conversation was evicted.",
    };
    (frame.to_string(), GONE, sentence)
}

/// Tells, after the response, that conversations are gone, and closes their sockets.
pub fn tell_removed_in_background(
    context: &Context,
    user: &str,
    conversations: Vec<String>,
    removal: Removal,
) {
    let user = user.to_owned();
    let items = removed_items(&user, &conversations, removal);
    publish_after_response(context, items);
}

/// The same, for work that has no request.
///
/// # Errors
/// 503 if a proxy fails. Sockets learn it at their next check then.
pub async fn tell_removed(
    user: &str,
    conversations: &[String],
    removal: Removal,
) -> Result<(), ApiError> {
    publish_if_configured(removed_items(user, conversations, removal)).await
}

/// Closes, after the response, the sockets for all conversations of a user, which were deleted.
pub fn tell_all_removed_in_background(context: &Context, user: &str) {
    let name = conversations_name(user);
    let frame = json!({ "type": "deleted", "reason": Removal::Deleted.reason() });
    let closing = closing("The conversations were deleted.");
    let items = vec![
        item(name.clone(), Action::Message(frame.to_string())),
        item(name, closing),
    ];
    publish_after_response(context, items);
}

/// Tells, after the response, that a conversation has another title.
pub fn tell_title_in_background(context: &Context, user: &str, conversation: &str, title: &str) {
    publish_after_response(context, vec![title_item(user, conversation, title)]);
}

/// The message that a conversation has another title.
pub fn title_item(user: &str, conversation: &str, title: &str) -> Item {
    let frame = json!({ "type": "title", "conversationId": conversation, "title": title });
    conversation_item(user, conversation, frame.to_string(), None)
}

/// Publishes items; does nothing without a proxy.
///
/// # Errors
/// 503 if a proxy fails.
pub async fn publish_if_configured(items: Vec<Item>) -> Result<(), ApiError> {
    match proxy::publish(items).await {
        Ok(()) | Err(proxy::Error::NotConfigured) => Ok(()),
        Err(error) => Err(error_mapping::realtime(error)),
    }
}

fn removed_items(user: &str, conversations: &[String], removal: Removal) -> Vec<Item> {
    let mut items = Vec::new();
    for conversation in conversations {
        let (frame, _, sentence) = removed_frame(conversation, removal);
        items.push(conversation_item(user, conversation, frame, None));
        items.push(item(
            conversation_name(user, conversation),
            closing(sentence),
        ));
    }
    items
}

fn closing(reason: &str) -> Action {
    Action::Close(Closing {
        code: GONE,
        reason: reason.to_owned(),
    })
}

fn item(channel: String, action: Action) -> Item {
    Item {
        channel,
        id: None,
        previous_id: None,
        action,
        sender: None,
        excluded: Vec::new(),
    }
}

fn publish_after_response(context: &Context, items: Vec<Item>) {
    if items.is_empty() {
        return;
    }
    let log = context.log.background();
    spawn(async move {
        if let Err(error) = publish_if_configured(items).await {
            log.failed(&error);
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn removed_items_tell_first_and_close_then() {
        let items = removed_items("user_1", &["c".to_owned()], Removal::Evicted);
        let [told, closed] = items.as_slice() else {
            panic!("{}", items.len());
        };
        assert_eq!(told.channel, closed.channel);
        assert_ne!(told.channel, conversation_name("user_2", "c"));
        let Action::Message(frame) = &told.action else {
            panic!("no message");
        };
        let frame: Value = serde_json::from_str(frame).unwrap();
        let expected = json!({ "type": "deleted", "conversationId": "c", "reason": "evicted" });
        assert_eq!(frame, expected);
        assert!(matches!(&closed.action, Action::Close(closing) if closing.code == 4404));
    }
}

//! Response bodies.

use contracts::messaging::{
    messages::PreviousText,
    types::{Attachment, Message, Reaction},
};
use serde::Serialize;
use team::{UserSummaryView, UtcTime};

use crate::requests::KindName;

/// A message with its sender.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageView<'a> {
    id: &'a str,
    thread_id: &'a str,
    channel_id: &'a str,
    /// Within the thread: 1, 2, 3 …
    number: u64,
    /// Null if the user was deleted.
    sender_id: Option<&'a str>,
    content: &'a str,
    attachments: Vec<AttachmentView<'a>>,
    /// Ids of users.
    mentions: &'a [String],
    reply_to: Option<&'a str>,
    reactions: Vec<ReactionView<'a>>,
    created_at: UtcTime,
    edited_at: Option<UtcTime>,
    deleted: bool,
    sender: Option<UserSummaryView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachmentView<'a> {
    id: &'a str,
    url: &'a str,
    filename: &'a str,
    mime_type: &'a str,
    size: u64,
    #[serde(rename = "type")]
    kind: KindName,
}

#[derive(Serialize)]
struct ReactionView<'a> {
    emoji: &'a str,
    count: u64,
    mine: bool,
}

/// A text that an edit replaced.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviousTextView<'a> {
    content: &'a str,
    replaced_at: UtcTime,
}

impl<'a> From<&'a Message> for MessageView<'a> {
    fn from(message: &'a Message) -> Self {
        let sender = message.sender.as_ref();
        Self {
            id: &message.id,
            thread_id: &message.thread_id,
            channel_id: &message.channel_id,
            number: message.number,
            sender_id: sender.map(|sender| sender.id.as_str()),
            content: &message.content,
            attachments: message
                .attachments
                .iter()
                .map(AttachmentView::from)
                .collect(),
            mentions: &message.mentions,
            reply_to: message.reply_to.as_deref(),
            reactions: message.reactions.iter().map(ReactionView::from).collect(),
            created_at: UtcTime(message.created_at),
            edited_at: message.edited_at.map(UtcTime),
            deleted: message.deleted,
            sender: sender.map(UserSummaryView::from),
        }
    }
}

impl<'a> From<&'a Attachment> for AttachmentView<'a> {
    fn from(attachment: &'a Attachment) -> Self {
        Self {
            id: &attachment.id,
            url: &attachment.url,
            filename: &attachment.filename,
            mime_type: &attachment.mime_type,
            size: attachment.size,
            kind: attachment.kind.into(),
        }
    }
}

impl<'a> From<&'a Reaction> for ReactionView<'a> {
    fn from(reaction: &'a Reaction) -> Self {
        Self {
            emoji: &reaction.emoji,
            count: reaction.count,
            mine: reaction.mine,
        }
    }
}

impl<'a> From<&'a PreviousText> for PreviousTextView<'a> {
    fn from(text: &'a PreviousText) -> Self {
        Self {
            content: &text.content,
            replaced_at: UtcTime(text.replaced_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::messaging::types::UserSummary;

    #[test]
    fn message_view_has_the_documented_fields() {
        let message = Message {
            id: "m".into(),
            thread_id: "t".into(),
            channel_id: "c".into(),
            number: 3,
            sender: Some(UserSummary {
                id: "user_1".into(),
                name: "Juan".into(),
                image: None,
            }),
            content: "Hola".into(),
            attachments: vec![],
            mentions: vec![],
            reply_to: None,
            reactions: vec![],
            created_at: 1_771_581_600_000,
            edited_at: None,
            deleted: false,
        };
        assert_eq!(
            serde_json::to_value(MessageView::from(&message)).unwrap(),
            serde_json::json!({
                "id": "m", "threadId": "t", "channelId": "c", "number": 3, "senderId": "user_1",
                "content": "Hola", "attachments": [], "mentions": [], "replyTo": null,
                "reactions": [], "createdAt": "2026-02-20T10:00:00.000Z", "editedAt": null,
                "deleted": false,
                "sender": { "id": "user_1", "name": "Juan", "image": null },
            })
        );
    }
}

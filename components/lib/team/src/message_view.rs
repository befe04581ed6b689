//! A message as responses and events show it.

use contracts::messaging::types::{Attachment, AttachmentKind, Message, Reaction};
use serde::{Deserialize, Serialize};

use crate::view::{UserSummaryView, UtcTime};

/// A message with its sender.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView<'a> {
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

/// The kind of an attachment.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// `image`
    Image,
    /// `document`
    Document,
    /// `video`
    Video,
    /// `audio`
    Audio,
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

impl From<AttachmentKind> for KindName {
    fn from(kind: AttachmentKind) -> Self {
        match kind {
            AttachmentKind::Image => Self::Image,
            AttachmentKind::Document => Self::Document,
            AttachmentKind::Video => Self::Video,
            AttachmentKind::Audio => Self::Audio,
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

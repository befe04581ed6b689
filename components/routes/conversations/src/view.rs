//! How conversations look in JSON.

use contracts::conversations::types::{Conversation, Message, MessageStatus, Role, Summary};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Conversations<'a> {
    pub(crate) conversations: Vec<ConversationView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History<'a> {
    pub(crate) conversations: Vec<SummaryView<'a>>,
    /// How many there can be; one more lets go of the least recently updated.
    pub(crate) max_conversations: u32,
}

#[derive(Serialize)]
pub(crate) struct Success {
    pub(crate) success: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationView<'a> {
    id: &'a str,
    title: &'a str,
    model: &'a str,
    messages: Vec<MessageView<'a>>,
    created_at: u64,
    updated_at: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryView<'a> {
    id: &'a str,
    title: &'a str,
    model: &'a str,
    message_count: u32,
    created_at: u64,
    updated_at: u64,
}

#[derive(Serialize)]
struct MessageView<'a> {
    id: &'a str,
    role: &'static str,
    content: &'a str,
    timestamp: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

impl<'a> From<&'a Conversation> for ConversationView<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        let summary = &conversation.summary;
        Self {
            id: &summary.id,
            title: &summary.title,
            model: &summary.model,
            messages: conversation
                .messages
                .iter()
                .map(MessageView::from)
                .collect(),
            created_at: summary.created_at,
            updated_at: summary.updated_at,
        }
    }
}

impl<'a> From<&'a Summary> for SummaryView<'a> {
    fn from(summary: &'a Summary) -> Self {
        Self {
            id: &summary.id,
            title: &summary.title,
            model: &summary.model,
            message_count: summary.message_count,
            created_at: summary.created_at,
            updated_at: summary.updated_at,
        }
    }
}

impl<'a> From<&'a Message> for MessageView<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: &message.id,
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: &message.content,
            timestamp: message.timestamp,
            status: match message.status {
                MessageStatus::Complete => "complete",
                MessageStatus::Streaming => "streaming",
                MessageStatus::Stopped => "stopped",
                MessageStatus::Incomplete => "incomplete",
            },
            model: message.model.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_the_promised_fields() {
        let conversation = Conversation {
            summary: Summary {
                id: "c".into(),
                title: "t".into(),
                model: "gpt-4o".into(),
                message_count: 1,
                created_at: 1,
                updated_at: 2,
            },
            messages: vec![Message {
                id: "m".into(),
                role: Role::User,
                content: "hi".into(),
                timestamp: 3,
                status: MessageStatus::Complete,
                model: None,
            }],
        };
        assert_eq!(
            serde_json::to_value(ConversationView::from(&conversation)).unwrap(),
            serde_json::json!({
                "id": "c", "title": "t", "model": "gpt-4o",
                "messages": [{"id": "m", "role": "user", "content": "hi", "timestamp": 3,
                              "status": "complete"}],
                "createdAt": 1, "updatedAt": 2,
            })
        );
        assert_eq!(
            serde_json::to_value(SummaryView::from(&conversation.summary)).unwrap(),
            serde_json::json!({
                "id": "c", "title": "t", "model": "gpt-4o", "messageCount": 1,
                "createdAt": 1, "updatedAt": 2,
            })
        );
    }
}

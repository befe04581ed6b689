//! How conversations look in JSON.

use contracts::conversations::{
    conversations::{ConversationPage, History, Place, Restored},
    types::{
        Conversation, EvictedConversation, Message, MessageStatus, MessageVersion, Role, Summary,
    },
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversations<'a> {
    conversations: Vec<ConversationView<'a>>,
    /// Present if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryView<'a> {
    conversations: Vec<SummaryView<'a>>,
    /// Present if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    max_conversations: u32,
    next_evicted: Option<EvictedView<'a>>,
    eviction_undo_seconds: u32,
}

#[derive(Serialize)]
pub(crate) struct EvictedView<'a> {
    id: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
pub(crate) struct RestoredView<'a> {
    conversation: ConversationView<'a>,
    evicted: Vec<EvictedView<'a>>,
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
    pinned: bool,
    provisional: bool,
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
    pinned: bool,
    provisional: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<VersionView<'a>>,
    /// The id of the active version, beside `versions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<&'a str>,
}

#[derive(Serialize)]
struct FailureView<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionView<'a> {
    id: &'a str,
    created_at: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

fn status(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Complete => "complete",
        MessageStatus::Streaming => "streaming",
        MessageStatus::Stopped => "stopped",
        MessageStatus::Incomplete => "incomplete",
    }
}

fn cursor(place: &Place) -> String {
    format!("{}_{}", place.updated_at, place.id)
}

impl<'a> From<&'a ConversationPage> for Conversations<'a> {
    fn from(page: &'a ConversationPage) -> Self {
        let conversations = page.conversations.iter();
        Self {
            conversations: conversations.map(ConversationView::from).collect(),
            next_cursor: page.next.as_ref().map(cursor),
        }
    }
}

impl<'a> From<&'a History> for HistoryView<'a> {
    fn from(history: &'a History) -> Self {
        Self {
            conversations: history.summaries.iter().map(SummaryView::from).collect(),
            next_cursor: history.next.as_ref().map(cursor),
            max_conversations: history.max_conversations,
            next_evicted: history.next_evicted.as_ref().map(EvictedView::from),
            eviction_undo_seconds: history.eviction_undo_seconds,
        }
    }
}

impl<'a> From<&'a EvictedConversation> for EvictedView<'a> {
    fn from(evicted: &'a EvictedConversation) -> Self {
        Self {
            id: &evicted.id,
            title: &evicted.title,
        }
    }
}

impl<'a> From<&'a Restored> for RestoredView<'a> {
    fn from(restored: &'a Restored) -> Self {
        Self {
            conversation: ConversationView::from(&restored.conversation),
            evicted: restored.evicted.iter().map(EvictedView::from).collect(),
        }
    }
}

impl<'a> From<&'a MessageVersion> for VersionView<'a> {
    fn from(version: &'a MessageVersion) -> Self {
        Self {
            id: &version.id,
            created_at: version.created_at,
            status: status(version.status),
            model: version.model.as_deref(),
        }
    }
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
            pinned: summary.pinned,
            provisional: summary.provisional,
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
            pinned: summary.pinned,
            provisional: summary.provisional,
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
            status: status(message.status),
            model: message.model.as_deref(),
            failure: message.failure.as_ref().map(|failure| FailureView {
                code: &failure.code,
                message: &failure.message,
            }),
            versions: message.versions.iter().map(VersionView::from).collect(),
            active: (!message.versions.is_empty()).then_some(message.id.as_str()),
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
                pinned: true,
                provisional: false,
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
                failure: None,
                versions: Vec::new(),
            }],
        };
        assert_eq!(
            serde_json::to_value(ConversationView::from(&conversation)).unwrap(),
            serde_json::json!({
                "id": "c", "title": "t", "model": "gpt-4o",
                "messages": [{"id": "m", "role": "user", "content": "hi", "timestamp": 3,
                              "status": "complete"}],
                "pinned": true, "provisional": false, "createdAt": 1, "updatedAt": 2,
            })
        );
        assert_eq!(
            serde_json::to_value(SummaryView::from(&conversation.summary)).unwrap(),
            serde_json::json!({
                "id": "c", "title": "t", "model": "gpt-4o", "messageCount": 1,
                "pinned": true, "provisional": false, "createdAt": 1, "updatedAt": 2,
            })
        );
    }
}

//! How conversations look in JSON.

use contracts::conversations::{
    conversations::{ConversationPage, History, Place, Restored},
    types::{
        Conversation, EvictedConversation, Message, MessageStatus, MessageVersion, Reasoning, Role,
        Summary,
    },
};
use file_transfer::AttachmentView;
use http_edge::pagination;
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentView>,
    timestamp: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
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

fn reasoning_text(reasoning: &Reasoning) -> String {
    let texts = reasoning.blocks.iter().map(|block| block.text.as_str());
    texts.collect()
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
    pagination::time_cursor(&(place.updated_at, place.id.clone()))
}

impl<'a> Conversations<'a> {
    /// A page, with URLs of attachments at this origin.
    pub(crate) fn new(origin: &str, page: &'a ConversationPage) -> Self {
        let conversations = page.conversations.iter();
        Self {
            conversations: conversations
                .map(|one| ConversationView::new(origin, one))
                .collect(),
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

impl<'a> RestoredView<'a> {
    /// The conversation for clients that reach this server at that origin.
    pub(crate) fn new(origin: &str, restored: &'a Restored) -> Self {
        Self {
            conversation: ConversationView::new(origin, &restored.conversation),
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

impl<'a> ConversationView<'a> {
    /// The conversation for clients that reach this server at that origin.
    pub(crate) fn new(origin: &str, conversation: &'a Conversation) -> Self {
        let summary = &conversation.summary;
        let messages = conversation.messages.iter();
        Self {
            id: &summary.id,
            title: &summary.title,
            model: &summary.model,
            messages: messages
                .map(|message| MessageView::new(origin, message))
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

impl<'a> MessageView<'a> {
    fn new(origin: &str, message: &'a Message) -> Self {
        let attachments = message.attachments.iter();
        Self {
            id: &message.id,
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: &message.content,
            attachments: attachments
                .map(|attachment| AttachmentView::new(origin, attachment))
                .collect(),
            timestamp: message.timestamp,
            status: status(message.status),
            model: message.model.as_deref(),
            reasoning: message
                .reasoning
                .as_ref()
                .map(reasoning_text)
                .filter(|text| !text.is_empty()),
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
    use contracts::conversations::types::Attachment;

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
                attachments: vec![Attachment {
                    id: "f".into(),
                    name: "a.png".into(),
                    media_type: "image/png".into(),
                    size: 4,
                }],
                timestamp: 3,
                status: MessageStatus::Complete,
                model: None,
                reasoning: None,
                failure: None,
                versions: Vec::new(),
            }],
        };
        assert_eq!(
            serde_json::to_value(ConversationView::new("http://a", &conversation)).unwrap(),
            serde_json::json!({
                "id": "c", "title": "t", "model": "gpt-4o",
                "messages": [{
                    "id": "m", "role": "user", "content": "hi", "timestamp": 3, "status": "complete",
                    "attachments": [{
                        "id": "f", "name": "a.png", "mediaType": "image/png", "size": 4,
                        "url": "http://a/api/v1/files/f/content",
                    }],
                }],
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

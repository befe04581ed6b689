//! How chats look in JSON.

use contracts::conversations::{
    conversations::Draft,
    types::{Conversation, Message, MessageStatus, Role, Summary},
};
use file_transfer::AttachmentView;
use http_edge::pagination::TimePlace;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct One<T> {
    pub(crate) chat: T,
}

#[derive(Serialize)]
pub(crate) struct Success {
    pub(crate) success: bool,
}

/// A chat without its messages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatView {
    id: String,
    /// None before the first message, unless it was created with one.
    title: Option<String>,
    /// None before the first message, unless it was created with one.
    model: Option<String>,
    message_count: u32,
    created_at: u64,
    updated_at: u64,
}

#[derive(Serialize)]
pub(crate) struct ChatWithMessages {
    #[serde(flatten)]
    chat: ChatView,
    messages: Vec<MessageView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageView {
    id: String,
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentView>,
    status: &'static str,
    created_at: u64,
}

impl ChatView {
    pub(crate) fn place(&self) -> TimePlace {
        (self.updated_at, self.id.clone())
    }
}

impl From<&Draft> for ChatView {
    fn from(draft: &Draft) -> Self {
        Self {
            id: draft.id.clone(),
            title: draft.title.clone(),
            model: draft.model.clone(),
            message_count: 0,
            created_at: draft.created_at,
            updated_at: draft.created_at,
        }
    }
}

impl From<&Summary> for ChatView {
    fn from(summary: &Summary) -> Self {
        Self {
            id: summary.id.clone(),
            title: Some(summary.title.clone()),
            model: Some(summary.model.clone()),
            message_count: summary.message_count,
            created_at: summary.created_at,
            updated_at: summary.updated_at,
        }
    }
}

impl From<&Draft> for ChatWithMessages {
    fn from(draft: &Draft) -> Self {
        Self {
            chat: ChatView::from(draft),
            messages: Vec::new(),
        }
    }
}

impl ChatWithMessages {
    /// The conversation for clients that reach this server at that origin.
    pub(crate) fn new(origin: &str, conversation: &Conversation) -> Self {
        let messages = conversation.messages.iter();
        Self {
            chat: ChatView::from(&conversation.summary),
            messages: messages
                .map(|message| MessageView::new(origin, message))
                .collect(),
        }
    }
}

impl MessageView {
    fn new(origin: &str, message: &Message) -> Self {
        let attachments = message.attachments.iter();
        Self {
            id: message.id.clone(),
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: message.content.clone(),
            attachments: attachments
                .map(|attachment| AttachmentView::new(origin, attachment))
                .collect(),
            status: match message.status {
                MessageStatus::Complete => "complete",
                MessageStatus::Streaming => "streaming",
                MessageStatus::Stopped => "stopped",
                MessageStatus::Incomplete => "incomplete",
            },
            created_at: message.timestamp,
        }
    }
}

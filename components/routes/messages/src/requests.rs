//! Request bodies.

use contracts::messaging::{
    messages::NewMessage,
    types::{Attachment, AttachmentKind},
};
use http_edge::{ApiError, Context};
use serde::{Deserialize, Serialize};
use team::require_own_url;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateMessage {
    thread_id: String,
    /// May be empty if there are attachments, and left out then.
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
    attachments: Vec<AttachmentRequest>,
    /// The id of a message of the thread.
    reply_to: Option<String>,
    pub(crate) client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AttachmentRequest {
    id: String,
    url: String,
    filename: String,
    mime_type: String,
    /// Bytes.
    size: u64,
    #[serde(rename = "type")]
    kind: KindName,
}

/// The kind of an attachment.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindName {
    Image,
    Document,
    Video,
    Audio,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditMessage {
    pub(crate) content: String,
}

impl CreateMessage {
    /// Requires that the attachments are files of this server (400).
    pub(crate) fn require_own_attachments(&self, context: &Context) -> Result<(), ApiError> {
        for (index, attachment) in self.attachments.iter().enumerate() {
            let path = format!("attachments[{index}].url");
            require_own_url(context, &path, &attachment.url)?;
        }
        Ok(())
    }

    /// The message, with the client's name for it.
    pub(crate) fn into_message(self, client_id: Option<String>) -> NewMessage {
        NewMessage {
            thread_id: self.thread_id,
            content: self.content,
            attachments: self.attachments.into_iter().map(Attachment::from).collect(),
            reply_to: self.reply_to,
            client_id,
            sent_by: None,
        }
    }
}

impl From<AttachmentRequest> for Attachment {
    fn from(request: AttachmentRequest) -> Self {
        Self {
            id: request.id,
            url: request.url,
            filename: request.filename,
            mime_type: request.mime_type,
            size: request.size,
            kind: match request.kind {
                KindName::Image => AttachmentKind::Image,
                KindName::Document => AttachmentKind::Document,
                KindName::Video => AttachmentKind::Video,
                KindName::Audio => AttachmentKind::Audio,
            },
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

    #[test]
    fn create_message_with_another_kind_of_attachment_is_an_error() {
        let body = |kind: &str| {
            serde_json::json!({ "threadId": "t", "attachments": [{
                "id": "a", "url": "/f", "filename": "f.png", "mimeType": "image/png", "size": 1,
                "type": kind,
            }] })
        };
        let request: CreateMessage = serde_json::from_value(body("image")).unwrap();
        let message = request.into_message(Some("c".into()));
        assert_eq!(message.content, "");
        assert_eq!(message.attachments[0].kind, AttachmentKind::Image);
        assert!(serde_json::from_value::<CreateMessage>(body("virus")).is_err());
    }
}

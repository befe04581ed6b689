//! Request bodies.

use contracts::messaging::{messages::NewMessage, types::Attachment};
use serde::Deserialize;
use team::KindName;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateMessage {
    thread_id: String,
    /// May be empty if there are attachments, and left out then.
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) attachments: Vec<AttachmentRequest>,
    /// The id of a message of the thread.
    reply_to: Option<String>,
    pub(crate) client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "the file itself says its type, its size and what kind it is"
)]
pub(crate) struct AttachmentRequest {
    /// Any UUID; that of the file takes its place.
    pub(crate) id: String,
    /// That of the upload's response.
    pub(crate) url: String,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    /// Bytes.
    size: u64,
    #[serde(rename = "type")]
    kind: KindName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditMessage {
    pub(crate) content: String,
}

impl CreateMessage {
    /// The message, with the client's name for it and its files.
    pub(crate) fn into_message(
        self,
        client_id: Option<String>,
        attachments: Vec<Attachment>,
    ) -> NewMessage {
        NewMessage {
            thread_id: self.thread_id,
            content: self.content,
            attachments,
            reply_to: self.reply_to,
            client_id,
            sent_by: None,
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
        assert_eq!(request.attachments[0].url, "/f");
        let message = request.into_message(Some("c".into()), Vec::new());
        assert_eq!(message.content, "");
        assert!(serde_json::from_value::<CreateMessage>(body("virus")).is_err());
    }
}

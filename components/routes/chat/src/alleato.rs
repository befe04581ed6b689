//! Requests of alleato's clients: `POST /api/v1/chats/:id/messages`.

use http_edge::{ApiError, Validator};
use serde::{Deserialize, Serialize};

use crate::{
    attachments::Given,
    request::{MAX_CHARACTERS, MESSAGE, RegenerateBody, TurnRequest},
};

/// The body. The chat is stored here, so only the last message is new.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessagesBody {
    messages: Vec<SentMessage>,
    model: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SentMessage {
    role: Role,
    content: String,
    /// Ids of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
    System,
}

impl MessagesBody {
    /// A request for a reply to the last message.
    pub(crate) fn for_chat(self, id: String) -> Result<TurnRequest, ApiError> {
        let count = self.messages.len();
        let path = format!("messages[{}]", count.saturating_sub(1));
        let last = self.messages.into_iter().next_back();
        let (is_user, content, ids) = last.map_or((false, String::new(), None), |message| {
            (
                message.role == Role::User,
                message.content,
                message.attachments,
            )
        });
        let options = RegenerateBody {
            model: self.model,
            ..RegenerateBody::default()
        };
        let mut check = Validator::new();
        check.require(count > 0, "messages", "must have at least one message");
        if count > 0 {
            let content_path = format!("{path}.content");
            let may_be_empty = ids.as_ref().is_some_and(|ids| !ids.is_empty());
            check
                .require(
                    is_user,
                    &format!("{path}.role"),
                    "must be user, since the last message is the new one",
                )
                .require(
                    may_be_empty || !content.trim().is_empty(),
                    &content_path,
                    MESSAGE,
                )
                .max_length(&content_path, &content, MAX_CHARACTERS);
        }
        let ids_path = format!("{path}.attachments");
        let attachments = ids.map(|ids| Given::of_ids(&ids_path, ids, &mut check));
        Ok(TurnRequest {
            conversation_id: Some(id),
            message: Some(content),
            attachments,
            ..options.validate(&mut check)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<TurnRequest, ApiError> {
        let body: MessagesBody = serde_json::from_str(body).unwrap();
        body.for_chat("c".to_owned())
    }

    #[test]
    fn the_last_message_is_the_new_one() {
        let body = r#"{"messages": [{"role": "user", "content": "one"},
            {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}], "model": "m"}"#;
        let request = parsed(body).unwrap();
        assert_eq!(request.message.as_deref(), Some("two"));
        assert_eq!(request.model.as_deref(), Some("m"));
        assert_eq!(request.conversation_id.as_deref(), Some("c"));
    }

    #[test]
    fn no_message_or_one_that_is_not_the_users_is_refused() {
        for (body, path) in [
            (r#"{"messages": []}"#, "messages"),
            (
                r#"{"messages": [{"role": "assistant", "content": "x"}]}"#,
                "messages[0].role",
            ),
            (
                r#"{"messages": [{"role": "user", "content": " "}]}"#,
                "messages[0].content",
            ),
        ] {
            let Err(ApiError::Validation(details)) = parsed(body) else {
                panic!("{body} is valid");
            };
            assert_eq!(details[0].path, path);
        }
    }
}

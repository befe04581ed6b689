//! What a client asks.

use contracts::conversations::turns::NamedMessage;
use http_edge::{ApiError, Validator, parse_uuid};
use serde::{Deserialize, Serialize};

/// Longest message and longest system prompt, in characters (Unicode scalar values).
pub(crate) const MAX_CHARACTERS: usize = 10_000;

/// The body as it comes.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChatBody {
    conversation_id: Option<String>,
    message: String,
    model: Option<String>,
    system: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
}

/// The body of a request for another reply: how to ask this time.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgainBody {
    pub(crate) model: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
}

/// The body, found good as far as it can be by itself.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) conversation_id: Option<String>,
    /// None for another reply to the last one.
    pub(crate) message: Option<String>,
    /// What is to be done with the message, where the client names it and the conversation.
    pub(crate) named: Option<NamedMessage>,
    pub(crate) model: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
}

impl Asked {
    /// How to ask.
    pub(crate) fn settings(&self) -> AgainBody {
        AgainBody {
            model: self.model.clone(),
            system: self.system.clone(),
            temperature: self.temperature,
            max_tokens: self.max_tokens,
        }
    }
}

impl TryFrom<ChatBody> for Asked {
    type Error = ApiError;

    fn try_from(body: ChatBody) -> Result<Self, ApiError> {
        let conversation_id = body.conversation_id.as_deref().map(parse_uuid);
        let settings = AgainBody {
            model: body.model,
            system: body.system,
            temperature: body.temperature,
            max_tokens: body.max_tokens,
        };
        let mut check = Validator::new();
        check
            .require(
                conversation_id != Some(None),
                "conversationId",
                "must be a UUID",
            )
            .require(
                !body.message.trim().is_empty(),
                "message",
                "must be 1 to 10000 characters and not only white space",
            )
            .max_length("message", &body.message, MAX_CHARACTERS);
        Ok(Self {
            conversation_id: conversation_id.flatten(),
            message: Some(body.message),
            ..settings.checked(&mut check)?
        })
    }
}

impl AgainBody {
    /// What is asked of a conversation's last message.
    pub(crate) fn of(self, conversation_id: String) -> Result<Asked, ApiError> {
        Ok(Asked {
            conversation_id: Some(conversation_id),
            ..self.checked(&mut Validator::new())?
        })
    }

    /// How to ask, found good; what to ask is left open.
    pub(crate) fn checked(self, check: &mut Validator) -> Result<Asked, ApiError> {
        let system = self.system.as_deref().unwrap_or_default();
        check
            .max_length("system", system, MAX_CHARACTERS)
            .require(
                self.temperature.is_none_or(|t| (0.0..=2.0).contains(&t)),
                "temperature",
                "must be between 0 and 2",
            )
            .require(
                self.max_tokens != Some(0),
                "maxTokens",
                "must be at least 1",
            )
            .finish()?;
        Ok(Asked {
            conversation_id: None,
            message: None,
            named: None,
            model: self.model,
            system: self.system,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_message(message: &str) -> ChatBody {
        ChatBody {
            message: message.into(),
            ..ChatBody::default()
        }
    }

    fn wrong(body: ChatBody) -> Vec<String> {
        match Asked::try_from(body) {
            Ok(_) => Vec::new(),
            Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_are_counted_in_characters() {
        assert!(wrong(with_message("🐟")).is_empty());
        assert!(wrong(with_message(&"🐟".repeat(10_000))).is_empty());
        assert_eq!(wrong(with_message(&"a".repeat(10_001))), ["message"]);
        assert_eq!(wrong(with_message("")), ["message"]);
        assert_eq!(wrong(with_message(" \u{3000}\n")), ["message"]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let body = ChatBody {
            conversation_id: Some("nope".into()),
            temperature: Some(2.1),
            max_tokens: Some(0),
            system: Some("s".repeat(10_001)),
            ..ChatBody::default()
        };
        assert_eq!(
            wrong(body),
            [
                "conversationId",
                "message",
                "system",
                "temperature",
                "maxTokens"
            ]
        );
    }

    #[test]
    fn limits_are_inclusive() {
        for temperature in [0.0, 2.0] {
            let body = ChatBody {
                conversation_id: Some("550E8400-e29b-41d4-a716-446655440000".into()),
                temperature: Some(temperature),
                max_tokens: Some(1),
                ..with_message("hi")
            };
            let asked = Asked::try_from(body).unwrap();
            assert_eq!(
                asked.conversation_id.as_deref(),
                Some("550e8400-e29b-41d4-a716-446655440000")
            );
        }
    }
}

//! Requests for a reply, as clients of `/api` send them.

use contracts::{
    conversations::turns::ClientMessage,
    llm::types::{Error, Options},
};
use http_edge::{ApiError, Validator, parse_uuid};
use serde::{Deserialize, Serialize};

use crate::{attachments::Given, response_format::ResponseFormat};

/// Longest message and longest system prompt, in characters (Unicode scalar values).
pub(crate) const MAX_CHARACTERS: usize = 10_000;

/// The body of `POST /api/chat`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChatBody {
    conversation_id: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    edits: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<Vec<String>>,
    model: Option<String>,
    system: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat>,
}

/// The body of `POST /api/conversations/:id/regenerate`, and the options of any request for a reply.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegenerateBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_format: Option<ResponseFormat>,
}

/// How much a model reasons before it replies. Models have some of these.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// A validated request for a turn.
#[derive(Debug)]
pub(crate) struct TurnRequest {
    pub(crate) conversation_id: Option<String>,
    /// None to regenerate a reply.
    pub(crate) message: Option<String>,
    /// The files of the message. None for those that the message has already, if it is stored.
    pub(crate) attachments: Option<Vec<Given>>,
    /// The message or reply of which another version is written.
    pub(crate) version_of: Option<String>,
    /// The message's id and what to do with it, from a client that keeps its own history.
    pub(crate) client_message: Option<ClientMessage>,
    pub(crate) model: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) reasoning_effort: Option<ReasoningEffort>,
    pub(crate) response_format: Option<ResponseFormat>,
}

impl TurnRequest {
    /// The field that the store finds invalid.
    pub(crate) fn invalid_path(&self) -> &'static str {
        match (&self.version_of, &self.message) {
            (Some(_), Some(_)) => "edits",
            (Some(_), None) => "messageId",
            (None, _) => "conversationId",
        }
    }

    /// Everything that influences the reply besides the messages.
    pub(crate) fn options(&self) -> RegenerateBody {
        RegenerateBody {
            message_id: None,
            model: self.model.clone(),
            system: self.system.clone(),
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            reasoning_effort: self.reasoning_effort,
            response_format: self.response_format.clone(),
        }
    }

    /// The parameters of the model that `goldfish:llm` has among its options.
    pub(crate) fn llm_options(&self) -> Option<Options> {
        let effort = self
            .reasoning_effort
            .map(|effort| serde_json::json!({ "reasoning_effort": effort }).to_string());
        if effort.is_none() && self.response_format.is_none() {
            return None;
        }
        Some(Options {
            top_p: None,
            stop: Vec::new(),
            seed: None,
            presence_penalty: None,
            frequency_penalty: None,
            end_user: None,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            response_format: self.response_format.as_ref().map(ResponseFormat::for_llm),
            extra: effort,
            include_extra: false,
            whole: false,
        })
    }
}

/// An error of `goldfish:llm` with the path that the field has in a request.
pub(crate) fn with_own_path(mut error: Error) -> Error {
    if let Error::InvalidRequest(invalid) = &mut error
        && let Some(field) = &mut invalid.field
    {
        for (theirs, own) in [
            ("response_format.json_schema", "responseFormat"),
            ("response_format", "responseFormat"),
            ("reasoning_effort", "reasoningEffort"),
            ("max_tokens", "maxTokens"),
        ] {
            if let Some(rest) = field.strip_prefix(theirs)
                && (rest.is_empty() || rest.starts_with('.'))
            {
                *field = format!("{own}{rest}");
                break;
            }
        }
    }
    error
}

impl TryFrom<ChatBody> for TurnRequest {
    type Error = ApiError;

    fn try_from(body: ChatBody) -> Result<Self, ApiError> {
        let conversation_id = body.conversation_id.as_deref().map(parse_uuid);
        let options = RegenerateBody {
            message_id: None,
            model: body.model,
            system: body.system,
            temperature: body.temperature,
            max_tokens: body.max_tokens,
            reasoning_effort: body.reasoning_effort,
            response_format: body.response_format,
        };
        let mut check = Validator::new();
        let may_be_empty = body.attachments.as_ref().is_some_and(|ids| !ids.is_empty());
        let attachments = body
            .attachments
            .map(|ids| Given::of_ids("attachments", ids, &mut check));
        check
            .require(
                conversation_id != Some(None),
                "conversationId",
                "must be a UUID",
            )
            .require(
                may_be_empty || !body.message.trim().is_empty(),
                "message",
                MESSAGE,
            )
            .max_length("message", &body.message, MAX_CHARACTERS)
            .require(
                body.edits.is_none() || body.conversation_id.is_some(),
                "edits",
                "needs conversationId",
            )
            .require(is_message_id(body.edits.as_deref()), "edits", MESSAGE_ID);
        Ok(Self {
            conversation_id: conversation_id.flatten(),
            version_of: body.edits,
            message: Some(body.message),
            attachments,
            ..options.validate(&mut check)?
        })
    }
}

impl RegenerateBody {
    /// A request to regenerate the last reply of a conversation.
    pub(crate) fn for_conversation(self, id: String) -> Result<TurnRequest, ApiError> {
        let mut check = Validator::new();
        let message_id = self.message_id.clone();
        check.require(
            is_message_id(message_id.as_deref()),
            "messageId",
            MESSAGE_ID,
        );
        Ok(TurnRequest {
            conversation_id: Some(id),
            version_of: message_id,
            ..self.validate(&mut check)?
        })
    }

    /// A request with these options and without a message. Errors are collected with those that
    /// `check` has already.
    pub(crate) fn validate(self, check: &mut Validator) -> Result<TurnRequest, ApiError> {
        let system = self.system.as_deref().unwrap_or_default();
        if let Some(format) = &self.response_format {
            format.validate(check);
        }
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
        Ok(TurnRequest {
            conversation_id: None,
            message: None,
            attachments: None,
            version_of: None,
            client_message: None,
            model: self.model,
            system: self.system,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            reasoning_effort: self.reasoning_effort,
            response_format: self.response_format,
        })
    }
}

/// What a message must be, unless it has attachments.
pub(crate) const MESSAGE: &str = "must be 1 to 10000 characters and not only white space";

const MESSAGE_ID: &str = "must be 1 to 128 characters";

fn is_message_id(id: Option<&str>) -> bool {
    id.is_none_or(|id| (1..=128).contains(&id.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::Invalid;

    fn with_message(message: &str) -> ChatBody {
        ChatBody {
            message: message.into(),
            ..ChatBody::default()
        }
    }

    fn wrong_paths(body: ChatBody) -> Vec<String> {
        match TurnRequest::try_from(body) {
            Ok(_) => Vec::new(),
            Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn try_from_message_length_is_counted_in_characters() {
        assert!(wrong_paths(with_message("🐟")).is_empty());
        assert!(wrong_paths(with_message(&"🐟".repeat(10_000))).is_empty());
        assert_eq!(wrong_paths(with_message(&"a".repeat(10_001))), ["message"]);
        assert_eq!(wrong_paths(with_message("")), ["message"]);
        assert_eq!(wrong_paths(with_message(" \u{3000}\n")), ["message"]);
    }

    #[test]
    fn try_from_several_errors_reports_all() {
        let body = ChatBody {
            conversation_id: Some("nope".into()),
            temperature: Some(2.1),
            max_tokens: Some(0),
            system: Some("s".repeat(10_001)),
            ..ChatBody::default()
        };
        assert_eq!(
            wrong_paths(body),
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
    fn options_of_a_plain_request_are_none_and_its_key_is_as_ever() {
        let body = with_message("hi");
        let json = serde_json::to_string(&body).unwrap();
        assert!(!json.contains("reasoningEffort") && !json.contains("responseFormat"));
        assert!(TurnRequest::try_from(body).unwrap().llm_options().is_none());
        let body = ChatBody {
            reasoning_effort: Some(ReasoningEffort::Xhigh),
            response_format: Some(ResponseFormat::JsonObject),
            ..with_message("hi")
        };
        let options = TurnRequest::try_from(body).unwrap().llm_options().unwrap();
        let effort = r#"{"reasoning_effort":"xhigh"}"#;
        assert_eq!(options.extra.as_deref(), Some(effort));
        assert!(options.response_format.is_some());
    }

    #[test]
    fn with_own_path_translates_fields_of_requests() {
        for (theirs, own) in [
            (
                "response_format.json_schema.schema",
                "responseFormat.schema",
            ),
            ("response_format.type", "responseFormat.type"),
            ("reasoning_effort", "reasoningEffort"),
            ("max_tokens", "maxTokens"),
            ("max_tokens_of", "max_tokens_of"),
            ("messages[0].content", "messages[0].content"),
        ] {
            let error = with_own_path(Error::InvalidRequest(Invalid {
                field: Some(theirs.to_owned()),
                reason: String::new(),
                code: None,
            }));
            let Error::InvalidRequest(invalid) = error else {
                panic!("{error:?}");
            };
            assert_eq!(invalid.field.as_deref(), Some(own));
        }
    }

    #[test]
    fn try_from_values_at_the_limits_are_valid() {
        for temperature in [0.0, 2.0] {
            let body = ChatBody {
                conversation_id: Some("550E8400-e29b-41d4-a716-446655440000".into()),
                temperature: Some(temperature),
                max_tokens: Some(1),
                ..with_message("hi")
            };
            let request = TurnRequest::try_from(body).unwrap();
            assert_eq!(
                request.conversation_id.as_deref(),
                Some("550e8400-e29b-41d4-a716-446655440000")
            );
        }
    }
}

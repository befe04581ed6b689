//! Errors in OpenAI's format: `{"error": {message, type, param, code}}`.
//! Source: <https://platform.openai.com/docs/guides/error-codes/api-errors>, and what its libraries
//! parse.

use std::borrow::Cow;

use contracts::llm::types::Error;
use http_edge::{ApiError, Cause, Context, ProtocolError};
use serde::Serialize;

/// 404, for a model that is not in the catalogue and for one that is not configured: neither can be
/// used.
pub const UNKNOWN_MODEL: ApiError = ApiError::ProtocolError(ProtocolError::new(
    404,
    MODEL_NOT_FOUND,
    "The model does not exist or you do not have access to it.",
));

const CONTEXT_TOO_LONG: ApiError = ApiError::ProtocolError(ProtocolError::new(
    400,
    CONTEXT_LENGTH_EXCEEDED,
    "The messages do not fit this model's context. Please reduce their length.",
));

const CONTENT_FILTERED: ApiError = ApiError::ProtocolError(ProtocolError::new(
    400,
    "content_filter",
    "The messages were refused by the provider's content filter.",
));

const MODEL_NOT_FOUND: &str = "model_not_found";
const CONTEXT_LENGTH_EXCEEDED: &str = "context_length_exceeded";

const OUT_OF_CREDITS: &str = "insufficient_quota";

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorView<'a>,
}

#[derive(Serialize)]
struct ErrorView<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The error with OpenAI's status for it. Missing credits are 429, after which OpenAI's libraries
/// retry. A header prevents that.
pub fn for_openai(context: &mut Context, error: ApiError) -> ApiError {
    match error {
        ApiError::InsufficientCredits(sentence) => {
            context.set_header("x-should-retry", "false");
            ApiError::ProtocolError(ProtocolError::new(429, OUT_OF_CREDITS, sentence))
        }
        other => other,
    }
}

/// An error of `goldfish:llm`, with OpenAI's own code where there is one.
pub fn llm(error: Error) -> ApiError {
    match error {
        Error::UnknownModel => UNKNOWN_MODEL,
        Error::NotConfigured(variable) => {
            model_not_found(error_mapping::not_configured(&variable).into(), None)
        }
        Error::ModelUnavailable(cause) => {
            let sentence = error_mapping::MODEL_UNAVAILABLE.into();
            model_not_found(sentence, Some(Cause::new(cause)))
        }
        Error::ContextTooLong => CONTEXT_TOO_LONG,
        Error::ContentFiltered => CONTENT_FILTERED,
        other => error_mapping::llm(other),
    }
}

fn model_not_found(sentence: Cow<'static, str>, cause: Option<Cause>) -> ApiError {
    ApiError::ProtocolError(ProtocolError {
        status: 404,
        code: MODEL_NOT_FOUND,
        sentence,
        cause,
    })
}

/// The error object. The id of the request is only in a header, as at OpenAI.
pub fn render(error: &ApiError, _request_id: &str) -> Vec<u8> {
    let public = error.public();
    let (kind, code) = kind_and_code(error);
    let envelope = Envelope {
        error: ErrorView {
            message: &public.sentence,
            kind,
            param: param(error),
            code,
        },
    };
    serde_json::to_vec(&envelope).unwrap_or_else(|_| b"{}".to_vec())
}

fn kind_and_code(error: &ApiError) -> (&'static str, Option<&str>) {
    const REQUEST: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match error {
        ApiError::Validation(details) => (
            REQUEST,
            details
                .first()
                .filter(|detail| detail.path != "body")
                .map(|detail| validation_code(&detail.message)),
        ),
        ApiError::Unauthorized(_) => (REQUEST, Some("invalid_api_key")),
        ApiError::InsufficientCredits(_) => (OUT_OF_CREDITS, Some(OUT_OF_CREDITS)),
        ApiError::Forbidden(_) => (REQUEST, Some("insufficient_permissions")),
        ApiError::NotFound(_) => (REQUEST, Some("unknown_url")),
        ApiError::MethodNotAllowed { .. } => (REQUEST, Some("method_not_supported")),
        ApiError::Conflict(_) => (REQUEST, Some("conflict")),
        ApiError::PayloadTooLarge(_) | ApiError::StorageFull(_) => {
            (REQUEST, Some("request_too_large"))
        }
        ApiError::UnsupportedMediaType | ApiError::UnsupportedFile(_) => {
            (REQUEST, Some("unsupported_content_type"))
        }
        ApiError::RangeNotSatisfiable(_) => (REQUEST, Some("range_not_satisfiable")),
        ApiError::ContentBlocked(_) => (REQUEST, Some("content_filter")),
        ApiError::RateLimited(_) => ("requests", Some("rate_limit_exceeded")),
        ApiError::ProviderRefused(refusal) => (
            REQUEST,
            refusal.code.as_deref().or_else(|| {
                let detail = refusal.detail.as_ref()?;
                Some(validation_code(&detail.message))
            }),
        ),
        ApiError::ContextTooLong => (REQUEST, Some(CONTEXT_LENGTH_EXCEEDED)),
        ApiError::Internal(_) => (SERVER, Some("internal_error")),
        ApiError::ProviderFailed(..)
        | ApiError::ProviderMisconfigured(_)
        | ApiError::ReplyFailed { .. } => (SERVER, Some("provider_error")),
        ApiError::ProviderUnavailable(..) => (SERVER, Some("provider_unavailable")),
        ApiError::ProviderTimeout(_) => (SERVER, Some("provider_timeout")),
        ApiError::ProtocolError(error) if error.code == OUT_OF_CREDITS => {
            (OUT_OF_CREDITS, Some(error.code))
        }
        ApiError::ProtocolError(error) => (REQUEST, Some(error.code)),
    }
}

/// OpenAI's code for what is wrong with a field, by the first words of the message about it.
fn validation_code(message: &str) -> &'static str {
    if message.starts_with("is missing") {
        "missing_required_parameter"
    } else if message.starts_with("is not supported") || message.starts_with("cannot be asked for")
    {
        "unsupported_parameter"
    } else {
        "invalid_value"
    }
}

fn param(error: &ApiError) -> Option<&str> {
    match error {
        ApiError::Validation(details) => details
            .first()
            .map(|detail| detail.path.as_str())
            .filter(|path| *path != "body"),
        ApiError::ContentBlocked(detail) => Some(&detail.path),
        ApiError::ProviderRefused(refusal) => {
            refusal.detail.as_ref().map(|detail| detail.path.as_str())
        }
        ApiError::ContextTooLong => Some("messages"),
        ApiError::ProtocolError(error) => match error.code {
            CONTEXT_LENGTH_EXCEEDED => Some("messages"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{Invalid, Temporary};
    use http_edge::Detail;
    use serde_json::{Value, json};

    fn rendered(error: &ApiError) -> Value {
        serde_json::from_slice(&render(error, "r-1")).unwrap()
    }

    #[test]
    fn render_any_error_has_four_fields_and_no_cause() {
        for error in [
            ApiError::invalid("messages[0].role", "is missing"),
            ApiError::invalid("body", "is not valid JSON"),
            ApiError::Unauthorized("Authentication required."),
            ApiError::Forbidden("No."),
            ApiError::NotFound("Route"),
            ApiError::MethodNotAllowed {
                method: "PUT",
                allowed: "POST".into(),
            },
            ApiError::PayloadTooLarge(7),
            ApiError::UnsupportedMediaType,
            ApiError::ContentBlocked(Detail {
                path: "messages[0].content".into(),
                message: "was blocked".into(),
            }),
            ApiError::RateLimited(3),
            ApiError::internal("disk sda1 is full"),
            llm(Error::ModelUnavailable("disk sda1 is full".into())),
            ApiError::ProviderMisconfigured(Cause::new("disk sda1 is full")),
            ApiError::ProviderFailed("Failed.", Cause::new("disk sda1 is full")),
            ApiError::ProviderTimeout(Cause::new("disk sda1 is full")),
            UNKNOWN_MODEL,
        ] {
            let body = rendered(&error);
            let view = body["error"].as_object().unwrap();
            assert_eq!(
                view.keys().collect::<Vec<_>>(),
                ["message", "type", "param", "code"]
            );
            assert!(view["message"].is_string() && view["type"].is_string());
            assert!(!body.to_string().contains("sda1"));
        }
    }

    #[test]
    fn render_validation_error_names_field_and_code() {
        assert_eq!(
            rendered(&ApiError::invalid("seed", "is not supported by anthropic")),
            json!({"error": {
                "message": "Invalid request: seed is not supported by anthropic.",
                "type": "invalid_request_error",
                "param": "seed",
                "code": "unsupported_parameter",
            }})
        );
        let body = rendered(&ApiError::invalid("body", "is not valid JSON"));
        assert_eq!(body["error"]["param"], Value::Null);
        assert_eq!(body["error"]["code"], Value::Null);
    }

    #[test]
    fn llm_unavailable_model_is_not_found() {
        for error in [
            Error::UnknownModel,
            Error::NotConfigured("openai_api_key".into()),
            Error::ModelUnavailable("x".into()),
        ] {
            let error = llm(error);
            assert_eq!(error.public().status, 404);
            assert_eq!(rendered(&error)["error"]["code"], "model_not_found");
        }
        let error = llm(Error::ContextTooLong);
        assert_eq!(rendered(&error)["error"]["param"], "messages");
        let temporary = Temporary {
            retry_after: Some(3),
            cause: "x".into(),
        };
        assert_eq!(llm(Error::RateLimited(temporary)).public().status, 503);
    }

    #[test]
    fn llm_rejected_request_has_the_providers_param_and_code() {
        let invalid = |field: Option<&str>, code: Option<&str>| {
            let error = llm(Error::InvalidRequest(Invalid {
                field: field.map(str::to_owned),
                reason: "Unsupported value.".into(),
                code: code.map(str::to_owned),
            }));
            assert_eq!(error.public().status, 400);
            rendered(&error)["error"].clone()
        };
        assert_eq!(
            invalid(Some("temperature"), Some("unsupported_value")),
            json!({
                "message": "Unsupported value.", "type": "invalid_request_error",
                "param": "temperature", "code": "unsupported_value",
            })
        );
        assert_eq!(invalid(Some("seed"), None)["code"], "invalid_value");
        assert_eq!(invalid(None, None)["param"], Value::Null);
        assert_eq!(invalid(None, Some("x"))["code"], "x");
    }
}

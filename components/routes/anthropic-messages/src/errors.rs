//! Errors in Anthropic's format: `{"type": "error", "error": {type, message}, "request_id"}`.
//! Source: <https://platform.claude.com/docs/en/api/errors>.

use contracts::llm::types::Error;
use http_edge::{ApiError, Context, ProtocolError};
use serde_json::{Value, json};

/// The status and type of an overloaded API.
const OVERLOADED: u16 = 529;

/// The error with Anthropic's status for it, and the header that its libraries read.
pub(crate) fn for_anthropic(context: &mut Context, error: ApiError) -> ApiError {
    let request_id = context.request_id().to_owned();
    context.set_header("request-id", request_id);
    match error {
        ApiError::InsufficientCredits(sentence) => {
            // After 429 Anthropic's libraries retry, unless this header forbids it.
            context.set_header("x-should-retry", "false");
            ApiError::ProtocolError(ProtocolError::new(429, "rate_limit_error", sentence))
        }
        ApiError::ContentBlocked(_) => {
            let sentence = error.public().sentence;
            ApiError::ProtocolError(ProtocolError {
                status: 400,
                code: "invalid_request_error",
                sentence: sentence.into(),
                cause: None,
            })
        }
        other => other,
    }
}

/// An error of the model.
pub(crate) fn llm(error: Error) -> ApiError {
    match error {
        Error::UnknownModel => ApiError::ProtocolError(ProtocolError::new(
            404,
            "not_found_error",
            "The model does not exist or you do not have access to it.",
        )),
        Error::NotConfigured(variable) => ApiError::ProtocolError(ProtocolError {
            status: 404,
            code: "not_found_error",
            sentence: error_mapping::not_configured(&variable).into(),
            cause: None,
        }),
        Error::ContextTooLong => ApiError::ProtocolError(ProtocolError::new(
            400,
            "invalid_request_error",
            "prompt is too long: it exceeds the context window of this model.",
        )),
        other => error_mapping::llm(other),
    }
}

/// The error object.
pub(crate) fn render(error: &ApiError, request_id: &str) -> Vec<u8> {
    object(error, request_id).to_string().into_bytes()
}

/// The error object, also the data of the event `error`.
pub(crate) fn object(error: &ApiError, request_id: &str) -> Value {
    let public = error.public();
    json!({
        "type": "error",
        "error": {"type": kind(error, public.status), "message": public.sentence},
        "request_id": request_id,
    })
}

fn kind(error: &ApiError, status: u16) -> &'static str {
    if let ApiError::ProtocolError(own) = error {
        return own.code;
    }
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 | 405 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | OVERLOADED => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::Temporary;

    #[test]
    fn object_has_anthropics_type_for_each_error() {
        let overloaded = Error::Overloaded(Temporary {
            retry_after: Some(3),
            cause: "secret".into(),
        });
        for (error, kind) in [
            (
                ApiError::invalid("messages", "is missing"),
                "invalid_request_error",
            ),
            (ApiError::Unauthorized("No."), "authentication_error"),
            (ApiError::Forbidden("No."), "permission_error"),
            (ApiError::NotFound("Route"), "not_found_error"),
            (ApiError::PayloadTooLarge(1), "request_too_large"),
            (ApiError::RateLimited(1), "rate_limit_error"),
            (ApiError::internal("secret"), "api_error"),
            (llm(overloaded), "overloaded_error"),
            (llm(Error::UnknownModel), "not_found_error"),
            (llm(Error::Timeout("secret".into())), "timeout_error"),
        ] {
            let object = object(&error, "r");
            assert_eq!(object["error"]["type"], kind, "{object}");
            assert_eq!(
                (&object["type"], &object["request_id"]),
                (&json!("error"), &json!("r"))
            );
            assert!(!object.to_string().contains("secret"));
        }
    }
}

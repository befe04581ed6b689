//! Log lines for the operator. A failed attempt that is followed by another one is logged here; the
//! last one is returned to the route, which logs it with the request's id.

use crate::bindings::Error;
use crate::catalogue::Entry;
use serde_json::json;

/// Logs an attempt that failed and is retried or replaced by a fallback.
pub(super) fn failed_attempt(entry: &Entry, attempt: u32, error: &Error) {
    let line = json!({
        "level": "warn",
        "message": "attempt failed",
        "model": entry.id,
        "attempt": attempt,
        "cause": cause(error),
    });
    eprintln!("{line}");
}

/// Logs a request for embeddings that failed and is retried.
pub(super) fn failed_embedding(model: &str, attempt: u32, error: &Error) {
    let line = json!({
        "level": "warn",
        "message": "attempt failed",
        "model": model,
        "attempt": attempt,
        "cause": cause(error),
    });
    eprintln!("{line}");
}

/// The text for the log; it contains neither credentials nor message content.
fn cause(error: &Error) -> String {
    match error {
        Error::UnknownModel => "unknown model".to_owned(),
        Error::ContextTooLong => "the prompt exceeds the context window".to_owned(),
        Error::ContentFiltered => "the prompt was rejected by a content filter".to_owned(),
        Error::NotConfigured(variable) => format!("{variable} is not set"),
        Error::InvalidRequest(invalid) => match &invalid.field {
            Some(field) => format!("invalid request: {field}: {}", invalid.reason),
            None => format!("invalid request: {}", invalid.reason),
        },
        Error::RateLimited(temporary) | Error::Overloaded(temporary) => temporary.cause.clone(),
        Error::ModelUnavailable(cause)
        | Error::Misconfigured(cause)
        | Error::Failed(cause)
        | Error::Timeout(cause)
        | Error::Unreachable(cause)
        | Error::Protocol(cause)
        | Error::Other(cause) => cause.clone(),
    }
}

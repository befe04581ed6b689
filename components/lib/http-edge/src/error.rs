//! Errors of requests, and the one place that says which status, code and text clients see.

use std::borrow::Cow;

use serde::Serialize;

/// One error in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Where it is: a path into the JSON body such as `message` or `items[2].name`, the name of a
    /// query parameter, or `body` for the whole of it.
    pub path: String,
    /// The problem, for the author of the client: a predicate whose subject is the path
    /// (`must be a string`), or a whole sentence, which ends with a period.
    pub message: String,
}

impl Detail {
    /// The error text of a request in which only this is wrong.
    fn sentence(&self) -> String {
        if self.message.ends_with('.') {
            return self.message.clone();
        }
        format!("Invalid request: {} {}.", self.path, self.message)
    }
}

/// The internal cause of an error, for the log only. It has no `Display`, so that it cannot get into
/// a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    /// The text must not contain content, credentials or keys.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn for_log(&self) -> &str {
        &self.0
    }
}

/// When to retry a request that failed because the store did, in seconds.
const STORAGE_RETRY_AFTER: u32 = 5;

/// Why a request failed. Each case has one status and one stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 400: the input is unknown or malformed.
    Validation(Vec<Detail>),
    /// 401: the credential is missing or invalid; the sentence says which.
    Unauthorized(&'static str),
    /// 402: credits or a budget are used up; the sentence says which.
    InsufficientCredits(&'static str),
    /// 403: the user may not do this; the sentence says why.
    Forbidden(&'static str),
    /// 404: it does not exist, or belongs to another user. Names what was looked for, with a
    /// capital letter: `Conversation`.
    NotFound(&'static str),
    /// 405: the path has no such method.
    MethodNotAllowed {
        /// The method of the request.
        method: &'static str,
        /// The methods that the path has, as in the `Allow` field.
        allowed: String,
    },
    /// 409: it conflicts with the current state; the sentence says why.
    Conflict(String),
    /// 413, with the limit in bytes.
    PayloadTooLarge(u64),
    /// 413: the user's files would be larger than the limit, in bytes.
    StorageFull(u64),
    /// 415: the body is not declared as JSON (or as a form, where one is accepted).
    UnsupportedMediaType,
    /// 415: a file is of a media type that is not accepted; where and why.
    UnsupportedFile(Detail),
    /// 416: the file has no such part; its size in bytes.
    RangeNotSatisfiable(u64),
    /// 422: blocked by moderation; where and why.
    ContentBlocked(Detail),
    /// 429, with the seconds to wait.
    RateLimited(u32),
    /// 500: an error of the server.
    Internal(Cause),
    /// 400: the AI provider rejected the request, or does not support it.
    ProviderRefused(Refusal),
    /// 400: the prompt exceeds the model's context window.
    ContextTooLong,
    /// 502: an external service failed; a sentence for the client.
    ProviderFailed(&'static str, Cause),
    /// 502 that a retry does not change: the AI provider rejects this server's key or account, or a
    /// variable of this server is invalid.
    ProviderMisconfigured(Cause),
    /// 503: an external service cannot be used now; a sentence for the client, and the seconds to
    /// wait if they are known.
    ProviderUnavailable(&'static str, Option<u32>, Cause),
    /// 504: the AI provider did not respond in time.
    ProviderTimeout(Cause),
    /// 502: a reply that was stored before had failed; its code and its sentence.
    ReplyFailed {
        /// The stable code.
        code: &'static str,
        /// A sentence for a person.
        sentence: String,
    },
    /// An error that exists only in the protocol of another system that the route implements.
    ProtocolError(ProtocolError),
}

/// Why an AI provider rejected a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The part of the request that caused the error, if that is known.
    pub detail: Option<Detail>,
    /// A sentence for a person.
    pub sentence: String,
    /// The provider's own code, if it sent one.
    pub code: Option<String>,
    /// For the log.
    pub cause: Cause,
}

impl Refusal {
    /// A request of which one part is rejected.
    pub fn of(detail: Detail, code: Option<String>, cause: Cause) -> Self {
        Self {
            sentence: detail.sentence(),
            detail: Some(detail),
            code,
            cause,
        }
    }
}

/// An error of another system's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// The HTTP status.
    pub status: u16,
    /// That protocol's code.
    pub code: &'static str,
    /// A sentence for a person.
    pub sentence: Cow<'static, str>,
    /// For the log.
    pub cause: Option<Cause>,
}

impl ProtocolError {
    /// An error without a cause for the log.
    pub const fn new(status: u16, code: &'static str, sentence: &'static str) -> Self {
        Self {
            status,
            code,
            sentence: Cow::Borrowed(sentence),
            cause: None,
        }
    }
}

/// The public part of an error.
#[derive(Debug, PartialEq, Eq)]
pub struct PublicError<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// A sentence for a person.
    pub sentence: String,
    /// The errors in the request.
    pub details: &'a [Detail],
}

impl ApiError {
    /// 400 with one error; see [`Detail`].
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Validation(vec![Detail {
            path: path.into(),
            message: message.into(),
        }])
    }

    /// 500; the text goes into the log and must not contain content, credentials or keys.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::Internal(Cause::new(cause))
    }

    /// 503: the store cannot be used now; the text goes into the log, as for [`ApiError::internal`].
    pub fn storage_unavailable(cause: impl Into<String>) -> Self {
        Self::ProviderUnavailable(
            "Storage is temporarily unavailable. Try again later.",
            Some(STORAGE_RETRY_AFTER),
            Cause::new(cause),
        )
    }

    /// Status, code and text.
    pub fn public(&self) -> PublicError<'_> {
        let mut details: &[Detail] = &[];
        let (status, code, sentence) = match self {
            Self::Validation(wrong) => {
                details = wrong;
                let sentence = match wrong.as_slice() {
                    [only] => only.sentence(),
                    _ => "Invalid request.".to_owned(),
                };
                (400, "VALIDATION_ERROR", sentence)
            }
            Self::Unauthorized(why) => (401, "UNAUTHORIZED", (*why).to_owned()),
            Self::InsufficientCredits(why) => (402, "INSUFFICIENT_CREDITS", (*why).to_owned()),
            Self::Forbidden(why) => (403, "FORBIDDEN", (*why).to_owned()),
            Self::NotFound(what) => (404, "NOT_FOUND", format!("{what} not found.")),
            Self::MethodNotAllowed { method, allowed } => (
                405,
                "METHOD_NOT_ALLOWED",
                format!("Method {method} is not allowed for this path. Allowed: {allowed}."),
            ),
            Self::Conflict(why) => (409, "CONFLICT", why.clone()),
            Self::PayloadTooLarge(limit) => (
                413,
                "PAYLOAD_TOO_LARGE",
                format!("The request body is larger than the limit of {limit} bytes."),
            ),
            Self::StorageFull(limit) => (
                413,
                "PAYLOAD_TOO_LARGE",
                format!("Your files would be larger than the limit of {limit} bytes. Delete some."),
            ),
            Self::UnsupportedFile(what) => {
                details = std::slice::from_ref(what);
                let sentence = format!("Unsupported file: {} {}.", what.path, what.message);
                (415, "UNSUPPORTED_MEDIA_TYPE", sentence)
            }
            Self::RangeNotSatisfiable(size) => (
                416,
                "RANGE_NOT_SATISFIABLE",
                format!("The requested range is not in the {size} bytes of the file."),
            ),
            Self::ReplyFailed { code, sentence } => (502, *code, sentence.clone()),
            Self::UnsupportedMediaType => (
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "Unsupported content type. Send `Content-Type: application/json`.".to_owned(),
            ),
            Self::ContentBlocked(what) => {
                details = std::slice::from_ref(what);
                let sentence = format!("Content not allowed: {} {}.", what.path, what.message);
                (422, "CONTENT_BLOCKED", sentence)
            }
            Self::RateLimited(seconds) => (
                429,
                "RATE_LIMITED",
                format!("Too many requests. Try again in {seconds} s."),
            ),
            Self::Internal(_) => (500, "INTERNAL", "Internal server error.".to_owned()),
            Self::ProviderRefused(refusal) => {
                details = refusal.detail.as_slice();
                (400, "VALIDATION_ERROR", refusal.sentence.clone())
            }
            Self::ContextTooLong => (
                400,
                "CONTEXT_LENGTH_EXCEEDED",
                "The conversation is too long for this model. Shorten the message or start a new \
                 conversation."
                    .to_owned(),
            ),
            Self::ProviderMisconfigured(_) => (
                502,
                "PROVIDER_ERROR",
                "The AI provider does not accept this server's key or settings. A retry does not \
                 help; the operator must correct them."
                    .to_owned(),
            ),
            Self::ProviderFailed(why, _) => (502, "PROVIDER_ERROR", (*why).to_owned()),
            Self::ProviderUnavailable(why, _, _) => {
                (503, "PROVIDER_UNAVAILABLE", (*why).to_owned())
            }
            Self::ProviderTimeout(_) => (
                504,
                "PROVIDER_TIMEOUT",
                "The AI provider did not respond in time. Try again later.".to_owned(),
            ),
            Self::ProtocolError(own) => (own.status, own.code, own.sentence.clone().into_owned()),
        };
        PublicError {
            status,
            code,
            sentence,
            details,
        }
    }

    /// The error object of the API, as JSON.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Envelope<'a> {
            error: &'a str,
            code: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "<[Detail]>::is_empty")]
            details: &'a [Detail],
        }
        let public = self.public();
        crate::serialize::to_json(&Envelope {
            error: &public.sentence,
            code: public.code,
            request_id,
            details: public.details,
        })
    }

    /// The header fields of the response.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unauthorized(_) => vec![("www-authenticate", "Bearer".to_owned())],
            Self::MethodNotAllowed { allowed, .. } => vec![("allow", allowed.clone())],
            Self::RangeNotSatisfiable(size) => vec![("content-range", format!("bytes */{size}"))],
            Self::RateLimited(seconds) | Self::ProviderUnavailable(_, Some(seconds), _) => {
                vec![("retry-after", seconds.to_string())]
            }
            Self::ProviderMisconfigured(_) => vec![("x-should-retry", "false".to_owned())],
            _ => Vec::new(),
        }
    }

    /// The text in the log, in addition to the code.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Internal(cause)
            | Self::ProviderRefused(Refusal { cause, .. })
            | Self::ProviderFailed(_, cause)
            | Self::ProviderMisconfigured(cause)
            | Self::ProviderUnavailable(_, _, cause)
            | Self::ProviderTimeout(cause) => Some(cause.for_log()),
            Self::ProtocolError(own) => own.cause.as_ref().map(Cause::for_log),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(error: &ApiError) -> serde_json::Value {
        serde_json::from_slice(&error.body("r-1")).unwrap()
    }

    #[test]
    fn body_of_a_validation_error_has_all_fields() {
        assert_eq!(
            parsed(&ApiError::invalid("message", "must not be empty")),
            serde_json::json!({
                "error": "Invalid request: message must not be empty.",
                "code": "VALIDATION_ERROR",
                "requestId": "r-1",
                "details": [{"path": "message", "message": "must not be empty"}],
            })
        );
        let not_found = parsed(&ApiError::NotFound("Thing"));
        assert_eq!(not_found["error"], "Thing not found.");
        assert!(not_found.get("details").is_none());
    }

    #[test]
    fn body_of_an_error_with_a_whole_sentence_has_just_that_sentence() {
        let body = parsed(&ApiError::invalid("model", "Unknown model."));
        assert_eq!(body["error"], "Unknown model.");
        assert_eq!(body["details"][0]["path"], "model");
    }

    #[test]
    fn body_of_blocked_content_names_the_path() {
        let detail = Detail {
            path: "message".into(),
            message: "was blocked (word-list)".into(),
        };
        assert_eq!(
            parsed(&ApiError::ContentBlocked(detail)),
            serde_json::json!({
                "error": "Content not allowed: message was blocked (word-list).",
                "code": "CONTENT_BLOCKED",
                "requestId": "r-1",
                "details": [{"path": "message", "message": "was blocked (word-list)"}],
            })
        );
    }

    #[test]
    fn body_never_contains_the_cause() {
        for error in [
            ApiError::internal("disk sda1 is full"),
            ApiError::ProviderFailed("Failed.", Cause::new("disk sda1 is full")),
            ApiError::ProviderUnavailable("Busy.", Some(3), Cause::new("disk sda1 is full")),
            ApiError::ProviderMisconfigured(Cause::new("disk sda1 is full")),
            ApiError::ProviderTimeout(Cause::new("disk sda1 is full")),
        ] {
            assert!(!parsed(&error).to_string().contains("sda1"));
            assert_eq!(error.cause(), Some("disk sda1 is full"));
        }
    }

    #[test]
    fn headers_follow_the_case() {
        assert_eq!(
            ApiError::RateLimited(7).headers(),
            [("retry-after", "7".to_owned())]
        );
        let not_allowed = ApiError::MethodNotAllowed {
            method: "PUT",
            allowed: "GET, HEAD".into(),
        };
        assert_eq!(not_allowed.headers(), [("allow", "GET, HEAD".to_owned())]);
        assert_eq!(
            not_allowed.public().sentence,
            "Method PUT is not allowed for this path. Allowed: GET, HEAD."
        );
        assert_eq!(
            ApiError::Unauthorized("Sign in.").headers(),
            [("www-authenticate", "Bearer".to_owned())]
        );
    }
}

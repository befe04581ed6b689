//! What can go wrong with a request, and the one place that says how it looks from outside.

use serde::Serialize;

/// One wrong part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Where it is: a path into the JSON body such as `message` or `items[2].name`, the name of a
    /// query parameter, or `body` for the whole of it.
    pub path: String,
    /// What is wrong with it, for the person who wrote the client.
    pub message: String,
}

/// What really happened, for the log only. It has no `Display`, so that it cannot slip into an
/// answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    /// Text that holds no content, credential or key.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn for_log(&self) -> &str {
        &self.0
    }
}

/// Why a request has no good answer; each case is one status and one stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 400: the input is unknown or malformed.
    Validation(Vec<Detail>),
    /// 401: no credential, or not a good one; the sentence says which.
    Unauthorized(&'static str),
    /// 402: what may be spent is spent; the sentence says of what.
    InsufficientCredits(&'static str),
    /// 403: the user may not do this; the sentence says why.
    Forbidden(&'static str),
    /// 404: it does not exist, or belongs to another user. Names what was looked for, with a
    /// capital letter: `Conversation`.
    NotFound(&'static str),
    /// 405, with the methods that the path does have.
    MethodNotAllowed(String),
    /// 409: it does not go with what is there already; the sentence says why.
    Conflict(String),
    /// 413, with the limit in bytes.
    PayloadTooLarge(u64),
    /// 415: the body is not declared as JSON (or as a form, where one is taken).
    UnsupportedMediaType,
    /// 422: it is what may not be said here; where it is, and why.
    ContentBlocked(Detail),
    /// 429, with the seconds to wait.
    RateLimited(u32),
    /// 500: our fault.
    Internal(Cause),
    /// 400: an outside service refuses the request as it stands.
    ProviderRefused(Cause),
    /// 502: an outside service answered badly.
    ProviderFailed(Cause),
    /// 503: an outside service cannot be used now; a sentence for the client, and the seconds to
    /// wait where they are known.
    ProviderUnavailable(&'static str, Option<u32>, Cause),
    /// 504: an outside service did not answer in time.
    ProviderTimeout,
    /// A case that only another system's protocol knows, which the route speaks.
    ProtocolError(ProtocolError),
}

/// An error of another system's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// The HTTP status.
    pub status: u16,
    /// That protocol's code.
    pub code: &'static str,
    /// A sentence for a person.
    pub sentence: &'static str,
}

/// How an error looks from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct PublicError<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// A sentence for a person.
    pub sentence: String,
    /// The wrong parts of the request.
    pub details: &'a [Detail],
}

impl ApiError {
    /// One wrong part of the request.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Validation(vec![Detail {
            path: path.into(),
            message: message.into(),
        }])
    }

    /// Our fault; the text goes into the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::Internal(Cause::new(cause))
    }

    /// Status, code and text of each case.
    pub fn public(&self) -> PublicError<'_> {
        let mut details: &[Detail] = &[];
        let (status, code, sentence) = match self {
            Self::Validation(wrong) => {
                details = wrong;
                let sentence = match wrong.as_slice() {
                    [only] => format!("Invalid request: {} {}.", only.path, only.message),
                    _ => "Invalid request.".to_owned(),
                };
                (400, "VALIDATION_ERROR", sentence)
            }
            Self::Unauthorized(why) => (401, "UNAUTHORIZED", (*why).to_owned()),
            Self::InsufficientCredits(why) => (402, "INSUFFICIENT_CREDITS", (*why).to_owned()),
            Self::Forbidden(why) => (403, "FORBIDDEN", (*why).to_owned()),
            Self::NotFound(what) => (404, "NOT_FOUND", format!("{what} not found.")),
            Self::MethodNotAllowed(_) => (
                405,
                "METHOD_NOT_ALLOWED",
                "This method is not allowed here.".to_owned(),
            ),
            Self::Conflict(why) => (409, "CONFLICT", why.clone()),
            Self::PayloadTooLarge(limit) => (
                413,
                "PAYLOAD_TOO_LARGE",
                format!("The body is larger than {limit} bytes."),
            ),
            Self::UnsupportedMediaType => (
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body is not of a media type that is taken here, such as application/json."
                    .to_owned(),
            ),
            Self::ContentBlocked(what) => {
                details = std::slice::from_ref(what);
                let sentence = format!("Not allowed here: {} {}.", what.path, what.message);
                (422, "CONTENT_BLOCKED", sentence)
            }
            Self::RateLimited(seconds) => (
                429,
                "RATE_LIMITED",
                format!("Too many requests. Try again in {seconds} s."),
            ),
            Self::Internal(_) => (500, "INTERNAL", "Something went wrong here.".to_owned()),
            Self::ProviderRefused(_) => (
                400,
                "VALIDATION_ERROR",
                "The AI provider refuses this request as it stands.".to_owned(),
            ),
            Self::ProviderFailed(_) => (
                502,
                "PROVIDER_ERROR",
                "The AI provider failed to answer.".to_owned(),
            ),
            Self::ProviderUnavailable(why, _, _) => {
                (503, "PROVIDER_UNAVAILABLE", (*why).to_owned())
            }
            Self::ProviderTimeout => (
                504,
                "PROVIDER_TIMEOUT",
                "The AI provider did not answer in time.".to_owned(),
            ),
            Self::ProtocolError(own) => (own.status, own.code, own.sentence.to_owned()),
        };
        PublicError {
            status,
            code,
            sentence,
            details,
        }
    }

    /// The error object that clients read, in JSON.
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

    /// The header fields that belong to it.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unauthorized(_) => vec![("www-authenticate", "Bearer".to_owned())],
            Self::MethodNotAllowed(allow) => vec![("allow", allow.clone())],
            Self::RateLimited(seconds) | Self::ProviderUnavailable(_, Some(seconds), _) => {
                vec![("retry-after", seconds.to_string())]
            }
            _ => Vec::new(),
        }
    }

    /// What the log should say beyond the code.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Internal(cause)
            | Self::ProviderRefused(cause)
            | Self::ProviderFailed(cause)
            | Self::ProviderUnavailable(_, _, cause) => Some(cause.for_log()),
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
    fn envelope_has_the_promised_fields() {
        assert_eq!(
            parsed(&ApiError::invalid("message", "must not be empty")),
            serde_json::json!({
                "error": "Invalid request: message must not be empty.",
                "code": "VALIDATION_ERROR",
                "requestId": "r-1",
                "details": [{"path": "message", "message": "must not be empty"}],
            })
        );
        assert!(
            parsed(&ApiError::NotFound("Thing"))
                .get("details")
                .is_none()
        );
    }

    #[test]
    fn what_is_blocked_says_where() {
        let detail = Detail {
            path: "message".into(),
            message: "was blocked (word-list)".into(),
        };
        assert_eq!(
            parsed(&ApiError::ContentBlocked(detail)),
            serde_json::json!({
                "error": "Not allowed here: message was blocked (word-list).",
                "code": "CONTENT_BLOCKED",
                "requestId": "r-1",
                "details": [{"path": "message", "message": "was blocked (word-list)"}],
            })
        );
    }

    #[test]
    fn causes_stay_inside() {
        for error in [
            ApiError::internal("disk sda1 is full"),
            ApiError::ProviderFailed(Cause::new("disk sda1 is full")),
            ApiError::ProviderUnavailable("Busy.", Some(3), Cause::new("disk sda1 is full")),
        ] {
            assert!(!parsed(&error).to_string().contains("sda1"));
            assert_eq!(error.cause(), Some("disk sda1 is full"));
        }
    }

    #[test]
    fn headers_follow_the_status() {
        assert_eq!(
            ApiError::RateLimited(7).headers(),
            [("retry-after", "7".to_owned())]
        );
        assert_eq!(
            ApiError::MethodNotAllowed("GET".into()).headers(),
            [("allow", "GET".to_owned())]
        );
        assert_eq!(
            ApiError::Unauthorized("Sign in.").headers(),
            [("www-authenticate", "Bearer".to_owned())]
        );
    }
}

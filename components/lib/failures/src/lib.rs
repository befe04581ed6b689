//! What a capability's error means to an HTTP client: one exhaustive match for each contract.
//!
//! May import the contracts' types and `http-edge`; calls no capability.

use contracts::{conversations, identity, llm};
use http_edge::{ApiError, Cause};

/// `goldfish:conversations`; `path` is the part of the request that the capability would find
/// invalid.
pub fn conversations(error: conversations::types::Error, path: &str) -> ApiError {
    use conversations::types::Error;
    match error {
        Error::NotFound => ApiError::NotFound,
        Error::Invalid(what) => ApiError::invalid(path, what),
        Error::Unavailable(cause) => ApiError::internal(cause),
    }
}

/// `goldfish:identity`.
pub fn identity(error: identity::types::AuthError) -> ApiError {
    use identity::types::AuthError;
    match error {
        AuthError::Missing => ApiError::Unauthorized("Sign in first."),
        AuthError::Invalid => {
            ApiError::Unauthorized("This session is not valid here. Sign in again.")
        }
        AuthError::Expired => {
            ApiError::Unauthorized("This session has expired. Refresh it or sign in again.")
        }
        AuthError::Unavailable(cause) => ApiError::ProviderUnavailable(
            "Sessions cannot be checked right now. Try again later.",
            None,
            Cause::new(cause),
        ),
    }
}

/// `goldfish:llm`. A provider's limit on us is not the user's: it is 503, and 429 stays for our own
/// limits.
pub fn llm(error: llm::types::Error) -> ApiError {
    use llm::types::Error;
    match error {
        Error::UnknownModel => ApiError::invalid("model", "is not a model known here"),
        Error::NotConfigured => ApiError::ProviderUnavailable(
            "The provider of this model is not configured here. Choose another model.",
            None,
            Cause::new("provider not configured"),
        ),
        Error::InvalidRequest(cause) => ApiError::ProviderRefused(Cause::new(cause)),
        Error::ContextTooLong => ApiError::invalid(
            "message",
            "does not fit this model together with the conversation so far",
        ),
        Error::ContentFiltered => {
            ApiError::invalid("message", "was refused by the provider's content filter")
        }
        Error::Unauthorized => {
            ApiError::ProviderFailed(Cause::new("provider refuses our credentials"))
        }
        Error::RateLimited(after) => ApiError::ProviderUnavailable(
            "The AI provider is limiting our requests. Try again later.",
            after,
            Cause::new("provider rate limit"),
        ),
        Error::Overloaded(after) => ApiError::ProviderUnavailable(
            "The AI provider is overloaded. Try again later.",
            after,
            Cause::new("provider overloaded"),
        ),
        Error::Timeout => ApiError::ProviderTimeout,
        Error::Unreachable(cause) | Error::Protocol(cause) | Error::Other(cause) => {
            ApiError::ProviderFailed(Cause::new(cause))
        }
    }
}

/// `goldfish:llm`'s catalogue, which fails only when the operator's variable is wrong.
pub fn catalogue(error: llm::types::Error) -> ApiError {
    ApiError::internal(format!("model catalogue: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_failures_have_their_statuses() {
        use contracts::llm::types::Error;
        for (error, status) in [
            (Error::UnknownModel, 400),
            (Error::NotConfigured, 503),
            (Error::InvalidRequest("x".into()), 400),
            (Error::ContextTooLong, 400),
            (Error::ContentFiltered, 400),
            (Error::Unauthorized, 502),
            (Error::RateLimited(Some(3)), 503),
            (Error::Overloaded(None), 503),
            (Error::Timeout, 504),
            (Error::Unreachable("x".into()), 502),
            (Error::Protocol("x".into()), 502),
            (Error::Other("x".into()), 502),
        ] {
            assert_eq!(llm(error.clone()).outside().status, status, "{error:?}");
        }
    }
}

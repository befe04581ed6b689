//! Maps the errors of capabilities to HTTP errors: one exhaustive match for each contract.
//!
//! May import the contracts' types and `http-edge`; calls no capability.

use contracts::{accounts, conversations, identity, llm, mail, moderation, oauth, quota};
use http_edge::{ApiError, Cause, Detail};

/// What a request for a conversation did not find, for [`ApiError::NotFound`].
pub const CONVERSATION: &str = "Conversation";

/// What a request for an API key did not find, for [`ApiError::NotFound`].
pub const API_KEY: &str = "API key";

/// `goldfish:conversations`; `path` is the part of the request that an `invalid` error is about.
pub fn conversations(error: conversations::types::Error, path: &str) -> ApiError {
    use conversations::types::Error;
    match error {
        Error::NotFound => ApiError::NotFound(CONVERSATION),
        Error::Invalid(what) => ApiError::invalid(path, what),
        Error::Conflict(why) => ApiError::Conflict(why),
        Error::Unavailable(cause) => ApiError::storage_unavailable(cause),
    }
}

/// `goldfish:identity`.
pub fn identity(error: identity::types::AuthError) -> ApiError {
    use identity::types::AuthError;
    match error {
        AuthError::Missing => ApiError::Unauthorized("Authentication required."),
        AuthError::Invalid => ApiError::Unauthorized("Invalid or expired token. Sign in again."),
        AuthError::Expired => {
            ApiError::Unauthorized("The token has expired. Refresh it or sign in again.")
        }
        AuthError::Unavailable(cause) => ApiError::ProviderUnavailable(
            "Sessions cannot be checked right now. Try again later.",
            None,
            Cause::new(cause),
        ),
    }
}

/// `goldfish:accounts`.
pub fn accounts(error: accounts::types::Error) -> ApiError {
    use accounts::types::Error;
    match error {
        Error::Invalid(problems) => ApiError::Validation(
            problems
                .into_iter()
                .map(|problem| Detail {
                    path: problem.field,
                    message: problem.message,
                })
                .collect(),
        ),
        Error::WrongCredentials => ApiError::Unauthorized("Wrong email address or password."),
        Error::EmailTaken => {
            ApiError::Conflict("An account with this email address already exists.".to_owned())
        }
        Error::EmailNotVerified => ApiError::Forbidden("Confirm your email address first."),
        Error::TokenInvalid => ApiError::Unauthorized("Invalid token. Sign in again."),
        Error::TokenExpired => ApiError::Unauthorized("The token has expired. Sign in again."),
        Error::NotFound => ApiError::NotFound("User"),
        Error::TooMany(what) => ApiError::Conflict(what),
        Error::Unavailable(cause) => ApiError::storage_unavailable(cause),
        Error::Misconfigured(cause) => ApiError::internal(cause),
    }
}

/// `goldfish:accounts`, for requests that name an API key.
pub fn api_keys(error: accounts::types::Error) -> ApiError {
    match error {
        accounts::types::Error::NotFound => ApiError::NotFound(API_KEY),
        other => accounts(other),
    }
}

/// `goldfish:oauth`.
pub fn oauth(error: oauth::authorization::Error) -> ApiError {
    use oauth::authorization::Error;
    match error {
        Error::NotConfigured => ApiError::NotFound("Sign-in provider"),
        Error::CodeRefused(_) => {
            ApiError::Unauthorized("The sign-in provider rejected this sign-in. Start again.")
        }
        Error::Unavailable(cause) => ApiError::ProviderUnavailable(
            "The sign-in provider cannot be reached right now. Try again later.",
            None,
            Cause::new(cause),
        ),
        Error::Protocol(cause) => ApiError::ProviderUnavailable(
            "The sign-in provider sent an invalid response. Try again later.",
            None,
            Cause::new(cause),
        ),
    }
}

/// `goldfish:mail`.
pub fn mail(error: mail::sender::Error) -> ApiError {
    use mail::sender::Error;
    let cause = match error {
        Error::NotConfigured => "mail_webhook_url is not set".to_owned(),
        Error::Unavailable(cause) => cause,
    };
    ApiError::ProviderUnavailable(
        "Email cannot be sent right now. Try again later.",
        None,
        Cause::new(cause),
    )
}

/// `goldfish:moderation`. If it fails, nothing is allowed.
pub fn moderation(error: moderation::filter::Error) -> ApiError {
    use moderation::filter::Error;
    match error {
        Error::InvalidConfiguration(cause) => ApiError::internal(format!("moderation: {cause}")),
    }
}

/// Content that `goldfish:moderation` blocks; `path` is the part of the request, or `reply`. A reason
/// that is not a code is dropped, because it might quote the content.
pub fn blocked(path: impl Into<String>, reason: &str) -> ApiError {
    let is_code = (1..=64).contains(&reason.len())
        && reason
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    ApiError::ContentBlocked(Detail {
        path: path.into(),
        message: if is_code {
            format!("was blocked ({reason})")
        } else {
            "was blocked".to_owned()
        },
    })
}

/// `goldfish:quota`'s ledger.
pub fn credits(error: quota::credits::Error) -> ApiError {
    use quota::credits::{Error, LimitKind};
    match error {
        Error::LimitReached(kind) => ApiError::InsufficientCredits(match kind {
            LimitKind::Credits => "You have no credits left.",
            LimitKind::ApiKeyRequests => "The request budget of this API key is used up.",
            LimitKind::ApiKeyTokens => "The token budget of this API key is used up.",
        }),
        Error::UnknownPlan(plans) => {
            ApiError::invalid("plan", format!("Unknown plan. Plans: {plans}."))
        }
        Error::Unavailable(cause) => ApiError::storage_unavailable(cause),
    }
}

/// `goldfish:llm`. A provider's rate limit is 503; 429 is for the limits of this server.
pub fn llm(error: llm::types::Error) -> ApiError {
    use llm::types::Error;
    match error {
        Error::UnknownModel => ApiError::invalid("model", "Unknown model. See GET /api/models."),
        Error::NotConfigured => ApiError::ProviderUnavailable(
            "This model has no API key on this server. Choose another model.",
            None,
            Cause::new("provider not configured"),
        ),
        Error::InvalidRequest(invalid) => match invalid.field {
            Some(field) => ApiError::invalid(field, invalid.cause),
            None => ApiError::ProviderRefused(Cause::new(invalid.cause)),
        },
        Error::ContextTooLong => ApiError::invalid(
            "message",
            "The conversation is too long for this model. Shorten the message or start a new one.",
        ),
        Error::ContentFiltered => {
            ApiError::invalid("message", "was rejected by the provider's content filter")
        }
        Error::Unauthorized => ApiError::ProviderFailed(
            "The AI provider rejected the API key of this server.",
            Cause::new("provider rejected the API key"),
        ),
        Error::RateLimited(after) => ApiError::ProviderUnavailable(
            "The AI provider's rate limit was reached. Try again later.",
            after,
            Cause::new("provider rate limit"),
        ),
        Error::Overloaded(after) => ApiError::ProviderUnavailable(
            "The AI provider is overloaded. Try again later.",
            after,
            Cause::new("provider overloaded"),
        ),
        Error::Timeout => ApiError::ProviderTimeout,
        Error::Unreachable(cause) => {
            ApiError::ProviderFailed("The AI provider cannot be reached.", Cause::new(cause))
        }
        Error::Protocol(cause) => ApiError::ProviderFailed(
            "The AI provider sent an invalid response.",
            Cause::new(cause),
        ),
        Error::Other(cause) => {
            ApiError::ProviderFailed("The AI provider failed to respond.", Cause::new(cause))
        }
    }
}

/// `goldfish:llm`'s catalogue, which fails only if the variable `models` is invalid.
pub fn catalogue(error: llm::types::Error) -> ApiError {
    ApiError::internal(format!("model catalogue: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_with_a_reason_that_is_no_code_drops_it() {
        let told = |reason: &str| {
            blocked("message", reason).public().details[0]
                .message
                .clone()
        };
        assert_eq!(told("word-list"), "was blocked (word-list)");
        for reason in ["", "It says secret", &"x".repeat(65)] {
            assert_eq!(told(reason), "was blocked");
        }
    }

    #[test]
    fn accounts_maps_each_error_to_its_status() {
        use contracts::accounts::types::{Error, FieldError};
        let problem = FieldError {
            field: "email".into(),
            message: "is not an email address".into(),
        };
        for (error, status) in [
            (Error::Invalid(vec![problem]), 400),
            (Error::WrongCredentials, 401),
            (Error::EmailTaken, 409),
            (Error::EmailNotVerified, 403),
            (Error::TokenInvalid, 401),
            (Error::TokenExpired, 401),
            (Error::NotFound, 404),
            (Error::TooMany("There are 50 keys already.".into()), 409),
            (Error::Unavailable("x".into()), 503),
        ] {
            assert_eq!(accounts(error.clone()).public().status, status, "{error:?}");
        }
    }

    #[test]
    fn credits_maps_a_reached_limit_to_402() {
        use contracts::quota::credits::{Error, LimitKind};
        for kind in [
            LimitKind::Credits,
            LimitKind::ApiKeyRequests,
            LimitKind::ApiKeyTokens,
        ] {
            assert_eq!(credits(Error::LimitReached(kind)).public().status, 402);
        }
        let unknown = credits(Error::UnknownPlan("free, pro".into()));
        assert_eq!(unknown.public().status, 400);
    }

    #[test]
    fn llm_maps_each_error_to_its_status() {
        use contracts::llm::types::{Error, Invalid};
        let invalid = |field: Option<&str>| Invalid {
            field: field.map(str::to_owned),
            cause: "x".into(),
        };
        for (error, status) in [
            (Error::UnknownModel, 400),
            (Error::NotConfigured, 503),
            (Error::InvalidRequest(invalid(None)), 400),
            (Error::InvalidRequest(invalid(Some("seed"))), 400),
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
            assert_eq!(llm(error.clone()).public().status, status, "{error:?}");
        }
    }
}

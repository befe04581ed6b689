//! What a capability's error means to an HTTP client: one exhaustive match for each contract.
//!
//! May import the contracts' types and `http-edge`; calls no capability.

use contracts::{
    accounts, conversations, identity, llm, mail, moderation, oauth, quota, response_cache,
};
use http_edge::{ApiError, Cause, Detail};

/// `goldfish:conversations`; `path` is the part of the request that the capability would find
/// invalid.
pub fn conversations(error: conversations::types::Error, path: &str) -> ApiError {
    use conversations::types::Error;
    match error {
        Error::NotFound => ApiError::NotFound,
        Error::Invalid(what) => ApiError::invalid(path, what),
        Error::Conflict(why) => ApiError::Conflict(why),
        Error::Unavailable(cause) => ApiError::internal(cause),
    }
}

/// `goldfish:identity`.
pub fn identity(error: identity::types::AuthError) -> ApiError {
    use identity::types::AuthError;
    match error {
        AuthError::Missing => ApiError::Unauthorized("Sign in first."),
        AuthError::Invalid => {
            ApiError::Unauthorized("These credentials are not valid here. Sign in again.")
        }
        AuthError::Expired => {
            ApiError::Unauthorized("These credentials have expired. Refresh them or sign in again.")
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
        Error::WrongCredentials => ApiError::Unauthorized("Email address or password is wrong."),
        Error::EmailTaken => {
            ApiError::Conflict("This email address has an account already.".to_owned())
        }
        Error::EmailNotVerified => ApiError::Forbidden("Confirm your email address first."),
        Error::TokenInvalid => ApiError::Unauthorized("This token is not valid. Sign in again."),
        Error::TokenExpired => ApiError::Unauthorized("This token has expired. Sign in again."),
        Error::NotFound => ApiError::NotFound,
        Error::TooMany(what) => ApiError::Conflict(what),
        Error::Unavailable(cause) => ApiError::internal(cause),
    }
}

/// `goldfish:oauth`.
pub fn oauth(error: oauth::authorization::Error) -> ApiError {
    use oauth::authorization::Error;
    match error {
        Error::NotConfigured => ApiError::NotFound,
        Error::CodeRefused(_) => {
            ApiError::Unauthorized("The provider refuses this sign-in. Begin again.")
        }
        Error::Unavailable(cause) => ApiError::ProviderUnavailable(
            "The sign-in provider cannot be reached right now. Try again later.",
            None,
            Cause::new(cause),
        ),
        Error::Protocol(cause) => ApiError::ProviderUnavailable(
            "The sign-in provider did not answer as it should. Try again later.",
            None,
            Cause::new(cause),
        ),
    }
}

/// `goldfish:mail`.
pub fn mail(error: mail::sender::Error) -> ApiError {
    use mail::sender::Error;
    let cause = match error {
        Error::NotConfigured => "no webhook for mail".to_owned(),
        Error::Unavailable(cause) => cause,
    };
    ApiError::ProviderUnavailable(
        "Mail cannot be sent right now. Try again later.",
        None,
        Cause::new(cause),
    )
}

/// `goldfish:moderation`: without it nothing may pass.
pub fn moderation(error: moderation::filter::Error) -> ApiError {
    use moderation::filter::Error;
    match error {
        Error::InvalidConfiguration(cause) => ApiError::internal(format!("moderation: {cause}")),
    }
}

/// What `goldfish:moderation` blocks: the part of the request, or `reply`. A reason that is no code
/// is not passed on: it might quote what was blocked.
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
    use quota::credits::{Bound, Error};
    match error {
        Error::Spent(bound) => ApiError::InsufficientCredits(match bound {
            Bound::Credits => "Your credits are spent.",
            Bound::ApiKeyRequests => "The requests of this API key are spent.",
            Bound::ApiKeyTokens => "The tokens of this API key are spent.",
        }),
        Error::UnknownPlan(plans) => {
            ApiError::invalid("plan", format!("is not a plan here; there are: {plans}"))
        }
        Error::Unavailable(cause) => ApiError::internal(cause),
    }
}

/// `goldfish:response-cache`, where it matters: a cache that cannot be asked is none, but what was to
/// be erased must not stay unnoticed.
pub fn response_cache(error: response_cache::answers::Error) -> ApiError {
    let response_cache::answers::Error::Unavailable(cause) = error;
    ApiError::internal(cause)
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
        Error::InvalidRequest(invalid) => match invalid.field {
            Some(field) => ApiError::invalid(field, invalid.cause),
            None => ApiError::ProviderRefused(Cause::new(invalid.cause)),
        },
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
    fn reasons_are_codes() {
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
    fn account_failures_have_their_statuses() {
        use contracts::accounts::types::{Error, Problem};
        let problem = Problem {
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
            (Error::Unavailable("x".into()), 500),
        ] {
            assert_eq!(accounts(error.clone()).public().status, status, "{error:?}");
        }
    }

    #[test]
    fn what_is_spent_is_402() {
        use contracts::quota::credits::{Bound, Error};
        for bound in [Bound::Credits, Bound::ApiKeyRequests, Bound::ApiKeyTokens] {
            assert_eq!(credits(Error::Spent(bound)).public().status, 402);
        }
        let unknown = credits(Error::UnknownPlan("free, pro".into()));
        assert_eq!(unknown.public().status, 400);
    }

    #[test]
    fn provider_failures_have_their_statuses() {
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

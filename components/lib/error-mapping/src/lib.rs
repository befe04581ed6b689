//! Maps the errors of capabilities to HTTP errors: one exhaustive match for each contract.
//!
//! May import the contracts' types and `http-edge`; calls no capability.

use contracts::{
    accounts, conversations, files, identity, llm, mail, messaging, moderation, oauth, quota,
    realtime,
};
use http_edge::{ApiError, Cause, Detail, Refusal};

/// The name of a missing conversation, for [`ApiError::NotFound`].
pub const CONVERSATION: &str = "Conversation";

/// The name of a missing API key, for [`ApiError::NotFound`].
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

/// The name of a missing file, for [`ApiError::NotFound`].
pub const FILE: &str = "File";

/// `goldfish:files`; `path` is the part of the request that the error is about.
pub fn files(error: files::types::Error, path: &str) -> ApiError {
    use files::types::Error;
    match error {
        Error::NotFound => ApiError::NotFound(FILE),
        Error::UnsupportedType(why) => ApiError::UnsupportedFile(Detail {
            path: path.to_owned(),
            message: why,
        }),
        Error::TooLarge(limit) => ApiError::PayloadTooLarge(limit),
        Error::StorageFull(limit) => ApiError::StorageFull(limit),
        Error::Invalid(why) => ApiError::invalid(path, why),
        Error::Incomplete => ApiError::invalid(path, "did not arrive completely"),
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

/// `goldfish:realtime`.
pub fn realtime(error: realtime::proxy::Error) -> ApiError {
    use realtime::proxy::Error;
    let cause = match error {
        Error::NotConfigured => "grip_control_url is not set".to_owned(),
        Error::Unavailable(cause) => cause,
    };
    ApiError::ProviderUnavailable(
        "Realtime is out of reach right now. Try again later.",
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

/// `goldfish:messaging`.
pub fn messaging(error: messaging::types::Error) -> ApiError {
    use messaging::types::{Error, Subject};
    match error {
        Error::NotFound(subject) => ApiError::NotFound(match subject {
            Subject::User => "User",
            Subject::Channel => "Channel",
            Subject::Member => "Member",
            Subject::Invitation => "Invitation",
            Subject::Thread => "Thread",
            Subject::Message => "Message",
        }),
        Error::Forbidden(refusal) => ApiError::Forbidden(refusal_sentence(refusal)),
        Error::Conflict(conflict) => ApiError::Conflict(conflict_sentence(conflict).to_owned()),
        Error::Invalid(problems) => ApiError::Validation(
            problems
                .into_iter()
                .map(|problem| Detail {
                    path: bracketed(&problem.field),
                    message: problem.message,
                })
                .collect(),
        ),
        Error::Unavailable(cause) => ApiError::storage_unavailable(cause),
    }
}

/// `attachments.0.url` as `attachments[0].url`, as paths are written elsewhere.
fn bracketed(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for part in path.split('.') {
        let is_index = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (before, after) = match (is_index, text.is_empty()) {
            (true, _) => ("[", "]"),
            (false, true) => ("", ""),
            (false, false) => (".", ""),
        };
        text.extend([before, part, after]);
    }
    text
}

fn refusal_sentence(refusal: messaging::types::Refusal) -> &'static str {
    use messaging::types::Refusal;
    match refusal {
        Refusal::NotAMember => "Only members of the channel may do this. Join it first.",
        Refusal::Banned => "You are banned from this channel.",
        Refusal::RoleTooLow => "Your role in the channel does not allow this.",
        Refusal::Outranked => "That member has a higher role than you.",
        Refusal::NotTheAuthor => "Only the author of the message may do this.",
        Refusal::NotTheOwner => "Only the owner of the channel may do this.",
    }
}

fn conflict_sentence(conflict: messaging::types::Conflict) -> &'static str {
    use messaging::types::Conflict;
    match conflict {
        Conflict::LastAdmin => {
            "The channel would have no admin. Make another member an admin first, or delete the \
             channel."
        }
        Conflict::UserIsBanned => "The user is banned from the channel. Lift the ban first.",
        Conflict::ThreadArchived => "The thread is archived. Unarchive it to write to it.",
        Conflict::MessageDeleted => "The message was deleted.",
        Conflict::ClientIdReused => {
            "Another message was posted with this idempotency key or client id, in another thread."
        }
        Conflict::TooManyReactions => "The message has 20 different reactions, which is the limit.",
        Conflict::TooManyInvitations => {
            "The channel has 100 valid invitations, which is the limit. Revoke one first."
        }
    }
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

/// `goldfish:llm`. A provider's rate limit is 503; 429 is for the limits of this server. An error that only the
/// operator can correct is not 503, because clients repeat a request after that.
pub fn llm(error: llm::types::Error) -> ApiError {
    use llm::types::Error;
    match error {
        Error::UnknownModel => ApiError::invalid("model", "Unknown model. See GET /api/models."),
        Error::NotConfigured(variable) => ApiError::invalid("model", not_configured(&variable)),
        Error::InvalidRequest(invalid) => ApiError::ProviderRefused(refusal(invalid)),
        Error::ContextTooLong => ApiError::ContextTooLong,
        Error::ContentFiltered => {
            ApiError::invalid("message", "was rejected by the provider's content filter")
        }
        Error::ModelUnavailable(cause) => ApiError::ProviderRefused(Refusal::of(
            Detail {
                path: "model".to_owned(),
                message: MODEL_UNAVAILABLE.to_owned(),
            },
            None,
            Cause::new(cause),
        )),
        Error::Misconfigured(cause) => ApiError::ProviderMisconfigured(Cause::new(cause)),
        Error::RateLimited(temporary) => ApiError::ProviderUnavailable(
            "The AI provider's rate limit was reached. Try again later.",
            temporary.retry_after,
            Cause::new(temporary.cause),
        ),
        Error::Overloaded(temporary) => ApiError::ProviderUnavailable(
            "The AI provider cannot take requests at the moment. Try again later.",
            temporary.retry_after,
            Cause::new(temporary.cause),
        ),
        Error::Failed(cause) => ApiError::ProviderFailed(
            "The AI provider failed with an internal error. Try again.",
            Cause::new(cause),
        ),
        Error::Timeout(cause) => ApiError::ProviderTimeout(Cause::new(cause)),
        Error::Unreachable(cause) => {
            ApiError::ProviderFailed("The AI provider cannot be reached.", Cause::new(cause))
        }
        Error::Protocol(cause) => ApiError::ProviderFailed(
            "The AI provider sent an invalid response, or one that broke off.",
            Cause::new(cause),
        ),
        Error::Other(cause) => {
            ApiError::ProviderFailed("The AI provider failed to respond.", Cause::new(cause))
        }
    }
}

/// The sentence about a model that its provider does not have.
pub const MODEL_UNAVAILABLE: &str =
    "The AI provider does not offer this model to this server. Choose another model.";

/// The sentence about a model whose provider is not configured.
pub fn not_configured(variable: &str) -> String {
    format!(
        "This model is not configured on this server (variable {variable}). Choose another model."
    )
}

fn refusal(invalid: llm::types::Invalid) -> Refusal {
    let cause = Cause::new(format!("provider rejected the request: {}", invalid.reason));
    match invalid.field {
        Some(path) => {
            let message = invalid.reason;
            Refusal::of(Detail { path, message }, invalid.code, cause)
        }
        None => Refusal {
            detail: None,
            sentence: invalid.reason,
            code: invalid.code,
            cause,
        },
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
        let message = |reason: &str| {
            blocked("message", reason).public().details[0]
                .message
                .clone()
        };
        assert_eq!(message("word-list"), "was blocked (word-list)");
        for reason in ["", "It says secret", &"x".repeat(65)] {
            assert_eq!(message(reason), "was blocked");
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
    fn bracketed_writes_indexes_in_brackets() {
        assert_eq!(bracketed("attachments.12.url"), "attachments[12].url");
        assert_eq!(bracketed("name"), "name");
        assert_eq!(bracketed("profile.bio"), "profile.bio");
    }

    #[test]
    fn messaging_maps_each_error_to_its_status() {
        use contracts::messaging::types::{Conflict, Error, Problem, Refusal, Subject};
        let problem = Problem {
            field: "attachments.0.url".into(),
            message: "is too long".into(),
        };
        for (error, status) in [
            (Error::NotFound(Subject::Channel), 404),
            (Error::Forbidden(Refusal::NotAMember), 403),
            (Error::Conflict(Conflict::LastAdmin), 409),
            (Error::Invalid(vec![problem]), 400),
            (Error::Unavailable("x".into()), 503),
        ] {
            assert_eq!(
                messaging(error.clone()).public().status,
                status,
                "{error:?}"
            );
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
        use contracts::llm::types::{Error, Invalid, Temporary};
        let invalid = |field: Option<&str>| Invalid {
            field: field.map(str::to_owned),
            reason: "x".into(),
            code: None,
        };
        let temporary = |retry_after| Temporary {
            retry_after,
            cause: "x".into(),
        };
        for (error, status) in [
            (Error::UnknownModel, 400),
            (Error::NotConfigured("openai_api_key".into()), 400),
            (Error::InvalidRequest(invalid(None)), 400),
            (Error::InvalidRequest(invalid(Some("seed"))), 400),
            (Error::ContextTooLong, 400),
            (Error::ContentFiltered, 400),
            (Error::ModelUnavailable("x".into()), 400),
            (Error::Misconfigured("x".into()), 502),
            (Error::RateLimited(temporary(Some(3))), 503),
            (Error::Overloaded(temporary(None)), 503),
            (Error::Failed("x".into()), 502),
            (Error::Timeout("x".into()), 504),
            (Error::Unreachable("x".into()), 502),
            (Error::Protocol("x".into()), 502),
            (Error::Other("x".into()), 502),
        ] {
            assert_eq!(llm(error.clone()).public().status, status, "{error:?}");
        }
    }

    #[test]
    fn llm_names_what_the_client_or_the_operator_can_change() {
        use contracts::llm::types::{Error, Invalid};
        let sentence = |error| llm(error).public().sentence;
        assert!(sentence(Error::NotConfigured("openai_api_key".into())).contains("openai_api_key"));
        let invalid = |field: Option<&str>, reason: &str| {
            Error::InvalidRequest(Invalid {
                field: field.map(str::to_owned),
                reason: reason.into(),
                code: Some("unsupported_value".into()),
            })
        };
        assert_eq!(
            sentence(invalid(Some("seed"), "is not supported by anthropic")),
            "Invalid request: seed is not supported by anthropic."
        );
        assert_eq!(sentence(invalid(None, "No tools here.")), "No tools here.");
    }
}

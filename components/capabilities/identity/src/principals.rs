//! From verified credentials to the contract's types.

use credentials::keys::Keys;
use credentials::records::{self, ApiKeyRecord};
use credentials::tokens::{Grant, TokenError, Verified};
use credentials::{Subject, UserKind};

use crate::types::{self, ApiKeyGrant, AuthError, Principal, Proof, Scope, User};

/// Age from which a session cookie is renewed, in seconds: 1 day.
pub(crate) const RENEW_SECONDS: u64 = 24 * 60 * 60;

/// Maximum length of an email address or a name, in bytes. Longer ones are omitted.
const MAX_PROFILE_BYTES: usize = 320;

/// The principal of a session.
pub(crate) fn of_session(verified: Verified) -> Principal {
    Principal {
        user: user(verified.subject),
        proof: Proof::Session(verified.session),
        renewed_cookie: None,
    }
}

/// A new value for a session cookie that is valid at `now` (seconds), if it is old enough.
pub(crate) fn renewed_cookie(keys: &Keys, verified: &Verified, now: u64) -> Option<String> {
    if now.saturating_sub(verified.issued_at) < RENEW_SECONDS {
        return None;
    }
    Grant {
        subject: &verified.subject,
        session: &verified.session,
        now,
    }
    .cookie(keys)
}

/// The principal of an API key at `now` (milliseconds).
///
/// # Errors
/// `expired` if the key has expired.
pub(crate) fn of_api_key(record: ApiKeyRecord, now: u64) -> Result<Principal, AuthError> {
    if record.expires_at.is_some_and(|end| end <= now) {
        return Err(AuthError::Expired);
    }
    let scopes = record.scopes.into_iter().map(|scope| match scope {
        records::Scope::Read => Scope::Read,
        records::Scope::Chat => Scope::Chat,
        records::Scope::Write => Scope::Write,
        records::Scope::Admin => Scope::Admin,
    });
    Ok(Principal {
        user: user(record.owner),
        proof: Proof::ApiKey(ApiKeyGrant {
            id: record.id,
            scopes: scopes.collect(),
            chat_per_minute: record.chat_per_minute,
            request_budget: record.request_budget,
            token_budget: record.token_budget,
        }),
        renewed_cookie: None,
    })
}

fn user(subject: Subject) -> User {
    User {
        id: subject.id,
        kind: match subject.kind {
            UserKind::Guest => types::UserKind::Guest,
            UserKind::Registered => types::UserKind::Registered,
            UserKind::External => types::UserKind::External,
        },
        email: subject.email,
        name: subject.name,
    }
}

/// A user of an identity provider. `None` if the provider's id cannot be part of ours.
pub(crate) fn external(
    provider: &str,
    id: &str,
    email: Option<String>,
    name: Option<String>,
) -> Option<User> {
    let own_id = format!("{provider}_{id}");
    let sane = |text: &String| (1..=MAX_PROFILE_BYTES).contains(&text.len());
    (!id.is_empty() && credentials::is_id(&own_id)).then(|| User {
        id: own_id,
        kind: types::UserKind::External,
        email: email.filter(sane),
        name: name.filter(sane),
    })
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::Invalid,
            TokenError::Expired => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use credentials::keys::TokenKind;
    use credentials::tokens::{COOKIE_SECONDS, verify};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn subject() -> Subject {
        Subject {
            id: "user_1".to_owned(),
            kind: UserKind::Registered,
            email: Some("ada@example.com".to_owned()),
            name: None,
        }
    }

    fn record() -> ApiKeyRecord {
        ApiKeyRecord {
            id: "key".to_owned(),
            owner: subject(),
            scopes: vec![records::Scope::Read, records::Scope::Admin],
            expires_at: Some(NOW * 1000),
            chat_per_minute: Some(1),
            request_budget: Some(2),
            token_budget: Some(3),
        }
    }

    #[test]
    fn renewed_cookie_after_a_day_is_of_the_same_session() {
        let keys = Keys::derive(&[7; 32]).unwrap();
        let subject = subject();
        let grant = Grant {
            subject: &subject,
            session: "s",
            now: NOW,
        };
        let cookie = grant.cookie(&keys).unwrap();
        let check = |cookie: &str, now| verify(&keys, TokenKind::Cookie, cookie, now).unwrap();
        let first = check(&cookie, NOW);
        assert_eq!(renewed_cookie(&keys, &first, NOW + RENEW_SECONDS - 1), None);
        // A clock that is behind renews nothing.
        assert_eq!(renewed_cookie(&keys, &first, NOW - 1), None);
        let later = NOW + RENEW_SECONDS;
        let renewed = renewed_cookie(&keys, &first, later).unwrap();
        let second = check(&renewed, later);
        assert_eq!(second.subject, subject);
        assert_eq!(second.session, "s");
        assert_eq!(second.expires_at, later + COOKIE_SECONDS);
    }

    #[test]
    fn of_api_key_returns_grant_until_expiry() {
        let principal = of_api_key(record(), NOW * 1000 - 1).unwrap();
        assert_eq!(principal.user.id, "user_1");
        assert_eq!(principal.user.kind, types::UserKind::Registered);
        let Proof::ApiKey(grant) = principal.proof else {
            panic!("proved by an API key");
        };
        assert_eq!(grant.id, "key");
        assert_eq!(grant.scopes, [Scope::Read, Scope::Admin]);
        assert_eq!(
            (
                grant.chat_per_minute,
                grant.request_budget,
                grant.token_budget
            ),
            (Some(1), Some(2), Some(3))
        );
        assert_eq!(of_api_key(record(), NOW * 1000), Err(AuthError::Expired));
    }

    #[test]
    fn external_with_invalid_fields_omits_them() {
        let long = "a".repeat(MAX_PROFILE_BYTES + 1);
        for text in [String::new(), long] {
            let user = external("workos", "user_1", Some(text.clone()), Some(text)).unwrap();
            assert_eq!(user.id, "workos_user_1");
            assert_eq!((user.email, user.name), (None, None));
        }
        for id in ["", "user:1", "user/1", "ü", &"a".repeat(122)] {
            assert_eq!(external("workos", id, None, None), None, "{id}");
        }
    }
}

//! Credentials that we made ourselves: one HMAC or hash, and one look-up.

use std::collections::HashMap;

use credentials::api_key;
use credentials::keys::{Keys, TokenKind};
use credentials::records::{self, ApiKeyRecord, LAST_USED_STEP_MS};
use credentials::tokens::{self, Verified};
use journal::Store;

use crate::types::{AuthError, Principal};
use crate::{principals, revocation};

/// Whom an access token is of, at `now` (milliseconds; likewise below).
///
/// # Errors
/// `expired` for a token of ours that is too old, `invalid` for everything else, and what was
/// revoked; `unavailable` if that cannot be known.
pub(crate) async fn access_token(
    store: &impl Store,
    keys: &Keys,
    token: &str,
    now: u64,
) -> Result<Principal, AuthError> {
    let verified = session(store, keys, TokenKind::Access, token, now).await?;
    Ok(principals::of_session(verified))
}

/// Whom a session cookie is of. A cookie that has been used for a while is renewed.
///
/// # Errors
/// As for access tokens.
pub(crate) async fn cookie(
    store: &impl Store,
    keys: &Keys,
    cookie: &str,
    now: u64,
) -> Result<Principal, AuthError> {
    let verified = session(store, keys, TokenKind::Cookie, cookie, now).await?;
    let renewed_cookie = principals::renewed_cookie(keys, &verified, now / 1000);
    if renewed_cookie.is_some() {
        note_renewal(store, &verified.session, now).await;
    }
    Ok(Principal {
        renewed_cookie,
        ..principals::of_session(verified)
    })
}

/// Writes down that a session goes on, for the list of sessions: once a day, also for a client that
/// never takes the new cookie. That it fails is no reason to refuse the session.
async fn note_renewal(store: &impl Store, session: &str, now: u64) {
    let key = records::renewed_session(session);
    let Ok(stored) = store.get(&key).await else {
        return;
    };
    let known = stored.as_deref().and_then(records::last_used_from_bytes);
    if known.is_none_or(|at| now.saturating_sub(at) >= principals::RENEW_SECONDS * 1000) {
        let _ = store.set(&key, &records::last_used_to_bytes(now)).await;
    }
}

async fn session(
    store: &impl Store,
    keys: &Keys,
    kind: TokenKind,
    token: &str,
    now: u64,
) -> Result<Verified, AuthError> {
    let verified = tokens::verify(keys, kind, token, now / 1000)?;
    revocation::check(store, &records::revoked_session(&verified.session)).await?;
    Ok(verified)
}

/// What is known of an API key. What is no key by its checksum costs no look-up.
///
/// # Errors
/// `invalid` for what is no key, or was revoked; `unavailable` if that cannot be known.
pub(crate) async fn api_key(store: &impl Store, key: &str) -> Result<ApiKeyRecord, AuthError> {
    let hash = api_key::parse(key).ok_or(AuthError::Invalid)?;
    let stored = store
        .get(&records::api_key(&hash))
        .await
        .map_err(revocation::unavailable)?
        .ok_or(AuthError::Invalid)?;
    ApiKeyRecord::from_bytes(&stored)
        .ok_or_else(|| AuthError::Unavailable("the record of an API key is damaged".to_owned()))
}

/// The API keys whose use this instance has noted lately.
#[derive(Default)]
pub(crate) struct Noted(HashMap<String, u64>);

impl Noted {
    /// Whether the use of a key at `now` is to be noted: once in a while.
    pub(crate) fn is_due(&mut self, key_id: &str, now: u64) -> bool {
        self.0
            .retain(|_, at| now.saturating_sub(*at) < LAST_USED_STEP_MS);
        let due = !self.0.contains_key(key_id);
        if due {
            self.0.insert(key_id.to_owned(), now);
        }
        due
    }
}

/// Writes down that a key was used at `now`, unless another instance did lately. That it fails is
/// no reason to refuse the key.
pub(crate) async fn note_use(store: impl Store, key_id: String, now: u64) {
    let key = records::last_used(&key_id);
    let Ok(stored) = store.get(&key).await else {
        return;
    };
    let known = stored.as_deref().and_then(records::last_used_from_bytes);
    if known.is_none_or(|at| now.saturating_sub(at) >= LAST_USED_STEP_MS) {
        let _ = store.set(&key, &records::last_used_to_bytes(now)).await;
    }
}

#[cfg(test)]
#[path = "ours_tests.rs"]
mod tests;

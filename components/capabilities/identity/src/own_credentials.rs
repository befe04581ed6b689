//! Verifying credentials of this application: one HMAC or hash, and one read of the store.

use std::collections::HashMap;

use credentials::api_key;
use credentials::keys::{Keys, TokenKind};
use credentials::records::{self, ApiKeyRecord, LAST_USED_STEP_MS};
use credentials::tokens::{self, Verified};
use journal::Store;

use crate::types::{AuthError, Principal};
use crate::{principals, revocation};

/// The principal of an access token at `now` (milliseconds, likewise below).
///
/// # Errors
/// `expired` for a genuine token that has expired; `invalid` for a revoked one and everything else;
/// `unavailable` if the store fails.
pub(crate) async fn access_token(
    store: &impl Store,
    keys: &Keys,
    token: &str,
    now: u64,
) -> Result<Principal, AuthError> {
    let verified = session(store, keys, TokenKind::Access, token, now).await?;
    Ok(principals::of_session(verified))
}

/// The principal of a session cookie. An old cookie is renewed.
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
        record_renewal(store, &verified.session, now).await;
    }
    Ok(Principal {
        renewed_cookie,
        ..principals::of_session(verified)
    })
}

/// Records that a session's cookie was renewed, for the list of sessions. At most once a day, also for a
/// client that ignores the new cookie. A failure does not fail the request.
async fn record_renewal(store: &impl Store, session: &str, now: u64) {
    let key = records::renewed_session(session);
    let Ok(stored) = store.get(&key).await else {
        return;
    };
    let last_used = stored.as_deref().and_then(records::last_used_from_bytes);
    if last_used.is_none_or(|at| now.saturating_sub(at) >= principals::RENEW_SECONDS * 1000) {
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

/// The record of an API key. Text with a wrong checksum costs no read.
///
/// # Errors
/// `invalid` if there is no such key or it was revoked; `unavailable` if the store fails.
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

/// The API keys whose use this instance recorded recently.
#[derive(Default)]
pub(crate) struct Noted(HashMap<String, u64>);

impl Noted {
    /// Whether the use of a key at `now` must be recorded.
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

/// Records that a key was used at `now`, unless another instance did recently. A failure does not fail
/// the request.
pub(crate) async fn record_use(store: impl Store, key_id: String, now: u64) {
    let key = records::last_used(&key_id);
    let Ok(stored) = store.get(&key).await else {
        return;
    };
    let last_used = stored.as_deref().and_then(records::last_used_from_bytes);
    if last_used.is_none_or(|at| now.saturating_sub(at) >= LAST_USED_STEP_MS) {
        let _ = store.set(&key, &records::last_used_to_bytes(now)).await;
    }
}

#[cfg(test)]
#[path = "own_credentials_tests.rs"]
mod tests;

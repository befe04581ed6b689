//! Credentials that we made ourselves: one HMAC or hash, and one look-up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use credentials::keys::TokenKind;
use credentials::records::{self, ApiKeyRecord, LAST_USED_STEP_MS};
use credentials::tokens::{self, Verified};
use credentials::{api_key, signing};
use journal::{Spin, Store};
use spin_sdk::wasip3::spawn;

use super::{now_ms, revocation};
use crate::principals;
use crate::types::{AuthError, Principal};

/// Whom an access token is of.
pub(super) async fn access_token(token: &str) -> Result<Principal, AuthError> {
    let verified = session(TokenKind::Access, token).await?;
    Ok(principals::of_session(verified))
}

/// Whom a session cookie is of. A cookie that has been used for a while is renewed.
pub(super) async fn cookie(cookie: &str) -> Result<Principal, AuthError> {
    let verified = session(TokenKind::Cookie, cookie).await?;
    let keys = signing_keys().await?;
    let renewed_cookie = principals::renewed_cookie(keys, &verified, now_ms() / 1000);
    Ok(Principal {
        renewed_cookie,
        ..principals::of_session(verified)
    })
}

async fn session(kind: TokenKind, token: &str) -> Result<Verified, AuthError> {
    let verified = tokens::verify(signing_keys().await?, kind, token, now_ms() / 1000)?;
    revocation::check(&records::revoked_session(&verified.session)).await?;
    Ok(verified)
}

async fn signing_keys() -> Result<&'static credentials::keys::Keys, AuthError> {
    let keys = signing::keys().await;
    keys.map_err(|error| AuthError::Unavailable(error.to_string()))
}

/// Whom an API key is of. What is no key by its checksum costs no look-up.
pub(super) async fn api_key(key: &str) -> Result<Principal, AuthError> {
    let hash = api_key::parse(key).ok_or(AuthError::Invalid)?;
    let store = Spin::open_default()
        .await
        .map_err(revocation::unavailable)?;
    let stored = store
        .get(&records::api_key(&hash))
        .await
        .map_err(revocation::unavailable)?
        .ok_or(AuthError::Invalid)?;
    let record = ApiKeyRecord::from_bytes(&stored)
        .ok_or_else(|| AuthError::Unavailable("the record of an API key is damaged".to_owned()))?;
    let now = now_ms();
    let key_id = record.id.clone();
    let principal = principals::of_api_key(record, now)?;
    if is_to_be_noted(&key_id, now) {
        // The request need not wait for it.
        spawn(note_use(store, key_id, now));
    }
    Ok(principal)
}

/// Whether this instance has not noted for a while that the key was used.
fn is_to_be_noted(key_id: &str, now: u64) -> bool {
    static NOTED: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    let noted = noted.get_or_insert_default();
    noted.retain(|_, at| now.saturating_sub(*at) < LAST_USED_STEP_MS);
    if noted.contains_key(key_id) {
        return false;
    }
    noted.insert(key_id.to_owned(), now);
    true
}

/// Writes down that a key was used, unless another instance did lately. That it fails is no reason
/// to refuse the key.
async fn note_use(store: Spin, key_id: String, now: u64) {
    let key = records::last_used(&key_id);
    let Ok(stored) = store.get(&key).await else {
        return;
    };
    let known = stored.as_deref().and_then(records::last_used_from_bytes);
    if known.is_none_or(|at| now.saturating_sub(at) >= LAST_USED_STEP_MS) {
        let _ = store.set(&key, &records::last_used_to_bytes(now)).await;
    }
}

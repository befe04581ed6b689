//! Credentials that we made ourselves.

use std::sync::{Mutex, PoisonError};

use credentials::keys::Keys;
use credentials::signing;
use spin_sdk::wasip3::spawn;

use super::{now_ms, store};
use crate::ours::{self, Noted};
use crate::principals;
use crate::types::{AuthError, Principal};

/// Whom an access token is of.
pub(super) async fn access_token(token: &str) -> Result<Principal, AuthError> {
    ours::access_token(&store().await?, signing_keys().await?, token, now_ms()).await
}

/// Whom a session cookie is of.
pub(super) async fn cookie(cookie: &str) -> Result<Principal, AuthError> {
    ours::cookie(&store().await?, signing_keys().await?, cookie, now_ms()).await
}

async fn signing_keys() -> Result<&'static Keys, AuthError> {
    let keys = signing::keys().await;
    keys.map_err(|error| AuthError::Unavailable(error.to_string()))
}

/// Whom an API key is of.
pub(super) async fn api_key(key: &str) -> Result<Principal, AuthError> {
    static NOTED: Mutex<Option<Noted>> = Mutex::new(None);
    let store = store().await?;
    let record = ours::api_key(&store, key).await?;
    let now = now_ms();
    let key_id = record.id.clone();
    let principal = principals::of_api_key(record, now)?;
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.get_or_insert_default().is_due(&key_id, now) {
        // The request need not wait for it.
        spawn(ours::note_use(store, key_id, now));
    }
    Ok(principal)
}

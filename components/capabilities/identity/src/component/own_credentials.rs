//! Credentials issued by this application.

use std::sync::{Mutex, PoisonError};
use unix_time::now_ms;

use credentials::keys::Keys;
use credentials::signing;
use spin_sdk::wasip3::spawn;

use super::store;
use crate::own_credentials::{self, Noted};
use crate::principals;
use crate::types::{AuthError, Principal};

/// The principal of an access token.
pub(super) async fn access_token(token: &str) -> Result<Principal, AuthError> {
    own_credentials::access_token(&store().await?, signing_keys().await?, token, now_ms()).await
}

/// The principal of a session cookie.
pub(super) async fn cookie(cookie: &str) -> Result<Principal, AuthError> {
    own_credentials::cookie(&store().await?, signing_keys().await?, cookie, now_ms()).await
}

async fn signing_keys() -> Result<&'static Keys, AuthError> {
    let keys = signing::keys().await;
    keys.map_err(|error| AuthError::Unavailable(error.to_string()))
}

/// The principal of an API key.
pub(super) async fn api_key(key: &str) -> Result<Principal, AuthError> {
    static NOTED: Mutex<Option<Noted>> = Mutex::new(None);
    let store = store().await?;
    let record = own_credentials::api_key(&store, key).await?;
    let now = now_ms();
    let key_id = record.id.clone();
    let principal = principals::of_api_key(record, now)?;
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.get_or_insert_default().is_due(&key_id, now) {
        // In the background, because the response does not depend on it.
        spawn(own_credentials::record_use(store, key_id, now));
    }
    Ok(principal)
}

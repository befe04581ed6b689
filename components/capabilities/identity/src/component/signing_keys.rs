//! The signing keys of this instance.

use std::sync::OnceLock;

use journal::Spin;

use super::config;
use crate::keys::{Keys, MIN_SECRET_BYTES};
use crate::secret;
use crate::types::AuthError;

/// The signing keys, derived once in the life of an instance: from `jwt_secret` if it is set, else
/// from the secret that is kept in the store. Setting `jwt_secret` later, or changing it, ends all
/// sessions that were signed before.
///
/// # Errors
/// `unavailable` if the secret cannot be read, or `jwt_secret` is too short.
pub(super) async fn get() -> Result<&'static Keys, AuthError> {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    if let Some(keys) = KEYS.get() {
        return Ok(keys);
    }
    let keys = load().await?;
    // A request that ran beside this one has derived the same.
    Ok(KEYS.get_or_init(|| keys))
}

async fn load() -> Result<Keys, AuthError> {
    let configured = config::variable("jwt_secret").await?;
    if !configured.is_empty() {
        return Keys::derive(configured.as_bytes()).ok_or_else(|| {
            AuthError::Unavailable(format!(
                "jwt_secret is shorter than {MIN_SECRET_BYTES} bytes"
            ))
        });
    }
    let stored = stored_secret()
        .await
        .map_err(|error| AuthError::Unavailable(format!("the signing secret: {error}")))?;
    Keys::derive(stored.as_bytes())
        .ok_or_else(|| AuthError::Unavailable("the stored signing secret is damaged".to_owned()))
}

async fn stored_secret() -> Result<String, journal::Error> {
    secret::agree(Spin::open_default().await?, secret::random()?).await
}

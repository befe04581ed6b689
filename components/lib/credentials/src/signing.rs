//! The signing keys of this instance.

use std::fmt;
use std::sync::OnceLock;

use journal::Spin;
use spin_sdk::variables;

use crate::keys::{Keys, MIN_SECRET_BYTES};
use crate::secret;

/// Why there are no signing keys. The text is for the log and contains nothing secret.
#[derive(Debug)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The signing keys, derived once per instance: from `jwt_secret` if it is set, else from the
/// secret in the store. Setting or changing `jwt_secret` ends all sessions that were signed before.
///
/// # Errors
/// If the secret cannot be read or `jwt_secret` is too short.
pub async fn keys() -> Result<&'static Keys, Unavailable> {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    if let Some(keys) = KEYS.get() {
        return Ok(keys);
    }
    let keys = load().await?;
    // A concurrent request has derived the same keys.
    Ok(KEYS.get_or_init(|| keys))
}

async fn load() -> Result<Keys, Unavailable> {
    let configured = match variables::get("jwt_secret").await {
        Ok(value) => value,
        Err(variables::Error::Undefined(_)) => String::new(),
        Err(_) => {
            return Err(Unavailable(
                "the variable jwt_secret cannot be read".to_owned(),
            ));
        }
    };
    if !configured.is_empty() {
        return Keys::derive(configured.as_bytes()).ok_or_else(|| {
            Unavailable(format!(
                "jwt_secret is shorter than {MIN_SECRET_BYTES} bytes"
            ))
        });
    }
    let stored = stored_secret()
        .await
        .map_err(|error| Unavailable(format!("the signing secret: {error}")))?;
    Keys::derive(stored.as_bytes())
        .ok_or_else(|| Unavailable("the stored signing secret is damaged".to_owned()))
}

async fn stored_secret() -> Result<String, journal::Error> {
    secret::agree(Spin::open_default().await?, secret::random()?).await
}

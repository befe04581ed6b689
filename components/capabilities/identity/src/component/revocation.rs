//! What was revoked, on whichever instance.

use credentials::records::REVOKED;
use journal::{Spin, Store};

use crate::types::AuthError;

/// Looks for the marker at `key`.
///
/// # Errors
/// `invalid` if it is there, `unavailable` if that cannot be known.
pub(super) async fn check(key: &str) -> Result<(), AuthError> {
    let store = Spin::open_default().await.map_err(unavailable)?;
    match store.get(key).await.map_err(unavailable)? {
        None => Ok(()),
        Some(_) => Err(AuthError::Invalid),
    }
}

/// Sets the marker at `key`. Only for sessions of outside providers; ours are revoked by
/// `goldfish:accounts`. It stays: nobody tells us when such a session is over.
///
/// # Errors
/// `unavailable` if it could not be set.
pub(super) async fn mark(key: &str) -> Result<(), AuthError> {
    let store = Spin::open_default().await.map_err(unavailable)?;
    store.set(key, REVOKED).await.map_err(unavailable)
}

pub(super) fn unavailable(error: journal::Error) -> AuthError {
    AuthError::Unavailable(error.to_string())
}

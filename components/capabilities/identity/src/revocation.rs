//! What was revoked, on whichever instance.

use credentials::records::REVOKED;
use journal::Store;

use crate::types::AuthError;

/// Looks for the marker at `key`.
///
/// # Errors
/// `invalid` if it is there, `unavailable` if that cannot be known.
pub(crate) async fn check(store: &impl Store, key: &str) -> Result<(), AuthError> {
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
pub(crate) async fn mark(store: &impl Store, key: &str) -> Result<(), AuthError> {
    store.set(key, REVOKED).await.map_err(unavailable)
}

/// The store failed.
pub(crate) fn unavailable(error: journal::Error) -> AuthError {
    AuthError::Unavailable(error.to_string())
}

//! Markers of revoked sessions in the store.

use credentials::records::REVOKED;
use journal::Store;

use crate::types::AuthError;

/// Checks that there is no marker at `key`.
///
/// # Errors
/// `invalid` if there is one, `unavailable` if the store fails.
pub(crate) async fn check(store: &impl Store, key: &str) -> Result<(), AuthError> {
    match store.get(key).await.map_err(unavailable)? {
        None => Ok(()),
        Some(_) => Err(AuthError::Invalid),
    }
}

/// Writes the marker at `key`, for a session of an identity provider. `goldfish:accounts` revokes other
/// sessions. The marker is never deleted, because the provider does not report the session's end.
///
/// # Errors
/// `unavailable` if the store fails.
pub(crate) async fn mark(store: &impl Store, key: &str) -> Result<(), AuthError> {
    store.set(key, REVOKED).await.map_err(unavailable)
}

/// The error for a failed store.
pub(crate) fn unavailable(error: journal::Error) -> AuthError {
    AuthError::Unavailable(error.to_string())
}

//! Clerk sessions.

use credentials::records;
use futures::future::join;
use unix_time::now_ms;

use super::{config, key_sets, store};
use crate::types::{AuthError, Principal, Proof};
use crate::{clerk, revocation};

/// Whether Clerk is configured.
///
/// # Errors
/// `unavailable` if the variables cannot be read.
pub(super) async fn is_on() -> Result<bool, AuthError> {
    Ok(config::clerk().await?.is_some())
}

/// The principal of a session token.
pub(super) async fn authenticate(token: &str) -> Result<Principal, AuthError> {
    let config = config::clerk().await?.ok_or(AuthError::Invalid)?;
    let key_id = clerk::key_id(token)?;
    let claimed = clerk::claimed_session(token).ok_or(AuthError::Invalid)?;
    let store = store().await?;
    let marker = records::revoked_clerk(&claimed);
    // Both run to completion, because an aborted fetch of the key set would count as failed.
    let (key, revocation) = join(
        key_sets::CLERK.get(&config.key_set_url, &key_id),
        revocation::check(&store, &marker),
    )
    .await;
    revocation?;
    let key = key?;
    // The token is verified now, so the claimed session is its session.
    let (user, session) = clerk::verify(token, &key, &config.settings, now_ms() / 1000)?;
    Ok(Principal {
        user,
        proof: Proof::Clerk(session),
        renewed_cookie: None,
    })
}

/// Revokes the session of a token. Clerk keeps the session until the frontend signs out there.
pub(super) async fn sign_out(token: &str) -> Result<(), AuthError> {
    let config = config::clerk().await?.ok_or(AuthError::Invalid)?;
    let key_id = clerk::key_id(token)?;
    let key = key_sets::CLERK.get(&config.key_set_url, &key_id).await?;
    let (_, session) = clerk::verify(token, &key, &config.settings, now_ms() / 1000)?;
    revocation::mark(&store().await?, &records::revoked_clerk(&session)).await
}

//! WorkOS sessions.

use std::time::Duration;
use unix_time::now_ms;

use credentials::records;
use futures::future::join;
use serde_json::json;

use super::config::{self, Workos};
use super::{http, key_sets, renewal, store};
use crate::revocation;
use crate::types::{AuthError, Principal, Proof};
use crate::workos::{self, Session};

/// Timeout of ending a session at WorkOS.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum size of the response, in bytes.
const REVOKE_MAX_BYTES: usize = 16 * 1024;

/// The principal of a sealed session. Refreshes an expired session if an API key is configured.
pub(super) async fn authenticate(cookie: &str) -> Result<Principal, AuthError> {
    let config = config::workos().await?.ok_or(AuthError::Invalid)?;
    let session = workos::open(cookie, &config.cookie_password, now_ms())?;
    let claims = session.sealed_claims(&config.client_id)?;
    let marker = records::revoked_workos(&claims.sid);
    let store = store().await?;
    let refreshes = !config.api_key.is_empty() && claims.are_expired(now_ms() / 1000);
    if let Some(refresh_token) = session.refresh_token().filter(|_| refreshes) {
        revocation::check(&store, &marker).await?;
        let cookie = renewal::renew(config, &store, &claims, refresh_token).await?;
        let renewed = workos::open(&cookie, &config.cookie_password, now_ms())?;
        // A refresh must not change the session or the user.
        if !renewed
            .sealed_claims(&config.client_id)?
            .are_of_session(&claims)
        {
            return Err(AuthError::Invalid);
        }
        let principal = verify(config, renewed).await?;
        return Ok(Principal {
            renewed_cookie: Some(cookie),
            ..principal
        });
    }
    // Both run to completion, because an aborted fetch of the key set would count as failed.
    let check = revocation::check(&store, &marker);
    let (principal, revocation) = join(verify(config, session), check).await;
    revocation?;
    principal
}

async fn verify(config: &Workos, session: Session) -> Result<Principal, AuthError> {
    let key_id = session.key_id().ok_or(AuthError::Invalid)?;
    let key = key_sets::WORKOS.get(&config.key_set_url, &key_id).await?;
    let (user, session_id) = session.verify(&key, &config.client_id, now_ms() / 1000)?;
    Ok(Principal {
        user,
        proof: Proof::Workos(session_id),
        renewed_cookie: None,
    })
}

/// Ends the session in `cookie`, also if its access token has expired. Returns the URL at which WorkOS
/// ends the browser's session.
pub(super) async fn sign_out(cookie: &str) -> Result<String, AuthError> {
    let config = config::workos().await?.ok_or(AuthError::Invalid)?;
    let session = workos::open(cookie, &config.cookie_password, now_ms())?;
    let session_id = session.sealed_claims(&config.client_id)?.sid;
    revocation::mark(&store().await?, &records::revoked_workos(&session_id)).await?;
    if !config.api_key.is_empty() {
        // The session is revoked here even if WorkOS cannot be reached, and the browser goes to
        // WorkOS next.
        revoke(config, &session_id).await;
    }
    Ok(format!(
        "{}/user_management/sessions/logout?session_id={session_id}",
        config.base_url
    ))
}

async fn revoke(config: &Workos, session_id: &str) {
    let url = format!("{}/user_management/sessions/revoke", config.base_url);
    let body = json!({"session_id": session_id}).to_string();
    if let Some(request) = http::post(&url, &config.api_key, body) {
        http::send(request, REVOKE_TIMEOUT, REVOKE_MAX_BYTES).await;
    }
}

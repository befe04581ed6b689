//! The exports, and the state of an instance. An instance serves many requests at once; no lock is
//! held across an await.

mod config;
mod signing_keys;
mod workos_keys;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::exports::goldfish::identity::{authentication, sessions as contract};
use crate::keys::TokenKind;
use crate::types::{AuthError, Credentials, Session, User};
use crate::{sessions, tokens, workos};

struct Identity;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Identity;
    crate::bindings::export!(Identity with_types_in crate::bindings);
}

impl authentication::Guest for Identity {
    async fn authenticate(credentials: Credentials) -> Result<User, AuthError> {
        // An empty value is what is left of a cookie that was cleared.
        let present = |value: Option<String>| value.filter(|value| !value.is_empty());
        let ours = present(credentials.bearer).or_else(|| present(credentials.session_cookie));
        if let Some(token) = ours {
            let keys = signing_keys::get().await?;
            let (user, _) = tokens::verify(keys, TokenKind::Access, &token, now_ms() / 1000)?;
            return Ok(user);
        }
        match present(credentials.workos_cookie) {
            Some(cookie) => authenticate_workos(&cookie).await,
            None => Err(AuthError::Missing),
        }
    }
}

impl contract::Guest for Identity {
    async fn create_guest() -> Result<Session, AuthError> {
        sessions::create_guest(signing_keys::get().await?, now_ms() / 1000)
    }

    async fn refresh(refresh_token: String) -> Result<Session, AuthError> {
        sessions::refresh(signing_keys::get().await?, &refresh_token, now_ms() / 1000)
    }
}

async fn authenticate_workos(cookie: &str) -> Result<User, AuthError> {
    let config = config::workos().await?.ok_or(AuthError::Invalid)?;
    let session = workos::open(cookie, &config.cookie_password, now_ms())?;
    let key_id = session.key_id().ok_or(AuthError::Invalid)?;
    let key = workos_keys::get(&config.key_set_url, &key_id).await?;
    session.user(&key, &config.client_id, now_ms() / 1000)
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}

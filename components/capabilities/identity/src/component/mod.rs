//! The exports of the component. An instance serves many requests concurrently; no lock is held across
//! an await.

mod clerk;
mod config;
mod http;
mod key_sets;
mod own_credentials;
mod renewal;
mod workos;

use std::time::{SystemTime, UNIX_EPOCH};

use journal::Spin;

use crate::bindings::exports::goldfish::identity::{authentication, external_sessions};
use crate::credential::{Credential, choose};
use crate::revocation;
use crate::types::{AuthError, Credentials, Principal};

struct Identity;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Identity;
    crate::bindings::export!(Identity with_types_in crate::bindings);
}

impl authentication::Guest for Identity {
    async fn authenticate(credentials: Credentials) -> Result<Principal, AuthError> {
        match choose(credentials).ok_or(AuthError::Missing)? {
            Credential::Token(token) => own_credentials::access_token(&token).await,
            Credential::ApiKey(key) => own_credentials::api_key(&key).await,
            Credential::Cookie(cookie) => own_credentials::cookie(&cookie).await,
            Credential::Workos(cookie) => workos::authenticate(&cookie).await,
            Credential::ClerkBearer(token) => clerk::authenticate(&token).await,
            // Other systems use the cookie name `__session` too.
            Credential::ClerkCookie(_) if !clerk::is_on().await? => Err(AuthError::Missing),
            Credential::ClerkCookie(token) => clerk::authenticate(&token).await,
        }
    }
}

impl external_sessions::Guest for Identity {
    async fn sign_out(credentials: Credentials) -> Result<Option<String>, AuthError> {
        match choose(credentials).ok_or(AuthError::Missing)? {
            Credential::Workos(cookie) => workos::sign_out(&cookie).await.map(Some),
            Credential::ClerkBearer(token) | Credential::ClerkCookie(token) => {
                clerk::sign_out(&token).await.map(|()| None)
            }
            Credential::Token(_) | Credential::ApiKey(_) | Credential::Cookie(_) => {
                Err(AuthError::Invalid)
            }
        }
    }
}

async fn store() -> Result<Spin, AuthError> {
    Spin::open_default().await.map_err(revocation::unavailable)
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}

//! The exports, and the state of an instance. An instance serves many requests at once; no lock is
//! held across an await.

mod clerk;
mod config;
mod http;
mod key_sets;
mod ours;
mod renewal;
mod workos;

use std::time::{SystemTime, UNIX_EPOCH};

use journal::Spin;

use crate::bindings::exports::goldfish::identity::{authentication, external_sessions};
use crate::presented::{Presented, choose};
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
            Presented::Token(token) => ours::access_token(&token).await,
            Presented::ApiKey(key) => ours::api_key(&key).await,
            Presented::Cookie(cookie) => ours::cookie(&cookie).await,
            Presented::Workos(cookie) => workos::authenticate(&cookie).await,
            Presented::ClerkBearer(token) => clerk::authenticate(&token).await,
            // Others name their cookies `__session` too.
            Presented::ClerkCookie(_) if !clerk::is_on().await? => Err(AuthError::Missing),
            Presented::ClerkCookie(token) => clerk::authenticate(&token).await,
        }
    }
}

impl external_sessions::Guest for Identity {
    async fn sign_out(credentials: Credentials) -> Result<Option<String>, AuthError> {
        match choose(credentials).ok_or(AuthError::Missing)? {
            Presented::Workos(cookie) => workos::sign_out(&cookie).await.map(Some),
            Presented::ClerkBearer(token) | Presented::ClerkCookie(token) => {
                clerk::sign_out(&token).await.map(|()| None)
            }
            Presented::Token(_) | Presented::ApiKey(_) | Presented::Cookie(_) => {
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

//! The exports of the component. An instance serves many requests concurrently; no lock is held across
//! an await.

mod clerk;
mod config;
mod http;
mod key_sets;
mod own_credentials;
mod renewal;
mod workos;

use journal::Spin;

use crate::bindings::exports::goldfish::identity::{authentication, external_sessions};
use crate::credential::{Credential, Presented, present, strongest};
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
        match present(credentials, clerk::is_on().await?) {
            Presented::Explicit(credential) => verify(credential).await,
            Presented::Cookies(cookies) => strongest(cookies, verify).await,
        }
    }
}

impl external_sessions::Guest for Identity {
    async fn sign_out(credentials: Credentials) -> Result<Option<String>, AuthError> {
        let sessions = match present(credentials, clerk::is_on().await?) {
            Presented::Explicit(credential) => vec![credential],
            Presented::Cookies(cookies) => cookies,
        };
        let mut url = None;
        let mut result = Err(AuthError::Invalid);
        for session in sessions {
            let ended = match session {
                Credential::Workos(cookie) => workos::sign_out(&cookie).await.map(Some),
                Credential::Clerk(token) => clerk::sign_out(&token).await.map(|()| None),
                Credential::Token(_) | Credential::ApiKey(_) | Credential::Cookie(_) => continue,
            };
            match ended {
                Ok(target) => {
                    url = url.or(target);
                    result = Ok(());
                }
                // A session that could not be ended must not look ended.
                Err(error @ AuthError::Unavailable(_)) => return Err(error),
                Err(_) => {}
            }
        }
        result.map(|()| url)
    }
}

async fn verify(credential: Credential) -> Result<Principal, AuthError> {
    match credential {
        Credential::Token(token) => own_credentials::access_token(&token).await,
        Credential::ApiKey(key) => own_credentials::api_key(&key).await,
        Credential::Cookie(cookie) => own_credentials::cookie(&cookie).await,
        Credential::Workos(cookie) => workos::authenticate(&cookie).await,
        Credential::Clerk(token) => clerk::authenticate(&token).await,
    }
}

async fn store() -> Result<Spin, AuthError> {
    Spin::open_default().await.map_err(revocation::unavailable)
}

//! The variables of this component, read once per instance.

use std::sync::OnceLock;

use spin_sdk::variables::{self, Error};

use crate::clerk;
use crate::seal::MIN_PASSWORD_CHARS;
use crate::types::AuthError;

/// The WorkOS settings.
pub(super) struct Workos {
    pub(super) client_id: String,
    /// Empty if sessions are not refreshed or ended at WorkOS.
    pub(super) api_key: String,
    pub(super) cookie_password: String,
    /// The URL of WorkOS' API, without a slash at the end.
    pub(super) base_url: String,
    /// The URL of the key set.
    pub(super) key_set_url: String,
}

/// The Clerk settings.
pub(super) struct Clerk {
    /// The URL of the key set.
    pub(super) key_set_url: String,
    pub(super) settings: clerk::Settings,
}

/// The WorkOS settings; `None` if WorkOS is off.
///
/// # Errors
/// `unavailable` if the variables cannot be read or the password is too short.
pub(super) async fn workos() -> Result<Option<&'static Workos>, AuthError> {
    static WORKOS: OnceLock<Option<Workos>> = OnceLock::new();
    if WORKOS.get().is_none() {
        let config = read_workos().await?;
        // A concurrent request has read the same values.
        let _ = WORKOS.set(config);
    }
    Ok(WORKOS.get().and_then(Option::as_ref))
}

/// The Clerk settings; `None` if Clerk is off.
///
/// # Errors
/// `unavailable` if the variables cannot be read.
pub(super) async fn clerk() -> Result<Option<&'static Clerk>, AuthError> {
    static CLERK: OnceLock<Option<Clerk>> = OnceLock::new();
    if CLERK.get().is_none() {
        let config = read_clerk().await?;
        let _ = CLERK.set(config);
    }
    Ok(CLERK.get().and_then(Option::as_ref))
}

async fn read_workos() -> Result<Option<Workos>, AuthError> {
    let client_id = variable("workos_client_id").await?;
    let cookie_password = variable("workos_cookie_password").await?;
    if client_id.is_empty() || cookie_password.is_empty() {
        return Ok(None);
    }
    if cookie_password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(AuthError::Unavailable(format!(
            "workos_cookie_password is shorter than {MIN_PASSWORD_CHARS} characters"
        )));
    }
    let base_url = variable("workos_base_url").await?;
    let base_url = match base_url.trim_end_matches('/') {
        "" => "https://api.workos.com",
        url => url,
    };
    Ok(Some(Workos {
        key_set_url: format!("{base_url}/sso/jwks/{client_id}"),
        base_url: base_url.to_owned(),
        api_key: variable("workos_api_key").await?,
        client_id,
        cookie_password,
    }))
}

async fn read_clerk() -> Result<Option<Clerk>, AuthError> {
    let base_url = variable("clerk_base_url").await?;
    let base_url = base_url.trim_end_matches('/');
    if base_url.is_empty() {
        return Ok(None);
    }
    let issuer = match variable("clerk_issuer").await? {
        issuer if issuer.is_empty() => base_url.to_owned(),
        issuer => issuer,
    };
    let authorized_parties = variable("clerk_authorized_parties")
        .await?
        .split(',')
        .map(|party| party.trim().trim_end_matches('/').to_owned())
        .filter(|party| !party.is_empty())
        .collect();
    Ok(Some(Clerk {
        key_set_url: format!("{base_url}/.well-known/jwks.json"),
        settings: clerk::Settings {
            issuer,
            authorized_parties,
        },
    }))
}

/// The value of a variable. Empty if it is not defined.
async fn variable(name: &str) -> Result<String, AuthError> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(AuthError::Unavailable(format!(
            "the variable {name} cannot be read"
        ))),
    }
}

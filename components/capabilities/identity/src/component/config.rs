//! The variables that this component reads.

use std::sync::OnceLock;

use spin_sdk::variables::{self, Error};

use crate::seal::MIN_PASSWORD_CHARS;
use crate::types::AuthError;

/// How WorkOS sessions are checked.
pub(super) struct Workos {
    pub(super) client_id: String,
    pub(super) cookie_password: String,
    /// Where the client's key set is.
    pub(super) key_set_url: String,
}

/// The WorkOS settings, read once in the life of an instance; `None` if WorkOS is off.
///
/// # Errors
/// `unavailable` if the variables cannot be read, or the password is too short to have sealed
/// anything.
pub(super) async fn workos() -> Result<Option<&'static Workos>, AuthError> {
    static WORKOS: OnceLock<Option<Workos>> = OnceLock::new();
    if WORKOS.get().is_none() {
        let config = read_workos().await?;
        // A request that ran beside this one has read the same.
        let _ = WORKOS.set(config);
    }
    Ok(WORKOS.get().and_then(Option::as_ref))
}

async fn read_workos() -> Result<Option<Workos>, AuthError> {
    let client_id = variable("workos_client_id").await?;
    let cookie_password = variable("workos_cookie_password").await?;
    let base_url = variable("workos_base_url").await?;
    if client_id.is_empty() || cookie_password.is_empty() {
        return Ok(None);
    }
    if cookie_password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(AuthError::Unavailable(format!(
            "workos_cookie_password is shorter than {MIN_PASSWORD_CHARS} characters"
        )));
    }
    let base_url = match base_url.trim_end_matches('/') {
        "" => "https://api.workos.com",
        url => url,
    };
    Ok(Some(Workos {
        key_set_url: format!("{base_url}/sso/jwks/{client_id}"),
        client_id,
        cookie_password,
    }))
}

/// The value of a variable; empty if there is none of that name.
///
/// # Errors
/// `unavailable` if the variables cannot be read.
pub(super) async fn variable(name: &str) -> Result<String, AuthError> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(AuthError::Unavailable(format!(
            "the variable {name} cannot be read"
        ))),
    }
}

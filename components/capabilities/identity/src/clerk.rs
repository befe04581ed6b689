//! From a Clerk session token to a user. The token is a JWT that is valid for a minute. Clerk's frontend
//! SDKs renew it. Source: <https://clerk.com/docs/guides/sessions/session-tokens>.

use credentials::algorithms::verify_signature;
use credentials::{MAX_CREDENTIAL_BYTES, is_id};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::principals;
use crate::types::{AuthError, User};

/// Accepted clock difference to Clerk, in seconds: the default of Clerk's SDK.
const LEEWAY_SECONDS: u64 = 5;

/// Which tokens are accepted.
pub(crate) struct Settings {
    /// The `iss` of the tokens.
    pub(crate) issuer: String,
    /// Origins of the frontends that a token may be issued for (`azp`). Empty means any.
    pub(crate) authorized_parties: Vec<String>,
}

/// The id of the key that signed `token`, from its unverified header.
///
/// # Errors
/// `invalid` if it is not a Clerk session token.
pub(crate) fn key_id(token: &str) -> Result<String, AuthError> {
    if token.len() > MAX_CREDENTIAL_BYTES {
        return Err(AuthError::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Invalid)?;
    // Clerk signs other tokens with the same keys. OAuth access tokens have the type `at+jwt`.
    let typed = header.typ.as_deref().is_none_or(|typ| typ == "JWT");
    header
        .kid
        .filter(|_| typed && header.alg == Algorithm::RS256)
        .ok_or(AuthError::Invalid)
}

/// The session id in `token`, unverified. Only for starting a read of its revocation marker early.
pub(crate) fn claimed_session(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sid: String,
    }
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    is_id(&claims.sid).then_some(claims.sid)
}

/// The user and the session id, if `token` is signed with `key` and valid at `now` (seconds).
///
/// # Errors
/// `expired` for a genuine token that has expired, `invalid` otherwise.
pub(crate) fn verify(
    token: &str,
    key: &DecodingKey,
    settings: &Settings,
    now: u64,
) -> Result<(User, String), AuthError> {
    /// The claims of a Clerk session token, and optional ones that the operator may add.
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
        sub: String,
        sid: String,
        exp: u64,
        nbf: u64,
        azp: Option<String>,
        /// Session tokens have none. A token with one has another purpose.
        aud: Option<serde_json::Value>,
        /// `pending` while the user must complete a task before being signed in.
        sts: Option<String>,
        email: Option<serde_json::Value>,
        name: Option<serde_json::Value>,
    }
    let claims: Claims =
        verify_signature(token, Algorithm::RS256, key).ok_or(AuthError::Invalid)?;
    let parties = &settings.authorized_parties;
    // Clerk omits `azp` if the request that issued the token had no `Origin`.
    let party_allowed =
        parties.is_empty() || claims.azp.as_ref().is_none_or(|azp| parties.contains(azp));
    if claims.iss != settings.issuer
        || !party_allowed
        || claims.aud.is_some()
        || claims.sts.is_some_and(|sts| sts != "active")
        || !is_id(&claims.sid)
        || claims.nbf > now.saturating_add(LEEWAY_SECONDS)
    {
        return Err(AuthError::Invalid);
    }
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(AuthError::Expired);
    }
    let text = |value: Option<serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) => Some(text),
        _ => None,
    };
    let user = principals::external("clerk", &claims.sub, text(claims.email), text(claims.name))
        .ok_or(AuthError::Invalid)?;
    Ok((user, claims.sid))
}

#[cfg(test)]
#[path = "clerk_tests.rs"]
mod tests;

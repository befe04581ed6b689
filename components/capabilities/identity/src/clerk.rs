//! From a Clerk session token to a user. The token is a JWT that lives for a minute and that
//! Clerk's frontend SDKs renew by themselves. Source:
//! <https://clerk.com/docs/guides/sessions/session-tokens>.

use credentials::algorithms::verify_signature;
use credentials::{MAX_CREDENTIAL_BYTES, is_id};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::principals;
use crate::types::{AuthError, User};

/// How far Clerk's clock may be from ours, in seconds; the default of Clerk's own SDK.
const LEEWAY_SECONDS: u64 = 5;

/// Whose tokens are accepted.
pub(crate) struct Settings {
    /// The `iss` of the tokens.
    pub(crate) issuer: String,
    /// Origins of the frontends that a token may be made for (`azp`); empty: any.
    pub(crate) authorized_parties: Vec<String>,
}

/// The id of the key that `token` says it is signed with.
///
/// # Errors
/// `invalid` for what is no session token of Clerk.
pub(crate) fn key_id(token: &str) -> Result<String, AuthError> {
    if token.len() > MAX_CREDENTIAL_BYTES {
        return Err(AuthError::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Invalid)?;
    // Clerk signs other things with the same keys: OAuth access tokens are of the type `at+jwt`.
    let typed = header.typ.as_deref().is_none_or(|typ| typ == "JWT");
    header
        .kid
        .filter(|_| typed && header.alg == Algorithm::RS256)
        .ok_or(AuthError::Invalid)
}

/// The session that `token` says it is of, unverified: good for nothing but looking up early what
/// is known of that session.
pub(crate) fn claimed_session(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sid: String,
    }
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    is_id(&claims.sid).then_some(claims.sid)
}

/// The user and the session's id, if `token` is signed with `key` and is of this time (`now` in
/// seconds).
///
/// # Errors
/// `expired` for a genuine token that is too old, `invalid` for everything else.
pub(crate) fn verify(
    token: &str,
    key: &DecodingKey,
    settings: &Settings,
    now: u64,
) -> Result<(User, String), AuthError> {
    /// The claims that every session token of Clerk has, and some that its owner may add.
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
        sub: String,
        sid: String,
        exp: u64,
        nbf: u64,
        azp: Option<String>,
        /// Session tokens have none: what has one is meant for somebody else.
        aud: Option<serde_json::Value>,
        /// `pending` while the user has something left to do before being signed in.
        sts: Option<String>,
        email: Option<serde_json::Value>,
        name: Option<serde_json::Value>,
    }
    let claims: Claims =
        verify_signature(token, Algorithm::RS256, key).ok_or(AuthError::Invalid)?;
    let parties = &settings.authorized_parties;
    let party_allowed =
        parties.is_empty() || claims.azp.as_ref().is_some_and(|azp| parties.contains(azp));
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

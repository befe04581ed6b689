//! From a WorkOS session cookie to a user. The cookie is sealed by WorkOS' Node SDK (`@workos-inc/node` 8):
//! an iron seal of the user and an access token, followed by `~2`. The seal proves that the operator's
//! frontend made it; the access token limits the session's life.

use std::borrow::Cow;

use credentials::algorithms::verify_signature;
use credentials::{MAX_CREDENTIAL_BYTES, is_id};
use jsonwebtoken::{Algorithm, DecodingKey};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::principals;
use crate::seal::{self, SealError};
use crate::types::{AuthError, User};

/// Accepted clock difference to WorkOS, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// The content of a cookie. Proved only to be sealed with the cookie password.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    access_token: String,
    refresh_token: Option<String>,
    user: Profile,
}

/// The claims of a WorkOS session token. A token without a required claim does not deserialize and is
/// refused. Times are in seconds since the epoch.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    /// WorkOS' id of the session. It stays the same when the session is refreshed.
    pub(crate) sid: String,
    /// The organisation of the session.
    pub(crate) org_id: Option<String>,
    exp: u64,
    nbf: Option<u64>,
}

impl Claims {
    /// Whether the token has expired at `now`.
    pub(crate) fn are_expired(&self, now: u64) -> bool {
        self.exp.saturating_add(LEEWAY_SECONDS) <= now
    }

    /// Whether both are of the same user and session.
    pub(crate) fn are_of_session(&self, other: &Self) -> bool {
        self.sub == other.sub && self.sid == other.sid
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// Opens a cookie. `now` is in milliseconds since the epoch. The version at the end of the seal is read
/// as by the SDK: with none and 2 the content is the session, otherwise it is under `persistent`.
///
/// # Errors
/// `expired` if the seal has expired, `invalid` otherwise.
pub(crate) fn open(cookie: &str, password: &str, now: u64) -> Result<Session, AuthError> {
    if cookie.len() > MAX_CREDENTIAL_BYTES {
        return Err(AuthError::Invalid);
    }
    // Some frameworks percent-encode cookie values. A seal contains no `%`.
    let cookie: Cow<'_, str> = percent_decode_str(cookie)
        .decode_utf8()
        .map_err(|_| AuthError::Invalid)?;
    let (sealed, version) = match cookie.split_once('~') {
        Some((sealed, version)) => (sealed, Some(version)),
        None => (cookie.as_ref(), None),
    };
    let json = seal::unseal(sealed, password, now).map_err(|error| match error {
        SealError::Invalid => AuthError::Invalid,
        SealError::Expired => AuthError::Expired,
    })?;
    let mut value: serde_json::Value =
        serde_json::from_slice(&json).map_err(|_| AuthError::Invalid)?;
    if !matches!(version, None | Some("2"))
        && let Some(persistent) = value.get_mut("persistent")
    {
        value = persistent.take();
    }
    serde_json::from_value(value).map_err(|_| AuthError::Invalid)
}

impl Session {
    /// The id of the key that signed the access token, from its unverified header.
    pub(crate) fn key_id(&self) -> Option<String> {
        let header = jsonwebtoken::decode_header(&self.access_token).ok()?;
        header.kid.filter(|_| header.alg == Algorithm::RS256)
    }

    /// The refresh token, if the cookie has one.
    pub(crate) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token
            .as_deref()
            .filter(|token| !token.is_empty())
    }

    /// The claims of the access token, if it is of this user and of the client `client_id`. Its
    /// signature is not verified; only the seal proves it.
    ///
    /// # Errors
    /// `invalid` otherwise.
    pub(crate) fn sealed_claims(&self, client_id: &str) -> Result<Claims, AuthError> {
        let claims = jsonwebtoken::dangerous::insecure_decode_claims(&self.access_token)
            .map_err(|_| AuthError::Invalid)?;
        self.check(claims, client_id)
    }

    /// The user and the session id, if the access token is signed with `key` for the client
    /// `client_id` and this user, and is valid at `now` (seconds).
    ///
    /// # Errors
    /// `expired` for a genuine token that has expired, `invalid` otherwise.
    pub(crate) fn verify(
        self,
        key: &DecodingKey,
        client_id: &str,
        now: u64,
    ) -> Result<(User, String), AuthError> {
        let claims = verify_signature(&self.access_token, Algorithm::RS256, key)
            .ok_or(AuthError::Invalid)?;
        let claims = self.check(claims, client_id)?;
        let begin = claims.nbf.unwrap_or_default();
        if begin > now.saturating_add(LEEWAY_SECONDS) {
            return Err(AuthError::Invalid);
        }
        if claims.are_expired(now) {
            return Err(AuthError::Expired);
        }
        let user = self.user.into_user().ok_or(AuthError::Invalid)?;
        Ok((user, claims.sid))
    }

    fn check(&self, claims: Claims, client_id: &str) -> Result<Claims, AuthError> {
        let good =
            is_issuer(&claims.iss, client_id) && claims.sub == self.user.id && is_id(&claims.sid);
        if good {
            Ok(claims)
        } else {
            Err(AuthError::Invalid)
        }
    }
}

impl Profile {
    fn into_user(self) -> Option<User> {
        let names = [self.first_name, self.last_name];
        let name = names
            .iter()
            .flatten()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        principals::external("workos", &self.id, self.email, Some(name))
    }
}

/// Whether `issuer` may issue session tokens of `client_id`. WorkOS' issuers are its API's origin, that
/// origin with `/user_management/<client id>` (environments since 2025) or another path that ends in
/// the client id, or the operator's own domain. The key set is the client's own, so only an issuer
/// that names another client must be refused.
fn is_issuer(issuer: &str, client_id: &str) -> bool {
    let Some((_, rest)) = issuer.split_once("://") else {
        return false;
    };
    match rest.trim_end_matches('/').split_once('/') {
        None => !rest.is_empty(),
        Some((_, path)) => path.rsplit('/').next() == Some(client_id),
    }
}

#[cfg(test)]
#[path = "workos_tests.rs"]
mod tests;

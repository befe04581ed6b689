//! From a WorkOS session cookie to a user. The cookie is what WorkOS' Node SDK (`@workos-inc/node`
//! 8) seals: an iron seal around the user and an access token, and `~2` behind it. The seal says
//! that our frontend made it, the access token says until when WorkOS lets the session live.

use std::borrow::Cow;

use jsonwebtoken::{Algorithm, DecodingKey};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::seal::{self, SealError};
use crate::tokens::verify_signature;
use crate::types::{AuthError, User, UserKind};
use crate::{MAX_CREDENTIAL_BYTES, is_user_id};

/// How far WorkOS' clock may be from ours, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// Longest email and longest name that are passed on, in bytes; longer ones are left out.
const MAX_PROFILE_BYTES: usize = 320;

/// What a cookie holds, once its seal is opened. Nothing in it is believed yet but that a holder
/// of the cookie password sealed it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    access_token: String,
    user: Profile,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// Opens a cookie; `now` in milliseconds since the epoch. The version that the seal ends in is
/// read as the SDK reads it: none and 2 are the session itself, any other has it under
/// `persistent`.
///
/// # Errors
/// `expired` if the seal is past its own expiry, `invalid` for everything else.
pub(crate) fn open(cookie: &str, password: &str, now: u64) -> Result<Session, AuthError> {
    if cookie.len() > MAX_CREDENTIAL_BYTES {
        return Err(AuthError::Invalid);
    }
    // Some frameworks escape cookie values; a seal itself has no `%`.
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
    /// The id of the key that the access token says it is signed with.
    pub(crate) fn key_id(&self) -> Option<String> {
        let header = jsonwebtoken::decode_header(&self.access_token).ok()?;
        header.kid.filter(|_| header.alg == Algorithm::RS256)
    }

    /// The user, if the access token is signed with `key` for the WorkOS client `client_id`, and
    /// is of this user and of this time (`now` in seconds).
    ///
    /// # Errors
    /// `expired` for a genuine token that is too old, `invalid` for everything else.
    pub(crate) fn user(
        self,
        key: &DecodingKey,
        client_id: &str,
        now: u64,
    ) -> Result<User, AuthError> {
        /// The claims that every session token of WorkOS has.
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
            sub: String,
            sid: String,
            exp: u64,
            nbf: Option<u64>,
        }
        let claims: Claims = verify_signature(&self.access_token, Algorithm::RS256, key)
            .ok_or(AuthError::Invalid)?;
        if !is_issuer(&claims.iss, client_id)
            || claims.sub != self.user.id
            || claims.sid.is_empty()
            || claims
                .nbf
                .is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS))
        {
            return Err(AuthError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(AuthError::Expired);
        }
        self.user.into_user()
    }
}

impl Profile {
    fn into_user(self) -> Result<User, AuthError> {
        let id = format!("workos_{}", self.id);
        if self.id.is_empty() || !is_user_id(&id) {
            return Err(AuthError::Invalid);
        }
        let names = [self.first_name, self.last_name];
        let name = names
            .iter()
            .flatten()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let short = |text: &String| (1..=MAX_PROFILE_BYTES).contains(&text.len());
        Ok(User {
            id,
            kind: UserKind::External,
            email: self.email.filter(short),
            name: Some(name).filter(short),
        })
    }
}

/// Whether `issuer` may have issued a session token of `client_id`. WorkOS issues as its API's
/// origin, as that followed by `/user_management/<client id>` (environments since 2025) or another
/// path that ends in the client id, or as the operator's own domain. The key set is the client's
/// own already, so what is left to refuse is an issuer that names another client.
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

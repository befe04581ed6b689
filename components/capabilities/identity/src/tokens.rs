//! Our own tokens: JWTs (RFC 7519) signed with HS256.

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::keys::{Keys, TokenKind};
use crate::types::{AuthError, User, UserKind};
use crate::{MAX_CREDENTIAL_BYTES, algorithms, is_user_id};

/// How long an access token is accepted, in seconds: 1 hour.
pub(crate) const ACCESS_SECONDS: u64 = 60 * 60;

/// How long a refresh token is accepted, in seconds: 30 days.
pub(crate) const REFRESH_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The `iss` and the `aud` of our tokens: we make them for ourselves.
const OURSELVES: &str = "goldfish";

/// What one of our tokens says. A token that lacks one of the required claims does not
/// deserialize, and so is refused; times are seconds since the epoch, as RFC 7519 wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// The user's id.
    sub: String,
    /// `access` or `refresh`, besides their having different keys.
    typ: String,
    /// How the user came to us.
    kind: Kind,
    /// The session: it stays the same when the session is renewed.
    pub(crate) sid: String,
    /// The token itself.
    jti: String,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Guest,
    External,
}

/// Signs a token of `kind` for `user`. `token_id` must be unique; `now` is in seconds. `None` only
/// if the library fails, which it has no cause to.
pub(crate) fn sign(
    keys: &Keys,
    kind: TokenKind,
    user: &User,
    session_id: &str,
    token_id: &str,
    now: u64,
) -> Option<String> {
    algorithms::install();
    let claims = Claims {
        iss: OURSELVES.to_owned(),
        aud: OURSELVES.to_owned(),
        sub: user.id.clone(),
        typ: kind.label().to_owned(),
        kind: match user.kind {
            UserKind::Guest => Kind::Guest,
            UserKind::External => Kind::External,
        },
        sid: session_id.to_owned(),
        jti: token_id.to_owned(),
        iat: now,
        exp: expiry(kind, now),
        email: user.email.clone(),
        name: user.name.clone(),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keys.of(kind).sign).ok()
}

/// When a token of `kind` that is signed at `now` stops being accepted; both in seconds.
pub(crate) fn expiry(kind: TokenKind, now: u64) -> u64 {
    now.saturating_add(match kind {
        TokenKind::Access => ACCESS_SECONDS,
        TokenKind::Refresh => REFRESH_SECONDS,
    })
}

/// Who a token of `kind` speaks for at `now` (seconds), and its claims.
///
/// # Errors
/// `expired` for a token of ours that is too old, `invalid` for everything else.
pub(crate) fn verify(
    keys: &Keys,
    kind: TokenKind,
    token: &str,
    now: u64,
) -> Result<(User, Claims), AuthError> {
    let claims: Claims = verify_signature(token, Algorithm::HS256, &keys.of(kind).verify)
        .ok_or(AuthError::Invalid)?;
    if claims.iss != OURSELVES
        || claims.aud != OURSELVES
        || claims.typ != kind.label()
        || !is_user_id(&claims.sub)
        || claims.jti.is_empty()
    {
        return Err(AuthError::Invalid);
    }
    if claims.exp <= now {
        return Err(AuthError::Expired);
    }
    let user = User {
        id: claims.sub.clone(),
        kind: match claims.kind {
            Kind::Guest => UserKind::Guest,
            Kind::External => UserKind::External,
        },
        email: claims.email.clone(),
        name: claims.name.clone(),
    };
    Ok((user, claims))
}

/// The claims of `token` if it is signed with `algorithm` and `key`. Says nothing about what they
/// say: the caller checks issuer, times and the rest, against its own clock.
pub(crate) fn verify_signature<C: DeserializeOwned>(
    token: &str,
    algorithm: Algorithm,
    key: &DecodingKey,
) -> Option<C> {
    algorithms::install();
    if token.len() > MAX_CREDENTIAL_BYTES {
        return None;
    }
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let data = jsonwebtoken::decode::<C>(token, key, &validation).ok()?;
    // A header extension that must be understood (RFC 7515, 4.1.11), and we understand none.
    data.header.crit.is_none().then_some(data.claims)
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;

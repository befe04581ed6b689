//! The tokens of a session: JWTs (RFC 7519) signed with HS256. Times are seconds since the epoch,
//! as RFC 7519 wants.

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::algorithms::{self, verify_signature};
use crate::keys::{Keys, TokenKind};
use crate::{Subject, UserKind, is_id};

/// How long an access token is accepted, in seconds: 15 minutes.
pub const ACCESS_SECONDS: u64 = 15 * 60;

/// How long an access token for clients that know no refreshing is accepted, in seconds: 24 hours.
pub const BEARER_SECONDS: u64 = 24 * 60 * 60;

/// How long a session cookie is accepted, in seconds: 30 days. Renewed as it is used.
pub const COOKIE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// How long a refresh token is accepted, in seconds: 30 days.
pub const REFRESH_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The `iss` and the `aud` of our tokens: we make them for ourselves.
pub(crate) const OURSELVES: &str = "goldfish";

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not one of ours, changed since, or of another kind.
    Invalid,
    /// Genuine, but too old.
    Expired,
}

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Whom the session is of.
    pub subject: &'a Subject,
    /// The session: it stays the same when the session is renewed. See [`is_id`].
    pub session: &'a str,
    /// Now, in seconds since the epoch.
    pub now: u64,
}

/// What one of our tokens says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whom the session is of.
    pub subject: Subject,
    /// The session.
    pub session: String,
    /// The token itself.
    pub token_id: String,
    /// How often the session had been refreshed when a refresh token was made; 0 for other kinds.
    pub generation: u64,
    /// When it was signed, in seconds since the epoch.
    pub issued_at: u64,
    /// From when on it is refused, in seconds since the epoch.
    pub expires_at: u64,
}

impl Grant<'_> {
    /// An access token, good for [`ACCESS_SECONDS`]. `None` only if the library fails, which it has
    /// no cause to; likewise below.
    pub fn access(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Access, ACCESS_SECONDS, 0)
    }

    /// An access token good for [`BEARER_SECONDS`].
    pub fn bearer(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Access, BEARER_SECONDS, 0)
    }

    /// The value of the session cookie, good for [`COOKIE_SECONDS`].
    pub fn cookie(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Cookie, COOKIE_SECONDS, 0)
    }

    /// A refresh token, good for [`REFRESH_SECONDS`], of a session that was refreshed `generation`
    /// times.
    pub fn refresh(&self, keys: &Keys, generation: u64) -> Option<String> {
        self.sign(keys, TokenKind::Refresh, REFRESH_SECONDS, generation)
    }

    fn sign(&self, keys: &Keys, kind: TokenKind, seconds: u64, generation: u64) -> Option<String> {
        let claims = Claims {
            iss: OURSELVES.to_owned(),
            aud: OURSELVES.to_owned(),
            sub: self.subject.id.clone(),
            typ: kind.label().to_owned(),
            kind: self.subject.kind,
            sid: self.session.to_owned(),
            jti: Uuid::new_v4().to_string(),
            generation,
            iat: self.now,
            exp: self.now.saturating_add(seconds),
            email: self.subject.email.clone(),
            name: self.subject.name.clone(),
        };
        algorithms::sign(&claims, &keys.of(kind).sign)
    }
}

/// What a token of `kind` says at `now` (seconds since the epoch). Does not know what was revoked:
/// see [`crate::records::revoked_session`].
///
/// # Errors
/// [`TokenError::Expired`] for a token of ours that is too old, [`TokenError::Invalid`] for
/// everything else.
pub fn verify(keys: &Keys, kind: TokenKind, token: &str, now: u64) -> Result<Verified, TokenError> {
    let claims: Claims = verify_signature(token, Algorithm::HS256, &keys.of(kind).verify)
        .ok_or(TokenError::Invalid)?;
    if claims.iss != OURSELVES
        || claims.aud != OURSELVES
        || claims.typ != kind.label()
        || !is_id(&claims.sub)
        || !is_id(&claims.sid)
        || claims.jti.is_empty()
    {
        return Err(TokenError::Invalid);
    }
    if claims.exp <= now {
        return Err(TokenError::Expired);
    }
    Ok(Verified {
        subject: Subject {
            id: claims.sub,
            kind: claims.kind,
            email: claims.email,
            name: claims.name,
        },
        session: claims.sid,
        token_id: claims.jti,
        generation: claims.generation,
        issued_at: claims.iat,
        expires_at: claims.exp,
    })
}

/// A token that lacks one of the required claims does not deserialize, and so is refused.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// The label of the token's kind, besides the kinds' having different keys.
    typ: String,
    kind: UserKind,
    sid: String,
    jti: String,
    #[serde(rename = "gen", default, skip_serializing_if = "is_zero")]
    generation: u64,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;

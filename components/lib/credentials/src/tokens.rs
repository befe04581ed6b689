//! The tokens of a session: JWTs (RFC 7519) signed with HS256. Times are in seconds since the epoch, as
//! RFC 7519 specifies.

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::algorithms::{self, verify_signature};
use crate::keys::{Keys, TokenKind};
use crate::{Subject, UserKind, is_id};

/// Lifetime of an access token, in seconds: 15 minutes.
pub const ACCESS_SECONDS: u64 = 15 * 60;

/// Lifetime of an access token for clients that do not refresh, in seconds: 24 hours.
pub const BEARER_SECONDS: u64 = 24 * 60 * 60;

/// Lifetime of a session cookie, in seconds: 30 days. Renewed while it is used.
pub const COOKIE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Lifetime of a refresh token, in seconds: 30 days.
pub const REFRESH_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The `iss` and the `aud` of our tokens: this application is both.
pub(crate) const OURSELVES: &str = "goldfish";

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not issued by this application, changed, or of another kind.
    Invalid,
    /// Genuine, but expired.
    Expired,
}

/// The claims of a token.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// The session's user.
    pub subject: &'a Subject,
    /// The session. Its id stays the same when it is renewed. See [`is_id`].
    pub session: &'a str,
    /// The current time, in seconds since the epoch.
    pub now: u64,
}

/// The content of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whom the session is of.
    pub subject: Subject,
    /// The session.
    pub session: String,
    /// The id of the token.
    pub token_id: String,
    /// How often the session had been refreshed when a refresh token was issued. 0 for other kinds.
    pub generation: u64,
    /// When it was signed, in seconds since the epoch.
    pub issued_at: u64,
    /// When it expires, in seconds since the epoch.
    pub expires_at: u64,
}

impl Grant<'_> {
    /// An access token, valid for [`ACCESS_SECONDS`]. `None` only if the signing library fails,
    /// likewise below.
    pub fn access(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Access, ACCESS_SECONDS, 0)
    }

    /// An access token that is valid for [`BEARER_SECONDS`].
    pub fn bearer(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Access, BEARER_SECONDS, 0)
    }

    /// The value of the session cookie, valid for [`COOKIE_SECONDS`].
    pub fn cookie(&self, keys: &Keys) -> Option<String> {
        self.sign(keys, TokenKind::Cookie, COOKIE_SECONDS, 0)
    }

    /// A refresh token, valid for [`REFRESH_SECONDS`], of a session that was refreshed `generation`
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

/// The content of a token of `kind` at `now` (seconds since the epoch). Does not check revocation:
/// see [`crate::records::revoked_session`].
///
/// # Errors
/// [`TokenError::Expired`] for a genuine token that has expired, [`TokenError::Invalid`] otherwise.
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

/// The claims. A token without a required claim does not deserialize and is refused.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// The label of the token's kind. The kinds have different keys as well.
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

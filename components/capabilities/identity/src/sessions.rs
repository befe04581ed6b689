//! Beginning and renewing the sessions that we sign ourselves.
//!
//! A session is nothing but its tokens: making or renewing one writes nothing. What a session
//! needs for being ended early is there already, its `sid` and each token's `jti`.

use crate::keys::{Keys, TokenKind};
use crate::tokens;
use crate::types::{AuthError, Session, User, UserKind};
use uuid::Uuid;

/// A new guest and its session; `now` in seconds.
///
/// # Errors
/// `unavailable` if signing fails.
pub(crate) fn create_guest(keys: &Keys, now: u64) -> Result<Session, AuthError> {
    let user = User {
        id: format!("guest_{}", Uuid::new_v4()),
        kind: UserKind::Guest,
        email: None,
        name: None,
    };
    begin(keys, user, &Uuid::new_v4().to_string(), now)
}

/// A renewed session of the user that `refresh_token` speaks for; `now` in seconds.
///
/// # Errors
/// `missing` for an empty token, else as `tokens::verify`.
pub(crate) fn refresh(keys: &Keys, refresh_token: &str, now: u64) -> Result<Session, AuthError> {
    if refresh_token.is_empty() {
        return Err(AuthError::Missing);
    }
    let (user, claims) = tokens::verify(keys, TokenKind::Refresh, refresh_token, now)?;
    begin(keys, user, &claims.sid, now)
}

fn begin(keys: &Keys, user: User, session_id: &str, now: u64) -> Result<Session, AuthError> {
    let sign = |kind| {
        let token_id = Uuid::new_v4().to_string();
        tokens::sign(keys, kind, &user, session_id, &token_id, now)
            .ok_or_else(|| AuthError::Unavailable("signing a token failed".to_owned()))
    };
    Ok(Session {
        access_token: sign(TokenKind::Access)?,
        refresh_token: sign(TokenKind::Refresh)?,
        expires_at: tokens::expiry(TokenKind::Access, now).saturating_mul(1000),
        user,
    })
}

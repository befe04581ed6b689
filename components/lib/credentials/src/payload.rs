//! Tokens with other content than a session: the state of an OAuth flow, the permission to set a
//! password. Signed, not encrypted: the holder can read them.

use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::algorithms::{self, verify_signature};
use crate::keys::{Keys, TokenKind};
use crate::tokens::{OURSELVES, TokenError};

/// The content of a token, and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<T> {
    /// The content.
    pub data: T,
    /// The id of the token, a UUID, by which a single-use token is remembered.
    pub token_id: String,
    /// When it was signed, in seconds since the epoch.
    pub issued_at: u64,
    /// When it expires, in seconds since the epoch.
    pub expires_at: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims<T> {
    iss: String,
    aud: String,
    typ: String,
    jti: String,
    iat: u64,
    exp: u64,
    data: T,
}

/// Signs `data` as a token of `kind` that is valid for `seconds` from `now` (seconds since the
/// epoch). `None` if `data` cannot be serialized or the token is too long.
pub fn sign<T: Serialize>(
    keys: &Keys,
    kind: TokenKind,
    data: &T,
    seconds: u64,
    now: u64,
) -> Option<String> {
    let claims = Claims {
        iss: OURSELVES.to_owned(),
        aud: OURSELVES.to_owned(),
        typ: kind.label().to_owned(),
        jti: Uuid::new_v4().to_string(),
        iat: now,
        exp: now.saturating_add(seconds),
        data,
    };
    algorithms::sign(&claims, &keys.of(kind).sign)
        .filter(|token| token.len() <= crate::MAX_CREDENTIAL_BYTES)
}

/// The content of a token of `kind` at `now` (seconds since the epoch).
///
/// # Errors
/// [`TokenError::Expired`] for a genuine token that has expired, [`TokenError::Invalid`] otherwise.
pub fn verify<T: DeserializeOwned>(
    keys: &Keys,
    kind: TokenKind,
    token: &str,
    now: u64,
) -> Result<Payload<T>, TokenError> {
    let claims: Claims<T> = verify_signature(token, Algorithm::HS256, &keys.of(kind).verify)
        .ok_or(TokenError::Invalid)?;
    if claims.iss != OURSELVES
        || claims.aud != OURSELVES
        || claims.typ != kind.label()
        || claims.jti.is_empty()
    {
        return Err(TokenError::Invalid);
    }
    if claims.exp <= now {
        return Err(TokenError::Expired);
    }
    Ok(Payload {
        data: claims.data,
        token_id: claims.jti,
        issued_at: claims.iat,
        expires_at: claims.exp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn keys() -> Keys {
        Keys::derive(&[7; 32]).unwrap()
    }

    #[test]
    fn verify_returns_content_until_expiry() {
        let data = ("ada".to_owned(), 7);
        let token = sign(&keys(), TokenKind::Reset, &data, 60, NOW).unwrap();
        let check = |now| verify::<(String, i32)>(&keys(), TokenKind::Reset, &token, now);
        let payload = check(NOW + 59).unwrap();
        assert_eq!(payload.data, data);
        assert_eq!((payload.issued_at, payload.expires_at), (NOW, NOW + 60));
        assert_eq!(check(NOW + 60), Err(TokenError::Expired));
        let again = sign(&keys(), TokenKind::Reset, &data, 60, NOW).unwrap();
        let again = verify::<(String, i32)>(&keys(), TokenKind::Reset, &again, NOW).unwrap();
        assert_ne!(again.token_id, payload.token_id);
    }

    #[test]
    fn verify_of_other_kind_or_content_is_invalid() {
        let token = sign(&keys(), TokenKind::Reset, &"x", 60, NOW).unwrap();
        for kind in [
            TokenKind::Access,
            TokenKind::Refresh,
            TokenKind::Cookie,
            TokenKind::Flow,
            TokenKind::Verification,
        ] {
            let opened = verify::<String>(&keys(), kind, &token, NOW);
            assert_eq!(opened, Err(TokenError::Invalid), "{kind:?}");
        }
        let opened = verify::<u64>(&keys(), TokenKind::Reset, &token, NOW);
        assert_eq!(opened, Err(TokenError::Invalid));
        // A session token is not accepted, even with the same key.
        let subject = crate::Subject {
            id: "user_1".to_owned(),
            kind: crate::UserKind::Registered,
            email: None,
            name: None,
        };
        let grant = crate::tokens::Grant {
            subject: &subject,
            session: "s",
            now: NOW,
        };
        let access = grant.access(&keys()).unwrap();
        let opened = verify::<serde_json::Value>(&keys(), TokenKind::Access, &access, NOW);
        assert_eq!(opened, Err(TokenError::Invalid));
        let other = sign(&keys(), TokenKind::Access, &"x", 60, NOW).unwrap();
        let session = crate::tokens::verify(&keys(), TokenKind::Access, &other, NOW);
        assert_eq!(session, Err(TokenError::Invalid));
    }

    #[test]
    fn sign_of_too_large_content_is_none() {
        let long = "x".repeat(crate::MAX_CREDENTIAL_BYTES);
        assert!(sign(&keys(), TokenKind::Flow, &long, 60, NOW).is_none());
    }
}

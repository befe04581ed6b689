//! The keys that sign tokens. Each kind of token has its own key, derived from one master secret with
//! HKDF-SHA256 (RFC 5869), so a token of one kind is never accepted as another, with any claims.

use hkdf::Hkdf;
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::Sha256;

/// Minimum length of the master secret, in bytes: the strength of the HMAC (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// Separates these keys from other uses of the same secret.
const SALT: &[u8] = b"goldfish identity v1";

/// The purpose of a token. A new kind needs a new label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Authenticates in `Authorization: Bearer`.
    Access,
    /// Can be exchanged for new tokens, nothing else.
    Refresh,
    /// Authenticates in the session cookie.
    Cookie,
    /// The state of an OAuth sign-in.
    Flow,
    /// Allows setting a new password.
    Reset,
    /// Proves access to the mail of an address.
    Verification,
}

impl TokenKind {
    /// The value of the `typ` claim, and the label of the key derivation.
    pub fn label(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Cookie => "cookie",
            Self::Flow => "flow",
            Self::Reset => "reset",
            Self::Verification => "verification",
        }
    }
}

/// Both halves of an HMAC key, in the library's types.
pub(crate) struct KeyPair {
    pub(crate) sign: EncodingKey,
    pub(crate) verify: DecodingKey,
}

/// The signing keys, one per [`TokenKind`].
pub struct Keys {
    access: KeyPair,
    refresh: KeyPair,
    cookie: KeyPair,
    flow: KeyPair,
    reset: KeyPair,
    verification: KeyPair,
}

impl Keys {
    /// Derives the keys; `None` if `secret` is shorter than [`MIN_SECRET_BYTES`].
    pub fn derive(secret: &[u8]) -> Option<Self> {
        if secret.len() < MIN_SECRET_BYTES {
            return None;
        }
        let master = Hkdf::<Sha256>::new(Some(SALT), secret);
        let derive = |kind: TokenKind| {
            let mut key = [0; 32];
            master.expand(kind.label().as_bytes(), &mut key).ok()?;
            Some(KeyPair {
                sign: EncodingKey::from_secret(&key),
                verify: DecodingKey::from_secret(&key),
            })
        };
        Some(Self {
            access: derive(TokenKind::Access)?,
            refresh: derive(TokenKind::Refresh)?,
            cookie: derive(TokenKind::Cookie)?,
            flow: derive(TokenKind::Flow)?,
            reset: derive(TokenKind::Reset)?,
            verification: derive(TokenKind::Verification)?,
        })
    }

    pub(crate) fn of(&self, kind: TokenKind) -> &KeyPair {
        match kind {
            TokenKind::Access => &self.access,
            TokenKind::Refresh => &self.refresh,
            TokenKind::Cookie => &self.cookie,
            TokenKind::Flow => &self.flow,
            TokenKind::Reset => &self.reset,
            TokenKind::Verification => &self.verification,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TokenKind; 6] = [
        TokenKind::Access,
        TokenKind::Refresh,
        TokenKind::Cookie,
        TokenKind::Flow,
        TokenKind::Reset,
        TokenKind::Verification,
    ];

    #[test]
    fn derive_of_short_secret_is_none() {
        assert!(Keys::derive(&[7; 31]).is_none());
        assert!(Keys::derive(&[7; 32]).is_some());
    }

    #[test]
    fn derive_gives_different_keys_per_kind_and_secret() {
        let keys = Keys::derive(&[7; 32]).unwrap();
        let again = Keys::derive(&[7; 32]).unwrap();
        let others = Keys::derive(&[8; 32]).unwrap();
        let bytes = |keys: &Keys, kind| keys.of(kind).sign.as_bytes().to_vec();
        let mut seen = vec![vec![7; 32]];
        for kind in ALL {
            assert_eq!(bytes(&keys, kind), bytes(&again, kind));
            for key in [bytes(&keys, kind), bytes(&others, kind)] {
                assert!(!seen.contains(&key), "{kind:?}");
                seen.push(key);
            }
        }
    }
}

//! Credentials that this application issues: signed tokens, API keys, and the records in the store that
//! describe API keys and revoked sessions. `goldfish:accounts` creates them, `goldfish:identity` verifies
//! them.
//!
//! May not import HTTP or any WIT package. Knows nothing of accounts.
//!
//! | module | |
//! |---|---|
//! | [`keys`] | the signing keys, one per kind of token |
//! | [`tokens`] | tokens of a session: access, cookie, refresh |
//! | [`payload`] | tokens with other content: OAuth flows, password resets, verifications |
//! | [`api_key`] | the format of API keys |
//! | [`records`] | records of API keys and revoked sessions in the store |
//! | [`secret`] | generating the master secret, once for all instances |
//! | [`algorithms`] | the supported signature algorithms |
//! | `signing` | the signing keys of this instance (components only) |

pub mod algorithms;
pub mod api_key;
pub mod keys;
pub mod payload;
pub mod records;
pub mod secret;
#[cfg(target_family = "wasm")]
pub mod signing;
pub mod tokens;

use serde::{Deserialize, Serialize};

/// Maximum length of a credential, in bytes: four times that of our own tokens, and more than the
/// 4,096 bytes that browsers store of a cookie (RFC 6265, section 6.1).
pub const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;

/// How a user is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    /// A user without an account.
    Guest,
    /// A user with an account.
    Registered,
    /// A user of an identity provider.
    External,
}

/// The user that a credential proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// See [`is_id`].
    #[serde(rename = "user")]
    pub id: String,
    /// How the user is authenticated.
    pub kind: UserKind,
    /// If known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// If known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Whether `id` is valid as the id of a user, a session or a key, and so as part of a storage key:
/// 1 to 128 characters of `[A-Za-z0-9_.-]`.
pub fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

//! What our own credentials look like: the tokens that we sign, API keys, and the records that say
//! what an API key grants and which sessions were revoked. `goldfish:accounts` makes all of them,
//! `goldfish:identity` verifies them.
//!
//! May not import HTTP, nor any WIT package: what a session or an account is, is not known here.
//!
//! | module | |
//! |---|---|
//! | [`keys`] | the signing keys, one for each kind of token |
//! | [`tokens`] | tokens of a session: access, cookie, refresh |
//! | [`payload`] | tokens around anything else: OAuth flows, password resets, verifications |
//! | [`api_key`] | keys for machines |
//! | [`records`] | what is kept in the store about keys and revoked sessions |
//! | [`secret`] | making the master secret at random, once for all instances |
//! | [`algorithms`] | the signature algorithms there are |
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

/// Longest credential that is looked at, in bytes: four times what our own tokens need, and above
/// the 4,096 that browsers keep of one cookie (RFC 6265, section 6.1).
pub const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;

/// How a user came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    /// Made without an account.
    Guest,
    /// Has an account here.
    Registered,
    /// Proved by an outside identity provider.
    External,
}

/// The user that a credential speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// See [`is_id`].
    #[serde(rename = "user")]
    pub id: String,
    /// How the user came to us.
    pub kind: UserKind,
    /// As far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// As far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Whether `id` may be the id of a user, a session or a key, and so part of a storage key: 1 to 128
/// characters of `[A-Za-z0-9_.-]`.
pub fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

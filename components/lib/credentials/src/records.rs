//! Records in the store that make verifying a credential a single read. They are derived from the
//! journals of `goldfish:accounts` and may be rewritten at any time.
//!
//! | key | value |
//! |---|---|
//! | `identity:k:<hash of an API key>` | [`ApiKeyRecord`] as JSON; absent if there is no such key |
//! | `identity:l:<id of an API key>` | when it was last used, in milliseconds since the epoch |
//! | `identity:r:<session id>` | [`REVOKED`] if the session is revoked |
//! | `identity:s:<session id>` | when its cookie was last renewed, in milliseconds since the epoch |
//! | `identity:r:workos.<sid>`, `identity:r:clerk.<sid>` | [`REVOKED`] for sessions of identity providers |

use serde::{Deserialize, Serialize};

use crate::{Subject, is_id};

/// The value of a revocation marker. Only its presence matters.
pub const REVOKED: &[u8] = b"1";

/// Accuracy of the time of last use, in milliseconds. It is written at most this often.
pub const LAST_USED_STEP_MS: u64 = 60 * 1000;

/// A permission of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read the user's data.
    Read,
    /// Send prompts to models.
    Chat,
    /// Change and delete conversations and preferences.
    Write,
    /// Manage the account: API keys and sessions.
    Admin,
}

/// The record with which an API key is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// The key's id, a UUID.
    pub id: String,
    /// The user that the key authenticates.
    #[serde(flatten)]
    pub owner: Subject,
    /// Its permissions.
    pub scopes: Vec<Scope>,
    /// When it expires, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Chat requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_per_minute: Option<u32>,
    /// Chat requests in the key's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_budget: Option<u64>,
    /// Tokens in the key's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budget: Option<u64>,
}

impl ApiKeyRecord {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Serializing cannot fail. An empty value would be read as damaged.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form. `None` if it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (is_id(&record.id) && is_id(&record.owner.id)).then_some(record)
    }
}

/// The key of the record of an API key with this hash ([`crate::api_key::hash`]).
pub fn api_key(hash: &str) -> String {
    format!("identity:k:{hash}")
}

/// The key of the time of last use of the API key with this id.
pub fn last_used(key_id: &str) -> String {
    format!("identity:l:{key_id}")
}

/// The stored form of a time of last use. `at` is in milliseconds since the epoch.
pub fn last_used_to_bytes(at: u64) -> Vec<u8> {
    at.to_string().into_bytes()
}

/// Reads a stored time of last use. `None` if it is damaged.
pub fn last_used_from_bytes(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The key of the revocation marker of a session.
pub fn revoked_session(session_id: &str) -> String {
    format!("identity:r:{session_id}")
}

/// The key of the time at which the cookie of a session was last renewed. Renewals are not in the
/// journal. The value has the form of [`last_used_to_bytes`].
pub fn renewed_session(session_id: &str) -> String {
    format!("identity:s:{session_id}")
}

/// The key of the revocation marker of a WorkOS session.
pub fn revoked_workos(session_id: &str) -> String {
    format!("identity:r:workos.{session_id}")
}

/// The key of the revocation marker of a Clerk session.
pub fn revoked_clerk(session_id: &str) -> String {
    format!("identity:r:clerk.{session_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserKind;

    fn record() -> ApiKeyRecord {
        ApiKeyRecord {
            id: "k".to_owned(),
            owner: Subject {
                id: "user_1".to_owned(),
                kind: UserKind::Registered,
                email: Some("ada@example.com".to_owned()),
                name: None,
            },
            scopes: vec![Scope::Read, Scope::Chat],
            expires_at: Some(7),
            chat_per_minute: None,
            request_budget: Some(8),
            token_budget: None,
        }
    }

    #[test]
    fn from_bytes_of_to_bytes_is_equal() {
        let bytes = record().to_bytes();
        assert_eq!(ApiKeyRecord::from_bytes(&bytes), Some(record()));
        // The stored form must stay readable.
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"id":"k","user":"user_1","kind":"registered","email":"ada@example.com","scopes":["read","chat"],"expires_at":7,"request_budget":8}"#
        );
    }

    #[test]
    fn from_bytes_of_damaged_record_is_none() {
        for text in ["", "{}", "null", "[]"] {
            assert_eq!(ApiKeyRecord::from_bytes(text.as_bytes()), None, "{text}");
        }
        for change in [
            |record: &mut ApiKeyRecord| record.owner.id = "a:b".to_owned(),
            |record: &mut ApiKeyRecord| record.id = String::new(),
        ] {
            let mut record = record();
            change(&mut record);
            assert_eq!(ApiKeyRecord::from_bytes(&record.to_bytes()), None);
        }
    }

    #[test]
    fn last_used_from_bytes_of_to_bytes_is_equal() {
        let bytes = last_used_to_bytes(1_800_000_000_000);
        assert_eq!(last_used_from_bytes(&bytes), Some(1_800_000_000_000));
        for damaged in [&b""[..], b"x", b"-1", b"\xff"] {
            assert_eq!(last_used_from_bytes(damaged), None);
        }
    }

    #[test]
    fn marker_keys_of_providers_differ_from_ours() {
        let id = uuid::Uuid::new_v4().to_string();
        assert_ne!(revoked_session(&id), revoked_workos(&id));
        assert_ne!(revoked_clerk(&id), revoked_workos(&id));
    }
}

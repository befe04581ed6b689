//! What is kept in the store about credentials, outside any journal so that verifying one costs a
//! single look-up. Each is derived from facts in the journals of `goldfish:accounts` and may be
//! written again at any time.
//!
//! | key | value |
//! |---|---|
//! | `identity:k:<hash of an API key>` | [`ApiKeyRecord`] as JSON; absent: no such key |
//! | `identity:l:<id of an API key>` | when it was last used, in milliseconds since the epoch |
//! | `identity:r:<session id>` | present, with [`REVOKED`]: the session is refused |
//! | `identity:s:<session id>` | when its cookie was last renewed, as above; absent: never |
//! | `identity:r:workos.<sid>`, `identity:r:clerk.<sid>` | the same for sessions of outside providers |

use serde::{Deserialize, Serialize};

use crate::{Subject, is_id};

/// The value of a revocation marker, of which only the presence counts.
pub const REVOKED: &[u8] = b"1";

/// How exact the time of last use is, in milliseconds: it is written no more often.
pub const LAST_USED_STEP_MS: u64 = 60 * 1000;

/// What an API key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// See whatever is the user's.
    Read,
    /// Ask a model.
    Chat,
    /// Change and delete the user's conversations and preferences.
    Write,
    /// The account itself: its keys and sessions.
    Admin,
}

/// What is known of an API key where it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// The key's id, a UUID.
    pub id: String,
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Subject,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// From when on it is refused, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Chat turns a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_per_minute: Option<u32>,
    /// Chat turns in the key's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_budget: Option<u64>,
    /// Tokens in the key's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budget: Option<u64>,
}

impl ApiKeyRecord {
    /// The value to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it can fail to serialize; an empty value would be read as damaged.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a stored value; `None` if it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (is_id(&record.id) && is_id(&record.owner.id)).then_some(record)
    }
}

/// Where the record of the API key with this hash ([`crate::api_key::hash`]) is.
pub fn api_key(hash: &str) -> String {
    format!("identity:k:{hash}")
}

/// Where the time of last use of the API key with this id is.
pub fn last_used(key_id: &str) -> String {
    format!("identity:l:{key_id}")
}

/// A time of last use as stored; `at` in milliseconds since the epoch.
pub fn last_used_to_bytes(at: u64) -> Vec<u8> {
    at.to_string().into_bytes()
}

/// Reads a stored time of last use; `None` if it is damaged.
pub fn last_used_from_bytes(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Where the revocation marker of one of our sessions is.
pub fn revoked_session(session_id: &str) -> String {
    format!("identity:r:{session_id}")
}

/// Where the time is at which the cookie of one of our sessions was last renewed, which leaves no
/// fact in a journal; a value as of [`last_used_to_bytes`].
pub fn renewed_session(session_id: &str) -> String {
    format!("identity:s:{session_id}")
}

/// Where the revocation marker of a WorkOS session is.
pub fn revoked_workos(session_id: &str) -> String {
    format!("identity:r:workos.{session_id}")
}

/// Where the revocation marker of a Clerk session is.
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
    fn a_record_is_read_as_it_was_written() {
        let bytes = record().to_bytes();
        assert_eq!(ApiKeyRecord::from_bytes(&bytes), Some(record()));
        // What is stored stays readable.
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"id":"k","user":"user_1","kind":"registered","email":"ada@example.com","scopes":["read","chat"],"expires_at":7,"request_budget":8}"#
        );
    }

    #[test]
    fn a_damaged_record_is_refused() {
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
    fn a_time_is_read_as_it_was_written() {
        let bytes = last_used_to_bytes(1_800_000_000_000);
        assert_eq!(last_used_from_bytes(&bytes), Some(1_800_000_000_000));
        for damaged in [&b""[..], b"x", b"-1", b"\xff"] {
            assert_eq!(last_used_from_bytes(damaged), None);
        }
    }

    #[test]
    fn ids_of_outside_providers_never_meet_ours() {
        let id = uuid::Uuid::new_v4().to_string();
        assert_ne!(revoked_session(&id), revoked_workos(&id));
        assert_ne!(revoked_clerk(&id), revoked_workos(&id));
    }
}

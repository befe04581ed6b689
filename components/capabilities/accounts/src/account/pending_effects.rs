//! Effects of a user's events outside of the journal that still have to be applied. An effect stays
//! pending until a snapshot records that it was applied. Applying one again is harmless.

use serde::{Deserialize, Serialize};

use super::events::{Email, Identity, Key, Session};
use crate::unique_name::UniqueName;

/// How long an ended session may have unexpired tokens, in milliseconds: the 30 days of the
/// longest-lived token and one day for clock differences.
pub(crate) const REVOCATION_LIFETIME: u64 = 31 * 24 * 60 * 60 * 1000;

/// The pending effects of one user's events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PendingEffects {
    /// When the last effect was added.
    pub(crate) changed_at: u64,
    /// Ended sessions.
    pub(crate) revocations: Vec<Revocation>,
    /// Hashes of API keys whose records must be deleted.
    pub(crate) key_records: Vec<String>,
    /// Ids of API keys whose time of last use must be deleted.
    pub(crate) key_usage: Vec<String>,
    /// Claims to release.
    pub(crate) claim_releases: Vec<ClaimRelease>,
    /// The change to the operator's directory.
    pub(crate) directory_update: Option<DirectoryUpdate>,
    /// Number of the last entry to erase, after a deletion.
    pub(crate) erase_through: u64,
    /// Numbers of entries that were appended after the deletion. They must be erased too.
    pub(crate) late_entries: Vec<u64>,
}

/// An ended session. Its tokens are refused while the store holds a marker for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) session: String,
    /// When the marker can be deleted, because all tokens have expired.
    pub(crate) until: u64,
    /// Whether the marker is in the store.
    pub(crate) written: bool,
}

/// A claim to release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimRelease {
    pub(crate) name: UniqueName,
    pub(crate) claim: String,
}

/// A change to the operator's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectoryUpdate {
    Registered,
    Deleted,
}

impl PendingEffects {
    /// Whether an effect has not been applied.
    pub(crate) fn is_pending(&self) -> bool {
        self.revocations
            .iter()
            .any(|revocation| !revocation.written)
            || !self.key_records.is_empty()
            || !self.key_usage.is_empty()
            || !self.claim_releases.is_empty()
            || self.directory_update.is_some()
            || self.erase_through > 0
            || !self.late_entries.is_empty()
    }

    /// Whether a session has ended.
    pub(crate) fn is_revoked(&self, session: &str) -> bool {
        self.revocations
            .iter()
            .any(|revocation| revocation.session == session)
    }

    pub(super) fn revoke_session(&mut self, session: String, at: u64) {
        if !self.is_revoked(&session) {
            self.revocations.push(Revocation {
                session,
                until: at.saturating_add(REVOCATION_LIFETIME),
                written: false,
            });
        }
        self.changed_at = at;
    }

    pub(super) fn revoke_sessions(&mut self, sessions: impl IntoIterator<Item = Session>, at: u64) {
        for session in sessions {
            self.revoke_session(session.id, at);
        }
    }

    pub(super) fn delete_key_record(&mut self, hash: String, at: u64) {
        self.key_records.push(hash);
        self.changed_at = at;
    }

    pub(super) fn delete_key(&mut self, key: Key, at: u64) {
        self.delete_key_record(key.hash, at);
        self.key_usage.push(key.id);
    }

    pub(super) fn release_email(&mut self, email: Email, at: u64) {
        self.claim_releases.push(ClaimRelease {
            name: UniqueName::email(&email.address),
            claim: email.claim,
        });
        self.changed_at = at;
    }

    pub(super) fn release_identity(&mut self, identity: Identity, at: u64) {
        self.claim_releases.push(ClaimRelease {
            name: UniqueName::identity(&identity.provider, &identity.subject),
            claim: identity.claim,
        });
        self.changed_at = at;
    }

    pub(super) fn update_directory(&mut self, update: DirectoryUpdate, at: u64) {
        self.directory_update = Some(update);
        self.changed_at = at;
    }
}

//! What is still to be done outside of the journal because of what happened in it. A chore is kept
//! in the state until a snapshot says that it has been done, and doing one again does no harm.

use serde::{Deserialize, Serialize};

use super::facts::{Email, Identity, Key, Session};
use crate::claims::Index;

/// How long a session that has ended can have tokens which are not too old, in milliseconds: the 30
/// days of the longest-lived, and one for clocks that disagree.
pub(crate) const TOKENS_OUTLIVE: u64 = 31 * 24 * 60 * 60 * 1000;

/// The chores of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chores {
    /// When the last one was added.
    pub(crate) since: u64,
    /// Sessions that have ended.
    pub(crate) markers: Vec<Marker>,
    /// Hashes of API keys whose records are to go.
    pub(crate) records: Vec<String>,
    /// Ids of API keys that are forgotten, and so is when they were used.
    pub(crate) uses: Vec<String>,
    /// Claims to be given up.
    pub(crate) releases: Vec<Release>,
    /// What the operator's directory is to be told.
    pub(crate) listing: Option<Listing>,
    /// Up to which number entries are to be erased, because all that they speak of is gone.
    pub(crate) erase: u64,
    /// Entries that came after the end, and are to be erased too.
    pub(crate) strays: Vec<u64>,
}

/// A session that has ended, whose tokens are refused for as long as there is a marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) session: String,
    /// When the marker can go, since all tokens are too old.
    pub(crate) until: u64,
    pub(crate) written: bool,
}

/// A claim to be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    pub(crate) index: Index,
    pub(crate) claim: String,
}

/// What the operator's directory is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Listing {
    Registered,
    Deleted,
}

impl Chores {
    /// Whether there is something that has not been tried yet, or has failed.
    pub(crate) fn are_pending(&self) -> bool {
        self.markers.iter().any(|marker| !marker.written)
            || !self.records.is_empty()
            || !self.uses.is_empty()
            || !self.releases.is_empty()
            || self.listing.is_some()
            || self.erase > 0
            || !self.strays.is_empty()
    }

    pub(super) fn mark(&mut self, session: String, at: u64) {
        if !self.is_marked(&session) {
            self.markers.push(Marker {
                session,
                until: at.saturating_add(TOKENS_OUTLIVE),
                written: false,
            });
        }
        self.since = at;
    }

    pub(crate) fn is_marked(&self, session: &str) -> bool {
        self.markers.iter().any(|marker| marker.session == session)
    }

    pub(super) fn mark_all(&mut self, sessions: impl IntoIterator<Item = Session>, at: u64) {
        for session in sessions {
            self.mark(session.id, at);
        }
    }

    pub(super) fn delete_record(&mut self, hash: String, at: u64) {
        self.records.push(hash);
        self.since = at;
    }

    pub(super) fn forget_key(&mut self, key: Key, at: u64) {
        self.delete_record(key.hash, at);
        self.uses.push(key.id);
    }

    pub(super) fn release_email(&mut self, email: Email, at: u64) {
        self.releases.push(Release {
            index: Index::email(&email.address),
            claim: email.claim,
        });
        self.since = at;
    }

    pub(super) fn release_identity(&mut self, identity: Identity, at: u64) {
        self.releases.push(Release {
            index: Index::identity(&identity.provider, &identity.subject),
            claim: identity.claim,
        });
        self.since = at;
    }

    pub(super) fn list(&mut self, listing: Listing, at: u64) {
        self.listing = Some(listing);
        self.since = at;
    }
}

//! A conversation as the state and the archive have it.

use serde::{Deserialize, Serialize};

use super::turn::Turn;

/// How many conversations a user may have, and how long an eviction can be undone (milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    #[serde(rename = "limit")]
    pub(crate) conversations: u32,
    pub(crate) undo: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    /// The number of the entry that began it: an id that its client has chosen may begin anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) begun: u64,
    pub(crate) title: String,
    /// Whether the title is the user's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) renamed: bool,
    /// The model asked last.
    pub(crate) model: String,
    /// The system prompt of its replies, if it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system: Option<String>,
    pub(crate) created: u64,
    /// The limits when it began. Present while it exceeds them and does not count, because no reply has a
    /// first word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provisional: Option<Limits>,
    /// Whether it is kept from eviction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
    /// The number of the last entry that requested a reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) latest: u64,
    /// The number of the last entry that changed it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) changed: u64,
    /// The entries that hold all of it, because it came back from the archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) archive_entries: Vec<u64>,
    /// The time of its last message as far as entries tell: decides which one is evicted.
    pub(crate) touched: u64,
    /// The time of its last message, ends of replies included: for people.
    pub(crate) updated: u64,
    /// How much content (bytes) makes a segment.
    pub(crate) segment_bytes: u32,
    /// How many segments hold its older turns, and how many turns those are.
    pub(crate) segments: u32,
    pub(crate) sealed: u32,
    /// The entries that hold titles.
    #[serde(default)]
    pub(crate) title_entries: Vec<u64>,
    /// Those not in segments, oldest first.
    pub(crate) turns: Vec<Turn>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

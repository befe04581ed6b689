//! What is stored: the facts of a user's ledger. Times are milliseconds since the epoch, amounts
//! are credits, which are tokens.

use serde::{Deserialize, Serialize};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fact {
    PlanSet {
        plan: String,
        at: u64,
    },
    /// `id` is a hash of the grant's.
    Granted {
        id: u64,
        amount: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: u64,
    },
    Reserved(Reserved),
    Settled(Settled),
    Released {
        id: u64,
        at: u64,
    },
    /// All before it is to be forgotten.
    Forgotten {
        at: u64,
    },
}

/// Somebody asks for leave to spend; the fold says whether they have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserved {
    /// Made at random by the writer.
    pub(crate) id: u64,
    /// What is held, if there is as much.
    pub(crate) want: u64,
    /// What must be there.
    pub(crate) least: u64,
    /// The plan's limit as the writer knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monthly: Option<u64>,
    /// The key's budget as the writer knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyBudget>,
    pub(crate) at: u64,
}

/// The bounds of an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyBudget {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<u64>,
}

/// Something was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// The reservation's, or one of its own.
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) prompt: u32,
    pub(crate) completion: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) estimated: bool,
    /// Of `prompt`, those that the provider had in its cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) cached: u32,
    /// In millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// It was no request of the user's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) aside: bool,
    /// The id of the API key that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The plan's limit as the writer knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monthly: Option<u64>,
    pub(crate) at: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

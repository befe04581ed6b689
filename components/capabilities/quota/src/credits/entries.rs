//! The entries of a user's ledger, as they are stored. Times are in milliseconds since the epoch,
//! amounts in credits, which are tokens.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    PlanSet {
        plan: String,
        at: u64,
    },
    /// `id` is a hash of the grant's id.
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
    /// Resets the ledger.
    Erased {
        at: u64,
    },
}

/// A request for credits. Whether it is granted follows from the entries before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserved {
    /// Random.
    pub(crate) id: u64,
    /// Credits to reserve, if as many are left.
    pub(crate) wanted: u64,
    /// Credits without which nothing is reserved.
    pub(crate) minimum: u64,
    /// The plan's monthly credits as the writer knew them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monthly: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyBudget>,
    pub(crate) at: u64,
}

/// The limits of an API key as the writer knew them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyBudget {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<u64>,
}

/// The usage of one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// The reservation's id, or a random one if there was no reservation.
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) prompt: u32,
    pub(crate) completion: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) estimated: bool,
    /// The part of `prompt` that the provider read from its cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) cached: u32,
    /// Millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u64>,
    /// True if the user did not request it; it then does not count as a request.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) background: bool,
    /// The id of the API key that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The plan's monthly credits as the writer knew them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monthly: Option<u64>,
    pub(crate) at: u64,
}

impl Settled {
    /// Credits.
    pub(crate) fn amount(&self) -> u64 {
        u64::from(self.prompt).saturating_add(u64::from(self.completion))
    }

    /// How many requests of the user it counts as.
    pub(crate) fn requests(&self) -> u64 {
        u64::from(!self.background)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

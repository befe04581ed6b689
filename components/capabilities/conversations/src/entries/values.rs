//! Values that entries have, and that the state keeps.

use serde::{Deserialize, Serialize};

/// A file that came with a message: a reference, and what is known of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) media_type: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Complete,
    Stopped,
    Incomplete,
}

/// Why a reply is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// A stable code of the API.
    pub(crate) code: String,
    /// A sentence for the user.
    pub(crate) message: String,
}

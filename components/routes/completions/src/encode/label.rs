//! What every object of one response has in common.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// The protocol that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI's Chat Completions.
    OpenAi,
    /// worker-api's: `{"response"}` and nothing else.
    WorkerApi,
}

/// Fields that all chunks of a response repeat.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(super) id: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) created: u64,
    /// The model that answers, or the requested one as long as that is not known.
    pub(crate) model: String,
}

impl Label {
    /// The label of a response that begins now.
    pub(crate) fn new(model: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            id: format!("chatcmpl-{}", Uuid::new_v4().simple()),
            created: now.unwrap_or_default().as_secs(),
            model,
        }
    }
}

//! What a model says, in OpenAI's words: one object, or chunks of it.

mod chunks;
mod message;
mod words;

pub(crate) use chunks::Chunks;
pub(crate) use message::Message;

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::llm::types::Delta;
use uuid::Uuid;

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A client of OpenAI's.
    OpenAi,
    /// One of worker-api's: `{"response"}` and nothing else.
    Plain,
}

/// What all chunks of an answer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    id: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    created: u64,
    /// Who answers, as far as it is known.
    pub(crate) model: String,
}

impl Label {
    /// The label of an answer that begins now.
    pub(crate) fn new(model: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            id: format!("chatcmpl-{}", Uuid::new_v4().simple()),
            created: now.unwrap_or_default().as_secs(),
            model,
        }
    }
}

/// What a piece of an answer counts for, in bytes of text.
pub(crate) fn size(delta: &Delta) -> usize {
    match delta {
        Delta::ResolvedModel(_) => 0,
        Delta::Text(text) | Delta::Reasoning(text) | Delta::Refusal(text) => text.len(),
        Delta::ToolCall(piece) => piece
            .arguments
            .len()
            .saturating_add(piece.name.as_ref().map_or(0, String::len)),
    }
}

#[cfg(test)]
mod tests;

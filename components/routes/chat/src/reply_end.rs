//! The end of a reply, for the encoders of all protocols.

use contracts::{conversations::turns::Outcome, llm::types::FinishReason};
use http_edge::ApiError;

/// How a reply ended.
pub(crate) struct ReplyEnd<'a> {
    pub(crate) outcome: Outcome,
    /// Why the model stopped, where it is known.
    pub(crate) reason: Option<FinishReason>,
    /// Tokens of prompt and completion, where they are known.
    pub(crate) usage: Option<(u32, u32)>,
    /// The model that replied.
    pub(crate) model: &'a str,
    /// What went wrong, and the id of the request.
    pub(crate) error: Option<(&'a ApiError, &'a str)>,
}

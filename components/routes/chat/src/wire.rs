//! The languages in which a reply is told: our own events, or the AI SDK's UI message stream.

use contracts::{
    conversations::turns::{Outcome, Started},
    llm::types::FinishReason,
};
use http_edge::{ApiError, Response};
use sse::Encoder;

use crate::{events, ui_messages::chunks};

/// What the client of a reply understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Native,
    UiMessages,
}

/// How a reply ended, for its client.
pub(crate) struct Ending<'a> {
    pub(crate) outcome: Outcome,
    /// Why the model said no more, where that is known.
    pub(crate) reason: Option<FinishReason>,
    /// Tokens of prompt and completion, where they are known.
    pub(crate) usage: Option<(u32, u32)>,
    /// Who answered.
    pub(crate) model: &'a str,
    /// What went wrong, and the id of the request.
    pub(crate) error: Option<(&'a ApiError, &'a str)>,
}

impl Wire {
    /// The first events: what is being answered, and where it will be found.
    pub(crate) fn opening(self, started: &Started, model: &str) -> Vec<u8> {
        match self {
            Self::Native => events::conversation(started, model),
            Self::UiMessages => chunks::opening(started, model),
        }
    }

    /// A piece of the reply, with its number in the stream; the length of its text in JSON.
    pub(crate) fn content(self, out: &mut Encoder, number: u64, content: &str) -> usize {
        match self {
            Self::Native => events::content(out, number, content),
            Self::UiMessages => chunks::content(out, content),
        }
    }

    /// The last events.
    pub(crate) fn ending(self, ending: &Ending<'_>) -> Vec<u8> {
        match self {
            Self::Native => events::ending(ending),
            Self::UiMessages => chunks::ending(ending),
        }
    }

    /// The same answer, marked as what it is where that is customary.
    pub(crate) fn mark(self, reply: Response) -> Response {
        match self {
            Self::Native => reply,
            Self::UiMessages => reply.header("x-vercel-ai-ui-message-stream", "v1"),
        }
    }
}

//! An answer under way: bytes in, deltas and an end out. Pure.

use crate::bindings::{Completion, Error, StopReason, Usage};
use sse::{Event, Parser};
use token_estimate::tokens_of;

/// What a provider's events have told so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Text not yet taken.
    pub(crate) texts: Vec<String>,
    /// Why the model stopped, once it said so.
    pub(crate) stop: Option<StopReason>,
    /// The provider's count.
    pub(crate) prompt_tokens: Option<u32>,
    /// The provider's count.
    pub(crate) completion_tokens: Option<u32>,
    /// Nothing more will come: the provider's own end of the stream was seen.
    pub(crate) done: bool,
    /// The model has begun to answer, be it with thoughts we do not pass on.
    pub(crate) started: bool,
    bytes: usize,
}

impl Progress {
    /// Adds a piece of the answer.
    pub(crate) fn text(&mut self, text: String) {
        self.started = true;
        if !text.is_empty() {
            self.bytes = self.bytes.saturating_add(text.len());
            self.texts.push(text);
        }
    }
}

/// How a provider's events are understood.
pub(crate) trait Decode {
    /// Reads one event.
    ///
    /// # Errors
    /// The provider's error event as our case, or `protocol`.
    fn event(&mut self, event: &Event, progress: &mut Progress) -> Result<(), Error>;
}

/// An answer being read.
pub(crate) struct Reply {
    parser: Parser,
    decoder: Box<dyn Decode>,
    progress: Progress,
    prompt_estimate: u32,
}

impl Reply {
    /// The beginning of an answer. `prompt_estimate` is used where the provider sends no count.
    pub(crate) fn new(decoder: Box<dyn Decode>, prompt_estimate: u32) -> Self {
        Self {
            parser: Parser::new(),
            decoder,
            progress: Progress::default(),
            prompt_estimate,
        }
    }

    /// Takes bytes and gives the pieces of text they complete. Pieces that precede an error are
    /// given by [`Reply::take`].
    ///
    /// # Errors
    /// The provider's, or `protocol`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Self {
            parser,
            decoder,
            progress,
            ..
        } = self;
        let mut failed = None;
        let parsed = parser.push(bytes, |event| {
            if failed.is_none() && !progress.done {
                failed = decoder.event(&event, progress).err();
            }
        });
        match failed {
            Some(error) => Err(error),
            None if progress.done => Ok(()),
            None => parsed.map_err(|error| Error::Protocol(error.to_string())),
        }
    }

    /// The pieces of text not yet taken.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.progress.texts)
    }

    /// The provider's end was seen; nothing more need be read.
    pub(crate) fn is_done(&self) -> bool {
        self.progress.done
    }

    /// The model said why it stopped; what may still come is the usage.
    pub(crate) fn has_stopped(&self) -> bool {
        self.progress.done || self.progress.stop.is_some()
    }

    /// The model has begun to answer.
    pub(crate) fn has_started(&self) -> bool {
        self.progress.started
    }

    /// How the answer ended, now that nothing more comes; `cause` is what to say if it had not.
    ///
    /// # Errors
    /// `cause`, if the answer broke off before the model stopped.
    pub(crate) fn end(&self, cause: Error) -> Result<Completion, Error> {
        if !self.has_stopped() {
            return Err(cause);
        }
        let progress = &self.progress;
        let usage = match (progress.prompt_tokens, progress.completion_tokens) {
            (Some(prompt_tokens), Some(completion_tokens)) => Usage {
                prompt_tokens,
                completion_tokens,
                estimated: false,
            },
            (prompt, completion) => Usage {
                prompt_tokens: prompt.unwrap_or(self.prompt_estimate),
                completion_tokens: completion.unwrap_or_else(|| tokens_of(progress.bytes)),
                estimated: true,
            },
        };
        Ok(Completion {
            stop_reason: progress.stop.unwrap_or(StopReason::End),
            usage,
        })
    }
}

/// The JSON of an event's data.
///
/// # Errors
/// `protocol`, without the text, which may be content.
pub(crate) fn json<T: serde::de::DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|_| {
        Error::Protocol("an event is not what the provider's protocol says".to_owned())
    })
}

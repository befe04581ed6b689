//! An answer under way: bytes in, deltas and an end out. Pure.

use crate::bindings::{Completion, Delta, Error, FinishReason, ToolCallDelta, Usage};
use crate::chance::chance;
use sse::{Event, Parser};
use token_estimate::tokens_of;

/// More calls than any model asks for at once.
const MOST_CALLS: u32 = 128;

/// What a provider's events have told so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Pieces not yet taken.
    pieces: Vec<Delta>,
    /// Why the model stopped, once it said so.
    pub(crate) stop: Option<FinishReason>,
    /// The provider's count.
    pub(crate) prompt_tokens: Option<u32>,
    /// The provider's count.
    pub(crate) completion_tokens: Option<u32>,
    /// The provider's count, part of the prompt's.
    pub(crate) cached_tokens: u32,
    /// The provider's count, part of the completion's.
    pub(crate) reasoning_tokens: u32,
    /// Nothing more will come: the provider's own end of the stream was seen.
    pub(crate) done: bool,
    /// The model has begun to answer, be it with what we do not pass on.
    started: bool,
    /// Calls it has asked for.
    calls: u32,
    bytes: usize,
}

impl Progress {
    /// Adds text.
    pub(crate) fn text(&mut self, text: String) {
        self.words(text, Delta::Text);
    }

    /// Adds a thought.
    pub(crate) fn reasoning(&mut self, thought: String) {
        self.words(thought, Delta::Reasoning);
    }

    /// Adds words that decline.
    pub(crate) fn refusal(&mut self, words: String) {
        self.words(words, Delta::Refusal);
    }

    fn words(&mut self, words: String, piece: fn(String) -> Delta) {
        if !words.is_empty() {
            self.add(words.len(), piece(words));
        }
    }

    /// Adds the beginning of a call; its number among the answer's calls.
    ///
    /// # Errors
    /// `protocol` when there are too many.
    pub(crate) fn begin_call(&mut self, id: String, name: String) -> Result<u32, Error> {
        let index = self.calls;
        if index >= MOST_CALLS {
            return Err(Error::Protocol("the model calls without end".to_owned()));
        }
        self.calls = index.saturating_add(1);
        let id = if id.is_empty() { made_up_id() } else { id };
        self.add(
            name.len(),
            Delta::ToolCall(ToolCallDelta {
                index,
                id: Some(id),
                name: Some(name),
                arguments: String::new(),
            }),
        );
        Ok(index)
    }

    /// Adds to the arguments of a call that has begun.
    pub(crate) fn arguments(&mut self, index: u32, arguments: String) {
        if arguments.is_empty() {
            return;
        }
        // What comes together goes on together.
        if let Some(Delta::ToolCall(last)) = self.pieces.last_mut()
            && last.index == index
        {
            self.bytes = self.bytes.saturating_add(arguments.len());
            last.arguments.push_str(&arguments);
            return;
        }
        self.add(
            arguments.len(),
            Delta::ToolCall(ToolCallDelta {
                index,
                id: None,
                name: None,
                arguments,
            }),
        );
    }

    fn add(&mut self, bytes: usize, piece: Delta) {
        self.started = true;
        self.bytes = self.bytes.saturating_add(bytes);
        self.pieces.push(piece);
    }

    /// Notes that the model is at work, though there is nothing to pass on.
    pub(crate) fn start(&mut self) {
        self.started = true;
    }

    /// Whether it has asked for calls.
    pub(crate) fn has_calls(&self) -> bool {
        self.calls > 0
    }
}

/// An id for a call whose provider gave it none. Two answers of a conversation must not share one.
fn made_up_id() -> String {
    format!("call_{:016x}", chance())
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

    /// Takes bytes. The pieces they complete, also those that precede an error, are given by
    /// [`Reply::take`].
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

    /// The pieces not yet taken.
    pub(crate) fn take(&mut self) -> Vec<Delta> {
        std::mem::take(&mut self.progress.pieces)
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
        let estimated = progress.prompt_tokens.is_none() || progress.completion_tokens.is_none();
        let usage = Usage {
            prompt_tokens: progress.prompt_tokens.unwrap_or(self.prompt_estimate),
            completion_tokens: progress
                .completion_tokens
                .unwrap_or_else(|| tokens_of(progress.bytes)),
            cached_tokens: progress.cached_tokens,
            reasoning_tokens: progress.reasoning_tokens,
            estimated,
        };
        Ok(Completion {
            finish_reason: progress.stop.unwrap_or(FinishReason::Stop),
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

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// All pieces of a stream, and its end. The stream is read as a whole and again byte by byte,
    /// which must come to the same.
    pub(crate) fn read(
        stream: &str,
        decoder: impl Fn() -> Box<dyn Decode>,
    ) -> (Vec<Delta>, Result<Completion, Error>) {
        let whole = read_in(stream, stream.len().max(1), &decoder);
        let split = read_in(stream, 1, &decoder);
        assert_eq!(whole.1, split.1);
        assert_eq!(texts(&whole.0).concat(), texts(&split.0).concat());
        assert_eq!(calls(&whole.0), calls(&split.0));
        whole
    }

    fn read_in(
        stream: &str,
        size: usize,
        decoder: &impl Fn() -> Box<dyn Decode>,
    ) -> (Vec<Delta>, Result<Completion, Error>) {
        let mut reply = Reply::new(decoder(), 7);
        let mut pieces = Vec::new();
        for bytes in stream.as_bytes().chunks(size) {
            let pushed = reply.push(bytes);
            pieces.append(&mut reply.take());
            if let Err(error) = pushed {
                return (pieces, Err(error));
            }
        }
        (pieces, reply.end(Error::Unreachable("cut".to_owned())))
    }

    /// The pieces of text.
    pub(crate) fn texts(pieces: &[Delta]) -> Vec<String> {
        pieces
            .iter()
            .filter_map(|piece| match piece {
                Delta::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    /// The calls as names and arguments, put together as a client would. Each has an id of its own.
    pub(crate) fn calls(pieces: &[Delta]) -> Vec<(String, String)> {
        let mut calls: Vec<(String, String)> = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        for piece in pieces {
            let Delta::ToolCall(piece) = piece else {
                continue;
            };
            if let Some(name) = &piece.name {
                assert_eq!(piece.index as usize, calls.len());
                assert!(ids.insert(piece.id.clone().unwrap()));
                calls.push((name.clone(), String::new()));
            } else {
                assert_eq!(piece.id, None);
            }
            calls[piece.index as usize].1 += &piece.arguments;
        }
        calls
    }
}

//! The behaviour of the server for one request.

use crate::gate::Gate;
use crate::raw_response::RawResponse;
use std::time::Duration;

/// The response to one request. [`Script::new`] is a provider without failures; the other methods
/// add failures.
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) tokens: Vec<String>,
    pub(crate) first_delay: Duration,
    /// Closed before the token of that number.
    pub(crate) gate: Option<(usize, Gate)>,
    pub(crate) delay: Duration,
    pub(crate) split: Option<usize>,
    pub(crate) split_delay: Duration,
    pub(crate) whole: bool,
    pub(crate) line_end: &'static str,
    pub(crate) bom: bool,
    pub(crate) comments: bool,
    pub(crate) done: bool,
    pub(crate) usage: Option<(u32, u32)>,
    pub(crate) cached: u32,
    pub(crate) openai_shaped: bool,
    pub(crate) ending: Ending,
    pub(crate) fault: Option<Fault>,
}

/// Why the model says it stopped; each format has its own word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `stop`, `end_turn`.
    Stop,
    /// `length`, `max_tokens`.
    Length,
    /// `content_filter`, `refusal`.
    ContentFilter,
    /// The stream ends without a reason.
    Missing,
}

/// A failure. Counts are of tokens that are sent before it.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An error status with the provider's own error body.
    Refuse(Failure),
    /// An error status with a given body: status, content type, body.
    Raw(u16, String, String),
    /// A response of exact bytes.
    Exact(RawResponse),
    /// The request is read and never gets a response.
    HangBeforeHeaders,
    /// Headers, so many tokens, then silence with the connection open.
    HangAfter(usize),
    /// So many tokens, then the connection is closed in the middle of an event.
    CutAfter(usize),
    /// So many tokens, then the provider's error event (an overload), then a clean end.
    ErrorAfter(usize),
    /// 200, `text/event-stream`, and bytes of no protocol.
    Garbage,
    /// 200, `application/json`, and the provider's error object.
    JsonError,
    /// 200 and a web page.
    Html,
    /// An event of so many bytes in a single `data:` line, after the first token.
    Oversized(usize),
}

/// An error response of a provider, before any token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// 401: the key is wrong. The body quotes a part of the key, as OpenAI's does.
    BadKey,
    /// 404: no such model.
    UnknownModel,
    /// 400: the conversation does not fit.
    ContextTooLong,
    /// 400: refused for its content.
    ContentFiltered,
    /// 400: a parameter is not accepted.
    InvalidRequest,
    /// 429 with this `Retry-After`, in seconds or as an HTTP date.
    RateLimited(Option<String>),
    /// 529 for Anthropic's format, else 503, with this `Retry-After`.
    Overloaded(Option<String>),
    /// 500.
    Internal,
}

impl Script {
    /// Streams these tokens, each in an event and a write of its own, without delay, with usage
    /// (10 prompt tokens and one completion token for each of `tokens`) and a clean end.
    pub fn new(tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tokens: Vec<String> = tokens.into_iter().map(Into::into).collect();
        let count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        Self {
            tokens,
            first_delay: Duration::ZERO,
            gate: None,
            delay: Duration::ZERO,
            split: None,
            split_delay: Duration::ZERO,
            whole: false,
            line_end: "\n",
            bom: false,
            comments: false,
            done: true,
            usage: Some((10, count)),
            cached: 0,
            openai_shaped: false,
            ending: Ending::Stop,
            fault: None,
        }
    }

    /// `count` tokens `w0 `, `w1 `, …
    pub fn words(count: usize) -> Self {
        Self::new((0..count).map(|n| format!("w{n} ")))
    }

    /// A refusal before any token.
    pub fn refuse(failure: Failure) -> Self {
        Self::new(["never sent"]).fault(Fault::Refuse(failure))
    }

    /// Waits before the first token (the headers go out at once).
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// Waits before the first token until the gate is opened (the headers go out at once).
    pub fn behind(self, gate: &Gate) -> Self {
        self.pausing(0, gate)
    }

    /// Waits after so many tokens, which there must be more of, until the gate is opened.
    pub fn pausing(mut self, after: usize, gate: &Gate) -> Self {
        self.gate = Some((after, gate.clone()));
        self
    }

    /// Waits between tokens: a slow drip, if it is long.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Cuts everything into writes (and HTTP chunks) of so many bytes, through lines and characters.
    pub fn split(mut self, bytes: usize) -> Self {
        self.split = Some(bytes.max(1));
        self
    }

    /// Waits between the pieces of [`Script::split`].
    pub fn split_delay(mut self, delay: Duration) -> Self {
        self.split_delay = delay;
        self
    }

    /// Sends the whole response in a single write and HTTP chunk.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Ends lines with CR LF.
    pub fn crlf(mut self) -> Self {
        self.line_end = "\r\n";
        self
    }

    /// Ends lines with CR alone.
    pub fn cr(mut self) -> Self {
        self.line_end = "\r";
        self
    }

    /// Begins with a byte order mark.
    pub fn bom(mut self) -> Self {
        self.bom = true;
        self
    }

    /// Mixes in comment lines, as gateways do to keep connections open.
    pub fn comments(mut self) -> Self {
        self.comments = true;
        self
    }

    /// Leaves out the last event: `[DONE]`, or `message_stop`.
    pub fn without_done(mut self) -> Self {
        self.done = false;
        self
    }

    /// Reports these counts: prompt tokens, completion tokens.
    pub fn usage(mut self, prompt: u32, completion: u32) -> Self {
        self.usage = Some((prompt, completion));
        self
    }

    /// OpenAI's protocol only: reports so many of the prompt's tokens as cached.
    pub fn cached(mut self, tokens: u32) -> Self {
        self.cached = tokens;
        self
    }

    /// Reports no usage.
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// Workers AI only: deltas in OpenAI's shape, as its newer models send.
    pub fn openai_shaped(mut self) -> Self {
        self.openai_shaped = true;
        self
    }

    /// Ends for this reason.
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Goes wrong in this way.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }
}

impl From<RawResponse> for Script {
    fn from(response: RawResponse) -> Self {
        Self::new([""]).fault(Fault::Exact(response))
    }
}

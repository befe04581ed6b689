//! Passing a reply on from the model to whoever receives it.

use std::pin::pin;

use contracts::llm::types::{Completion, Delta, Error, ResolvedModel};
use futures::future::{Either, select};
use http_edge::{ApiError, Cause};

use crate::{
    moderation::Moderation,
    size::{delta_bytes, extra_bytes},
    source::Source,
};

/// Most bytes of text that a model may generate for one reply; then it is cancelled.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// The same for what a reply holds besides text, such as images.
const MAX_EXTRA_BYTES: usize = 32 * 1024 * 1024;

/// Receives the deltas of a reply.
pub trait Sink {
    /// Takes deltas that arrived together; none after [`Silence::KeepAlive`]. The model is read again
    /// only when this returns, so a sink that waits slows the model down.
    fn send(&mut self, deltas: Vec<Delta>) -> impl Future<Output = Result<(), Stop>>;

    /// Runs while the model is silent. It is dropped with the next delta and called again, so it
    /// must not write.
    fn silence(&mut self) -> impl Future<Output = Silence>;
}

/// What a sink does about a silent model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It ends the reply.
    Stop(Stop),
    /// It wants to send something.
    KeepAlive,
}

/// Why a sink takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the rest.
    Cancelled,
    /// The reply is longer than the sink can take.
    TooLong,
}

/// A moderated reply. Dropping it before the end cancels the request at the provider.
pub struct Reply {
    /// None once the reply was blocked, which cancels the request.
    source: Option<Source>,
    moderation: Moderation,
    /// The text that moderation held back at the end was returned.
    is_flushed: bool,
    blocked: Option<ApiError>,
    generated: usize,
    /// What came besides text, in bytes.
    extra: usize,
    resolved: Option<ResolvedModel>,
}

/// How a relay ended.
#[derive(Debug)]
pub enum RelayEnd {
    /// The model had said everything.
    Complete(Completion),
    /// `CONTENT_BLOCKED`, by moderation.
    Blocked(ApiError),
    /// The sink wanted no more.
    Cancelled,
    /// The reply was too long.
    TooLong,
    /// The provider failed.
    Failed(Error),
}

/// A reply that was passed on, as far as it went.
#[derive(Debug)]
pub struct Relayed {
    /// How it ended.
    pub end: RelayEnd,
    /// What the model generated, shown or not, in bytes of text.
    pub generated: usize,
    /// Who answered, where that is known.
    pub resolved: Option<ResolvedModel>,
}

impl Reply {
    /// A reply that is read from `source`.
    pub fn new(source: Source, moderation: Moderation) -> Self {
        Self {
            resolved: source.resolved().cloned(),
            source: Some(source),
            moderation,
            is_flushed: false,
            blocked: None,
            generated: 0,
            extra: 0,
        }
    }

    /// The next deltas that may be shown, at least one; none after the last. Dropping the future
    /// loses nothing.
    async fn next(&mut self) -> Option<Vec<Delta>> {
        while let Some(source) = &mut self.source {
            let moderated = match source.next().await {
                Some(deltas) => {
                    let sizes = deltas.iter().map(delta_bytes);
                    self.generated = sizes.fold(self.generated, usize::saturating_add);
                    let sizes = deltas.iter().map(extra_bytes);
                    self.extra = sizes.fold(self.extra, usize::saturating_add);
                    self.moderation.pass(deltas)
                }
                None if self.is_flushed => return None,
                None => {
                    self.is_flushed = true;
                    self.moderation.finish()
                }
            };
            if self.resolved.is_none() {
                self.resolved = source.resolved().cloned();
            }
            if moderated.blocked.is_some() {
                self.source = None;
                self.blocked = moderated.blocked;
            }
            if !moderated.deltas.is_empty() {
                return Some(moderated.deltas);
            }
        }
        None
    }

    async fn end(self) -> RelayEnd {
        match (self.source, self.blocked) {
            (Some(source), None) => match source.completion().await {
                Ok(completion) => RelayEnd::Complete(completion),
                Err(error) => RelayEnd::Failed(error),
            },
            (_, Some(blocked)) => RelayEnd::Blocked(blocked),
            (None, None) => RelayEnd::Failed(Error::Other("a reply without an end".to_owned())),
        }
    }
}

/// Passes a reply on until it ends or the sink takes no more.
pub async fn relay(mut reply: Reply, sink: &mut impl Sink) -> Relayed {
    let stopped = pass_on(&mut reply, sink).await;
    let generated = reply.generated;
    let resolved = reply.resolved.take();
    let end = match stopped {
        Ok(()) => reply.end().await,
        Err(Stop::Cancelled) => RelayEnd::Cancelled,
        Err(Stop::TooLong) => RelayEnd::TooLong,
    };
    Relayed {
        end,
        generated,
        resolved,
    }
}

async fn pass_on(reply: &mut Reply, sink: &mut impl Sink) -> Result<(), Stop> {
    loop {
        let next = match select(pin!(reply.next()), pin!(sink.silence())).await {
            Either::Left((next, _)) => next,
            Either::Right((Silence::Stop(stop), _)) => return Err(stop),
            Either::Right((Silence::KeepAlive, _)) => Some(Vec::new()),
        };
        let Some(deltas) = next else { return Ok(()) };
        sink.send(deltas).await?;
        if reply.generated > MAX_REPLY_BYTES || reply.extra > MAX_EXTRA_BYTES {
            return Err(Stop::TooLong);
        }
    }
}

impl Relayed {
    /// A reply that was cancelled before the model was asked.
    pub fn cancelled() -> Self {
        Self {
            end: RelayEnd::Cancelled,
            generated: 0,
            resolved: None,
        }
    }

    /// A reply that failed before its first delta.
    pub fn failed(error: Error) -> Self {
        Self {
            end: RelayEnd::Failed(error),
            generated: 0,
            resolved: None,
        }
    }
}

impl RelayEnd {
    /// The error of a reply that was too long.
    pub fn too_long() -> ApiError {
        ApiError::ProviderFailed(
            "The reply of the AI provider is too long.",
            Cause::new("reply too long"),
        )
    }

    /// How the model's output ended, if it came to its end.
    pub fn completion(&self) -> Option<&Completion> {
        match self {
            Self::Complete(completion) => Some(completion),
            Self::Blocked(_) | Self::Cancelled | Self::TooLong | Self::Failed(_) => None,
        }
    }
}

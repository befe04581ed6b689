//! The model's answer as it comes.

use std::{
    future::{IntoFuture as _, ready},
    pin::Pin,
    time::Duration,
};

use contracts::llm::types::{Completion, Delta, Error, ResolvedModel};
use futures::future::{Either, select};
use spin_sdk::{
    time::sleep,
    wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult},
};

/// How long the answer's status waits for the model's first word, which may be an error.
const MAX_SILENCE: Duration = Duration::from_secs(5);
/// Pieces taken at once: what came together goes on together.
const BATCH: usize = 32;

type Pieces = Vec<String>;
type Reading = Pin<Box<dyn Future<Output = Read>>>;
type Ending = Pin<Box<dyn Future<Output = Result<Completion, Error>>>>;

/// What came at once.
struct Read {
    pieces: Pieces,
    served: Option<ResolvedModel>,
    /// None after the last piece.
    more: Option<StreamReader<Delta>>,
}

/// Reads the pieces of one answer. Dropping it before the end cancels the answer.
pub(crate) struct Source {
    /// Read already, not taken yet.
    held: Pieces,
    /// The read under way; none after the last piece.
    reading: Option<Reading>,
    served: Option<ResolvedModel>,
    ending: Ending,
}

/// How an answer begins.
pub(crate) enum Opening {
    /// With words, or with a silence that may still end in words.
    Speaking(Source),
    /// With an error in place of words.
    Failed(Error),
    /// Not at all: it is not wanted any more.
    Stopped,
}

impl Source {
    pub(crate) fn new(
        deltas: StreamReader<Delta>,
        completion: FutureReader<Result<Completion, Error>>,
    ) -> Self {
        Self {
            held: Pieces::new(),
            reading: Some(Box::pin(read(deltas))),
            served: None,
            ending: Box::pin(completion.into_future()),
        }
    }

    /// Waits a little for the first word.
    pub(crate) async fn open(mut self) -> Opening {
        let first = {
            let next = std::pin::pin!(self.next());
            let patience = std::pin::pin!(sleep(MAX_SILENCE));
            match select(next, patience).await {
                Either::Left((first, _)) => Some(first),
                Either::Right(_) => None,
            }
        };
        match first {
            None => return Opening::Speaking(self),
            Some(Some(pieces)) => {
                self.held = pieces;
                return Opening::Speaking(self);
            }
            Some(None) => {}
        }
        match self.ending.as_mut().await {
            Ok(completion) => {
                self.ending = Box::pin(ready(Ok(completion)));
                Opening::Speaking(self)
            }
            Err(error) => Opening::Failed(error),
        }
    }

    /// The next pieces, at least one; none after the last. A call that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Pieces> {
        if !self.held.is_empty() {
            return Some(std::mem::take(&mut self.held));
        }
        while let Some(reading) = &mut self.reading {
            let Read {
                pieces,
                served,
                more,
            } = reading.as_mut().await;
            self.reading = more.map(|deltas| Box::pin(read(deltas)) as Reading);
            self.served = served.or(self.served.take());
            if !pieces.is_empty() {
                return Some(pieces);
            }
        }
        None
    }

    /// Who answers, as soon as there is a first piece.
    pub(crate) fn served(&self) -> Option<&ResolvedModel> {
        self.served.as_ref()
    }

    /// How the answer ended; to be asked after the last piece.
    pub(crate) async fn end(self) -> Result<Completion, Error> {
        self.ending.await
    }
}

async fn read(mut deltas: StreamReader<Delta>) -> Read {
    let (result, batch) = deltas.read(Vec::with_capacity(BATCH)).await;
    let more = matches!(result, StreamResult::Complete(_));
    let mut read = Read {
        pieces: Pieces::with_capacity(batch.len()),
        served: None,
        more: more.then_some(deltas),
    };
    for delta in batch {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => read.pieces.push(text),
            Delta::ResolvedModel(served) => read.served = Some(served),
            // The reader is shown no thoughts; no tools are offered, so none are called.
            Delta::Reasoning(_) | Delta::ToolCall(_) => {}
        }
    }
    read
}

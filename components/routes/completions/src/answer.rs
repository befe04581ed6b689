//! A model's answer as it comes.

use std::{
    future::{IntoFuture as _, ready},
    pin::{Pin, pin},
    time::Duration,
};

use contracts::llm::types::{Completion, Delta, Error, ResolvedModel};
use futures::future::{Either, select};
use spin_sdk::{
    time::sleep,
    wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult},
};

/// Pieces taken at once: what came together goes on together.
const BATCH: usize = 32;

type Reading = Pin<Box<dyn Future<Output = (Vec<Delta>, Option<StreamReader<Delta>>)>>>;
type Ending = Pin<Box<dyn Future<Output = Result<Completion, Error>>>>;

/// Reads the pieces of one answer. Dropping it before the end cancels the answer.
pub(crate) struct Answer {
    /// Read already, not taken yet.
    held: Vec<Delta>,
    /// The read under way; none after the last piece.
    reading: Option<Reading>,
    ending: Ending,
}

impl Answer {
    pub(crate) fn new(
        deltas: StreamReader<Delta>,
        completion: FutureReader<Result<Completion, Error>>,
    ) -> Self {
        Self {
            held: Vec::new(),
            reading: Some(Box::pin(read(deltas))),
            ending: Box::pin(completion.into_future()),
        }
    }

    /// Waits for the first piece; with a `patience`, for so long at most.
    ///
    /// # Errors
    /// What came instead of any piece.
    pub(crate) async fn begun(mut self, patience: Option<Duration>) -> Result<Self, Error> {
        let Some(first) = self.first(patience).await else {
            return Ok(self);
        };
        match first {
            Some(pieces) => self.held = pieces,
            None => {
                let completion = self.ending.as_mut().await?;
                self.ending = Box::pin(ready(Ok(completion)));
            }
        }
        Ok(self)
    }

    /// The first pieces, or that there are none; nothing if that is not known in time.
    async fn first(&mut self, patience: Option<Duration>) -> Option<Option<Vec<Delta>>> {
        let next = self.next();
        let Some(patience) = patience else {
            return Some(next.await);
        };
        match select(pin!(next), pin!(sleep(patience))).await {
            Either::Left((first, _)) => Some(first),
            Either::Right(_) => None,
        }
    }

    /// Who answers, if that is known already.
    pub(crate) fn served(&self) -> Option<&ResolvedModel> {
        match self.held.first() {
            Some(Delta::ResolvedModel(served)) => Some(served),
            _ => None,
        }
    }

    /// The next pieces, at least one; none after the last. A call that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<Delta>> {
        if !self.held.is_empty() {
            return Some(std::mem::take(&mut self.held));
        }
        while let Some(reading) = &mut self.reading {
            let (pieces, deltas) = reading.as_mut().await;
            self.reading = deltas.map(|deltas| Box::pin(read(deltas)) as Reading);
            if !pieces.is_empty() {
                return Some(pieces);
            }
        }
        None
    }

    /// How the answer ended; to be asked after the last piece.
    pub(crate) async fn end(self) -> Result<Completion, Error> {
        self.ending.await
    }
}

async fn read(mut deltas: StreamReader<Delta>) -> (Vec<Delta>, Option<StreamReader<Delta>>) {
    let (result, pieces) = deltas.read(Vec::with_capacity(BATCH)).await;
    let more = matches!(result, StreamResult::Complete(_));
    (pieces, more.then_some(deltas))
}

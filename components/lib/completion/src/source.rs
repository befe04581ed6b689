//! The deltas of one completion as they arrive from `goldfish:llm`.

use std::{
    future::{IntoFuture as _, ready},
    pin::{Pin, pin},
    time::Duration,
};

use contracts::llm::{
    provider,
    types::{ChatRequest, Completion, Delta, Error, ResolvedModel},
};
use futures::future::{Either, select};
use spin_sdk::{
    time::sleep,
    wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult},
};

/// How long the HTTP status of a stream waits for the first delta, because an error may come in its
/// place.
const FIRST_DELTA_WAIT: Duration = Duration::from_secs(5);
/// Deltas that are read at once: what arrived together is passed on together.
const BATCH: usize = 32;

type ReadFuture = Pin<Box<dyn Future<Output = (Vec<Delta>, Option<StreamReader<Delta>>)>>>;
type CompletionFuture = Pin<Box<dyn Future<Output = Result<Completion, Error>>>>;

/// Which deltas a protocol has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Text only. A refusal counts as text; reasoning, tool calls and extra fields are dropped.
    Text,
    /// The same, and the model's reasoning.
    TextAndReasoning,
    /// All of them.
    All,
}

/// Reads the deltas of one completion. Dropping it before the end cancels the request at the
/// provider.
pub struct Source {
    keep: Keep,
    /// Read already, not returned by [`Source::next`] yet.
    held: Vec<Delta>,
    /// The read in progress; none after the last delta.
    reading: Option<ReadFuture>,
    resolved: Option<ResolvedModel>,
    completion: CompletionFuture,
}

impl Source {
    /// Asks a model and waits for its first delta, without a time limit.
    ///
    /// # Errors
    /// The provider's error, if it comes before the first delta.
    pub async fn request(request: ChatRequest, keep: Keep) -> Result<Self, Error> {
        let mut source = Self::open(request, keep).await?;
        let first = source.next().await;
        source.begin(first).await
    }

    /// Asks a model and waits for its first delta, but no longer than a few seconds: then the
    /// source is returned as it is, and its error, if there is one, comes from
    /// [`Source::completion`].
    ///
    /// # Errors
    /// The provider's error, if it comes before the first delta and in time.
    pub async fn request_stream(request: ChatRequest, keep: Keep) -> Result<Self, Error> {
        let mut source = Self::open(request, keep).await?;
        let first = match select(pin!(source.next()), pin!(sleep(FIRST_DELTA_WAIT))).await {
            Either::Left((first, _)) => Some(first),
            Either::Right(_) => None,
        };
        match first {
            Some(first) => source.begin(first).await,
            None => Ok(source),
        }
    }

    async fn open(request: ChatRequest, keep: Keep) -> Result<Self, Error> {
        let (deltas, completion) = provider::chat(request).await?;
        Ok(Self::new(deltas, completion, keep))
    }

    fn new(
        deltas: StreamReader<Delta>,
        completion: FutureReader<Result<Completion, Error>>,
        keep: Keep,
    ) -> Self {
        Self {
            keep,
            held: Vec::new(),
            reading: Some(Box::pin(read(deltas))),
            resolved: None,
            completion: Box::pin(completion.into_future()),
        }
    }

    /// Puts the first deltas back; if there are none at all, the completion is known already.
    async fn begin(mut self, first: Option<Vec<Delta>>) -> Result<Self, Error> {
        match first {
            Some(deltas) => self.held = deltas,
            None => {
                let completion = self.completion.as_mut().await?;
                self.completion = Box::pin(ready(Ok(completion)));
            }
        }
        Ok(self)
    }

    /// The next deltas, at least one; none after the last. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<Delta>> {
        if !self.held.is_empty() {
            return Some(std::mem::take(&mut self.held));
        }
        while let Some(reading) = &mut self.reading {
            let (deltas, rest) = reading.as_mut().await;
            self.reading = rest.map(|rest| Box::pin(read(rest)) as ReadFuture);
            if let Some(Delta::ResolvedModel(resolved)) = deltas.first() {
                self.resolved = Some(resolved.clone());
            }
            let deltas = self.keep.filter(deltas);
            if !deltas.is_empty() {
                return Some(deltas);
            }
        }
        None
    }

    /// Which model of which provider answers; known with the first delta.
    pub fn resolved(&self) -> Option<&ResolvedModel> {
        self.resolved.as_ref()
    }

    /// How the completion ended. To be awaited after the last delta.
    pub(crate) async fn completion(self) -> Result<Completion, Error> {
        self.completion.await
    }
}

impl Keep {
    fn filter(self, deltas: Vec<Delta>) -> Vec<Delta> {
        match self {
            Self::All => deltas,
            Self::Text | Self::TextAndReasoning => deltas
                .into_iter()
                .filter_map(|delta| match delta {
                    Delta::Text(text) | Delta::Refusal(text) => Some(Delta::Text(text)),
                    Delta::Reasoning(_) | Delta::ReasoningData(_)
                        if self == Self::TextAndReasoning =>
                    {
                        Some(delta)
                    }
                    Delta::ResolvedModel(_)
                    | Delta::Reasoning(_)
                    | Delta::ReasoningData(_)
                    | Delta::ToolCall(_)
                    | Delta::Extra(_)
                    | Delta::Native(_) => None,
                })
                .collect(),
        }
    }
}

async fn read(mut deltas: StreamReader<Delta>) -> (Vec<Delta>, Option<StreamReader<Delta>>) {
    let (result, batch) = deltas.read(Vec::with_capacity(BATCH)).await;
    let has_more = matches!(result, StreamResult::Complete(_));
    (batch, has_more.then_some(deltas))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningDelta, ReasoningField};

    #[test]
    fn keep_text_drops_all_but_text_and_refusals() {
        let deltas = || {
            vec![
                Delta::Reasoning(ReasoningDelta {
                    text: "Hm.".into(),
                    field: ReasoningField::ReasoningContent,
                }),
                Delta::Text("a".into()),
                Delta::Refusal("b".into()),
            ]
        };
        let kept = Keep::Text.filter(deltas());
        assert!(
            matches!(kept.as_slice(), [Delta::Text(a), Delta::Text(b)] if a == "a" && b == "b")
        );
        assert!(matches!(
            Keep::TextAndReasoning.filter(deltas()).as_slice(),
            [Delta::Reasoning(_), Delta::Text(_), Delta::Text(_)]
        ));
        assert_eq!(Keep::All.filter(deltas()).len(), 3);
    }
}

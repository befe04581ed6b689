//! Storing a reply while it arrives, at the pace that `goldfish:conversations` sets.

use std::{cell::RefCell, pin::pin, rc::Rc, time::Duration};

use contracts::{
    conversations::{
        turns::{Directive, StopReason, Turn},
        types::{EvictedConversation, ReplyDelta},
    },
    llm::types::Delta,
};
use futures::{
    StreamExt as _,
    channel::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
        oneshot,
    },
    future::{Either, select},
};
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::{
    relay::{Silence, Sink, Stop},
    send_buffer::SendBuffer,
};

/// Carries out the directives of one turn, from `begin` to the end of its reply.
pub struct Storing {
    directive: Directive,
    stop: Option<StopSender>,
    warnings: Vec<String>,
    evictions: Evictions,
}

/// What was evicted for a reply, from [`Storing`] to whoever tells the client.
#[derive(Clone, Default)]
pub struct Evictions(Rc<RefCell<Vec<EvictedConversation>>>);

impl Evictions {
    /// What was evicted since the last call.
    pub fn take(&self) -> Vec<EvictedConversation> {
        self.0.take()
    }

    fn extend(&self, evicted: Vec<EvictedConversation>) {
        self.0.borrow_mut().extend(evicted);
    }
}

/// Ends the reply on behalf of the store.
pub struct StopSender(oneshot::Sender<Stop>);

/// Resolves when the store ends the reply.
pub struct StoreStop(oneshot::Receiver<Stop>);

/// Connects [`Storing`] with whoever reads the reply.
pub fn store_stop() -> (StopSender, StoreStop) {
    let (sender, receiver) = oneshot::channel();
    (StopSender(sender), StoreStop(receiver))
}

/// Deltas of a reply that are passed to [`Storing::run`].
pub struct StoreQueue(UnboundedSender<Vec<ReplyDelta>>);

/// The other end of a [`StoreQueue`].
pub struct StoreDeltas(UnboundedReceiver<Vec<ReplyDelta>>);

/// A queue from the relay to the store. It ends when its [`StoreQueue`] is dropped.
pub fn store_queue() -> (StoreQueue, StoreDeltas) {
    let (sender, receiver) = unbounded();
    (StoreQueue(sender), StoreDeltas(receiver))
}

impl Storing {
    /// Begins with the directive that `begin` returned.
    pub fn new(directive: Directive, stop: StopSender) -> Self {
        let mut storing = Self {
            directive: directive.clone(),
            stop: Some(stop),
            warnings: Vec::new(),
            evictions: Evictions::default(),
        };
        storing.apply(directive);
        storing
    }

    /// Appends deltas to the turn when it asks for them, until the queue ends. Returns the deltas
    /// that came after the last call, for `finish`.
    ///
    /// Must not be dropped before it returns: a dropped call loses the turn.
    pub async fn run(&mut self, turn: &Turn, queue: StoreDeltas) -> Vec<ReplyDelta> {
        let mut pending = Pending {
            queue: queue.0,
            deltas: Vec::new(),
            bytes: 0,
        };
        while !self.is_stopped() && pending.fill(&self.directive).await {
            let directive = turn.append(pending.take()).await;
            self.apply(directive);
        }
        // Nothing is appended after a stop: the reader of the reply ends the queue at once.
        pending.drain().await;
        pending.take()
    }

    /// What is evicted for the reply while it is stored.
    pub fn evictions(&self) -> Evictions {
        self.evictions.clone()
    }

    /// Failures of the store, for the log.
    pub fn warnings(self) -> Vec<String> {
        self.warnings
    }

    fn is_stopped(&self) -> bool {
        self.directive.stop.is_some()
    }

    fn apply(&mut self, mut directive: Directive) {
        self.warnings.extend(directive.warning.take());
        self.evictions
            .extend(std::mem::take(&mut directive.evicted));
        if let Some(reason) = directive.stop
            && let Some(stop) = self.stop.take()
        {
            // Nobody receives it if the reply has ended by itself.
            let _ = stop.0.send(match reason {
                StopReason::Cancelled => Stop::Cancelled,
                StopReason::TooLong => Stop::TooLong,
            });
        }
        self.directive = directive;
    }
}

impl StoreStop {
    /// Waits until the store ends the reply, which may be never.
    pub async fn stopped(&mut self) -> Stop {
        match (&mut self.0).await {
            Ok(stop) => stop,
            Err(oneshot::Canceled) => std::future::pending().await,
        }
    }
}

/// Deltas that were not appended yet.
struct Pending {
    queue: UnboundedReceiver<Vec<ReplyDelta>>,
    deltas: Vec<ReplyDelta>,
    bytes: usize,
}

impl Pending {
    /// Collects deltas until the turn asks for them; false when the queue has ended.
    async fn fill(&mut self, directive: &Directive) -> bool {
        let enough = usize::try_from(directive.resume_after_bytes).unwrap_or(usize::MAX);
        let wait = Duration::from_millis(directive.resume_after_ms.into());
        let mut timer = pin!(sleep(wait));
        while self.bytes < enough {
            match select(self.queue.next(), timer.as_mut()).await {
                Either::Left((Some(deltas), _)) => self.extend(deltas),
                Either::Left((None, _)) => return false,
                Either::Right(_) => return true,
            }
        }
        true
    }

    /// Collects deltas until the queue has ended.
    async fn drain(&mut self) {
        while let Some(deltas) = self.queue.next().await {
            self.extend(deltas);
        }
    }

    fn extend(&mut self, deltas: Vec<ReplyDelta>) {
        let sizes = deltas.iter().map(|delta| match delta {
            ReplyDelta::Text(text)
            | ReplyDelta::Reasoning(text)
            | ReplyDelta::ReasoningData(text) => text.len(),
        });
        self.bytes = sizes.fold(self.bytes, usize::saturating_add);
        self.deltas.extend(deltas);
    }

    fn take(&mut self) -> Vec<ReplyDelta> {
        self.bytes = 0;
        std::mem::take(&mut self.deltas)
    }
}

/// Encodes the text of a reply in a client's protocol.
pub trait TextEncoder {
    /// Writes one delta of the text.
    fn text(&mut self, out: &mut Encoder, text: &str);

    /// Writes one delta of the model's reasoning.
    fn reasoning(&mut self, out: &mut Encoder, text: &str);
}

/// Passes the text of a reply on to the client and to the store. The model waits for neither: the
/// reply is stored whether or not the client reads it.
pub struct StoredReplySink<E> {
    encoder: E,
    client: SendBuffer,
    store: StoreQueue,
    stop: StoreStop,
}

impl<E: TextEncoder> StoredReplySink<E> {
    /// A sink for one reply.
    pub fn new(encoder: E, client: SendBuffer, store: StoreQueue, stop: StoreStop) -> Self {
        Self {
            encoder,
            client,
            store,
            stop,
        }
    }

    /// Ends the queue of the store, and returns the encoder and what goes to the client.
    pub fn finish(self) -> (E, SendBuffer) {
        (self.encoder, self.client)
    }
}

impl<E: TextEncoder> Sink for StoredReplySink<E> {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        let mut out = Encoder::new();
        for delta in &deltas {
            match delta {
                Delta::Text(text) => self.encoder.text(&mut out, text),
                Delta::Reasoning(reasoning) => self.encoder.reasoning(&mut out, &reasoning.text),
                _ => {}
            }
        }
        self.client.push(out.take());
        let stored = deltas.into_iter().filter_map(stored_delta).collect();
        // Fails only if storing has ended, which it does not before this sink.
        let _ = self.store.0.unbounded_send(stored);
        Ok(())
    }

    async fn silence(&mut self) -> Silence {
        Silence::Stop(self.stop.stopped().await)
    }
}

fn stored_delta(delta: Delta) -> Option<ReplyDelta> {
    match delta {
        Delta::Text(text) => Some(ReplyDelta::Text(text)),
        Delta::Reasoning(reasoning) => Some(ReplyDelta::Reasoning(reasoning.text)),
        Delta::ReasoningData(data) => Some(ReplyDelta::ReasoningData(data)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, executor::block_on};

    fn directive(resume_after_bytes: u32, stop: Option<StopReason>) -> Directive {
        Directive {
            resume_after_ms: 60_000,
            resume_after_bytes,
            stop,
            warning: None,
            evicted: Vec::new(),
        }
    }

    #[test]
    fn fill_enough_bytes_returns_at_once_and_drain_leaves_the_rest() {
        let (queue, deltas) = store_queue();
        let mut pending = Pending {
            queue: deltas.0,
            deltas: Vec::new(),
            bytes: 0,
        };
        let delta = |text: &str| ReplyDelta::Text(text.to_owned());
        pending.extend(vec![delta("ab"), ReplyDelta::Reasoning("c".to_owned())]);
        let is_due = pending.fill(&directive(3, None)).now_or_never();
        assert_eq!(is_due, Some(true));
        assert_eq!(pending.take().len(), 2);
        assert_eq!(pending.bytes, 0);
        queue.0.unbounded_send(vec![delta("d")]).unwrap();
        drop(queue);
        block_on(pending.drain());
        let rest = pending.take();
        assert!(
            matches!(rest.as_slice(), [ReplyDelta::Text(text)] if text == "d"),
            "{rest:?}"
        );
    }

    #[test]
    fn apply_stop_reaches_the_sink_once() {
        let (sender, mut stop) = store_stop();
        let mut storing = Storing::new(directive(8, None), sender);
        assert_eq!(stop.stopped().now_or_never(), None);
        storing.apply(directive(8, Some(StopReason::TooLong)));
        storing.apply(directive(8, Some(StopReason::Cancelled)));
        assert_eq!(block_on(stop.stopped()), Stop::TooLong);
    }

    #[test]
    fn stopped_after_storing_ended_waits_for_ever() {
        let (sender, mut stop) = store_stop();
        drop(Storing::new(directive(8, None), sender));
        assert_eq!(stop.stopped().now_or_never(), None);
    }
}

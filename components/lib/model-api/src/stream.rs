//! A reply that is streamed to the client. The model is read no faster than the client reads, and
//! no longer than it is connected.

use std::{
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use completion::{RelayEnd, Reply, Reservation, Silence, Sink, Stop, keep_alive_interval, relay};
use contracts::llm::types::{Completion, Delta, Error, FinishReason, Usage};
use futures::future::{Either, select};
use http_edge::{ApiError, BodyWriter, LogRecord};
use spin_sdk::time::sleep;
use sse::Encoder;

/// How often a silent model's client is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long fields of an event wait for its delta or for the end of the reply.
const EXTRA_WAIT: Duration = Duration::from_millis(20);
/// How long a client may take to receive what is written at once. After that it counts as disconnected.
const MAX_WRITE: Duration = Duration::from_secs(120);

/// Turns the deltas of one reply into the bytes of a protocol.
pub trait StreamEncoder {
    /// The model that replies. Until it is known, the requested one.
    fn model(&self) -> &str;

    /// Writes a delta.
    fn delta(&mut self, out: &mut Encoder, delta: &Delta);

    /// Whether something waits for the next delta, which is written by [`Self::flush`] if none comes.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Writes what waits.
    fn flush(&mut self, _out: &mut Encoder) {}

    /// Writes something without content, so that proxies and clients see that the stream is alive.
    fn keep_alive(&mut self, out: &mut Encoder);

    /// Writes the end of a completion, and that nothing follows.
    fn end(&mut self, out: &mut Encoder, completion: &Completion);

    /// The protocol's word for an error of the model.
    fn error_of(&self, error: Error) -> ApiError;

    /// Writes that the reply failed, and that nothing follows.
    fn fail(&mut self, out: &mut Encoder, error: &ApiError, request_id: &str);
}

/// The end of a reply that moderation blocked.
pub fn content_filtered(usage: Usage) -> Completion {
    Completion {
        finish_reason: FinishReason::ContentFilter,
        stop_sequence: None,
        usage,
        usage_extra: None,
    }
}

/// A stream that has begun.
pub struct ReplyStream<E> {
    /// The reply.
    pub reply: Reply,
    /// What it may cost.
    pub reservation: Reservation,
    /// The protocol.
    pub encoder: E,
}

impl<E: StreamEncoder> ReplyStream<E> {
    /// Streams the reply to its end and writes the log record.
    pub async fn run(self, body: BodyWriter, mut log: LogRecord) -> LogRecord {
        let mut client = Client {
            encoder: self.encoder,
            out: Encoder::new(),
            body,
            check: Box::pin(sleep(CHECK_INTERVAL)),
            keep_alive: keep_alive_interval().await,
            last_write: Instant::now(),
        };
        let relayed = relay(self.reply, &mut client).await;
        let model = client.encoder.model().to_owned();
        let usage = self.reservation.usage(&relayed);
        // Charged before the client learns of the end: a client that has seen the end can look the
        // usage up.
        let settled = self.reservation.settle(&model, &relayed).await;
        let failed = client.finish(relayed.end, usage, log.request_id()).await;
        log.model(&model);
        log.tokens(usage.prompt_tokens, usage.completion_tokens);
        if let Err(cause) = settled {
            log.warn(&cause);
        }
        if let Err(error) = failed {
            log.error(&error);
        }
        log
    }
}

struct Client<E> {
    encoder: E,
    out: Encoder,
    body: BodyWriter,
    /// Fires when the client has to be checked. One timer is used for many deltas.
    check: Pin<Box<dyn Future<Output = ()>>>,
    keep_alive: Option<Duration>,
    last_write: Instant,
}

impl<E: StreamEncoder> Sink for Client<E> {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        if deltas.is_empty() && self.encoder.is_waiting() {
            self.encoder.flush(&mut self.out);
        } else if deltas.is_empty() {
            self.encoder.keep_alive(&mut self.out);
        }
        for delta in &deltas {
            self.encoder.delta(&mut self.out, delta);
        }
        self.write().await
    }

    async fn silence(&mut self) -> Silence {
        if self.encoder.is_waiting() {
            sleep(EXTRA_WAIT).await;
            return Silence::KeepAlive;
        }
        loop {
            self.check.as_mut().await;
            self.check = Box::pin(sleep(CHECK_INTERVAL));
            if !self.body.is_open().await {
                return Silence::Stop(Stop::Cancelled);
            }
            let silence = self.last_write.elapsed();
            if self.keep_alive.is_some_and(|interval| silence >= interval) {
                return Silence::KeepAlive;
            }
        }
    }
}

impl<E: StreamEncoder> Client<E> {
    /// Writes the end of the stream. Returns the error that was sent to the client.
    async fn finish(
        &mut self,
        end: RelayEnd,
        usage: Usage,
        request_id: &str,
    ) -> Result<(), ApiError> {
        let failed = match end {
            RelayEnd::Complete(completion) => {
                self.encoder.end(&mut self.out, &completion);
                Ok(())
            }
            RelayEnd::Blocked(_) => {
                self.encoder.end(&mut self.out, &content_filtered(usage));
                Ok(())
            }
            RelayEnd::Failed(error) => Err(self.encoder.error_of(error)),
            RelayEnd::TooLong => Err(RelayEnd::too_long()),
            RelayEnd::Cancelled => return Ok(()),
        };
        if let Err(error) = &failed {
            self.encoder.fail(&mut self.out, error, request_id);
        }
        // A disconnected client does not get the end. The log does not depend on it.
        let _ = self.write().await;
        failed
    }

    /// Writes what was encoded.
    async fn write(&mut self) -> Result<(), Stop> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.last_write = Instant::now();
        let write = pin!(self.body.write(self.out.take()));
        match select(write, pin!(sleep(MAX_WRITE))).await {
            Either::Left((true, _)) => Ok(()),
            Either::Left((false, _)) | Either::Right(_) => Err(Stop::Cancelled),
        }
    }
}

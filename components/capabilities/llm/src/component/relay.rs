//! Relaying the deltas of a provider to the reader, until the end, a failure, or the reader leaves.

use super::attempts::{Accepted, Attempts, Streaming, Whole};
use super::deadlines::Deadlines;
use super::lease::Lease;
use super::transport::Body;
use crate::bindings::{Completion, Delta, Error, ResolvedModel};
use crate::failure::Failure;
use crate::reply::Reply;
use futures::future::{Either, FutureExt, join, select};
use spin_sdk::time::sleep;
use spin_sdk::wit_bindgen::{FutureWriter, StreamResult, StreamWriter};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

type DeltaWriter = StreamWriter<Delta>;
type EndWriter = FutureWriter<Result<Completion, Error>>;

/// Intervals in which a silent provider's reader is checked, doubled from the first to the last: a
/// WIT stream does not notify a writer without data that its reader was dropped.
const FIRST_CHECK: Duration = Duration::from_millis(50);
const LAST_CHECK: Duration = Duration::from_millis(200);

/// How long the usage may take once the model has stopped.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// How long the rest of a finished response may take, whose end lets the connection be used again.
const AFTER_DONE: Duration = Duration::from_secs(1);

/// Relays a reply to its reader. One that fails before its first delta is requested again.
pub(super) async fn relay(
    attempts: Attempts,
    mut accepted: Accepted,
    mut deltas: DeltaWriter,
    end: EndWriter,
) {
    // Kept as long as further attempts are possible.
    let mut attempts = Some(attempts);
    let (result, body) = loop {
        let streaming = match accepted {
            Accepted::Streaming(streaming) => *streaming,
            Accepted::Whole(whole) => {
                let Whole {
                    resolved,
                    deltas: parts,
                    interval,
                    end,
                } = *whole;
                let is_read = write_whole(resolved, parts, interval, &mut deltas).await;
                break (if is_read { end } else { cancelled() }, None);
            }
        };
        match (
            relay_one(streaming, &mut attempts, &mut deltas).await,
            &mut attempts,
        ) {
            (Outcome::ReaderLeft, _) => break (cancelled(), None),
            (Outcome::Ended(result, body), _) => break (result, body),
            (Outcome::Failed(error), None) => break (Err(error), None),
            (Outcome::Failed(error), Some(attempts)) => {
                match unless_reader_left(attempts.again(error), &mut deltas).await {
                    Some(Ok(next)) => accepted = next,
                    Some(Err(error)) => break (Err(error), None),
                    None => break (cancelled(), None),
                }
            }
        }
    };
    drop(deltas);
    let rest = async {
        if let Some(body) = body {
            drain(body).await;
        }
    };
    let _ = join(end.write(result), rest).await;
}

/// The end of a reply whose reader left.
pub(super) fn cancelled() -> Result<Completion, Error> {
    Err(Error::Other("the reader left before the end".to_owned()))
}

/// Writes a reply that is there, one delta after the other; false if the reader left.
async fn write_whole(
    resolved: ResolvedModel,
    parts: Vec<Delta>,
    interval: Duration,
    deltas: &mut DeltaWriter,
) -> bool {
    let mut resolved = Some(Delta::ResolvedModel(resolved));
    for part in parts {
        if !write(deltas, resolved.take().into_iter().chain([part]).collect()).await {
            return false;
        }
        sleep(interval).await;
    }
    // A reply without deltas is one too.
    match resolved {
        Some(resolved) => write(deltas, vec![resolved]).await,
        None => true,
    }
}

/// Relays the reply of one attempt.
async fn relay_one(
    streaming: Streaming,
    attempts: &mut Option<Attempts>,
    deltas: &mut DeltaWriter,
) -> Outcome {
    let Streaming {
        resolved,
        mut body,
        reply,
        lease,
        deadlines,
        context,
    } = streaming;
    let mut relay = Relay {
        body: &mut body,
        reply,
        has_ended: false,
        deltas,
        silence: SilenceTimer::new(),
        deadlines,
        resolved: Some(resolved),
        lease,
        attempts,
    };
    let Some(result) = relay.run().await else {
        // Dropping the body closes the connection, which makes the provider stop.
        return Outcome::ReaderLeft;
    };
    let has_rest = relay.reply.is_done() && !relay.reply.is_cut() && !relay.has_ended;
    let Relay {
        resolved,
        lease,
        attempts,
        ..
    } = relay;
    let result = result.map_err(|failure| context.error(&failure));
    match (result, resolved) {
        (Err(error), Some(_)) => {
            if let Some(attempts) = attempts {
                lease.failed(&error, attempts.limits());
            }
            Outcome::Failed(error)
        }
        (result, _) => Outcome::Ended(result, has_rest.then_some(body)),
    }
}

/// The outcome of an attempt.
enum Outcome {
    ReaderLeft,
    /// It failed before its first delta.
    Failed(Error),
    /// It ended, with the rest of a response that was read to its end.
    Ended(Result<Completion, Error>, Option<Body>),
}

/// The result of a wait for bytes.
enum Awaited {
    Bytes(Vec<u8>),
    End,
    Failed(Failure),
    ReaderLeft,
}

struct Relay<'a> {
    body: &'a mut Body,
    reply: Reply,
    /// The end of the body was read, after which it must not be read again.
    has_ended: bool,
    deltas: &'a mut DeltaWriter,
    silence: SilenceTimer,
    deadlines: Deadlines,
    /// None once it was written, with the first delta.
    resolved: Option<ResolvedModel>,
    lease: Lease,
    attempts: &'a mut Option<Attempts>,
}

impl Relay<'_> {
    /// How the reply ended; none if the reader left.
    async fn run(&mut self) -> Option<Result<Completion, Failure>> {
        let mut buffer = Vec::new();
        let cause = loop {
            match self.wait(buffer).await {
                Awaited::Bytes(bytes) => {
                    self.silence.reset();
                    let read = self.reply.push(&bytes);
                    // The bytes of one read are written at once.
                    let deltas = self.reply.take();
                    if !deltas.is_empty() && !self.pass(deltas).await {
                        return None;
                    }
                    if let Err(failure) = read {
                        return Some(Err(failure));
                    }
                    if self.reply.is_done() {
                        break None;
                    }
                    buffer = bytes;
                }
                Awaited::End => {
                    self.has_ended = true;
                    break None;
                }
                Awaited::Failed(failure) => break Some(failure),
                Awaited::ReaderLeft => return None,
            }
        };
        let finished = self.reply.finish();
        let deltas = self.reply.take();
        if !deltas.is_empty() && !self.pass(deltas).await {
            return None;
        }
        let Some(completion) = self.reply.completion() else {
            let incomplete = Failure::Protocol("the response ended before the model stopped");
            return Some(Err(finished.err().or(cause).unwrap_or(incomplete)));
        };
        // A reply without deltas is one too.
        if self.resolved.is_some() && !self.pass(Vec::new()).await {
            return None;
        }
        Some(Ok(completion))
    }

    /// Writes deltas; false if the reader left.
    async fn pass(&mut self, mut deltas: Vec<Delta>) -> bool {
        if let Some(resolved) = self.resolved.take() {
            deltas.insert(0, Delta::ResolvedModel(resolved));
            self.lease.succeeded();
            // After the first delta there is no other attempt.
            *self.attempts = None;
        }
        write(self.deltas, deltas).await
    }

    async fn wait(&mut self, buffer: Vec<u8>) -> Awaited {
        let mut read = pin!(self.body.read(buffer));
        loop {
            match select(read.as_mut(), self.silence.check.as_mut()).await {
                Either::Left((Ok(Some(bytes)), _)) => return Awaited::Bytes(bytes),
                Either::Left((Ok(None), _)) => return Awaited::End,
                Either::Left((Err(failure), _)) => return Awaited::Failed(failure),
                Either::Right(((), _)) => {}
            }
            if has_left(self.deltas) {
                return Awaited::ReaderLeft;
            }
            let (left, late) = if !self.reply.has_started() && !self.reply.has_stopped() {
                let left = self
                    .deadlines
                    .first_token
                    .saturating_sub(self.deadlines.started.elapsed());
                (
                    left,
                    "no first delta in time (llm_first_token_timeout_seconds)",
                )
            } else {
                let most = if self.reply.has_stopped() {
                    self.deadlines.idle.min(AFTER_STOP)
                } else {
                    self.deadlines.idle
                };
                let left = most.saturating_sub(self.silence.since.elapsed());
                (left, "no next delta in time (llm_idle_timeout_seconds)")
            };
            if left.is_zero() {
                return Awaited::Failed(Failure::Timeout(late));
            }
            self.silence.check_after(left);
        }
    }
}

/// The time since the provider last sent something, a comment included. One timer serves many reads:
/// creating one for each would cost more than reading.
struct SilenceTimer {
    since: Instant,
    interval: Duration,
    check: Pin<Box<dyn Future<Output = ()>>>,
}

impl SilenceTimer {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            interval: FIRST_CHECK,
            check: Box::pin(sleep(FIRST_CHECK)),
        }
    }

    fn reset(&mut self) {
        self.since = Instant::now();
        self.interval = FIRST_CHECK;
    }

    fn check_after(&mut self, at_most: Duration) {
        self.check = Box::pin(sleep(self.interval.min(at_most)));
        self.interval = (self.interval * 2).min(LAST_CHECK);
    }
}

/// Whether the reader has dropped its end. An empty write is complete at once if the reader waits,
/// fails if it left, and is taken back if it is busy.
fn has_left(deltas: &mut DeltaWriter) -> bool {
    matches!(
        deltas.write(Vec::new()).now_or_never(),
        Some((StreamResult::Dropped, _))
    )
}

/// The output of a future; none if the reader leaves before.
async fn unless_reader_left<T>(
    future: impl Future<Output = T>,
    deltas: &mut DeltaWriter,
) -> Option<T> {
    let mut future = pin!(future);
    loop {
        let check = pin!(sleep(LAST_CHECK));
        match select(future.as_mut(), check).await {
            Either::Left((output, _)) => return Some(output),
            Either::Right(((), _)) if has_left(deltas) => return None,
            Either::Right(((), _)) => {}
        }
    }
}

/// Writes all; false if the reader left.
async fn write(deltas: &mut DeltaWriter, parts: Vec<Delta>) -> bool {
    deltas.write_all(parts).await.is_empty()
}

/// Reads the rest of a response, so that its connection can be used again.
async fn drain(mut body: Body) {
    let mut timeout = pin!(sleep(AFTER_DONE));
    let mut buffer = Vec::new();
    while let Either::Left((Ok(Some(bytes)), _)) =
        select(pin!(body.read(buffer)), timeout.as_mut()).await
    {
        buffer = bytes;
    }
}

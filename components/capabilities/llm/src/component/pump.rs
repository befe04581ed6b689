//! Moving deltas from a provider to the reader, and noticing who went silent or away.

use super::transport::Body;
use crate::bindings::{Completion, Delta, Error};
use crate::reply::Reply;
use crate::values::Values;
use futures::future::{Either, FutureExt, join, select};
use spin_sdk::time::sleep;
use spin_sdk::wit_bindgen::{FutureWriter, StreamResult, StreamWriter};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

type Deltas = StreamWriter<Delta>;
type End = FutureWriter<Result<Completion, Error>>;

/// How soon a silence is looked into first, and how often at last. Each look asks whether the reader
/// is still there: WIT streams do not tell a writer that has nothing to write.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_millis(400);

/// How long the usage may take once the model has stopped.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// How long the rest of a finished answer may take, whose end lets the connection be used again.
const AFTER_DONE: Duration = Duration::from_secs(1);

/// The demo's pace.
const PACE: Duration = Duration::from_millis(4);

/// How long a provider may take for what.
pub(super) struct Deadlines {
    /// For the connection.
    pub(super) connect: Duration,
    /// From the request's start to the model's first sign of an answer.
    pub(super) first_token: Duration,
    idle: Duration,
    started: Instant,
}

impl Deadlines {
    /// From the variables, with their defaults.
    pub(super) fn read(values: &Values, started: Instant) -> Self {
        Self {
            connect: values.seconds("llm_connect_timeout_seconds", 10),
            first_token: values.seconds("llm_first_token_timeout_seconds", 60),
            idle: values.seconds("llm_idle_timeout_seconds", 60),
            started,
        }
    }
}

/// Writes a known answer at a pace that shows.
pub(super) async fn speak(
    pieces: Vec<String>,
    completion: Completion,
    mut deltas: Deltas,
    end: End,
) {
    for piece in pieces {
        if !write(&mut deltas, vec![piece]).await {
            return;
        }
        sleep(PACE).await;
    }
    drop(deltas);
    let _ = end.write(Ok(completion)).await;
}

/// Reads a provider's answer to its end and writes it to the reader.
pub(super) async fn relay(
    mut body: Body,
    mut reply: Reply,
    mut deltas: Deltas,
    end: End,
    deadlines: Deadlines,
) {
    let outcome = Relay {
        body: &mut body,
        reply: &mut reply,
        deltas: &mut deltas,
        silence: Silence::new(),
        deadlines,
    }
    .run()
    .await;
    drop(deltas);
    match outcome {
        Outcome::ReaderGone => {
            // Closes the connection, which makes the provider stop.
            drop(body);
            let _ = end.write(super::cancelled()).await;
        }
        Outcome::Ended(result) if reply.is_done() => {
            let _ = join(end.write(result), drain(body)).await;
        }
        Outcome::Ended(result) => {
            drop(body);
            let _ = end.write(result).await;
        }
    }
}

enum Outcome {
    ReaderGone,
    Ended(Result<Completion, Error>),
}

/// What came of waiting.
enum Awaited {
    Bytes(Vec<u8>),
    End,
    Broken(Error),
    TooLate,
    ReaderGone,
}

struct Relay<'a> {
    body: &'a mut Body,
    reply: &'a mut Reply,
    deltas: &'a mut Deltas,
    silence: Silence,
    deadlines: Deadlines,
}

impl Relay<'_> {
    async fn run(mut self) -> Outcome {
        let mut buffer = Vec::new();
        loop {
            let cause = match self.wait(buffer).await {
                Awaited::Bytes(bytes) => {
                    self.silence.broken();
                    let read = self.reply.push(&bytes);
                    // What one read brought goes on in one write.
                    let texts = self.reply.take();
                    if !texts.is_empty() && !write(self.deltas, texts).await {
                        return Outcome::ReaderGone;
                    }
                    match read {
                        Err(error) => return Outcome::Ended(Err(error)),
                        Ok(()) if self.reply.is_done() => Error::Unreachable(String::new()),
                        Ok(()) => {
                            buffer = bytes;
                            continue;
                        }
                    }
                }
                Awaited::End => {
                    Error::Unreachable("the answer ended before the model did".to_owned())
                }
                Awaited::Broken(error) => error,
                Awaited::TooLate => Error::Timeout,
                Awaited::ReaderGone => return Outcome::ReaderGone,
            };
            return Outcome::Ended(self.reply.end(cause));
        }
    }

    async fn wait(&mut self, buffer: Vec<u8>) -> Awaited {
        let mut read = pin!(self.body.read(buffer));
        loop {
            match select(read.as_mut(), self.silence.look.as_mut()).await {
                Either::Left((Ok(Some(bytes)), _)) => return Awaited::Bytes(bytes),
                Either::Left((Ok(None), _)) => return Awaited::End,
                Either::Left((Err(error), _)) => return Awaited::Broken(error),
                Either::Right(((), _)) => {}
            }
            if is_gone(self.deltas) {
                return Awaited::ReaderGone;
            }
            let left = if !self.reply.has_started() && !self.reply.has_stopped() {
                self.deadlines
                    .first_token
                    .saturating_sub(self.deadlines.started.elapsed())
            } else {
                let most = if self.reply.has_stopped() {
                    self.deadlines.idle.min(AFTER_STOP)
                } else {
                    self.deadlines.idle
                };
                most.saturating_sub(self.silence.since.elapsed())
            };
            if left.is_zero() {
                return Awaited::TooLate;
            }
            self.silence.look_again(left);
        }
    }
}

/// The time since the provider last said something. One timer serves many reads: making one for
/// each would cost more than reading.
struct Silence {
    since: Instant,
    pause: Duration,
    look: Pin<Box<dyn Future<Output = ()>>>,
}

impl Silence {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            pause: FIRST_LOOK,
            look: Box::pin(sleep(FIRST_LOOK)),
        }
    }

    fn broken(&mut self) {
        self.since = Instant::now();
        self.pause = FIRST_LOOK;
    }

    fn look_again(&mut self, at_most: Duration) {
        self.look = Box::pin(sleep(self.pause.min(at_most)));
        self.pause = (self.pause * 2).min(LAST_LOOK);
    }
}

/// Whether the reader has dropped its end. An empty write asks just that: it is done at once if the
/// reader waits, fails if it is gone, and is taken back if it is busy.
fn is_gone(deltas: &mut Deltas) -> bool {
    matches!(
        deltas.write(Vec::new()).now_or_never(),
        Some((StreamResult::Dropped, _))
    )
}

/// Writes all; false if the reader is gone.
async fn write(deltas: &mut Deltas, texts: Vec<String>) -> bool {
    let pieces = texts.into_iter().map(Delta::Text).collect();
    deltas.write_all(pieces).await.is_empty()
}

/// Reads what is left of an answer, so that its connection can serve another.
async fn drain(mut body: Body) {
    let mut patience = pin!(sleep(AFTER_DONE));
    let mut buffer = Vec::new();
    while let Either::Left((Ok(Some(bytes)), _)) =
        select(pin!(body.read(buffer)), patience.as_mut()).await
    {
        buffer = bytes;
    }
}

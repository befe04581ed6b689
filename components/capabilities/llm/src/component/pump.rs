//! Moving deltas from a provider to the reader, and noticing who went silent or away.

use super::attempts::{Accepted, Answer, Attempts};
use super::deadlines::Deadlines;
use super::lease::Lease;
use super::transport::Body;
use crate::bindings::{Completion, Delta, Error, ResolvedModel};
use crate::reply::Reply;
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
const LAST_LOOK: Duration = Duration::from_millis(200);

/// How long the usage may take once the model has stopped.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// How long the rest of a finished answer may take, whose end lets the connection be used again.
const AFTER_DONE: Duration = Duration::from_secs(1);

/// The demo's pace.
const PACE: Duration = Duration::from_millis(4);

/// Carries an answer to the reader. One that fails before it began is asked for again, here or
/// elsewhere.
pub(super) async fn carry(
    attempts: Attempts,
    mut accepted: Accepted,
    mut deltas: Deltas,
    end: End,
) {
    // Kept only as long as the question may be asked again.
    let mut attempts = Some(attempts);
    let (result, body) = loop {
        let answer = match accepted {
            Accepted::Told(answer) => *answer,
            Accepted::Known(served, pieces, completion) => {
                let is_heard = speak(served, pieces, &mut deltas).await;
                let told = if is_heard {
                    Ok(completion)
                } else {
                    super::cancelled()
                };
                break (told, None);
            }
        };
        match (
            relay(answer, &mut attempts, &mut deltas).await,
            &mut attempts,
        ) {
            (Outcome::ReaderGone, _) => break (super::cancelled(), None),
            (Outcome::Ended(result, body), _) => break (result, body),
            (Outcome::Failed(error), None) => break (Err(error), None),
            (Outcome::Failed(error), Some(attempts)) => {
                match unless_gone(attempts.ask_again(error), &mut deltas).await {
                    Some(Ok(next)) => accepted = next,
                    Some(Err(error)) => break (Err(error), None),
                    None => break (super::cancelled(), None),
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

/// Writes a known answer at a pace that shows; false if the reader is gone.
async fn speak(served: ResolvedModel, pieces: Vec<Delta>, deltas: &mut Deltas) -> bool {
    let mut served = Some(Delta::ResolvedModel(served));
    for piece in pieces {
        if !write(deltas, served.take().into_iter().chain([piece]).collect()).await {
            return false;
        }
        sleep(PACE).await;
    }
    // An answer without words is one too.
    match served {
        Some(served) => write(deltas, vec![served]).await,
        None => true,
    }
}

/// Reads a provider's answer to its end and writes it to the reader.
async fn relay(answer: Answer, attempts: &mut Option<Attempts>, deltas: &mut Deltas) -> Outcome {
    let Answer {
        served,
        mut body,
        reply,
        lease,
        deadlines,
    } = answer;
    let mut relay = Relay {
        body: &mut body,
        reply,
        deltas,
        silence: Silence::new(),
        deadlines,
        served: Some(served),
        lease,
        attempts,
    };
    let Some(result) = relay.run().await else {
        // Leaving closes the connection, which makes the provider stop.
        return Outcome::ReaderGone;
    };
    let is_done = relay.reply.is_done();
    let Relay {
        served,
        lease,
        attempts,
        ..
    } = relay;
    match (result, served) {
        (Err(error), Some(_)) => {
            if let Some(attempts) = attempts {
                lease.failed(&error, attempts.limits());
            }
            Outcome::Failed(error)
        }
        (result, _) => Outcome::Ended(result, is_done.then_some(body)),
    }
}

enum Outcome {
    ReaderGone,
    /// Before anything was passed on.
    Failed(Error),
    /// With the rest of an answer that was told to its end.
    Ended(Result<Completion, Error>, Option<Body>),
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
    reply: Reply,
    deltas: &'a mut Deltas,
    silence: Silence,
    deadlines: Deadlines,
    /// Until it is passed on, with the first piece.
    served: Option<ResolvedModel>,
    lease: Lease,
    attempts: &'a mut Option<Attempts>,
}

impl Relay<'_> {
    /// How the answer ended; none if the reader is gone.
    async fn run(&mut self) -> Option<Result<Completion, Error>> {
        let mut buffer = Vec::new();
        let cause = loop {
            match self.wait(buffer).await {
                Awaited::Bytes(bytes) => {
                    self.silence.broken();
                    let read = self.reply.push(&bytes);
                    // What one read brought goes on in one write.
                    let pieces = self.reply.take();
                    if !pieces.is_empty() && !self.pass(pieces).await {
                        return None;
                    }
                    if let Err(error) = read {
                        return Some(Err(error));
                    }
                    if self.reply.is_done() {
                        break Error::Unreachable(String::new());
                    }
                    buffer = bytes;
                }
                Awaited::End => {
                    break Error::Unreachable("the answer ended before the model did".to_owned());
                }
                Awaited::Broken(error) => break error,
                Awaited::TooLate => break Error::Timeout,
                Awaited::ReaderGone => return None,
            }
        };
        let end = self.reply.end(cause);
        // An answer without words is one too.
        if end.is_ok() && self.served.is_some() && !self.pass(Vec::new()).await {
            return None;
        }
        Some(end)
    }

    /// Passes pieces on; false if the reader is gone.
    async fn pass(&mut self, mut pieces: Vec<Delta>) -> bool {
        if let Some(served) = self.served.take() {
            pieces.insert(0, Delta::ResolvedModel(served));
            self.lease.succeeded();
            // From here on the answer is this one, good or bad.
            *self.attempts = None;
        }
        write(self.deltas, pieces).await
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

/// What comes of something, unless the reader leaves before it does.
async fn unless_gone<T>(something: impl Future<Output = T>, deltas: &mut Deltas) -> Option<T> {
    let mut something = pin!(something);
    loop {
        let look = pin!(sleep(LAST_LOOK));
        match select(something.as_mut(), look).await {
            Either::Left((outcome, _)) => return Some(outcome),
            Either::Right(((), _)) if is_gone(deltas) => return None,
            Either::Right(((), _)) => {}
        }
    }
}

/// Writes all; false if the reader is gone.
async fn write(deltas: &mut Deltas, pieces: Vec<Delta>) -> bool {
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

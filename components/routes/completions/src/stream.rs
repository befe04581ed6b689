//! An answer on its way to the client. The model is read no faster than the client reads, and no
//! longer than it stays.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use billing::Bill;
use contracts::llm::types::{Completion, Error};
use futures::future::{Either, select};
use http_edge::{ApiError, BodyWriter, LogRecord};
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::{
    ask::MAX_REPLY,
    errors,
    reply::Chunks,
    screened::{self, Ending, Heard, Screened},
};

/// How often it is looked whether the client of a silent model is still there.
const LOOK: Duration = Duration::from_millis(500);
/// How long a client may take for what is sent at once before it counts as gone.
const MAX_STALL: Duration = Duration::from_secs(120);

/// A stream that has begun.
pub(crate) struct Exchange {
    pub(crate) answer: Screened,
    pub(crate) bill: Bill,
    pub(crate) chunks: Chunks,
}

/// How a stream ended.
enum Ended {
    Complete(Completion),
    /// By moderation.
    Blocked,
    Broken(ApiError),
    /// The client left.
    Abandoned,
}

impl Exchange {
    /// Carries the answer to its end, and notes in the log how that was.
    pub(crate) async fn run(self, mut body: BodyWriter, mut log: LogRecord) -> LogRecord {
        let Self {
            answer,
            bill,
            mut chunks,
        } = self;
        let (ended, heard) = carry(answer, &mut chunks, &mut body).await;
        let model = chunks.model().to_owned();
        log.model(&model);
        let completion = match &ended {
            Ended::Complete(completion) => Some(completion),
            Ended::Blocked | Ended::Broken(_) | Ended::Abandoned => None,
        };
        let used = bill.used(completion, heard.said);
        log.tokens(used.prompt_tokens, used.completion_tokens);
        // Settled before the client is told of the end: who has seen it can look it up.
        let served = heard.served.as_ref();
        let unsettled = bill.settle(&model, served, completion, heard.said).await;
        if let Some(cause) = unsettled {
            log.warn(&cause);
        }
        let mut out = Encoder::new();
        match ended {
            Ended::Complete(completion) => chunks.end(&mut out, &completion),
            Ended::Blocked => chunks.end(&mut out, &screened::filtered(used)),
            Ended::Broken(error) => {
                log.error(&error);
                let data = errors::render(&error, log.request_id());
                out.data(&String::from_utf8_lossy(&data));
            }
            Ended::Abandoned => return log,
        }
        send(&mut body, &mut out).await;
        log
    }
}

/// Passes pieces on as they come; how that ended, and what was heard. The answer is let go of
/// as soon as nobody wants it.
async fn carry(mut answer: Screened, chunks: &mut Chunks, body: &mut BodyWriter) -> (Ended, Heard) {
    let mut out = Encoder::new();
    let mut look = Look::new();
    loop {
        let pieces = match look.during(answer.next(), body).await {
            None => return (Ended::Abandoned, answer.heard().clone()),
            Some(None) => break,
            Some(Some(pieces)) => pieces,
        };
        for piece in &pieces {
            chunks.piece(&mut out, piece);
        }
        if !send(body, &mut out).await {
            return (Ended::Abandoned, answer.heard().clone());
        }
        if answer.heard().said > MAX_REPLY {
            let error = Error::Protocol("reply too long".to_owned());
            let broken = Ended::Broken(errors::llm(error));
            return (broken, answer.heard().clone());
        }
    }
    let heard = answer.heard().clone();
    let ended = match answer.end().await {
        Ending::Complete(completion) => Ended::Complete(completion),
        Ending::Blocked(_) => Ended::Blocked,
        Ending::Broken(error) => Ended::Broken(error),
    };
    (ended, heard)
}

/// Looks now and then whether the client is there. One timer serves many reads.
struct Look(Pin<Box<dyn Future<Output = ()>>>);

impl Look {
    fn new() -> Self {
        Self(Box::pin(sleep(LOOK)))
    }

    /// What comes of reading; none if the client leaves before that.
    async fn during<T>(
        &mut self,
        reading: impl Future<Output = T>,
        body: &mut BodyWriter,
    ) -> Option<T> {
        let mut reading = pin!(reading);
        loop {
            match select(reading.as_mut(), self.0.as_mut()).await {
                Either::Left((read, _)) => return Some(read),
                Either::Right(_) => *self = Self::new(),
            }
            match select(reading.as_mut(), pin!(body.is_open())).await {
                Either::Left((read, _)) => return Some(read),
                Either::Right((true, _)) => {}
                Either::Right((false, _)) => return None,
            }
        }
    }
}

/// Sends what was written; false if the client is gone.
async fn send(body: &mut BodyWriter, out: &mut Encoder) -> bool {
    if out.is_empty() {
        return true;
    }
    let sent = pin!(body.write(out.take()));
    match select(sent, pin!(sleep(MAX_STALL))).await {
        Either::Left((is_there, _)) => is_there,
        Either::Right(_) => false,
    }
}

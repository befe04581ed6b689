//! A reply on its way from the model to the client and into the store.
//!
//! Once it runs, it runs to its end: the client going away stops only what goes to the client.

use billing::Bill;
use contracts::conversations::{
    turns::{Directive, Outcome, ReplyInfo, StopReason, Turn, Usage},
    types::Error as StoreError,
};
use contracts::llm::types::{Completion, Served};
use futures::future::{Either, join, select};
use http_edge::{ApiError, BodyWriter, Cause, LogRecord};
use screening::Screen;
use sse::Encoder;

use crate::{
    bell::Bell,
    outbox::Outbox,
    screened::Screened,
    source::Source,
    title::Untitled,
    unstored::{Unstored, describe},
    wire::{Ending, Wire},
};

/// An exchange whose message is stored and whose reply has begun.
pub(crate) struct Exchange {
    pub(crate) turn: Turn,
    /// None if it was stopped before it began.
    pub(crate) source: Option<Source>,
    pub(crate) screen: Screen,
    pub(crate) started: ReplyInfo,
    /// How the turn wants the deltas from now on.
    pub(crate) directive: Directive,
    pub(crate) model: String,
    pub(crate) bill: Bill,
    pub(crate) wire: Wire,
    /// Present when the conversation is new.
    pub(crate) untitled: Option<Untitled>,
}

/// What has come of a reply.
#[derive(Debug, Default)]
pub(crate) struct Text {
    whole: String,
    /// What the model has said, shown or not, in bytes.
    generated: usize,
    /// Who answers, as soon as that is known.
    served: Option<Served>,
}

impl Text {
    fn heard(&mut self, source: &Screened) {
        self.generated = source.said();
        if self.served.is_none() {
            self.served = source.served().cloned();
        }
    }
}

/// How a reply ended.
enum Ended {
    Complete(Completion),
    /// The user wished it.
    Stopped,
    Broken(ApiError),
}

impl Exchange {
    /// Carries the reply to its end, and notes in the log how that was.
    pub(crate) async fn run(self, body: BodyWriter, mut log: LogRecord) -> LogRecord {
        let outbox = Outbox::default();
        outbox.push(self.wire.opening(&self.started, &self.model));
        join(self.conduct(&outbox, &mut log), outbox.deliver(body)).await;
        log
    }

    async fn conduct(self, outbox: &Outbox, log: &mut LogRecord) {
        let Self {
            turn,
            source,
            screen,
            model,
            bill,
            wire,
            untitled,
            directive,
            started: _,
        } = self;
        let source = source.map(|source| Screened::new(source, screen));
        let unstored = Unstored::new(directive);
        let halt = Bell::default();
        let ((mut text, ended), warning) = join(
            receive(source, wire, outbox, &unstored, &halt),
            unstored.append_to(&turn, &halt),
        )
        .await;
        if let Some(cause) = warning {
            log.warn(&cause);
        }
        let (outcome, completion) = match &ended {
            Ended::Complete(completion) => (Outcome::Complete, Some(completion)),
            Ended::Stopped | Ended::Broken(ApiError::ContentBlocked(_)) => (Outcome::Stopped, None),
            Ended::Broken(_) => (Outcome::Incomplete, None),
        };
        let generated = text.generated;
        let served = text.served.take();
        let answered = served.as_ref().map_or(&model, |served| &served.model);
        log.model(answered);
        let used = bill.used(completion, generated);
        let usage = (outcome != Outcome::Incomplete).then_some(Usage {
            prompt_tokens: used.prompt_tokens,
            completion_tokens: used.completion_tokens,
            estimated: used.estimated,
        });
        let (rest, _) = unstored.into_parts();
        // Stored before the client is told of the end: who has seen it can list it.
        let (finished, unsettled) = join(
            finish(&turn, outcome, rest, usage, Some(answered.clone()), log),
            bill.settle(&model, served.as_ref(), completion, generated),
        )
        .await;
        if let Some(cause) = unsettled {
            log.warn(&cause);
        }
        let ended = match &ended {
            Ended::Broken(error) => Err(error.clone()),
            Ended::Complete(_) | Ended::Stopped => finished,
        };
        let is_good = ended.is_ok();
        match &ended {
            Ok(()) => log.tokens(used.prompt_tokens, used.completion_tokens),
            Err(error) => log.error(error),
        }
        outbox.push(wire.ending(&Ending {
            outcome,
            reason: completion.map(|completion| completion.stop_reason),
            usage: is_good.then_some((used.prompt_tokens, used.completion_tokens)),
            model: answered,
            error: ended.as_ref().err().map(|error| (error, log.request_id())),
        }));
        outbox.close();
        // The client has its end; what follows keeps nobody waiting.
        if let Some(untitled) = untitled.filter(|_| is_good && outcome == Outcome::Complete)
            && let Some(cause) = untitled.name(&text.whole).await
        {
            log.warn(&cause);
        }
    }
}

/// Passes the pieces on as they come; all of them, and how it ended.
async fn receive(
    source: Option<Screened>,
    wire: Wire,
    outbox: &Outbox,
    unstored: &Unstored,
    halt: &Bell,
) -> (Text, Ended) {
    let mut text = Text::default();
    let ended = match source {
        Some(source) => read(source, wire, &mut text, outbox, unstored, halt).await,
        None => Ended::Stopped,
    };
    unstored.close();
    (text, ended)
}

async fn read(
    mut source: Screened,
    wire: Wire,
    text: &mut Text,
    outbox: &Outbox,
    unstored: &Unstored,
    halt: &Bell,
) -> Ended {
    let mut number = 0;
    loop {
        let next = {
            let next = std::pin::pin!(source.next());
            match select(next, halt.heard()).await {
                Either::Left((next, _)) => next,
                // Leaving the source behind cancels the request at the provider.
                Either::Right(_) if unstored.stop_reason() == Some(StopReason::TooLong) => {
                    return Ended::Broken(ApiError::ProviderFailed(Cause::new("reply too long")));
                }
                Either::Right(_) => return Ended::Stopped,
            }
        };
        text.heard(&source);
        let Some(pieces) = next else { break };
        let mut out = Encoder::new();
        for piece in &pieces {
            number += 1;
            wire.content(&mut out, number, piece);
            text.whole.push_str(piece);
        }
        outbox.push(out.take());
        pieces.into_iter().for_each(|piece| unstored.push(piece));
    }
    match source.end().await {
        Ok(completion) => Ended::Complete(completion),
        Err(error) => Ended::Broken(error),
    }
}

/// Stores the end of a reply.
pub(crate) async fn finish(
    turn: &Turn,
    outcome: Outcome,
    deltas: Vec<String>,
    usage: Option<Usage>,
    model: Option<String>,
    log: &mut LogRecord,
) -> Result<(), ApiError> {
    match turn.finish(outcome, deltas, usage, model).await {
        // Deleted while it was being answered: nothing to store it in, as the user wished.
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => {
            let cause = describe(error);
            log.warn(&cause);
            Err(ApiError::internal(cause))
        }
    }
}

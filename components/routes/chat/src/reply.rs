//! A reply on its way from the model to the client and into the store.
//!
//! Once it runs, it runs to its end: the client going away stops only what goes to the client.

use billing::Bill;
use contracts::conversations::{
    turns::{Outcome, Started, Turn, Usage},
    types::Error as StoreError,
};
use contracts::llm::types::{Completion, ResolvedModel};
use futures::future::{Either, join, select};
use http_edge::{ApiError, BodyWriter, Cause, LogRecord};
use screening::Screen;
use sse::Encoder;

use crate::{
    attend::{attend, describe},
    backlog::Backlog,
    bell::Bell,
    outbox::Outbox,
    screened::Screened,
    source::Source,
    title::Untitled,
    wire::{Ending, Wire},
};

/// Longest reply, in bytes of its JSON, which is as much as is stored; a model that does not stop
/// is stopped.
const MAX_REPLY: usize = 512 * 1024;

/// An exchange whose message is stored and whose reply has begun.
pub(crate) struct Exchange {
    pub(crate) turn: Turn,
    /// None if it was stopped before it began.
    pub(crate) source: Option<Source>,
    pub(crate) screen: Screen,
    pub(crate) started: Started,
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
    /// Of each piece, in bytes.
    lengths: Vec<u32>,
    /// What the model has said, shown or not, in bytes.
    generated: usize,
    /// Who answers, as soon as that is known.
    served: Option<ResolvedModel>,
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
            started: _,
        } = self;
        let source = source.map(|source| Screened::new(source, screen));
        let backlog = Backlog::default();
        let halt = Bell::default();
        let ((mut text, ended), attended) = join(
            receive(source, wire, outbox, &backlog, &halt),
            attend(&turn, &backlog, &halt),
        )
        .await;
        if let Err(cause) = attended {
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
        let said = text.whole.clone();
        // Stored before the client is told of the end: who has seen it can list it.
        let (finished, unsettled) = join(
            finish(&turn, outcome, text, usage, Some(answered.clone()), log),
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
            reason: completion.map(|completion| completion.finish_reason),
            usage: is_good.then_some((used.prompt_tokens, used.completion_tokens)),
            model: answered,
            error: ended.as_ref().err().map(|error| (error, log.request_id())),
        }));
        outbox.close();
        // The client has its end; what follows keeps nobody waiting.
        if let Some(untitled) = untitled.filter(|_| is_good && outcome == Outcome::Complete)
            && let Some(cause) = untitled.name(&said).await
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
    backlog: &Backlog,
    halt: &Bell,
) -> (Text, Ended) {
    let mut text = Text::default();
    let ended = match source {
        Some(source) => read(source, wire, &mut text, outbox, backlog, halt).await,
        None => Ended::Stopped,
    };
    backlog.close();
    (text, ended)
}

async fn read(
    mut source: Screened,
    wire: Wire,
    text: &mut Text,
    outbox: &Outbox,
    backlog: &Backlog,
    halt: &Bell,
) -> Ended {
    let mut number = 0;
    let mut size = 0_usize;
    loop {
        let next = {
            let next = std::pin::pin!(source.next());
            match select(next, halt.heard()).await {
                Either::Left((next, _)) => next,
                // Leaving the source behind cancels the request at the provider.
                Either::Right(_) => return Ended::Stopped,
            }
        };
        text.heard(&source);
        let Some(pieces) = next else { break };
        let mut out = Encoder::new();
        for piece in &pieces {
            number += 1;
            size = size.saturating_add(wire.content(&mut out, number, piece));
            text.whole.push_str(piece);
            text.lengths
                .push(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        }
        outbox.push(out.take());
        pieces.into_iter().for_each(|piece| backlog.push(piece));
        if size > MAX_REPLY {
            return Ended::Broken(ApiError::ProviderFailed(
                "The reply of the AI provider is too long.",
                Cause::new("reply too long"),
            ));
        }
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
    text: Text,
    usage: Option<Usage>,
    model: Option<String>,
    log: &mut LogRecord,
) -> Result<(), ApiError> {
    let Text { whole, lengths, .. } = text;
    match turn.finish(outcome, whole, lengths, usage, model).await {
        // Deleted while it was being answered: nothing to store it in, as the user wished.
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => {
            let cause = describe(error);
            log.warn(&cause);
            Err(ApiError::internal(cause))
        }
    }
}

//! A reply on its way from the model to the client and into the store.
//!
//! Once it runs, it runs to its end: the client going away stops only what goes to the client.

use billing::Bill;
use contracts::conversations::{
    turns::{Outcome, Started, Turn},
    types::Error as StoreError,
};
use contracts::llm::types::Completion;
use futures::future::join;
use http_edge::{ApiError, BodyWriter, Cause, Entry};
use sse::Encoder;

use crate::{backlog::Backlog, events, outbox::Outbox, source::Source};

/// Longest reply, in bytes of its JSON, which is as much as is stored; a model that does not stop
/// is stopped.
const MAX_REPLY: usize = 512 * 1024;

/// An exchange whose message is stored and whose reply has begun.
pub(crate) struct Exchange {
    pub(crate) turn: Turn,
    pub(crate) source: Source,
    pub(crate) started: Started,
    pub(crate) model: String,
    pub(crate) bill: Bill,
}

impl Exchange {
    /// Carries the reply to its end, and notes in the log how that was.
    pub(crate) async fn run(self, body: BodyWriter, mut log: Entry) -> Entry {
        let outbox = Outbox::default();
        outbox.push(events::conversation(&self.started, &self.model));
        join(self.conduct(&outbox, &mut log), outbox.deliver(body)).await;
        log
    }

    async fn conduct(self, outbox: &Outbox, log: &mut Entry) {
        let Self {
            turn,
            source,
            model,
            bill,
            started: _,
        } = self;
        let backlog = Backlog::default();
        let (received, stored) =
            join(receive(source, outbox, &backlog), store(&turn, &backlog)).await;
        if let Err(cause) = stored {
            log.warn(&cause);
        }
        let (text, end) = received;
        let outcome = match &end {
            Ok(_) => Outcome::Complete,
            Err(_) => Outcome::Incomplete,
        };
        // Stored before the client is told of the end: who has seen it can list it.
        let (finished, unsettled) = join(
            finish(&turn, outcome, &text, log),
            bill.settle(model.clone(), end.as_ref().ok(), text.len()),
        )
        .await;
        if let Some(cause) = unsettled {
            log.warn(&cause);
        }
        match end.and_then(|completion| finished.map(|()| completion)) {
            Ok(completion) => {
                let usage = completion.usage;
                log.tokens(usage.prompt_tokens, usage.completion_tokens);
                outbox.push(events::usage(usage, &model));
            }
            Err(error) => {
                log.error(&error);
                outbox.push(events::error(&error, log.request_id()));
            }
        }
        outbox.push(events::done());
        outbox.close();
    }
}

/// Passes the pieces on as they come; the whole text, and how it ended.
async fn receive(
    mut source: Source,
    outbox: &Outbox,
    backlog: &Backlog,
) -> (String, Result<Completion, ApiError>) {
    let mut text = String::new();
    let mut number = 0;
    let mut size = 0_usize;
    while let Some(pieces) = source.next().await {
        let mut out = Encoder::new();
        for piece in &pieces {
            number += 1;
            size = size.saturating_add(events::content(&mut out, number, piece));
            text.push_str(piece);
        }
        outbox.push(out.take());
        pieces.into_iter().for_each(|piece| backlog.push(piece));
        if size > MAX_REPLY {
            backlog.close();
            let cause = Cause::new("reply too long");
            return (text, Err(ApiError::ProviderFailed(cause)));
        }
    }
    backlog.close();
    (text, source.end().await.map_err(failures::llm))
}

/// Stores pieces of a long reply now and then, until its end. After a failure no later piece is
/// stored, so that what is stored has no gaps; the end stores the whole.
async fn store(turn: &Turn, backlog: &Backlog) -> Result<(), String> {
    while let Some(pieces) = backlog.due().await {
        turn.append(pieces).await.map_err(describe)?;
    }
    Ok(())
}

/// Stores the end of a reply.
pub(crate) async fn finish(
    turn: &Turn,
    outcome: Outcome,
    text: &str,
    log: &mut Entry,
) -> Result<(), ApiError> {
    match turn.finish(outcome, text.to_owned()).await {
        // Deleted while it was being answered: nothing to store it in, as the user wished.
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => {
            let cause = describe(error);
            log.warn(&cause);
            Err(ApiError::internal(cause))
        }
    }
}

fn describe(error: StoreError) -> String {
    match error {
        StoreError::NotFound => "conversation is gone".to_owned(),
        StoreError::Invalid(what) => format!("reply cannot be stored: {what}"),
        StoreError::Unavailable(cause) => cause,
    }
}

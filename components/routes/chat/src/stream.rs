//! A reply that is streamed to its client and stored.
//!
//! Once it runs, it runs to its end: a client that disconnects stops only what goes to the client.

use completion::{
    Evictions, RelayEnd, Relayed, Reply, Reservation, SendBuffer, StoreQueue, StoreStop,
    StoredReplySink, Storing, TextEncoder, relay, send_buffer, store_queue,
};
use contracts::{
    conversations::{
        turns::{Outcome, ReplyInfo, Responder, Turn, Usage},
        types::{Error as StoreError, EvictedConversation, Failure, ReplyDelta},
    },
    llm::types::Usage as TokenUsage,
};
use futures::future::join;
use http_edge::{ApiError, BodyWriter, LogRecord};
use sse::Encoder;

use crate::{
    live::Live,
    protocol::{DeltaEncoder, Protocol},
    reply_end::ReplyEnd,
    request::with_own_path,
    title::{self, TitleRequest},
};

/// A reply whose message is stored.
pub(crate) struct ReplyStream {
    pub(crate) turn: Turn,
    /// None if it was stopped before its first delta.
    pub(crate) reply: Option<Reply>,
    pub(crate) info: ReplyInfo,
    /// The model that was requested.
    pub(crate) model: String,
    pub(crate) storing: Storing,
    pub(crate) stop: StoreStop,
    pub(crate) reservation: Reservation,
    pub(crate) protocol: Protocol,
    /// Present if the conversation is new.
    pub(crate) title: Option<TitleRequest>,
    /// Tells the sockets for the conversation.
    pub(crate) live: Live,
}

/// What is left to do when the model has finished.
struct Finished {
    relayed: Relayed,
    usage: TokenUsage,
    /// The model that replied.
    model: String,
    error: Option<ApiError>,
    /// What was evicted for the reply, and was not told yet.
    evicted: Vec<EvictedConversation>,
    warnings: Vec<String>,
}

impl ReplyStream {
    /// Streams and stores the reply, and writes the log record.
    pub(crate) async fn run(self, body: BodyWriter, log: LogRecord) -> LogRecord {
        let (mut client, delivery) = send_buffer();
        client.push(self.protocol.opening(&self.info, &self.model));
        let (log, ()) = join(self.write(client, log), delivery.run(body)).await;
        log
    }

    /// Stores the reply, with no client but the sockets for the conversation, and writes the log record.
    pub(crate) async fn run_without_client(self, log: LogRecord) {
        let (client, _) = send_buffer();
        self.write(client, log).await.write();
    }

    async fn write(self, client: SendBuffer, mut log: LogRecord) -> LogRecord {
        let Self {
            turn,
            reply,
            model,
            mut storing,
            stop,
            reservation,
            protocol,
            title,
            info,
            live,
        } = self;
        let encoder = TitledEncoder {
            opening: (protocol, info.clone(), model.clone()),
            evictions: storing.evictions(),
            deltas: DeltaEncoder::new(protocol, 0),
            beginning: title.is_some().then(String::new),
            live,
        };
        let (queue, deltas) = store_queue();
        let (passed_on, unstored) = join(
            pass_on(reply, encoder, client, queue, stop),
            storing.run(&turn, deltas),
        )
        .await;
        let PassedOn {
            relayed,
            mut encoder,
            mut client,
        } = passed_on;
        let finished = finish_turn(&turn, relayed, unstored, reservation, &model).await;
        let mut evicted = encoder.evictions.take();
        evicted.extend_from_slice(&finished.evicted);
        let mut out = Encoder::new();
        protocol.evicted(&mut out, (&info, &model), &evicted);
        client.push(out.take());
        let end = finished.end(log.request_id());
        client.push(encoder.deltas.end(&end));
        encoder.live.evicted(&evicted);
        encoder.live.end(end);
        // The client has received its end; what follows delays nobody.
        drop(client);
        finished.record(storing.warnings(), &mut log);
        let is_complete = finished.outcome() == Outcome::Complete && finished.error.is_none();
        if let Some(title) = title.filter(|_| is_complete) {
            let beginning = encoder.beginning.unwrap_or_default();
            if let Err(cause) = title.generate(&beginning).await {
                log.warn(&cause);
            }
        }
        log
    }
}

/// A reply that was passed on to its client.
struct PassedOn {
    relayed: Relayed,
    encoder: TitledEncoder,
    client: SendBuffer,
}

/// Ends the queue of the store with the reply.
async fn pass_on(
    reply: Option<Reply>,
    encoder: TitledEncoder,
    client: SendBuffer,
    queue: StoreQueue,
    stop: StoreStop,
) -> PassedOn {
    let mut sink = StoredReplySink::new(encoder, client, queue, stop);
    let relayed = match reply {
        Some(reply) => relay(reply, &mut sink).await,
        None => Relayed::cancelled(),
    };
    let (encoder, client) = sink.finish();
    PassedOn {
        relayed,
        encoder,
        client,
    }
}

/// Stores the end of the reply and charges for it, before the client learns of the end: a client
/// that has seen the end can read the reply.
async fn finish_turn(
    turn: &Turn,
    relayed: Relayed,
    unstored: Vec<ReplyDelta>,
    reservation: Reservation,
    requested: &str,
) -> Finished {
    let usage = reservation.usage(&relayed);
    let resolved = relayed.resolved.as_ref();
    let model = resolved
        .map_or(requested, |resolved| &resolved.model)
        .to_owned();
    let responder = resolved.map(|resolved| Responder {
        provider: resolved.provider.clone(),
        model: resolved.model.clone(),
    });
    let outcome = outcome(&relayed.end);
    let stored_usage = (outcome != Outcome::Incomplete).then_some(Usage {
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        estimated: usage.estimated,
    });
    let error = match &relayed.end {
        RelayEnd::Blocked(error) => Some(error.clone()),
        RelayEnd::TooLong => Some(RelayEnd::too_long()),
        RelayEnd::Failed(error) => Some(error_mapping::llm(with_own_path(error.clone()))),
        RelayEnd::Complete(_) | RelayEnd::Cancelled => None,
    };
    if let Some(error) = &error {
        turn.fail(&failure(error));
    }
    let (finished, settled) = join(
        finish(turn, outcome, unstored, stored_usage, responder),
        reservation.settle(requested, &relayed),
    )
    .await;
    let (evicted, finished) = match finished {
        Ok(evicted) => (evicted, None),
        Err(cause) => (Vec::new(), Some(cause)),
    };
    let error = error.or_else(|| finished.clone().map(ApiError::internal));
    Finished {
        relayed,
        usage,
        model,
        error,
        evicted,
        warnings: finished.into_iter().chain(settled.err()).collect(),
    }
}

fn outcome(end: &RelayEnd) -> Outcome {
    match end {
        RelayEnd::Complete(_) => Outcome::Complete,
        RelayEnd::Cancelled | RelayEnd::Blocked(_) => Outcome::Stopped,
        RelayEnd::TooLong | RelayEnd::Failed(_) => Outcome::Incomplete,
    }
}

impl Finished {
    fn outcome(&self) -> Outcome {
        outcome(&self.relayed.end)
    }

    fn tokens(&self) -> (u32, u32) {
        (self.usage.prompt_tokens, self.usage.completion_tokens)
    }

    fn end<'a>(&'a self, request_id: &'a str) -> ReplyEnd<'a> {
        let completion = self.relayed.end.completion();
        ReplyEnd {
            outcome: self.outcome(),
            reason: completion.map(|completion| completion.finish_reason.clone()),
            usage: self.error.is_none().then(|| self.tokens()),
            model: &self.model,
            error: self.error.as_ref().map(|error| (error, request_id)),
        }
    }

    /// Writes to the log record how the reply went.
    fn record(&self, storing_warnings: Vec<String>, log: &mut LogRecord) {
        log.model(&self.model);
        for warning in storing_warnings.iter().chain(&self.warnings) {
            log.warn(warning);
        }
        match &self.error {
            Some(error) => log.error(error),
            None => {
                let (prompt, completion) = self.tokens();
                log.tokens(prompt, completion);
            }
        }
    }
}

/// What is stored of an error that a reply ended with.
pub(crate) fn failure(error: &ApiError) -> Failure {
    let public = error.public();
    Failure {
        code: public.code.to_owned(),
        message: public.sentence,
    }
}

/// Stores the end of a reply, and returns what was evicted for it and not reported before.
///
/// # Errors
/// A text for the log.
pub(crate) async fn finish(
    turn: &Turn,
    outcome: Outcome,
    unstored: Vec<ReplyDelta>,
    usage: Option<Usage>,
    responder: Option<Responder>,
) -> Result<Vec<EvictedConversation>, String> {
    match turn.finish(outcome, unstored, usage, responder).await {
        // The conversation was deleted while the reply was written: there is nothing to store.
        Err(StoreError::NotFound) => Ok(Vec::new()),
        Ok(evicted) => Ok(evicted),
        Err(StoreError::Invalid(what)) => Err(format!("reply cannot be stored: {what}")),
        Err(StoreError::Conflict(what)) => Err(format!("reply conflicts: {what}")),
        Err(StoreError::Unavailable(cause)) => Err(cause),
    }
}

/// Encodes the deltas and evictions, and keeps the beginning of the text for the title.
struct TitledEncoder {
    opening: (Protocol, ReplyInfo, String),
    evictions: Evictions,
    deltas: DeltaEncoder,
    /// None if no title is wanted.
    beginning: Option<String>,
    live: Live,
}

impl TextEncoder for TitledEncoder {
    fn text(&mut self, out: &mut Encoder, text: &str) {
        self.deltas.text(out, text);
        self.live.text(text);
        let evicted = self.evictions.take();
        let (protocol, info, model) = &self.opening;
        protocol.evicted(out, (info, model), &evicted);
        self.live.evicted(&evicted);
        if let Some(beginning) = &mut self.beginning
            && beginning.len() < title::MAX_CONTEXT_BYTES
        {
            beginning.push_str(text);
        }
    }

    fn reasoning(&mut self, out: &mut Encoder, text: &str) {
        self.deltas.reasoning(out, text);
        self.live.reasoning(text);
    }
}

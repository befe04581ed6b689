//! Reading along with a reply that another request has caused.

use std::time::Duration;

use contracts::conversations::{
    replies::{Ending, News, Reader, Standing},
    turns::{Outcome, Started},
};
use futures::future::join;
use http_edge::{ApiError, BodyWriter, Cause, Context, LogRecord, Response};
use serde::Deserialize;
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::{
    outbox::Outbox,
    repeat,
    wire::{self, Wire},
};

/// Pieces that are made events at once, and unsent bytes beyond which no more are made: what is
/// stored can wait for a slow client.
const BATCH: usize = 256;
const MAX_UNSENT: usize = 128 * 1024;
const UNSENT_PAUSE: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    last_event_id: Option<String>,
    /// Which reply the events are of, as `event: conversation` names it.
    message_id: Option<String>,
}

/// `GET /api/conversations/:id/stream`: the reply under way, or what the client lacks of the last
/// one; 204 when there is nothing of that.
pub(crate) async fn follow_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::require_user(context).await?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let query: Query = context.query()?;
    let after = repeat::last_event(&context.head, query.last_event_id.as_deref())?;
    let reader = Reader::open(principal.user.id, id, query.message_id, after.unwrap_or(0))
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    match reader.standing() {
        Standing::Live => {}
        Standing::Unread if after.is_some() => {}
        Standing::Unread | Standing::Read => return Ok(Response::empty(204)),
    }
    Ok(stream(context, reader, after.unwrap_or(0), Wire::Native))
}

/// The reply that a request has already, because it came before; from its first event, or after
/// the last one that the client has.
pub(crate) async fn repeat_reply(
    context: &mut Context,
    user: String,
    started: Started,
    wire: Wire,
) -> Result<Response, ApiError> {
    let after = match wire {
        Wire::Native => repeat::last_event(&context.head, None)?.unwrap_or(0),
        Wire::UiMessages => 0,
    };
    let reply = Some(started.message_id);
    let reader = Reader::open(user, started.conversation_id, reply, after)
        .await
        .map_err(|error| error_mapping::conversations(error, "conversationId"))?;
    Ok(stream(context, reader, after, wire))
}

/// What follows the event of that number.
pub(crate) fn stream(context: &mut Context, reader: Reader, after: u64, wire: Wire) -> Response {
    let started = reader.started();
    let model = reader.model();
    context.log.model(&model);
    context.set_header("x-conversation-id", started.conversation_id.clone());
    wire.mark(Response::events(move |body, log| async move {
        let following = Following {
            reader,
            wire,
            number: after,
        };
        // Who has events already has this one too.
        let first = (after == 0).then(|| wire.opening(&started, &model));
        following.run(first, body, log).await
    }))
}

struct Following {
    reader: Reader,
    wire: Wire,
    /// Of the last event.
    number: u64,
}

impl Following {
    async fn run(
        mut self,
        first: Option<Vec<u8>>,
        body: BodyWriter,
        mut log: LogRecord,
    ) -> LogRecord {
        let outbox = Outbox::default();
        outbox.push(first.unwrap_or_default());
        join(self.read(&outbox, &mut log), outbox.deliver(body)).await;
        log
    }

    /// Reads to the end of the reply, or until the client is gone.
    async fn read(&mut self, outbox: &Outbox, log: &mut LogRecord) {
        while !outbox.is_abandoned() {
            match self.reader.next().await {
                Ok(News::Pieces(pieces)) => self.pass_on(&pieces, outbox).await,
                Ok(News::End(ending)) => {
                    let broken = ending.outcome == Outcome::Incomplete;
                    let cause = || {
                        ApiError::ProviderFailed(
                            "The reply was interrupted.",
                            Cause::new("reply interrupted"),
                        )
                    };
                    self.end(&ending, broken.then(cause), outbox, log);
                    break;
                }
                Err(error) => {
                    let unknown = Ending {
                        outcome: Outcome::Incomplete,
                        usage: None,
                    };
                    let error = error_mapping::conversations(error, "id");
                    self.end(&unknown, Some(error), outbox, log);
                    break;
                }
            }
        }
        outbox.close();
    }

    async fn pass_on(&mut self, pieces: &[String], outbox: &Outbox) {
        for some in pieces.chunks(BATCH) {
            while outbox.unsent() > MAX_UNSENT && !outbox.is_abandoned() {
                sleep(UNSENT_PAUSE).await;
            }
            let mut out = Encoder::new();
            for piece in some {
                self.number = self.number.saturating_add(1);
                self.wire.content(&mut out, self.number, piece);
            }
            outbox.push(out.take());
        }
    }

    fn end(&self, ending: &Ending, error: Option<ApiError>, outbox: &Outbox, log: &mut LogRecord) {
        if let Some(error) = &error {
            log.error(error);
        }
        let usage = ending.usage.as_ref();
        outbox.push(self.wire.ending(&wire::Ending {
            outcome: ending.outcome,
            reason: None,
            usage: usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
            // Who answered in the end, which the beginning did not know.
            model: &self.reader.model(),
            error: error.as_ref().map(|error| (error, log.request_id())),
        }));
    }
}

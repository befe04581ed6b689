//! Reading along with a reply that another request has caused.

use std::time::Duration;

use contracts::conversations::{
    replies::{Ending, News, Reader, Standing},
    turns::{Outcome, Started},
};
use futures::future::join;
use http_edge::{ApiError, BodyWriter, Cause, Context, Entry, Reply};
use serde::Deserialize;
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::{events, outbox::Outbox, repeat};

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
pub(crate) async fn follow_reply(context: &mut Context) -> Result<Reply, ApiError> {
    let principal = access::signed_in(context).await?;
    let id = context.uuid("id")?;
    let query: Query = context.query()?;
    let after = repeat::last_event(&context.head, query.last_event_id.as_deref())?;
    let reader = Reader::open(principal.user.id, id, query.message_id, after.unwrap_or(0))
        .await
        .map_err(|error| failures::conversations(error, "id"))?;
    match reader.standing() {
        Standing::Live => {}
        Standing::Unread if after.is_some() => {}
        Standing::Unread | Standing::Read => return Ok(Reply::empty(204)),
    }
    Ok(stream(context, reader, after.unwrap_or(0)))
}

/// The reply that a request has already, because it came before; from its first event, or after
/// the last one that the client has.
pub(crate) async fn repeat_reply(
    context: &mut Context,
    user: String,
    started: Started,
) -> Result<Reply, ApiError> {
    let after = repeat::last_event(&context.head, None)?.unwrap_or(0);
    let reply = Some(started.message_id);
    let reader = Reader::open(user, started.conversation_id, reply, after)
        .await
        .map_err(|error| failures::conversations(error, "conversationId"))?;
    Ok(stream(context, reader, after))
}

fn stream(context: &mut Context, reader: Reader, after: u64) -> Reply {
    let started = reader.started();
    let model = reader.model();
    context.log.model(&model);
    context.set_header("x-conversation-id", started.conversation_id.clone());
    Reply::events(move |body, log| async move {
        let following = Following {
            reader,
            number: after,
        };
        // Who has events already has this one too.
        let first = (after == 0).then(|| events::conversation(&started, &model));
        following.run(first, body, log).await
    })
}

struct Following {
    reader: Reader,
    /// Of the last event.
    number: u64,
}

impl Following {
    async fn run(mut self, first: Option<Vec<u8>>, body: BodyWriter, mut log: Entry) -> Entry {
        let outbox = Outbox::default();
        outbox.push(first.unwrap_or_default());
        join(self.read(&outbox, &mut log), outbox.deliver(body)).await;
        log
    }

    /// Reads to the end of the reply, or until the client is gone.
    async fn read(&mut self, outbox: &Outbox, log: &mut Entry) {
        while !outbox.is_abandoned() {
            match self.reader.next().await {
                Ok(News::Pieces(pieces)) => self.pass_on(&pieces, outbox).await,
                Ok(News::End(ending)) => {
                    self.end(&ending, outbox, log);
                    break;
                }
                Err(error) => {
                    let error = failures::conversations(error, "id");
                    log.error(&error);
                    outbox.push(events::error(&error, log.request_id()));
                    break;
                }
            }
        }
        outbox.push(events::done());
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
                events::content(&mut out, self.number, piece);
            }
            outbox.push(out.take());
        }
    }

    fn end(&self, ending: &Ending, outbox: &Outbox, log: &mut Entry) {
        if let Some(usage) = &ending.usage {
            outbox.push(events::usage(
                usage.prompt_tokens,
                usage.completion_tokens,
                &self.reader.model(),
                None,
            ));
        }
        if ending.outcome == Outcome::Incomplete {
            let error = ApiError::ProviderFailed(Cause::new("the reply broke off"));
            log.error(&error);
            outbox.push(events::error(&error, log.request_id()));
        }
    }
}

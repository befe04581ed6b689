//! Reading a reply that another request writes or has written.

use std::time::Duration;

use completion::{Report, SendBuffer, TextEncoder as _, send_buffer};
use contracts::conversations::{
    replies::{Reader, ReaderEvent, ReaderState, ReplyEnd as StoredEnd},
    turns::{Outcome, ReplyInfo},
    types::Error as StoreError,
};
use futures::future::join;
use http_edge::{ApiError, BodyWriter, Cause, Context, LogRecord, Response};
use serde::Deserialize;
use spin_sdk::time::sleep;
use sse::Encoder;

use crate::{
    ai_sdk, idempotency,
    protocol::{DeltaEncoder, Protocol},
    reply_end::ReplyEnd,
};

/// Deltas that are encoded at once.
const BATCH: usize = 256;
/// Unsent bytes beyond which no more deltas are encoded: a stored reply can wait for a slow client.
const MAX_UNSENT: usize = 128 * 1024;
const UNSENT_PAUSE: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    last_event_id: Option<String>,
    /// The reply that the events belong to, as in `event: conversation`.
    message_id: Option<String>,
}

/// `GET /api/conversations/:id/stream`: the reply that is being written, or the part of the last
/// reply that the client has not received; 204 if there is neither.
pub(crate) async fn read_reply(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::require_user(context).await?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let query: Query = context.query()?;
    let after = idempotency::last_event_id(&context.head, query.last_event_id.as_deref())?;
    let reader = Reader::open(principal.user.id, id, query.message_id, after.unwrap_or(0))
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    match reader.state() {
        ReaderState::Streaming => {}
        ReaderState::Pending if after.is_some() => {}
        ReaderState::Pending | ReaderState::Finished => return Ok(Response::empty(204)),
    }
    Ok(respond(
        context,
        reader,
        after.unwrap_or(0),
        Protocol::Native,
    ))
}

/// `GET /api/chat/:id/stream`: the reply that is being written, from its first delta; 204 if there
/// is none.
pub(crate) async fn read_ai_sdk_reply(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let chat = context.param("id", ai_sdk::MAX_ID, error_mapping::CONVERSATION)?;
    let id = ai_sdk::conversation_id(&user, &chat);
    match Reader::open(user, id, None, 0).await {
        Ok(reader) if reader.state() == ReaderState::Streaming => {
            Ok(respond(context, reader, 0, Protocol::AiSdk))
        }
        // The AI SDK asks for chats that have no message yet.
        Ok(_) | Err(StoreError::NotFound) => Ok(Response::empty(204)),
        Err(error) => Err(error_mapping::conversations(error, "id")),
    }
}

/// The reply that a repeated request already has, after the last event that the client has.
pub(crate) async fn read_existing(
    user: String,
    reply: ReplyInfo,
    protocol: Protocol,
    after: u64,
    report: &mut Report,
) -> Result<Response, ApiError> {
    let reader = Reader::open(user, reply.conversation_id, Some(reply.message_id), after)
        .await
        .map_err(|error| error_mapping::conversations(error, "conversationId"))?;
    Ok(stream(reader, after, protocol, report))
}

fn respond(context: &mut Context, reader: Reader, after: u64, protocol: Protocol) -> Response {
    let mut report = Report::default();
    let response = stream(reader, after, protocol, &mut report);
    report.apply(context);
    response
}

/// Streams the deltas after number `after`.
fn stream(reader: Reader, after: u64, protocol: Protocol, report: &mut Report) -> Response {
    let info = reader.info();
    let model = reader.model();
    report.model(&model);
    report.header("x-conversation-id", info.conversation_id.clone());
    protocol.mark(Response::events(move |body, log| async move {
        // A client that has any event has the first one.
        let opening = (after == 0).then(|| protocol.opening(&info, &model));
        let following = Following {
            reader,
            encoder: DeltaEncoder::new(protocol, after),
        };
        following.run(opening.unwrap_or_default(), body, log).await
    }))
}

/// Why a stored reply is incomplete.
pub(crate) fn stored_error(end: &StoredEnd) -> Option<ApiError> {
    match (&end.failure, end.outcome) {
        (Some(failure), Outcome::Incomplete) => Some(ApiError::ReplyFailed {
            code: known_code(&failure.code),
            sentence: failure.message.clone(),
        }),
        (None, Outcome::Incomplete) => Some(ApiError::ProviderFailed(
            "The reply was interrupted.",
            Cause::new("reply interrupted"),
        )),
        (_, Outcome::Complete | Outcome::Stopped) => None,
    }
}

/// The code, if it is one that a reply can fail with.
fn known_code(stored: &str) -> &'static str {
    const CODES: [&str; 8] = [
        "VALIDATION_ERROR",
        "CONTEXT_LENGTH_EXCEEDED",
        "CONTENT_BLOCKED",
        "RATE_LIMITED",
        "PROVIDER_ERROR",
        "PROVIDER_UNAVAILABLE",
        "PROVIDER_TIMEOUT",
        "INTERNAL",
    ];
    let known = CODES.into_iter().find(|code| *code == stored);
    known.unwrap_or("PROVIDER_ERROR")
}

struct Following {
    reader: Reader,
    encoder: DeltaEncoder,
}

impl Following {
    async fn run(self, opening: Vec<u8>, body: BodyWriter, log: LogRecord) -> LogRecord {
        let (mut client, delivery) = send_buffer();
        client.push(opening);
        let (log, ()) = join(self.read(client, log), delivery.run(body)).await;
        log
    }

    /// Reads to the end of the reply, or until the client is gone.
    async fn read(mut self, mut client: SendBuffer, mut log: LogRecord) -> LogRecord {
        while !client.is_closed() {
            match self.reader.next().await {
                Ok(ReaderEvent::Deltas(deltas)) => self.pass_on(&deltas, &mut client).await,
                Ok(ReaderEvent::Reasoning(text)) => {
                    let mut out = Encoder::new();
                    self.encoder.reasoning(&mut out, &text);
                    client.push(out.take());
                }
                Ok(ReaderEvent::End(end)) => {
                    let error = stored_error(&end);
                    self.end(&end, error, &mut client, &mut log);
                    break;
                }
                Err(error) => {
                    let end = StoredEnd {
                        outcome: Outcome::Incomplete,
                        usage: None,
                        failure: None,
                    };
                    let error = error_mapping::conversations(error, "id");
                    self.end(&end, Some(error), &mut client, &mut log);
                    break;
                }
            }
        }
        log
    }

    async fn pass_on(&mut self, deltas: &[String], client: &mut SendBuffer) {
        for batch in deltas.chunks(BATCH) {
            while client.unsent() > MAX_UNSENT && !client.is_closed() {
                sleep(UNSENT_PAUSE).await;
            }
            let mut out = Encoder::new();
            for delta in batch {
                self.encoder.text(&mut out, delta);
            }
            client.push(out.take());
        }
    }

    fn end(
        &mut self,
        end: &StoredEnd,
        error: Option<ApiError>,
        client: &mut SendBuffer,
        log: &mut LogRecord,
    ) {
        if let Some(error) = &error {
            log.error(error);
        }
        let usage = end.usage.as_ref();
        client.push(self.encoder.end(&ReplyEnd {
            outcome: end.outcome,
            reason: None,
            usage: usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
            // The model that replied, which was not known at the beginning.
            model: &self.reader.model(),
            error: error.as_ref().map(|error| (error, log.request_id())),
        }));
    }
}

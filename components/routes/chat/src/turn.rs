//! The steps from a parsed request to the response that streams its reply.

use completion::{Payer, Reply, Report, Reservation};
use contracts::{
    conversations::{
        turns::{IdempotencyKey, Outcome, ReplyInfo, Turn},
        types::Error as StoreError,
    },
    identity::types::Principal,
    llm::{
        provider,
        types::{ChatRequest, Model},
    },
};
use futures::future::{join, join3};
use http_edge::{ApiError, Response};

use crate::{
    attachments,
    live::{Live, LiveTurn},
    prompt::{self, Prompt},
    protocol::Protocol,
    readers,
    reply_end::ReplyEnd,
    request::{TurnRequest, with_own_path},
    start::{self, FirstDelta, Start},
    stream::{self, ReplyStream},
    title::TitleRequest,
};

/// A request for a reply, authenticated and parsed.
pub(crate) struct ReplyRequest {
    pub(crate) principal: Principal,
    pub(crate) turn: TurnRequest,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) protocol: Protocol,
    /// The last event that the client has. It is used only if the request is a repetition, and an
    /// error counts only then.
    pub(crate) last_event_id: Result<Option<u64>, ApiError>,
}

/// A request after its turn has begun, or was found to have begun before.
pub(crate) enum Begun {
    /// The request is a repetition; this is its reply.
    Existing(ReplyInfo),
    New(Box<ReplyStream>),
}

/// Admits the request, begins its turn and streams the reply; a repeated request receives the reply
/// of the first one.
pub(crate) async fn respond(
    request: ReplyRequest,
    report: &mut Report,
) -> Result<Response, ApiError> {
    let user = request.principal.user.id.clone();
    let protocol = request.protocol;
    let last_event_id = request.last_event_id.clone();
    match begin(request, None, report).await? {
        Begun::Existing(reply) => {
            readers::read_existing(user, reply, protocol, last_event_id?.unwrap_or(0), report).await
        }
        Begun::New(stream) => {
            Ok(protocol.mark(Response::events(|body, log| stream.run(body, log))))
        }
    }
}

/// Admits the request and begins its turn. `client_id`: the name that a client of the conversation's sockets gave the
/// message.
pub(crate) async fn begin(
    request: ReplyRequest,
    client_id: Option<String>,
    report: &mut Report,
) -> Result<Begun, ApiError> {
    let ReplyRequest {
        principal,
        turn: mut turn_request,
        key,
        protocol,
        last_event_id: _,
    } = request;
    let user = principal.user.id.clone();
    let is_keyed = key.is_some();
    // Three capabilities that do not need each other's results.
    let (verdict, turn, catalogue) = join3(
        completion::admit(&principal),
        open_turn(user.clone(), &turn_request, key),
        provider::models(),
    )
    .await;
    let (headers, admitted) = access::rate_limit(verdict);
    report.headers(headers);
    admitted?;
    let turn =
        turn.map_err(|error| error_mapping::conversations(error, turn_request.invalid_path()))?;
    if let Some(existing) = turn.existing_reply() {
        return Ok(Begun::Existing(existing));
    }
    let catalogue = catalogue.map_err(error_mapping::catalogue)?;
    let new = OpenTurn {
        user,
        turn,
        payer: Payer::from(&principal),
        protocol,
        is_keyed,
        client_id,
        created_files: Vec::new(),
    };
    new.begin(&mut turn_request, &catalogue, report).await
}

async fn open_turn(
    user: String,
    request: &TurnRequest,
    key: Option<IdempotencyKey>,
) -> Result<Turn, StoreError> {
    let conversation = request.conversation_id.clone();
    let version_of = request.version_of.clone();
    match (&request.client_message, &request.message, conversation) {
        (Some(message), _, Some(conversation)) => {
            Turn::open_client_message(user, conversation, message.clone(), key).await
        }
        (None, None, Some(conversation)) => {
            Turn::open_regenerate(user, conversation, version_of, key).await
        }
        (None, Some(_), Some(conversation)) if version_of.is_some() => {
            let message = version_of.unwrap_or_default();
            Turn::open_edit(user, conversation, message, key).await
        }
        (_, _, conversation) => Turn::open(user, conversation, key).await,
    }
}

/// A turn that has not begun.
struct OpenTurn {
    user: String,
    turn: Turn,
    payer: Payer,
    protocol: Protocol,
    is_keyed: bool,
    client_id: Option<String>,
    /// Files that were stored for its message.
    created_files: Vec<String>,
}

impl OpenTurn {
    /// Prepares the prompt and begins the turn. If its message is not stored, its files are deleted again.
    async fn begin(
        mut self,
        request: &mut TurnRequest,
        catalogue: &[Model],
        report: &mut Report,
    ) -> Result<Begun, ApiError> {
        let user = self.user.clone();
        let created = &mut self.created_files;
        let prompt = prompt::prepare(&user, &self.turn, request, catalogue, created).await;
        let mut created = std::mem::take(&mut self.created_files);
        let begun = match prompt {
            Ok(prompt) => {
                report.model(&prompt.model);
                for warning in &prompt.warnings {
                    report.warn(Err(warning.clone()));
                }
                let new = NewTurn {
                    user: self.user,
                    turn: self.turn,
                    prompt,
                    payer: self.payer,
                    protocol: self.protocol,
                    is_keyed: self.is_keyed,
                    client_id: self.client_id,
                };
                new.begin(request, &mut created, report).await
            }
            Err(error) => Err(error),
        };
        attachments::discard(&user, created).await;
        begun
    }
}

/// A turn that is ready to begin.
struct NewTurn {
    user: String,
    turn: Turn,
    prompt: Prompt,
    payer: Payer,
    protocol: Protocol,
    is_keyed: bool,
    client_id: Option<String>,
}

impl NewTurn {
    /// Reserves credits, stores the message and asks the model. Until the first delta has arrived,
    /// a failure is an ordinary error with a status of its own.
    ///
    /// `created_files` is empty as soon as the message that refers to them is stored.
    async fn begin(
        self,
        request: &TurnRequest,
        created_files: &mut Vec<String>,
        report: &mut Report,
    ) -> Result<Begun, ApiError> {
        let Self {
            user,
            turn,
            prompt,
            payer,
            protocol,
            is_keyed,
            client_id,
        } = self;
        let prompt_bytes = completion::prompt_bytes(&prompt.messages);
        let reservation =
            Reservation::open(payer.clone(), prompt_bytes, request.max_tokens).await?;
        let chat_request = ChatRequest {
            model: prompt.model.clone(),
            messages: prompt.messages,
            temperature: request.temperature,
            max_tokens: reservation.max_tokens,
            options: request.llm_options(),
            native: None,
        };
        let tell = |info: &ReplyInfo| {
            Live::begin(LiveTurn {
                user: user.clone(),
                info: info.clone(),
                model: prompt.model.clone(),
                is_new: prompt.needs_title,
                client_id,
            })
        };
        let (message, attachments) = (prompt.message.clone(), prompt.attachments);
        let start = start::begin(&turn, message, attachments, chat_request, is_keyed, tell).await;
        let started = match start {
            Ok(Start::Started(started)) => {
                created_files.clear();
                started
            }
            Ok(Start::Existing(existing)) => {
                report.warn(reservation.release().await);
                return Ok(Begun::Existing(existing));
            }
            Err(error) => {
                report.warn(reservation.release().await);
                return Err(error_mapping::conversations(error, "message"));
            }
        };
        report.header("x-conversation-id", started.info.conversation_id.clone());
        let reply = match started.first {
            FirstDelta::Arrived(source) => {
                if let Some(resolved) = source.resolved() {
                    report.resolved(resolved);
                }
                Some(Reply::new(source, prompt.moderation))
            }
            FirstDelta::Stopped => None,
            FirstDelta::Failed(error) => {
                // If the end cannot be stored, the reply becomes incomplete by itself.
                let error = error_mapping::llm(with_own_path(error));
                turn.fail(&stream::failure(&error));
                let end = stream::finish(&turn, Outcome::Incomplete, Vec::new(), None, None);
                let (finished, released) = join(end, reservation.release()).await;
                report.warn(finished.map(drop));
                report.warn(released);
                started.live.end(ReplyEnd {
                    outcome: Outcome::Incomplete,
                    reason: None,
                    usage: None,
                    model: &prompt.model,
                    error: Some((&error, "")),
                });
                return Err(error);
            }
        };
        let title = prompt.needs_title.then(|| TitleRequest {
            user,
            conversation: started.info.conversation_id.clone(),
            message: prompt.message,
            payer,
        });
        Ok(Begun::New(Box::new(ReplyStream {
            turn,
            reply,
            info: started.info,
            model: prompt.model,
            storing: started.storing,
            stop: started.stop,
            reservation,
            protocol,
            title,
            live: started.live,
        })))
    }
}

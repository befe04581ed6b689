//! Following a thread, a channel or one's own feed: what came after a number, then what comes.
//!
//! The proxy subscribes when it has the response, so an event may be published between reading and subscribing. A
//! ping goes out with the response; the client's pong comes when the subscription holds, and then what was missed is
//! read. A client that drops numbers it has sees every event once.

use std::time::Duration;

use contracts::messaging::connections;
use contracts::messaging::events::{self, History, Scope};
use http_edge::{ApiError, Context};
use realtime_events::{EventId, channel_name, feed_name, frame, thread_name};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spin_sdk::variables;
use websockets::Events;

use crate::messages;
use crate::socket::Socket;

/// Events that are sent to a client that has missed some. One that missed more loads the thread again.
const MISSED_MAX: u32 = 500;
/// Bytes of a response; a proxy takes 1,000,000. The rest comes with the next one.
const RESPONSE_MAX: usize = 600_000;

/// Where a client left off: the id of an event, or its number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum After {
    Number(u64),
    Id(String),
}

/// How long events can be read.
pub(crate) async fn retention() -> Duration {
    let hours = variables::get("realtime_retention_hours").await;
    let hours = hours.ok().and_then(|hours| hours.parse().ok());
    Duration::from_secs(hours.unwrap_or(72_u64).saturating_mul(3_600))
}

async fn subscriptions_max() -> u32 {
    let limit = variables::get("realtime_max_subscriptions").await;
    limit
        .ok()
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(200)
}

async fn read(socket: &Socket, scope: &Scope, after: Option<u64>) -> Result<History, ApiError> {
    let retention = u64::try_from(retention().await.as_millis()).unwrap_or(u64::MAX);
    let oldest = socket.now.saturating_sub(retention);
    events::read(
        socket.user.clone(),
        scope.clone(),
        after,
        MISSED_MAX,
        oldest,
    )
    .await
    .map_err(error_mapping::messaging)
}

fn proxy_name(socket: &Socket, scope: &Scope) -> String {
    match scope {
        Scope::Thread(id) => thread_name(id),
        Scope::Channel(id) => channel_name(id),
        Scope::Feed => feed_name(&socket.user),
    }
}

/// The fields that name what is followed.
fn fields(scope: &Scope) -> Map<String, Value> {
    let mut fields = Map::new();
    match scope {
        Scope::Thread(id) => fields.insert("threadId".to_owned(), json!(id)),
        Scope::Channel(id) => fields.insert("channelId".to_owned(), json!(id)),
        Scope::Feed => None,
    };
    fields
}

fn type_of(verb: &str, scope: &Scope) -> String {
    let noun = match scope {
        Scope::Thread(_) => "THREAD",
        Scope::Channel(_) => "CHANNEL",
        Scope::Feed => "FEED",
    };
    format!("{verb}_{noun}")
}

pub(crate) async fn join(
    socket: &Socket,
    scope: Scope,
    after: Option<After>,
    out: &mut Events,
) -> Result<(), ApiError> {
    let (after, epoch) = match after {
        None => (None, None),
        Some(After::Number(number)) => (Some(number), None),
        Some(After::Id(id)) => {
            let id = EventId::parse(&id).ok_or_else(|| {
                ApiError::invalid("after", "is neither a number nor the id of an event")
            })?;
            (Some(id.number), Some(id.epoch))
        }
    };
    let mut history = read(socket, &scope, after).await?;
    if epoch.is_some_and(|epoch| epoch != history.epoch) {
        history.is_complete = false;
        history.events.clear();
    }
    if !follow(socket, &scope, &history).await? {
        let message = "This socket follows as much as it may. Leave a thread first.";
        out.json(&messages::error("CONFLICT", message, Some("JOIN_THREAD")));
        return Ok(());
    }
    out.subscribe(&proxy_name(socket, &scope));
    let sent_to = send(socket, &scope, &history, out);
    let mut joined = fields(&scope);
    joined.insert("number".to_owned(), json!(sent_to));
    joined.insert(
        "id".to_owned(),
        json!(format!("{}-{sent_to}", history.epoch)),
    );
    out.json(&messages::confirmation(
        &type_of("JOINED", &scope),
        Value::Object(joined),
    ));
    ask_again(&scope, sent_to, out);
    Ok(())
}

async fn follow(socket: &Socket, scope: &Scope, history: &History) -> Result<bool, ApiError> {
    let (channel, thread) = match (scope, &history.channel_id) {
        (Scope::Thread(thread), Some(channel)) => (channel.clone(), Some(thread.clone())),
        (Scope::Channel(channel), _) => (channel.clone(), None),
        _ => return Ok(true),
    };
    connections::follow(
        socket.id.clone(),
        channel,
        thread,
        subscriptions_max().await,
    )
    .await
    .map_err(error_mapping::messaging)
}

/// Sends what was missed, as far as it fits, or that it cannot be sent. Gives the number up to which the client has
/// everything then.
fn send(socket: &Socket, scope: &Scope, history: &History, out: &mut Events) -> u64 {
    if !history.is_complete {
        let mut reset = fields(scope);
        reset.insert("number".to_owned(), json!(history.head));
        out.json(&messages::confirmation("RESET", Value::Object(reset)));
        return history.head;
    }
    let shown = match scope {
        Scope::Thread(_) => realtime_events::Scope::Thread,
        Scope::Channel(_) => realtime_events::Scope::Channel,
        Scope::Feed => realtime_events::Scope::Feed(&socket.user),
    };
    let mut sent_to = None;
    for event in &history.events {
        if out.size() > RESPONSE_MAX {
            return sent_to.unwrap_or(event.previous);
        }
        out.json(&frame(event, &history.epoch, shown));
        sent_to = Some(event.number);
    }
    history.head
}

/// A ping whose pong says from where to read on.
fn ask_again(scope: &Scope, number: u64, out: &mut Events) {
    let content = match scope {
        Scope::Thread(id) => format!("t {id} {number}"),
        Scope::Channel(id) => format!("c {id} {number}"),
        Scope::Feed => format!("u - {number}"),
    };
    out.ping(content.as_bytes());
}

/// Reads on when the subscription holds. A pong of another ping is not for us.
pub(crate) async fn resume_from_pong(
    context: &mut Context,
    socket: &Socket,
    content: &[u8],
    out: &mut Events,
) {
    let Some((scope, number)) = parse_pong(content) else {
        return;
    };
    match read(socket, &scope, Some(number)).await {
        Ok(history) => {
            let sent_to = send(socket, &scope, &history, out);
            if sent_to < history.head {
                ask_again(&scope, sent_to, out);
            }
        }
        // The user has been removed meanwhile; the next check says so.
        Err(ApiError::NotFound(_) | ApiError::Forbidden(_)) => {}
        Err(error) => context.log.error(&error),
    }
}

fn parse_pong(content: &[u8]) -> Option<(Scope, u64)> {
    let mut parts = std::str::from_utf8(content).ok()?.split(' ');
    let (kind, id) = (parts.next()?, parts.next()?);
    let number = parts.next()?.parse().ok()?;
    let scope = match kind {
        "t" => Scope::Thread(http_edge::parse_uuid(id)?),
        "c" => Scope::Channel(http_edge::parse_uuid(id)?),
        "u" => Scope::Feed,
        _ => return None,
    };
    Some((scope, number))
}

pub(crate) async fn leave(socket: &Socket, scope: Scope, out: &mut Events) -> Result<(), ApiError> {
    let (channel, thread) = match &scope {
        Scope::Thread(thread) => (None, Some(thread.clone())),
        Scope::Channel(channel) => (Some(channel.clone()), None),
        Scope::Feed => (None, None),
    };
    if !matches!(scope, Scope::Feed) {
        connections::unfollow(socket.id.clone(), channel, thread)
            .await
            .map_err(error_mapping::messaging)?;
    }
    out.unsubscribe(&proxy_name(socket, &scope));
    out.json(&messages::confirmation(
        &type_of("LEFT", &scope),
        Value::Object(fields(&scope)),
    ));
    Ok(())
}

//! `GET /api/events`: server-sent events of threads, channels and the user. Behind a GRIP proxy the proxy holds the
//! stream and fetches what is new; otherwise the database is asked at an interval.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod cursor;
mod followed;
mod held;
mod polled;
mod settings;

use contracts::realtime::proxy;
use http_edge::{ApiError, Context, Response};
use realtime_events::{owner_of, owner_of_ticket};
use serde::Deserialize;

use followed::Followed;

http_edge::routes! {
    GET "/api/events" => stream_events,
    GET "/api/events/next" => stream_next,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    /// Ids, separated by commas.
    #[serde(default)]
    threads: String,
    #[serde(default)]
    channels: String,
    /// The id of the last event that the client has, for clients that cannot send `Last-Event-ID`.
    since: Option<String>,
    /// Read by [`ticket_of`].
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

async fn stream_events(context: &mut Context) -> Result<Response, ApiError> {
    // Who may not ask learns that first; the rest of the query is for users.
    let ticket = ticket_of(context);
    let owner = match ticket {
        Some(ticket) => owner_of_ticket(ticket).await?,
        None => owner_of(&access::require_user(context).await?),
    };
    let query: Query = context.query()?;
    let last = context.head.header("last-event-id").map(str::to_owned);
    let last = last.filter(|id| !id.is_empty()).or(query.since);
    let mut followed = Followed::new(owner, &query.threads, &query.channels)?;
    let beginning = followed.begin(last.as_deref()).await?;
    if is_from_proxy(context).await {
        return held::begin(context, followed, beginning).await;
    }
    Ok(polled::stream(followed, beginning).await)
}

/// What a held stream has missed. Only the proxy asks, with a link that was signed for one stream.
async fn stream_next(context: &mut Context) -> Result<Response, ApiError> {
    if !is_from_proxy(context).await {
        access::require_user(context).await?;
        return Err(ApiError::Forbidden("Only the proxy may continue a stream."));
    }
    held::next(context).await
}

/// A ticket of `POST /api/websocket/ticket`, for clients without cookies and headers.
fn ticket_of(context: &Context) -> Option<String> {
    let pairs = form_urlencoded::parse(context.head.query.as_bytes());
    let mut tickets = pairs.filter(|(name, _)| name == "ticket");
    tickets.next().map(|(_, ticket)| ticket.into_owned())
}

async fn is_from_proxy(context: &Context) -> bool {
    match context.head.header("grip-sig") {
        Some(signature) => proxy::is_signature_valid(signature.to_owned()).await,
        None => false,
    }
}

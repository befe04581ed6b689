//! `/api/websocket`: tickets for sockets, and what is open.

use contracts::messaging::connections;
use contracts::realtime::proxy;
use http_edge::{ApiError, Context, Response};
use realtime_events::owner_of;
use serde::Serialize;
use team::UtcTime;
use websockets::{MESSAGE_MAX, MESSAGES_MAX};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketView {
    ticket: String,
    /// Seconds.
    expires_in: u32,
    /// Whether there is a proxy that holds WebSockets.
    web_socket: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoView {
    connections: Vec<ConnectionView>,
    limits: LimitsView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionView {
    id: String,
    /// The conversation that it is for. None: threads and channels.
    conversation_id: Option<String>,
    opened_at: UtcTime,
    seen_at: UtcTime,
    follows: Vec<SubscriptionView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionView {
    channel_id: String,
    /// None: the whole channel.
    thread_id: Option<String>,
    since: UtcTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitsView {
    messages_per_minute: u32,
    message_bytes: usize,
}

/// A credential for one socket, for browsers, which cannot send headers with it.
pub(crate) async fn create_ticket(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::require_user(context).await?;
    let ticket = connections::create_ticket(owner_of(&principal))
        .await
        .map_err(error_mapping::messaging)?;
    let view = TicketView {
        ticket,
        expires_in: 60,
        web_socket: proxy::is_configured().await,
    };
    Ok(Response::json(&view).status(201))
}

/// The open sockets of the user.
pub(crate) async fn list_sockets(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let open = connections::list(user.id)
        .await
        .map_err(error_mapping::messaging)?;
    let open = open.into_iter().map(|connection| ConnectionView {
        id: connection.id,
        conversation_id: connection.conversation_id,
        opened_at: UtcTime(connection.opened_at),
        seen_at: UtcTime(connection.seen_at),
        follows: connection
            .follows
            .into_iter()
            .map(|followed| SubscriptionView {
                channel_id: followed.channel_id,
                thread_id: followed.thread_id,
                since: UtcTime(followed.since),
            })
            .collect(),
    });
    Ok(Response::json(&InfoView {
        connections: open.collect(),
        limits: LimitsView {
            messages_per_minute: MESSAGES_MAX,
            message_bytes: MESSAGE_MAX,
        },
    }))
}

//! `/ws`: WebSockets. A proxy holds them; what a client sends arrives here as a request with events, and the events of
//! the response are for the client and the proxy. `/api/websocket`: tickets for sockets, and what is open.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod events;
mod follow;
mod frames;
mod info;
mod messages;
mod open;
mod presence;
mod socket;
mod tick;
mod typing;

use http_edge::{ApiError, Context, Response};
use websockets::{Event, answer, from_proxy, upgrade_required};

use socket::Follower;

http_edge::routes! {
    GET "/ws" => refuse_without_proxy,
    POST "/ws" => receive_events,
    POST "/api/websocket/ticket" => info::create_ticket,
    GET "/api/websocket/info" => info::list_sockets,
}

/// A request for a WebSocket that no proxy has turned into events.
async fn refuse_without_proxy(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    Err(upgrade_required().await)
}

/// Events of a WebSocket from the proxy.
async fn receive_events(context: &mut Context) -> Result<Response, ApiError> {
    let (id, events) = from_proxy(context).await?;
    if events.first() == Some(&Event::Open) {
        return open::open(context, id).await;
    }
    Ok(answer(context, id, events, Follower::parse).await)
}

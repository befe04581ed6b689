//! `/ws`: WebSockets. A proxy holds them; what a client sends arrives here as a request with events, and the events of
//! the response are for the client and the proxy. `/api/websocket`: tickets for sockets, and what is open.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod follow;
mod frames;
mod info;
mod messages;
mod open;
mod presence;
mod socket;
mod tick;
mod typing;

use contracts::messaging::connections;
use http_edge::{ApiError, Context, Response};
use realtime_events::CHECK;
use websockets::{Event, Events, from_proxy, upgrade_required};

use socket::Socket;

http_edge::routes! {
    GET "/ws" => refuse_without_proxy,
    POST "/ws" => receive_events,
    POST "/api/websocket/ticket" => info::create_ticket,
    GET "/api/websocket/info" => info::list_sockets,
}

/// A request for a WebSocket that no proxy has turned into events.
async fn refuse_without_proxy(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    Err(upgrade_required())
}

/// Events of a WebSocket from the proxy.
async fn receive_events(context: &mut Context) -> Result<Response, ApiError> {
    let (id, events) = from_proxy(context).await?;
    if events.first() == Some(&Event::Open) {
        return open::open(context, id).await;
    }
    let Some(mut socket) = Socket::of(context, id) else {
        return Ok(closed("This socket is not open.").into_response());
    };
    let mut out = Events::default();
    let outcome = answer_events(context, &mut socket, events, &mut out).await;
    if let Err(error) = outcome {
        // The socket stays open, whatever fails here.
        context.log.error(&error);
        let public = error.public();
        out.json(&messages::error(public.code, &public.sentence, None));
    }
    Ok(socket.keep(out.into_response()))
}

async fn answer_events(
    context: &mut Context,
    socket: &mut Socket,
    events: Vec<Event>,
    out: &mut Events,
) -> Result<(), ApiError> {
    if tick::is_due(socket) || events.is_empty() {
        let is_open = tick::check(context, socket, out).await?;
        if !is_open {
            return Ok(());
        }
    }
    for event in events {
        match event {
            Event::Open => {}
            Event::Text(_) if !socket.admits_message() => {
                out.json(&messages::error(
                    "RATE_LIMITED",
                    "More than 100 messages in a minute.",
                    None,
                ));
                out.close(4429, "Too many messages.");
                return Ok(());
            }
            Event::Text(text) => frames::receive(context, socket, &text, out).await?,
            Event::Binary => {
                out.json(&messages::error(
                    "UNSUPPORTED_MEDIA_TYPE",
                    "Messages are JSON texts; binary ones are not accepted.",
                    None,
                ));
            }
            Event::Ping(content) => out.pong(&content),
            // Something that may have ended what the socket follows.
            Event::Pong(content) if content == CHECK.as_bytes() => {
                let is_open = tick::check(context, socket, out).await?;
                if !is_open {
                    return Ok(());
                }
            }
            Event::Pong(content) => {
                follow::resume_from_pong(context, socket, &content, out).await?
            }
            Event::Close(content) => {
                close(context, socket).await?;
                out.close_as(&content);
                return Ok(());
            }
            Event::Disconnect => return close(context, socket).await,
        }
    }
    Ok(())
}

async fn close(context: &mut Context, socket: &Socket) -> Result<(), ApiError> {
    let was_last = connections::close(socket.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    if was_last {
        realtime_events::tell_later_if_offline(context, socket.user.clone());
    }
    Ok(())
}

fn closed(reason: &str) -> Events {
    let mut out = Events::default();
    out.close(4400, reason);
    out
}

//! `/ws/:conversationId`: a WebSocket for one of the user's own conversations. Through the proxy it gets each turn as it
//! happens, whichever tab or request began it, and begins turns of its own.

pub(crate) mod broadcast;
mod check;
mod frames;
mod join;
pub(crate) mod messages;
mod open;
mod state;
mod turns;

use contracts::messaging::connections;
use http_edge::{ApiError, Context, Response};
use realtime_events::tell_later_if_offline;
use websockets::{Event, Events, from_proxy, upgrade_required};

use state::Socket;

/// A request for a WebSocket that no proxy has turned into events.
pub(crate) async fn refuse_without_proxy(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    Err(upgrade_required())
}

/// Events of a WebSocket from the proxy.
pub(crate) async fn receive_events(context: &mut Context) -> Result<Response, ApiError> {
    let (id, events) = from_proxy(context).await?;
    let conversation = context.uuid("conversationId", error_mapping::CONVERSATION)?;
    if events.first() == Some(&Event::Open) {
        return open::open(context, id, conversation).await;
    }
    let mut out = Events::default();
    let Some(mut socket) = Socket::of(context, id, conversation) else {
        out.close(4400, "This socket is not open.");
        return Ok(out.into_response());
    };
    let outcome = answer_events(context, &mut socket, events, &mut out).await;
    if let Err(error) = outcome {
        // The socket stays open, whatever fails here.
        context.log.error(&error);
        let public = error.public();
        out.json(&messages::error(public.code, &public.sentence, None, None));
    }
    Ok(socket.keep(out.into_response()))
}

async fn answer_events(
    context: &mut Context,
    socket: &mut Socket,
    events: Vec<Event>,
    out: &mut Events,
) -> Result<(), ApiError> {
    if check::is_due(socket) || events.is_empty() {
        let is_open = check::check(context, socket, out).await?;
        if !is_open {
            return Ok(());
        }
    }
    for event in events {
        let is_open = match event {
            Event::Open => true,
            Event::Text(_) if !socket.counter.admits(socket.now) => {
                let sentence = "More than 100 messages in a minute.";
                out.json(&messages::error("RATE_LIMITED", sentence, None, None));
                out.close(4429, "Too many messages.");
                false
            }
            Event::Text(text) => frames::receive(context, socket, &text, out).await?,
            Event::Binary => {
                let sentence = "Messages are JSON texts; binary ones are not accepted.";
                out.json(&messages::error(
                    "UNSUPPORTED_MEDIA_TYPE",
                    sentence,
                    None,
                    None,
                ));
                true
            }
            Event::Ping(content) => {
                out.pong(&content);
                true
            }
            Event::Pong(content) => join::from_pong(socket, &content, out).await?,
            Event::Close(content) => {
                close(context, socket).await?;
                out.close_as(&content);
                false
            }
            Event::Disconnect => {
                close(context, socket).await?;
                false
            }
        };
        if !is_open {
            return Ok(());
        }
    }
    Ok(())
}

async fn close(context: &mut Context, socket: &Socket) -> Result<(), ApiError> {
    let was_last = connections::close(socket.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    if was_last {
        tell_later_if_offline(context, socket.user.clone());
    }
    Ok(())
}

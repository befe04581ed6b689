//! `/ws/:conversationId`: a WebSocket for one of the user's own conversations. Through the proxy it gets each turn as it
//! happens, whichever tab or request began it, and begins turns of its own.

pub(crate) mod broadcast;
mod events;
mod frames;
mod join;
pub(crate) mod messages;
mod open;
mod state;
mod turns;

use http_edge::{ApiError, Context, Response};
use websockets::{Event, answer, from_proxy, upgrade_required};

use state::Tab;

/// A request for a WebSocket that no proxy has turned into events.
pub(crate) async fn refuse_without_proxy(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    Err(upgrade_required().await)
}

/// Events of a WebSocket from the proxy.
pub(crate) async fn receive_events(context: &mut Context) -> Result<Response, ApiError> {
    let (id, events) = from_proxy(context).await?;
    let conversation = context.uuid("conversationId", error_mapping::CONVERSATION)?;
    if events.first() == Some(&Event::Open) {
        return open::open(context, id, conversation).await;
    }
    let tab = |state: &str| Tab::parse(conversation, state);
    Ok(answer(context, id, events, tab).await)
}

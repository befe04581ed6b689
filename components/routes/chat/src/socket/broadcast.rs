//! `POST /api/websocket`: a message of an application to those who follow a thread. It is not stored.

use contracts::identity::types::Scope;
use contracts::messaging::events;
use contracts::quota::limits::{self, Action};
use contracts::realtime::proxy;
use http_edge::{ApiError, Context, Response};
use realtime_events::transient_item;
use serde::Deserialize;
use serde_json::{Value, json};
use team::Done;

use crate::request::upgrade_required;
use crate::socket::MESSAGE_MAX;

/// Broadcasts of a user in a minute.
const BROADCASTS_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Broadcast {
    thread_id: String,
    /// Any JSON.
    data: Value,
}

/// Sends a message to all sockets that follow a thread, also those of the sender. Members of the channel may.
pub(crate) async fn broadcast(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Write)?;
    let user = principal.user.id;
    let subject = format!("broadcast_{user}");
    let admitted = limits::admit(Action::Message, subject, Some(BROADCASTS_MAX)).await;
    access::apply_rate_limit(context, admitted)?;
    let Broadcast { thread_id, data } = context.json().await?;
    let thread = http_edge::parse_uuid(&thread_id).ok_or(ApiError::NotFound("Thread"))?;
    let excluded = events::audience(user.clone(), thread.clone())
        .await
        .map_err(error_mapping::messaging)?;
    let frame = json!({
        "type": "BROADCAST",
        "payload": { "threadId": thread, "userId": user, "data": data },
    });
    let frame = frame.to_string();
    if frame.len() > MESSAGE_MAX {
        return Err(ApiError::PayloadTooLarge(MESSAGE_MAX as u64));
    }
    let item = transient_item(&thread, frame, None, excluded);
    match proxy::publish(vec![item]).await {
        Ok(()) => Ok(Response::json(&Done {
            message: "Message sent",
        })
        .status(202)),
        Err(proxy::Error::NotConfigured) => Err(upgrade_required()),
        Err(error) => Err(error_mapping::realtime(error)),
    }
}

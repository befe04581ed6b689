//! Checks whether a socket may stay open and may follow what it does. They take place when the proxy asks for news,
//! and with messages of clients that send many.

use contracts::identity::types::AuthError;
use contracts::messaging::connections;
use contracts::messaging::events;
use http_edge::{ApiError, Context};
use realtime_events::{channel_name, expire_connections, publish_pending, thread_name};
use serde_json::{Map, json};
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::Events;

use crate::socket::Socket;
use crate::{follow, messages};

/// The time between two checks, in milliseconds.
const CHECK_TIME: u64 = 20_000;

pub(crate) fn is_due(socket: &Socket) -> bool {
    socket.now.saturating_sub(socket.checked_at) >= CHECK_TIME
}

/// Checks a socket; false if it was closed.
pub(crate) async fn check(
    context: &mut Context,
    socket: &mut Socket,
    out: &mut Events,
) -> Result<bool, ApiError> {
    socket.checked_at = socket.now;
    if socket.has_credentials && !is_signed_in(context, socket).await? {
        connections::close(socket.id.clone())
            .await
            .map_err(error_mapping::messaging)?;
        out.close(4401, "Sign in again.");
        return Ok(false);
    }
    let checked = connections::check(socket.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    let Some(checked) = checked else {
        out.close(4401, "Signed out.");
        return Ok(false);
    };
    for lost in &checked.lost {
        let (r#type, name) = match &lost.thread_id {
            Some(thread) => ("LEFT_THREAD", thread_name(thread)),
            None => ("LEFT_CHANNEL", channel_name(&lost.channel_id)),
        };
        out.unsubscribe(&name);
        out.json(&messages::confirmation(
            r#type,
            json!({
                "threadId": lost.thread_id,
                "channelId": lost.channel_id,
                "reason": "NOT_A_MEMBER",
            }),
        ));
    }
    if !checked.follows.is_empty() {
        let (mut threads, mut channels) = (Map::new(), Map::new());
        for position in checked.follows {
            match position.subscription.thread_id {
                Some(thread) => threads.insert(thread, json!(position.number)),
                None => channels.insert(position.subscription.channel_id, json!(position.number)),
            };
        }
        let heads = json!({ "threads": threads, "channels": channels });
        out.json(&json!({ "type": "HEADS", "payload": heads }).to_string());
    }
    tidy_in_background(context, socket.now).await;
    Ok(true)
}

async fn is_signed_in(context: &mut Context, socket: &Socket) -> Result<bool, ApiError> {
    match access::try_authenticate(context).await? {
        Ok(principal) => Ok(principal.user.id == socket.user),
        Err(AuthError::Unavailable(_)) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// Publishes what others did not get to, and forgets sockets and events that are over.
async fn tidy_in_background(context: &Context, now: u64) {
    let log = context.log.background();
    let retention = follow::retention().await;
    spawn(async move {
        let tidied = async {
            publish_pending().await?;
            expire_connections().await?;
            let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
            events::expire(now.saturating_sub(retention))
                .await
                .map_err(error_mapping::messaging)
        };
        if let Err(error) = tidied.await {
            log.failed(&error);
        }
    });
}

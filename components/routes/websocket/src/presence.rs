//! Who is online, told to those who asked for it.

use contracts::messaging::connections;
use http_edge::{ApiError, Context};
use realtime_events::{OwnPresence, presence_frame, presence_name, set_presence};
use serde::Deserialize;
use websockets::Events;

use crate::messages;
use crate::socket::Socket;

/// Users whose presence a socket follows.
const WATCHED_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Users {
    user_ids: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct SetPresence {
    state: OwnPresence,
}

/// Sends the presence of users, and follows it.
pub(crate) async fn watch(
    socket: &mut Socket,
    users: Users,
    out: &mut Events,
) -> Result<(), ApiError> {
    let wanted = u32::try_from(users.user_ids.len()).unwrap_or(u32::MAX);
    if socket.kind.watched.saturating_add(wanted) > WATCHED_MAX {
        out.json(&messages::error(
            "CONFLICT",
            "This socket would follow the presence of more than 100 users.",
            None,
        ));
        return Ok(());
    }
    let found = connections::list_presence(socket.user.clone(), users.user_ids)
        .await
        .map_err(error_mapping::messaging)?;
    for presence in &found {
        out.subscribe(&presence_name(&presence.user));
        out.json(&presence_frame(presence));
        socket.kind.watched = socket.kind.watched.saturating_add(1);
    }
    Ok(())
}

pub(crate) fn unwatch(socket: &mut Socket, users: &Users, out: &mut Events) {
    for user in &users.user_ids {
        out.unsubscribe(&presence_name(user));
        socket.kind.watched = socket.kind.watched.saturating_sub(1);
    }
}

/// Sets the user's own state.
pub(crate) async fn set(
    context: &Context,
    socket: &Socket,
    wanted: SetPresence,
) -> Result<(), ApiError> {
    set_presence(context, socket.user.clone(), wanted.state).await
}

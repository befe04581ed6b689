//! Who is online, told to those who asked for it.

use std::time::Duration;

use contracts::messaging::connections::{self, Presence, PresenceState};
use contracts::realtime::proxy::{self, Action, Item};
use http_edge::{ApiError, Context};
use realtime_events::presence_name;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::wit_bindgen::spawn;
use team::UtcTime;

use crate::messages;
use crate::protocol::Events;
use crate::socket::Socket;

/// How long a user without sockets is still shown as online.
const OFFLINE_DELAY: Duration = Duration::from_secs(30);
/// Users whose presence a socket follows.
const WATCHED_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Users {
    user_ids: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct SetPresence {
    state: OwnState,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum OwnState {
    Online,
    Away,
    /// Nobody sees the user as online.
    Hidden,
}

/// Sends the presence of users, and follows it.
pub(crate) async fn watch(
    socket: &mut Socket,
    users: Users,
    out: &mut Events,
) -> Result<(), ApiError> {
    let wanted = u32::try_from(users.user_ids.len()).unwrap_or(u32::MAX);
    if socket.watched.saturating_add(wanted) > WATCHED_MAX {
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
        out.json(&frame(presence).to_string());
        socket.watched = socket.watched.saturating_add(1);
    }
    Ok(())
}

pub(crate) fn unwatch(socket: &mut Socket, users: &Users, out: &mut Events) {
    for user in &users.user_ids {
        out.unsubscribe(&presence_name(user));
        socket.watched = socket.watched.saturating_sub(1);
    }
}

/// Sets the user's own state.
pub(crate) async fn set(
    context: &Context,
    socket: &Socket,
    wanted: SetPresence,
) -> Result<(), ApiError> {
    let (is_away, is_hidden) = (
        wanted.state == OwnState::Away,
        wanted.state == OwnState::Hidden,
    );
    connections::set_presence(socket.user.clone(), is_away, is_hidden)
        .await
        .map_err(error_mapping::messaging)?;
    tell_in_background(context, socket.user.clone());
    Ok(())
}

fn frame(presence: &Presence) -> Value {
    json!({
        "type": "PRESENCE",
        "payload": {
            "userId": presence.user,
            "state": match presence.state {
                PresenceState::Online => "online",
                PresenceState::Away => "away",
                PresenceState::Offline => "offline",
            },
            "lastSeenAt": presence.last_seen_at.map(UtcTime),
        },
    })
}

/// Publishes the presence of a user as it is now.
pub(crate) async fn tell(user: &str) -> Result<(), ApiError> {
    let found = connections::list_presence(user.to_owned(), vec![user.to_owned()])
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<Item> = found
        .iter()
        .map(|presence| Item {
            channel: presence_name(&presence.user),
            id: None,
            previous_id: None,
            action: Action::Message(frame(presence).to_string()),
            sender: None,
            excluded: Vec::new(),
        })
        .collect();
    if items.is_empty() {
        return Ok(());
    }
    proxy::publish(items).await.map_err(error_mapping::realtime)
}

pub(crate) fn tell_in_background(context: &Context, user: String) {
    let log = context.log.background();
    spawn(async move {
        if let Err(error) = tell(&user).await {
            log.failed(&error);
        }
    });
}

/// Publishes that a user is offline, unless there is another socket by then: a page that is loaded again does not
/// show.
pub(crate) fn tell_later_if_offline(context: &Context, user: String) {
    let log = context.log.background();
    spawn(async move {
        sleep(OFFLINE_DELAY).await;
        let told = async {
            let open = connections::list(user.clone())
                .await
                .map_err(error_mapping::messaging)?;
            match open.is_empty() {
                true => tell(&user).await,
                false => Ok(()),
            }
        };
        if let Err(error) = told.await {
            log.failed(&error);
        }
    });
}

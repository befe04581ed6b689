//! Who is online, told to those who asked for it.

use std::time::Duration;

use contracts::messaging::connections::{self, Owner, Presence, PresenceChoice, PresenceState};
use contracts::realtime::proxy::{self, Action, Item};
use http_edge::{ApiError, Context};
use serde::{Deserialize, Serialize};
use serde_json::json;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::wit_bindgen::spawn;
use team::UtcTime;

use crate::names::presence_name;

/// Open sockets of a user.
const SOCKETS_MAX: u32 = 50;
/// How long a user without sockets is still shown as online.
const OFFLINE_DELAY: Duration = Duration::from_secs(30);

/// What others see while the user has a socket, as the user has chosen it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnPresence {
    /// Online.
    Online,
    /// Away.
    Away,
    /// As if the user had no socket.
    Hidden,
}

impl From<PresenceChoice> for OwnPresence {
    fn from(choice: PresenceChoice) -> Self {
        match choice {
            PresenceChoice::Online => Self::Online,
            PresenceChoice::Away => Self::Away,
            PresenceChoice::Hidden => Self::Hidden,
        }
    }
}

impl From<OwnPresence> for PresenceChoice {
    fn from(presence: OwnPresence) -> Self {
        match presence {
            OwnPresence::Online => Self::Online,
            OwnPresence::Away => Self::Away,
            OwnPresence::Hidden => Self::Hidden,
        }
    }
}

/// Stores what a user has chosen, and publishes it after the response.
///
/// # Errors
/// 503 if the database fails.
pub async fn set_presence(
    context: &Context,
    user: String,
    presence: OwnPresence,
) -> Result<(), ApiError> {
    connections::set_presence(user.clone(), presence.into())
        .await
        .map_err(error_mapping::messaging)?;
    tell_presence_in_background(context, user);
    Ok(())
}

/// Records a socket; true if it is the user's only one, so that the user's presence changes.
///
/// # Errors
/// 429 if the user has too many; 503 if the database fails.
pub async fn open_connection(
    id: &str,
    owner: &Owner,
    conversation: Option<String>,
) -> Result<bool, ApiError> {
    let opened = connections::open(id.to_owned(), owner.clone(), conversation)
        .await
        .map_err(error_mapping::messaging)?;
    if opened.count > SOCKETS_MAX {
        connections::close(id.to_owned())
            .await
            .map_err(error_mapping::messaging)?;
        return Err(ApiError::RateLimited(30));
    }
    Ok(opened.is_first)
}

/// The presence of a user as a message to clients.
pub fn presence_frame(presence: &Presence) -> String {
    let frame = json!({
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
    });
    frame.to_string()
}

/// Publishes the presence of a user as it is now.
///
/// # Errors
/// 503 if the database or a proxy fails.
pub async fn tell_presence(user: &str) -> Result<(), ApiError> {
    let found = connections::list_presence(user.to_owned(), vec![user.to_owned()])
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<Item> = found
        .iter()
        .map(|presence| Item {
            channel: presence_name(&presence.user),
            id: None,
            previous_id: None,
            action: Action::Message(presence_frame(presence)),
            sender: None,
            excluded: Vec::new(),
        })
        .collect();
    if items.is_empty() {
        return Ok(());
    }
    proxy::publish(items).await.map_err(error_mapping::realtime)
}

/// Calls [`tell_presence`] after the response.
pub fn tell_presence_in_background(context: &Context, user: String) {
    let log = context.log.background();
    spawn(async move {
        if let Err(error) = tell_presence(&user).await {
            log.failed(&error);
        }
    });
}

/// Publishes that a user is offline, unless there is another socket by then: a page that is loaded again does not
/// show.
pub fn tell_later_if_offline(context: &Context, user: String) {
    let log = context.log.background();
    spawn(async move {
        sleep(OFFLINE_DELAY).await;
        let told = async {
            let open = connections::list(user.clone())
                .await
                .map_err(error_mapping::messaging)?;
            match open.is_empty() {
                true => tell_presence(&user).await,
                false => Ok(()),
            }
        };
        if let Err(error) = told.await {
            log.failed(&error);
        }
    });
}

/// Removes sockets that were not seen for a while, and tells that their users are offline.
///
/// # Errors
/// 503 if the database or a proxy fails.
pub async fn expire_connections() -> Result<(), ApiError> {
    let gone = connections::expire()
        .await
        .map_err(error_mapping::messaging)?;
    for user in gone {
        tell_presence(&user).await?;
    }
    Ok(())
}

//! Who is typing. It is not stored, and is not sent back to the user.

use contracts::messaging::events;
use contracts::realtime::proxy;
use http_edge::ApiError;
use realtime_events::transient_item;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::socket::Socket;

/// The shortest time between two messages of a user about one thread, in milliseconds.
const INTERVAL: u64 = 3_000;
/// After this time without another message the user is not typing any more, in milliseconds.
const LIFETIME: u64 = 6_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Typing {
    thread_id: String,
    #[serde(default)]
    state: State,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Start,
    Stop,
}

/// Tells the others who follow the thread.
pub(crate) async fn tell(socket: &mut Socket, typing: Typing) -> Result<(), ApiError> {
    let Some(thread) = http_edge::parse_uuid(&typing.thread_id) else {
        return Err(ApiError::NotFound("Thread"));
    };
    if typing.state == State::Start && is_too_soon(socket, &thread) {
        return Ok(());
    }
    let excluded = events::audience(socket.user.clone(), thread.clone())
        .await
        .map_err(error_mapping::messaging)?;
    let frame = json!({
        "type": "TYPING",
        "payload": {
            "threadId": thread,
            "userId": socket.user,
            "state": typing.state,
            "expiresIn": LIFETIME,
        },
    });
    socket.kind.typing = match typing.state {
        State::Start => Some((thread.clone(), socket.now)),
        State::Stop => None,
    };
    let sender = Some(socket.user.clone());
    let item = transient_item(&thread, frame.to_string(), sender, excluded);
    proxy::publish(vec![item])
        .await
        .map_err(error_mapping::realtime)
}

fn is_too_soon(socket: &Socket, thread: &str) -> bool {
    let last = socket.kind.typing.as_ref();
    last.is_some_and(|(known, at)| known == thread && socket.now.saturating_sub(*at) < INTERVAL)
}

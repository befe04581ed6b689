//! Opening a socket.

use http_edge::{ApiError, Context, Response};
use realtime_events::{proof_name, tell_presence_in_background, user_name};
use websockets::{Events, Opener, accepted};

use crate::socket::{Follower, Socket};

/// Accepts a socket, or refuses it with an ordinary response.
pub(crate) async fn open(context: &mut Context, id: String) -> Result<Response, ApiError> {
    let opener = Opener::of(context).await?;
    let user = opener.owner.user.clone();
    let is_first = realtime_events::open_connection(&id, &opener.owner, None).await?;
    if is_first {
        tell_presence_in_background(context, user.clone());
    }
    let mut out = Events::default();
    out.open();
    out.user(&user);
    out.subscribe(&proof_name(&opener.owner.proof));
    out.subscribe(&user_name(&user));
    let socket = Socket::new(id, user, opener.has_credentials, Follower::default());
    Ok(socket.keep(accepted(opener, out)))
}

//! Checks whether a socket may stay open. They take place when the proxy asks for news, and with messages of clients
//! that send many.

use contracts::{
    identity::types::{AuthError, Principal},
    messaging::connections,
};
use http_edge::{ApiError, Context};
use realtime_events::expire_connections;
use spin_sdk::wasip3::wit_bindgen::spawn;
use websockets::Events;

use super::{join, state::Socket};

/// The time between two checks, in milliseconds.
const CHECK_TIME: u64 = 20_000;

pub(super) fn is_due(socket: &Socket) -> bool {
    socket.now.saturating_sub(socket.checked_at) >= CHECK_TIME
}

/// Checks a socket and sends the state of its conversation; false if it was closed.
pub(super) async fn check(
    context: &mut Context,
    socket: &mut Socket,
    out: &mut Events,
) -> Result<bool, ApiError> {
    socket.checked_at = socket.now;
    let is_signed_in = !socket.has_credentials || principal(context, socket).await?.is_some();
    if !is_signed_in || !is_recorded(socket).await? {
        return sign_out(socket, out).await;
    }
    if !join::tell_state(socket, out).await? {
        return Ok(false);
    }
    let log = context.log.background();
    spawn(async move {
        if let Err(error) = expire_connections().await {
            log.failed(&error);
        }
    });
    Ok(true)
}

/// The user whose credentials come with the request; none if they are not valid any more.
///
/// # Errors
/// 503 if they cannot be checked.
pub(super) async fn principal(
    context: &mut Context,
    socket: &Socket,
) -> Result<Option<Principal>, ApiError> {
    match access::try_authenticate(context).await? {
        Ok(principal) => Ok((principal.user.id == socket.user).then_some(principal)),
        Err(error @ AuthError::Unavailable(_)) => Err(error_mapping::identity(error)),
        Err(_) => Ok(None),
    }
}

/// Whether the socket is still recorded: signing out removes it.
pub(super) async fn is_recorded(socket: &Socket) -> Result<bool, ApiError> {
    let checked = connections::check(socket.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    Ok(checked.is_some())
}

/// Closes a socket whose user has signed out.
pub(super) async fn sign_out(socket: &Socket, out: &mut Events) -> Result<bool, ApiError> {
    connections::close(socket.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    out.close(4401, "Sign in again.");
    Ok(false)
}

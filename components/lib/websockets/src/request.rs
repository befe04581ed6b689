//! Requests of the proxy.

use contracts::realtime::proxy;
use http_edge::{ApiError, Context, ProtocolError};

use crate::protocol::{Event, MEDIA_TYPE, decode};

/// Bytes of a request. Proxies send at most 200,000 bytes of events.
const BODY_MAX: usize = 1_000_000;

/// The id of the connection that a request of the proxy is about, and what its client did.
///
/// # Errors
/// The response to a request that the proxy did not send: 426 if it has no events, else 403.
pub async fn from_proxy(context: &mut Context) -> Result<(String, Vec<Event>), ApiError> {
    if !is_from_proxy(context).await {
        access::require_user(context).await?;
        return Err(match has_events(context) {
            true => ApiError::Forbidden("Only the proxy may send events of WebSockets."),
            false => upgrade_required().await,
        });
    }
    let id = connection_id(context)?;
    let body = read_body(context).await?;
    let events = decode(&body).ok_or_else(|| {
        ApiError::invalid("body", "is not of the type application/websocket-events")
    })?;
    Ok((id, events))
}

/// Whether the request has events of a WebSocket.
fn has_events(context: &Context) -> bool {
    let r#type = context.head.header("content-type").unwrap_or_default();
    let r#type = r#type.split(';').next().unwrap_or_default();
    r#type.trim().eq_ignore_ascii_case(MEDIA_TYPE)
}

/// Whether the proxy sent it. Only then may its `Connection-Id` and `Meta-…` be believed.
async fn is_from_proxy(context: &Context) -> bool {
    let Some(signature) = context.head.header("grip-sig") else {
        return false;
    };
    has_events(context) && proxy::is_signature_valid(signature.to_owned()).await
}

/// The proxy's id of the connection.
///
/// # Errors
/// 400 without a valid one.
fn connection_id(context: &Context) -> Result<String, ApiError> {
    let id = context.head.header("connection-id").unwrap_or_default();
    let is_id = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if !is_id {
        return Err(ApiError::invalid("connection-id", "is missing"));
    }
    Ok(id.to_owned())
}

async fn read_body(context: &mut Context) -> Result<Vec<u8>, ApiError> {
    let mut body = context.body();
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await? {
        bytes.extend_from_slice(&part);
        if bytes.len() > BODY_MAX {
            return Err(ApiError::PayloadTooLarge(BODY_MAX as u64));
        }
    }
    Ok(bytes)
}

/// The error of a request for a WebSocket that does not come as events from the proxy: there is none, or the client did
/// not ask for a WebSocket.
pub async fn upgrade_required() -> ApiError {
    let message = match proxy::is_configured().await {
        true => "This path is for WebSockets. Connect with a WebSocket client, through the proxy.",
        false => {
            "WebSockets need a GRIP proxy in front of this server, and the variables grip_control_url and grip_key. \
             Without one, use GET /api/events."
        }
    };
    ApiError::ProtocolError(ProtocolError::new(426, "UPGRADE_REQUIRED", message))
}

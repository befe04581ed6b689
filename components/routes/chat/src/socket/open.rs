//! Opening a socket.

use http_edge::{ApiError, Context, Response};
use realtime_events::{
    connection_name, conversation_name, conversations_name, open_connection, proof_name,
    tell_presence_in_background, user_name,
};
use serde::Deserialize;
use unix_time::now_ms;
use websockets::{Events, Opener, accepted};

use super::{
    join::{self, Found},
    state::{Socket, Tab},
};

/// What a client has already.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    message_id: Option<String>,
    offset: Option<usize>,
}

/// Accepts a socket, or refuses it with an ordinary response.
pub(super) async fn open(
    context: &mut Context,
    id: String,
    conversation: String,
) -> Result<Response, ApiError> {
    let opener = Opener::of(context).await?;
    let known: Query = context.query()?;
    let known = match known.message_id {
        None => None,
        Some(reply) => {
            let reply = http_edge::parse_uuid(&reply)
                .ok_or_else(|| ApiError::invalid("messageId", "must be a UUID"))?;
            Some((reply, known.offset.unwrap_or(0)))
        }
    };
    let user = opener.owner.user.clone();
    if matches!(
        join::find(&user, &conversation, None).await?,
        Found::Nothing
    ) {
        return Err(ApiError::NotFound(error_mapping::CONVERSATION));
    }
    // A turn that begins from now on is told to it; one that has begun is found when its subscriptions hold.
    if open_connection(&id, &opener.owner, Some(conversation.clone())).await? {
        tell_presence_in_background(context, user.clone());
    }
    let mut out = Events::default();
    out.open();
    out.user(&connection_name(&id));
    out.subscribe(&proof_name(&opener.owner.proof));
    out.subscribe(&user_name(&user));
    out.subscribe(&conversations_name(&user));
    out.subscribe(&connection_name(&id));
    out.subscribe(&conversation_name(&user, &conversation));
    join::ask_for_pong(true, known.as_ref(), &mut out);
    let is_of_session = opener.owner.proof.starts_with("session:");
    let tab = Tab {
        conversation,
        is_of_session,
        opened_at: now_ms(),
        typed_at: 0,
        joined: None,
    };
    let socket = Socket::new(id, user, opener.has_credentials, tab);
    Ok(socket.keep(accepted(opener, out)))
}

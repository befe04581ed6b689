//! `POST /api/websocket`: a message of an application to those who follow a thread or a conversation. It is not stored.
//! It is here, and not beside the socket for threads, because only this route knows conversations as well.

use contracts::{
    identity::types::Scope,
    messaging::events,
    quota::limits::{self, Action},
    realtime::proxy::{self, Item},
};
use http_edge::{ApiError, Context, Response};
use realtime_events::{conversation_item, transient_item};
use serde::Deserialize;
use serde_json::{Value, json};
use team::Done;
use websockets::{MESSAGE_MAX, upgrade_required};

use super::join::{self, Found};

/// Broadcasts of a user in a minute.
const BROADCASTS_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Broadcast {
    thread_id: Option<String>,
    conversation_id: Option<String>,
    /// Any JSON.
    data: Value,
}

/// Sends a message to all sockets that follow a thread or are for a conversation, also those of the sender. Members of
/// the channel may, and the conversation's user.
pub(crate) async fn broadcast(context: &mut Context) -> Result<Response, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Write)?;
    let user = principal.user.id;
    let subject = format!("broadcast_{user}");
    let admitted = limits::admit(Action::Message, subject, Some(BROADCASTS_MAX)).await;
    access::apply_rate_limit(context, admitted)?;
    let Broadcast {
        thread_id,
        conversation_id,
        data,
    } = context.json().await?;
    let item = match (thread_id, conversation_id) {
        (Some(thread), None) => to_thread(&user, &thread, &data).await?,
        (None, Some(conversation)) => to_conversation(&user, &conversation, &data).await?,
        _ => {
            let wrong = "either this or conversationId must be given";
            return Err(ApiError::invalid("threadId", wrong));
        }
    };
    match proxy::publish(vec![item]).await {
        Ok(()) => Ok(Response::json(&Done {
            message: "Message sent",
        })
        .status(202)),
        Err(proxy::Error::NotConfigured) => Err(upgrade_required().await),
        Err(error) => Err(error_mapping::realtime(error)),
    }
}

async fn to_thread(user: &str, thread: &str, data: &Value) -> Result<Item, ApiError> {
    let thread = http_edge::parse_uuid(thread).ok_or(ApiError::NotFound("Thread"))?;
    let excluded = events::audience(user.to_owned(), thread.clone())
        .await
        .map_err(error_mapping::messaging)?;
    let frame = json!({
        "type": "BROADCAST",
        "payload": { "threadId": thread, "userId": user, "data": data },
    });
    Ok(transient_item(&thread, fitting(&frame)?, None, excluded))
}

async fn to_conversation(user: &str, conversation: &str, data: &Value) -> Result<Item, ApiError> {
    let not_found = ApiError::NotFound(error_mapping::CONVERSATION);
    let id = http_edge::parse_uuid(conversation).ok_or_else(|| not_found.clone())?;
    if matches!(join::find(user, &id, None).await?, Found::Nothing) {
        return Err(not_found);
    }
    let frame = json!({ "type": "broadcast", "conversationId": id, "data": data });
    Ok(conversation_item(user, &id, fitting(&frame)?, None))
}

/// The message as text. 413 if it is too long.
fn fitting(frame: &Value) -> Result<String, ApiError> {
    let frame = frame.to_string();
    match frame.len() > MESSAGE_MAX {
        true => Err(ApiError::PayloadTooLarge(MESSAGE_MAX as u64)),
        false => Ok(frame),
    }
}

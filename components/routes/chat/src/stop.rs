//! Stopping a reply.

use contracts::{
    conversations::{replies, types::Error as StoreError},
    identity::types::Scope,
    quota::limits::Action,
};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use crate::ai_sdk;

#[derive(Serialize)]
struct StopView {
    success: bool,
    /// Whether a reply was being written.
    stopped: bool,
}

/// `POST /api/conversations/:id/stop`.
pub(crate) async fn stop_reply(context: &mut Context) -> Result<Response, ApiError> {
    let user = admit(context).await?;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let stopped = replies::stop(user, id)
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    Ok(view(stopped))
}

/// `POST /api/chat/:id/stop`: the AI SDK itself only disconnects, which does not stop a reply.
pub(crate) async fn stop_ai_sdk_reply(context: &mut Context) -> Result<Response, ApiError> {
    let user = admit(context).await?;
    let chat = context.param("id", ai_sdk::MAX_ID, error_mapping::CONVERSATION)?;
    let id = ai_sdk::conversation_id(&user, &chat);
    match replies::stop(user, id).await {
        Ok(stopped) => Ok(view(stopped)),
        Err(StoreError::NotFound) => Ok(view(false)),
        Err(error) => Err(error_mapping::conversations(error, "id")),
    }
}

/// Who may stop a reply.
async fn admit(context: &mut Context) -> Result<String, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    access::admit(context, Action::Api, &principal.user.id).await?;
    Ok(principal.user.id)
}

fn view(stopped: bool) -> Response {
    Response::json(&StopView {
        success: true,
        stopped,
    })
}

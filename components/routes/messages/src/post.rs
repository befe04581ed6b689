//! Posting a message.

use contracts::messaging::messages;
use http_edge::{ApiError, Context, Response};

use crate::{idempotency, requests::CreateMessage, view::MessageView};

/// 201; 200 with the message that was posted first if the request is a repetition.
pub(crate) async fn post_message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = team::posting_user(context).await?;
    let mut request: CreateMessage = context.json().await?;
    request.require_own_attachments(context)?;
    completion::check_texts(vec![("content".to_owned(), &mut request.content)]).await?;
    let client_id = idempotency::client_id(&context.head, request.client_id.take())?;
    let posted = messages::post(principal.user.id, request.into_message(client_id))
        .await
        .map_err(error_mapping::messaging)?;
    let status = if posted.existed { 200 } else { 201 };
    Ok(Response::json(&MessageView::from(&posted.message)).status(status))
}

//! Posting a message.

use contracts::messaging::messages;
use http_edge::{ApiError, Context, Response};

use crate::{
    assistant::{Assistant, Question},
    attachments, idempotency,
    requests::CreateMessage,
    view::MessageView,
};

/// 201; 200 with the message that was posted first if the request is a repetition. A new message that
/// mentions the AI member is answered after the response.
pub(crate) async fn post_message(context: &mut Context) -> Result<Response, ApiError> {
    let principal = team::posting_user(context).await?;
    let mut request: CreateMessage = context.json().await?;
    let attachments = std::mem::take(&mut request.attachments);
    let has_files = !attachments.is_empty();
    let files = attachments::own_files(context, &principal.user.id, attachments).await?;
    completion::check_texts(vec![("content".to_owned(), &mut request.content)]).await?;
    let client_id = idempotency::client_id(&context.head, request.client_id.take())?;
    let posted = messages::post(
        principal.user.id.clone(),
        request.into_message(client_id, files),
    )
    .await
    .map_err(error_mapping::messaging)?;
    if has_files {
        // What an earlier deletion left, if the server ended before it was complete.
        team::delete_detached_files(context).await;
    }
    realtime_events::publish_in_background(context);
    let status = if posted.existed { 200 } else { 201 };
    let response = Response::json(&MessageView::from(&posted.message)).status(status);
    if !posted.existed
        && let Some(assistant) = Assistant::configured().await
        && assistant.is_mentioned_in(&posted.message.content)
    {
        let question = Question {
            assistant,
            principal,
            message: posted.message,
        };
        question.answer_in_background(context.log.background());
    }
    Ok(response)
}

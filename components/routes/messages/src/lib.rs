//! `/api/messages`: the messages of threads.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod assistant;
mod attachments;
mod idempotency;
mod post;
mod read;
mod requests;
mod view;

use contracts::messaging::messages;
use http_edge::{ApiError, Context, Response};
use team::Done;

use requests::EditMessage;
use view::MessageView;

/// What paths name, for [`ApiError::NotFound`].
const MESSAGE: &str = "Message";
/// Longest emoji, in bytes.
const MAX_EMOJI: usize = 64;

http_edge::routes! {
    POST "/api/messages" => post::post_message,
    GET "/api/messages/search" => read::search_messages,
    GET "/api/messages/thread/:threadId" => read::list_messages,
    GET "/api/messages/:id" => read::show_message,
    PATCH "/api/messages/:id" => edit_message,
    DELETE "/api/messages/:id" => delete_message,
    GET "/api/messages/:id/previous-texts" => read::list_previous_texts,
    POST "/api/messages/:id/stop" => assistant::stop::stop_answer,
    PUT "/api/messages/:id/reactions/:emoji" => add_reaction,
    DELETE "/api/messages/:id/reactions/:emoji" => remove_reaction,
}

async fn edit_message(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let id = context.uuid("id", MESSAGE)?;
    let EditMessage { mut content } = context.json().await?;
    completion::check_texts(vec![("content".to_owned(), &mut content)]).await?;
    let edited = messages::edit(user.id, id, content)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&MessageView::from(&edited)))
}

async fn delete_message(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", MESSAGE)?;
    messages::delete(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    team::delete_detached_files(context).await;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "Message deleted",
    }))
}

async fn add_reaction(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let (id, emoji) = reaction_of_path(context)?;
    let message = messages::react(user.id, id, emoji)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&MessageView::from(&message)))
}

async fn remove_reaction(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let (id, emoji) = reaction_of_path(context)?;
    let message = messages::remove_reaction(user.id, id, emoji)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&MessageView::from(&message)))
}

/// The id of the message and the emoji in the path.
fn reaction_of_path(context: &Context) -> Result<(String, String), ApiError> {
    let id = context.uuid("id", MESSAGE)?;
    Ok((id, context.param("emoji", MAX_EMOJI, "Reaction")?))
}

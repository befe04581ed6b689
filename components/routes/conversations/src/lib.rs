//! `/api/conversations`, `/api/history` and `/api/clear`: what a user has said and been told.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod view;

use contracts::conversations::{
    conversations::{self, Place},
    types::{Conversation, Error},
};
use http_edge::{ApiError, Context, Response, Validator, pagination};
use realtime_events::{
    Removal, tell_all_removed_in_background, tell_removed_in_background, tell_title_in_background,
};
use serde::Deserialize;

use view::{ConversationView, Conversations, HistoryView, RestoredView, Success};

/// Longest title, in characters.
const MAX_TITLE: usize = 200;

/// Longest id of a message, in bytes.
const MAX_MESSAGE_ID: usize = 128;

http_edge::routes! {
    GET "/api/conversations" => list_conversations,
    DELETE "/api/conversations" => clear_everything,
    GET "/api/conversations/:id" => show_conversation,
    PATCH "/api/conversations/:id" => rename_conversation,
    DELETE "/api/conversations/:id" => delete_conversation,
    PATCH "/api/conversations/:id/messages/:messageId" => set_active_message,
    PUT "/api/conversations/:id/pin" => pin_conversation,
    DELETE "/api/conversations/:id/pin" => unpin_conversation,
    POST "/api/conversations/:id/restore" => restore_conversation,
    GET "/api/history" => list_history,
    DELETE "/api/clear" => clear_everything,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    title: String,
}

#[derive(Deserialize)]
struct Query {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetActive {
    active: String,
}

async fn list_conversations(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let (after, limit) = page(context)?;
    let found = conversations::list_conversations(user.id, after, limit)
        .await
        .map_err(failed)?;
    let origin = file_transfer::origin(context);
    Ok(Response::json(&Conversations::new(&origin, &found)))
}

async fn list_history(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let (after, limit) = page(context)?;
    let history = conversations::list_summaries(user.id, after, limit)
        .await
        .map_err(failed)?;
    Ok(Response::json(&HistoryView::from(&history)))
}

/// The page that the query asks for: after which place it begins, and how many items it has at most.
fn page(context: &Context) -> Result<(Option<Place>, u32), ApiError> {
    let query: Query = context.query()?;
    let mut validator = Validator::new();
    let limit = query.limit.unwrap_or(pagination::MAX_LIMIT);
    let limit = pagination::limit(Some(limit), &mut validator);
    let after = pagination::time_place(query.cursor.as_deref(), &mut validator);
    validator.finish()?;
    Ok((
        after.map(|(updated_at, id)| Place { updated_at, id }),
        limit,
    ))
}

async fn show_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let found = conversations::get_conversation(user.id, id)
        .await
        .map_err(failed)?;
    Ok(conversation(context, &found))
}

async fn rename_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let title = valid_title(context.json().await?)?;
    let summary = conversations::rename(user.id.clone(), id.clone(), title)
        .await
        .map_err(failed)?;
    tell_title_in_background(context, &user.id, &id, &summary.title);
    let renamed = conversations::get_conversation(user.id, id)
        .await
        .map_err(failed)?;
    Ok(conversation(context, &renamed))
}

async fn set_active_message(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let message = context.param("messageId", MAX_MESSAGE_ID, "Message")?;
    let active = valid_active(context.json().await?)?;
    let found = conversations::set_active(user.id, id, message, active)
        .await
        .map_err(|error| error_mapping::conversations(error, "active"))?;
    Ok(conversation(context, &found))
}

async fn pin_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let pinned = conversations::pin(user.id, id).await.map_err(failed)?;
    Ok(conversation(context, &pinned))
}

async fn unpin_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let found = conversations::unpin(user.id, id).await.map_err(failed)?;
    Ok(conversation(context, &found))
}

async fn restore_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    let restored = conversations::restore(user.id.clone(), id)
        .await
        .map_err(failed)?;
    let evicted = restored.evicted.iter().map(|one| one.id.clone());
    tell_removed_in_background(context, &user.id, evicted.collect(), Removal::Evicted);
    let origin = file_transfer::origin(context);
    Ok(Response::json(&RestoredView::new(&origin, &restored)))
}

async fn delete_conversation(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::CONVERSATION)?;
    conversations::delete(user.id.clone(), id.clone())
        .await
        .map_err(failed)?;
    tell_removed_in_background(context, &user.id, vec![id], Removal::Deleted);
    Ok(Response::json(&Success { success: true }))
}

async fn clear_everything(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    user_data::erase_content(&user.id)
        .await
        .map_err(|failure| ApiError::storage_unavailable(failure.message()))?;
    tell_all_removed_in_background(context, &user.id);
    Ok(Response::json(&Success { success: true }))
}

fn conversation(context: &Context, found: &Conversation) -> Response {
    let origin = file_transfer::origin(context);
    Response::json(&ConversationView::new(&origin, found))
}

fn valid_active(body: SetActive) -> Result<String, ApiError> {
    Validator::new()
        .require(
            (1..=MAX_MESSAGE_ID).contains(&body.active.len()),
            "active",
            "must be 1 to 128 characters",
        )
        .finish()?;
    Ok(body.active)
}

fn valid_title(rename: Rename) -> Result<String, ApiError> {
    let title = rename.title.trim();
    Validator::new()
        .require(
            (1..=MAX_TITLE).contains(&title.chars().count()),
            "title",
            "must be 1 to 200 characters",
        )
        .finish()?;
    Ok(title.to_owned())
}

/// The title is all that a client can get wrong here.
fn failed(error: Error) -> ApiError {
    error_mapping::conversations(error, "title")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(title: &str) -> Result<String, ApiError> {
        valid_title(Rename {
            title: title.to_owned(),
        })
    }

    #[test]
    fn titles_have_1_to_200_characters() {
        assert_eq!(titled("  Fish  "), Ok("Fish".into()));
        assert!(titled(&"é".repeat(200)).is_ok());
        assert!(titled(&"é".repeat(201)).is_err());
        assert!(titled(" \n\t").is_err());
    }
}

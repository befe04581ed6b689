//! `/api/v1/chats`: the conversations of the chat API under the shapes of alleato. A chat can be created before its first
//! message. `POST /api/v1/chats/:id/messages` is in the route `chat`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod page;
mod view;

use contracts::{
    conversations::{
        conversations::{self, DraftValues},
        types::Error,
    },
    llm::provider,
};
use http_edge::{ApiError, Context, Response, Validator, pagination};
use realtime_events::{Removal, tell_removed_in_background};
use serde::{Deserialize, Serialize};

use view::{ChatView, ChatWithMessages, One, Success};

/// Longest title, in characters.
const MAX_TITLE: usize = 200;
/// Longest system prompt, in characters.
const MAX_SYSTEM: usize = 10_000;

/// What a request for a chat did not find.
const CHAT: &str = "Chat";

http_edge::routes! {
    GET "/api/v1/chats" => list_chats,
    POST "/api/v1/chats" => create_chat,
    GET "/api/v1/chats/:id" => show_chat,
    DELETE "/api/v1/chats/:id" => delete_chat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chats {
    chats: Vec<ChatView>,
    next_cursor: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewChat {
    title: Option<String>,
    model: Option<String>,
    system: Option<String>,
}

async fn list_chats(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let query: Query = context.query()?;
    let mut validator = Validator::new();
    let limit = pagination::limit(query.limit, &mut validator);
    let after = pagination::time_place(query.cursor.as_deref(), &mut validator);
    validator.finish()?;
    let drafts = conversations::list_drafts(user.clone())
        .await
        .map_err(failed)?;
    let place = after
        .clone()
        .map(|(updated_at, id)| conversations::Place { updated_at, id });
    // A page may end with a chat without messages, so one conversation more tells whether there are others.
    let wanted = limit.saturating_add(1).min(pagination::MAX_LIMIT);
    let history = conversations::list_summaries(user, place, wanted)
        .await
        .map_err(failed)?;
    let has_more = history.next.is_some();
    let chats = drafts.iter().map(ChatView::from);
    let chats = chats.chain(history.summaries.iter().map(ChatView::from));
    let (chats, next_cursor) = page::select(chats.collect(), after.as_ref(), limit, has_more);
    Ok(Response::json(&Chats { chats, next_cursor }))
}

async fn create_chat(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let new: NewChat = context.json_or_default().await?;
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    let title = new.title.as_deref().map(str::trim);
    let model = new.model.as_deref();
    Validator::new()
        .require(
            title.is_none_or(|title| (1..=MAX_TITLE).contains(&title.chars().count())),
            "title",
            "must be 1 to 200 characters",
        )
        .require(
            model.is_none_or(|id| model_choice::find(id, &models).is_some()),
            "model",
            "Unknown model. See GET /api/models.",
        )
        .max_length(
            "system",
            new.system.as_deref().unwrap_or_default(),
            MAX_SYSTEM,
        )
        .finish()?;
    let values = DraftValues {
        title: title.map(str::to_owned),
        model: new.model,
        system: new.system.filter(|system| !system.trim().is_empty()),
    };
    let draft = conversations::create_draft(user, values)
        .await
        .map_err(failed)?;
    let location = format!("/api/v1/chats/{}", draft.id);
    let chat = ChatView::from(&draft);
    Ok(Response::json(&One { chat })
        .status(201)
        .header("location", location))
}

async fn show_chat(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let id = context.uuid("id", CHAT)?;
    match conversations::get_conversation(user.clone(), id.clone()).await {
        Ok(found) => {
            let chat = ChatWithMessages::new(&file_transfer::origin(context), &found);
            return Ok(Response::json(&One { chat }));
        }
        Err(Error::NotFound) => {}
        Err(error) => return Err(failed(error)),
    }
    let drafts = conversations::list_drafts(user).await.map_err(failed)?;
    let draft = drafts.iter().find(|draft| draft.id == id);
    let chat = ChatWithMessages::from(draft.ok_or(ApiError::NotFound(CHAT))?);
    Ok(Response::json(&One { chat }))
}

async fn delete_chat(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let id = context.uuid("id", CHAT)?;
    conversations::delete(user.clone(), id.clone())
        .await
        .map_err(failed)?;
    tell_removed_in_background(context, &user, vec![id], Removal::Deleted);
    Ok(Response::json(&Success { success: true }))
}

fn failed(error: Error) -> ApiError {
    match error {
        Error::NotFound => ApiError::NotFound(CHAT),
        error => error_mapping::conversations(error, "title"),
    }
}

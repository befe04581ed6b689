//! `/api/threads`: the threads of team channels, and how far a user has read them.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod requests;
mod view;

use contracts::messaging::{
    messages,
    threads::{self, Changes},
    types::{Actor, TextChange},
};
use http_edge::{ApiError, Context, Response};
use team::{Done, PageQuery, respond_with_list};

use requests::{CreateThread, MarkRead, UpdateThread};
use view::{ReadStateView, ThreadView};

/// The names of missing items, for [`ApiError::NotFound`].
const CHANNEL: &str = "Channel";
const THREAD: &str = "Thread";

http_edge::routes! {
    GET "/api/threads/channel/:channelId" => list_threads,
    GET "/api/threads/channel/:channelId/active" => list_active_threads,
    POST "/api/threads" => create_thread,
    GET "/api/threads/:id" => show_thread,
    PATCH "/api/threads/:id" => update_thread,
    DELETE "/api/threads/:id" => delete_thread,
    POST "/api/threads/:id/archive" => archive_thread,
    POST "/api/threads/:id/unarchive" => unarchive_thread,
    PUT "/api/threads/:id/read" => mark_read,
}

async fn list_threads(context: &mut Context) -> Result<Response, ApiError> {
    list(context, false).await
}

async fn list_active_threads(context: &mut Context) -> Result<Response, ApiError> {
    list(context, true).await
}

async fn list(context: &mut Context, active_only: bool) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let page = PageQuery::read(context)?;
    let threads = threads::list(actor, channel, active_only, page)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = threads.items.iter().map(ThreadView::from).collect();
    Ok(respond_with_list(context, &items, &threads.page))
}

async fn create_thread(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::posting_user(context).await?.user;
    let mut request: CreateThread = context.json().await?;
    completion::check_texts(request.texts()).await?;
    let created = threads::create(user.id, request.into())
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ThreadView::from(&created)).status(201))
}

async fn show_thread(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", THREAD)?;
    let thread = threads::get(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&ThreadView::from(&thread)))
}

async fn update_thread(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", THREAD)?;
    let mut request: UpdateThread = context.json().await?;
    if request.is_empty() {
        return Err(ApiError::invalid("body", team::NOTHING_TO_UPDATE));
    }
    completion::check_texts(request.texts()).await?;
    update(context, actor, id, request.into()).await
}

async fn archive_thread(context: &mut Context) -> Result<Response, ApiError> {
    set_archived(context, true).await
}

async fn unarchive_thread(context: &mut Context) -> Result<Response, ApiError> {
    set_archived(context, false).await
}

async fn set_archived(context: &mut Context, is_archived: bool) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", THREAD)?;
    let changes = Changes {
        name: None,
        description: TextChange::Keep,
        is_archived: Some(is_archived),
    };
    update(context, actor, id, changes).await
}

async fn update(
    context: &Context,
    actor: Actor,
    id: String,
    changes: Changes,
) -> Result<Response, ApiError> {
    let updated = threads::update(actor, id, changes)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ThreadView::from(&updated)))
}

async fn delete_thread(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", THREAD)?;
    threads::delete(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    team::delete_detached_files(context).await;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "Thread deleted",
    }))
}

async fn mark_read(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let id = context.uuid("id", THREAD)?;
    let MarkRead { number } = context.json().await?;
    let state = messages::mark_read(user.id, id, number)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ReadStateView::from(&state)))
}

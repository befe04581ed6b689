//! `/api/channels`: the channels of the team.
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
    channels::{self, Filter},
    types::{PageRequest, PageStart},
};
use http_edge::{ApiError, Context, Response, Validator};
use serde::Deserialize;
use team::{ChannelView, Done, page_request};

use requests::{CreateChannel, UpdateChannel};
use view::ChannelPage;

/// The name of a missing channel, for [`ApiError::NotFound`].
const CHANNEL: &str = "Channel";
/// The number of channels of a page, if the request has no limit.
const DEFAULT_LIMIT: u32 = 10;
/// Longest text of a filter, in characters.
const MAX_FILTER: usize = 200;

http_edge::routes! {
    GET "/api/channels" => list_channels,
    POST "/api/channels" => create_channel,
    GET "/api/channels/:id" => show_channel,
    PATCH "/api/channels/:id" => update_channel,
    DELETE "/api/channels/:id" => delete_channel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListChannels {
    category: Option<String>,
    search: Option<String>,
    joined: Option<bool>,
    page: Option<u32>,
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn list_channels(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let query: ListChannels = context.query()?;
    let request = page_of(&query)?;
    let number = query.cursor.is_none().then(|| query.page.unwrap_or(1));
    let filter = Filter {
        category: query.category,
        search: query.search,
        joined: query.joined.unwrap_or(false),
    };
    let limit = request.limit;
    let page = channels::list(actor, filter, request)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&ChannelPage::new(&page, number, limit)))
}

/// The page of a request: by its number, which begins at 1, or by a cursor.
fn page_of(query: &ListChannels) -> Result<PageRequest, ApiError> {
    let is_short = |text: &Option<String>| {
        let length = text.as_ref().map(|text| text.chars().count());
        length.is_none_or(|length| length <= MAX_FILTER)
    };
    Validator::new()
        .require(is_short(&query.search), "search", "is too long")
        .require(is_short(&query.category), "category", "is too long")
        .require(query.page != Some(0), "page", "must be at least 1")
        .require(
            query.page.is_none() || query.cursor.is_none(),
            "cursor",
            "cannot be combined with page",
        )
        .finish()?;
    let mut request = page_request(query.cursor.clone(), query.limit, DEFAULT_LIMIT)?;
    request.count = true;
    if let Some(number) = query.page {
        let skipped = number.saturating_sub(1).saturating_mul(request.limit);
        request.start = PageStart::Offset(skipped);
    }
    Ok(request)
}

async fn create_channel(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::joining_user(context).await?.user;
    let mut request: CreateChannel = context.json().await?;
    completion::check_texts(request.texts()).await?;
    let created = channels::create(user.id, request.into())
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ChannelView::from(&created)))
}

async fn show_channel(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", CHANNEL)?;
    let channel = channels::get(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&ChannelView::from(&channel)))
}

async fn update_channel(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", CHANNEL)?;
    let mut request: UpdateChannel = context.json().await?;
    if request.is_empty() {
        return Err(ApiError::invalid("body", team::NOTHING_TO_UPDATE));
    }
    completion::check_texts(request.texts()).await?;
    let updated = channels::update(actor, id, request.into())
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ChannelView::from(&updated)))
}

async fn delete_channel(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", CHANNEL)?;
    channels::delete(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    team::delete_detached_files(context).await;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "Channel deleted",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(page: Option<u32>, cursor: Option<&str>, limit: Option<u32>) -> ListChannels {
        ListChannels {
            category: None,
            search: None,
            joined: None,
            page,
            cursor: cursor.map(str::to_owned),
            limit,
        }
    }

    #[test]
    fn page_of_a_number_skips_the_pages_before_it() {
        let request = page_of(&query(None, None, None)).unwrap();
        assert_eq!(request.limit, 10);
        assert!(matches!(request.start, PageStart::Beginning));
        let request = page_of(&query(Some(3), None, Some(20))).unwrap();
        assert!(matches!(request.start, PageStart::Offset(40)));
        let request = page_of(&query(Some(u32::MAX), None, Some(100))).unwrap();
        assert!(matches!(request.start, PageStart::Offset(u32::MAX)));
    }

    #[test]
    fn page_of_a_number_and_a_cursor_is_an_error() {
        for query in [
            query(Some(0), None, None),
            query(Some(1), Some("a"), None),
            query(None, None, Some(101)),
        ] {
            assert!(page_of(&query).is_err());
        }
    }
}

//! `/api/users`: users as others see them. What a user signs in with, such as the email address, is shown
//! to themselves and to the operator only.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod delete;
mod private;
mod requests;
mod update;
mod view;

use contracts::messaging::profiles;
use futures::future::try_join;
use http_edge::{ApiError, Context, Response, Validator};
use serde::Deserialize;
use team::{MAX_LIMIT, page_request, respond_with_list};

use private::Asker;
use view::UserView;

/// Most characters of a search.
const MAX_SEARCH: usize = 200;

http_edge::routes! {
    GET "/api/users" => list_users,
    GET "/api/users/:id" => show_user,
    PATCH "/api/users/:id" => update::update_user,
    DELETE "/api/users/:id" => delete::delete_user,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListUsers {
    search: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn list_users(context: &mut Context) -> Result<Response, ApiError> {
    let asker = Asker::of(context).await?;
    let query: ListUsers = context.query()?;
    let search = query.search.as_deref().unwrap_or_default();
    Validator::new()
        .max_length("search", search, MAX_SEARCH)
        .finish()?;
    let page = page_request(query.cursor, query.limit, MAX_LIMIT)?;
    let users = profiles::list(query.search, page)
        .await
        .map_err(error_mapping::messaging)?;
    let (private, online) = try_join(
        asker.private_of(&users.items),
        asker.online_of(&users.items),
    )
    .await?;
    let items: Vec<_> = users
        .items
        .iter()
        .zip(&private)
        .map(|(user, private)| UserView::new(user, private.as_ref(), online.contains(&user.id)))
        .collect();
    Ok(respond_with_list(context, &items, &users.page))
}

async fn show_user(context: &mut Context) -> Result<Response, ApiError> {
    let asker = Asker::of(context).await?;
    let id = team::user_id(context, "id")?;
    let user = profiles::get(id).await.map_err(error_mapping::messaging)?;
    asker.respond_with(&user).await
}

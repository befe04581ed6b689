//! `/api/v1/files`: uploads, shows, lists and deletes files.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod attached;
mod content;
mod signed_url;
mod upload;

use contracts::files::files;
use file_transfer::FileView;
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::{Deserialize, Serialize};

http_edge::routes! {
    POST "/api/v1/files/upload" => upload::upload_file,
    GET "/api/v1/files" => list_files,
    GET "/api/v1/files/:id" => show_file,
    DELETE "/api/v1/files/:id" => delete_file,
    GET "/api/v1/files/:id/content" => content::show_content,
    GET "/api/v1/files/:id/url" => signed_url::create_url,
}

#[derive(Serialize)]
struct One {
    file: FileView,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    files: Vec<FileView>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Success {
    success: bool,
}

async fn list_files(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let page: Page = context.query()?;
    let mut validator = Validator::new();
    let limit = pagination::limit(page.limit, &mut validator);
    pagination::cursor(page.cursor.as_deref(), &mut validator);
    validator.finish()?;
    let page = files::list(user.id, page.cursor, limit)
        .await
        .map_err(|error| error_mapping::files(error, "cursor"))?;
    Ok(Response::json(&Files {
        files: page
            .files
            .iter()
            .map(|file| FileView::new(context, file))
            .collect(),
        next_cursor: page.next,
    }))
}

async fn show_file(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::FILE)?;
    let file = file_transfer::readable(Some(&user.id), &id, attached::may_read).await?;
    Ok(Response::json(&One {
        file: FileView::new(context, &file),
    }))
}

async fn delete_file(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::FILE)?;
    files::delete(user.id, id)
        .await
        .map_err(|error| error_mapping::files(error, "id"))?;
    Ok(Response::json(&Success { success: true }))
}

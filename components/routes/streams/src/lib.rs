//! `/api/v1/streams`: append-only streams, which one or more clients write and any number read and follow.
//!
//! A stream is a resource of the [Durable Streams protocol](https://github.com/durable-streams/durable-streams):
//! PUT creates, POST appends, GET reads and follows, HEAD describes, DELETE deletes. `POST /api/v1/streams` creates one
//! with a name of ours, and `POST …/append` appends with a JSON response.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod append;
mod create;
mod expiry;
mod failure;
mod follow;
mod headers;
mod name;
mod page;
mod position;
mod query;
mod read;
mod source;
mod target;
mod view;

use contracts::streams::{streams, types::Creation};
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::{Deserialize, Serialize};
use unix_time::now_ms;

use target::{Target, name_of};
use view::StreamView;

http_edge::routes! {
    GET "/api/v1/streams" => list_streams,
    POST "/api/v1/streams" => create_stream,
    GET "/api/v1/streams/:id" => read::read_stream,
    PUT "/api/v1/streams/:id" => create::put_stream,
    POST "/api/v1/streams/:id" => append::append_by_protocol,
    PATCH "/api/v1/streams/:id" => change_visibility,
    DELETE "/api/v1/streams/:id" => delete_stream,
    POST "/api/v1/streams/:id/append" => append::append_with_json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Streams {
    streams: Vec<StreamView>,
    next_cursor: Option<String>,
}

/// The readers of a stream other than its owner.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Visibility {
    #[default]
    Private,
    /// Whoever has its token.
    Link,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NewStream {
    content_type: Option<String>,
    ttl_seconds: Option<u64>,
    expires_at: Option<u64>,
    visibility: Visibility,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    visibility: Visibility,
}

async fn list_streams(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let page: Page = context.query()?;
    let mut validator = Validator::new();
    let limit = pagination::limit(page.limit, &mut validator);
    pagination::cursor(page.cursor.as_deref(), &mut validator);
    validator.finish()?;
    let page = streams::list_streams(user.id, page.cursor, limit)
        .await
        .map_err(|error| failure::of(context, error))?;
    Ok(Response::json(&Streams {
        streams: page
            .streams
            .iter()
            .map(|stream| StreamView::new(context, stream, None))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

/// `POST /api/v1/streams`: a stream with a name of ours.
async fn create_stream(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let new: NewStream = context.json_or_default().await?;
    let content_type = new.content_type.unwrap_or("application/json".to_owned());
    Validator::new()
        .require(
            headers::is_content_type(&content_type),
            "contentType",
            "must be a media type",
        )
        .require(
            new.ttl_seconds.is_none() || new.expires_at.is_none(),
            "expiresAt",
            "cannot be combined with ttlSeconds",
        )
        .require(
            new.ttl_seconds != Some(0),
            "ttlSeconds",
            "must be at least 1",
        )
        .require(
            new.expires_at.is_none_or(|time| time > now_ms()),
            "expiresAt",
            "must be in the future",
        )
        .finish()?;
    let creation = Creation {
        content_type: Some(content_type),
        expiry: expiry::of(new.ttl_seconds, new.expires_at),
        closed: false,
        content: None,
        fork: None,
    };
    let (stream, _) = streams::create(user.id.clone(), None, creation)
        .await
        .map_err(|error| failure::of(context, error))?;
    let token = match new.visibility {
        Visibility::Private => None,
        Visibility::Link => Some(share(context, user.id, &stream.name).await?),
    };
    let view = StreamView::new(context, &stream, token);
    let location = view.url().to_owned();
    Ok(Response::json(&view)
        .status(201)
        .header("location", location)
        .header("stream-next-offset", position::format(stream.tail)))
}

async fn change_visibility(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let name = name_of(context)?;
    let changes: Changes = context.json().await?;
    let token = match changes.visibility {
        Visibility::Link => Some(share(context, user.id.clone(), &name).await?),
        Visibility::Private => {
            streams::unshare(user.id.clone(), name.clone())
                .await
                .map_err(|error| failure::of(context, error))?;
            None
        }
    };
    let stream = streams::describe(user.id, name)
        .await
        .map_err(|error| failure::of(context, error))?;
    Ok(Response::json(&StreamView::new(context, &stream, token)))
}

/// A new token for reading.
async fn share(context: &mut Context, user: String, name: &str) -> Result<String, ApiError> {
    streams::share(user, name.to_owned())
        .await
        .map_err(|error| failure::of(context, error))
}

async fn delete_stream(context: &mut Context) -> Result<Response, ApiError> {
    let Target { owner, name } = target::for_writing(context).await?;
    streams::delete(owner, name)
        .await
        .map_err(|error| failure::of(context, error))?;
    Ok(Response::empty(204))
}

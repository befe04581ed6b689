//! `GET` and `HEAD /api/v1/streams/:id`: reads a stream, follows it, or describes it.

use contracts::streams::{
    streams,
    types::{Error, Page, Position, Start},
};
use http_edge::{ApiError, Context, Response, conditional};
use spin_sdk::variables;

use crate::{
    create::described,
    expiry, failure, follow,
    page::{body_of, is_at_end, is_at_tail},
    position,
    query::{Mode, Query, next_cursor},
    source::Source,
    target::{self, Access, Target},
};

/// The default of the variable `stream_long_poll_seconds`, and the longest time.
const LONG_POLL_SECONDS: u32 = 20;
const MAX_LONG_POLL_SECONDS: u32 = 60;

pub(crate) async fn read_stream(context: &mut Context) -> Result<Response, ApiError> {
    let (target, access) = target::for_reading(context).await?;
    if context.head.method == "HEAD" {
        return describe(context, target, access).await;
    }
    context.set_header("cross-origin-resource-policy", "cross-origin");
    let query = Query::parse(&context.head.query)?;
    let (source, page) = Source::open(target, access, query.from)
        .await
        .map_err(|error| failure::of(context, error))?;
    match query.mode {
        Mode::CatchUp => Ok(catch_up(context, &query, &page)),
        Mode::LongPoll => long_poll(context, source, page, query).await,
        Mode::Events => follow::follow(context, source, page, query).await,
    }
}

/// The metadata of a stream. Does not postpone its expiry.
async fn describe(
    context: &mut Context,
    target: Target,
    access: Access,
) -> Result<Response, ApiError> {
    let stream = match streams::describe(target.owner.clone(), target.name.clone()).await {
        Err(Error::NotFound) => Source::open(target, access, Start::Tail)
            .await
            .map(|(_, page)| page.metadata),
        described => described,
    };
    let stream = stream.map_err(|error| failure::of(context, error))?;
    Ok(described(Response::empty(200), &stream).header("cache-control", "no-store"))
}

fn catch_up(context: &Context, query: &Query, page: &Page) -> Response {
    if matches!(query.from, Start::Tail) {
        let response = Response::bytes(page.metadata.content_type.clone(), body_of(page));
        return positioned(response, page).header("cache-control", "no-store");
    }
    page_response(context, query.from, page)
}

async fn long_poll(
    context: &mut Context,
    source: Source,
    first: Page,
    query: Query,
) -> Result<Response, ApiError> {
    let mut page = first;
    if page.entries.is_empty() && !page.metadata.closed {
        let owner = source.owner().to_owned();
        let reader = streams::start_following(owner.clone())
            .await
            .map_err(|error| failure::of(context, error))?;
        let from = Start::Position(page.next);
        let waited = source.read(from, wait_milliseconds().await).await;
        let stopped = streams::stop_following(owner, reader).await;
        page = waited.map_err(|error| failure::of(context, error))?;
        // It stops being counted after a while anyway.
        if stopped.is_err() {
            context
                .log
                .warn("a reader could not be taken off the count");
        }
    }
    let cursor = next_cursor(query.cursor).to_string();
    if page.entries.is_empty() {
        return Ok(positioned(Response::empty(204), &page)
            .header("stream-cursor", cursor)
            .header("cache-control", "no-store"));
    }
    Ok(page_response(context, query.from, &page).header("stream-cursor", cursor))
}

async fn wait_milliseconds() -> u32 {
    let value = variables::get("stream_long_poll_seconds").await;
    let seconds = value.ok().and_then(|value| value.trim().parse().ok());
    seconds
        .unwrap_or(LONG_POLL_SECONDS)
        .min(MAX_LONG_POLL_SECONDS)
        .saturating_mul(1000)
}

/// A page with what lets caches keep it, or 304 if the client has it.
fn page_response(context: &Context, from: Start, page: &Page) -> Response {
    let start = match from {
        Start::Position(position) => position,
        Start::Beginning | Start::Tail => Position {
            appends: 0,
            bytes: 0,
        },
    };
    let closed = if is_at_end(page) { ":closed" } else { "" };
    let tag = format!(
        "{}:{}:{}{closed}",
        page.metadata.id,
        position::format(start),
        position::format(page.next)
    );
    // The content before the tail does not change, and belongs to one user.
    let cache = if is_at_tail(page) {
        "private, no-cache"
    } else {
        "private, max-age=60, stale-while-revalidate=300"
    };
    let cached = context.head.header("if-none-match");
    let response = if cached.is_some_and(|tags| conditional::matches_etag(tags, &tag)) {
        Response::empty(304)
    } else {
        Response::bytes(page.metadata.content_type.clone(), body_of(page))
    };
    positioned(response, page)
        .header("etag", format!("\"{tag}\""))
        .header("cache-control", cache)
}

fn positioned(response: Response, page: &Page) -> Response {
    let mut response = response.header("stream-next-offset", position::format(page.next));
    if is_at_tail(page) {
        response = response.header("stream-up-to-date", "true");
    }
    if is_at_end(page) {
        response = response.header("stream-closed", "true");
    }
    if let Some((name, value)) = expiry::header(page.metadata.expiry) {
        response = response.header(name, value);
    }
    response
}

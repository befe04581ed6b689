//! `GET` and `HEAD /api/v1/streams/:id`: reads a stream, follows it, or describes it.

use contracts::streams::{
    streams,
    types::{Error, Page, Part, Position, Start},
};
use http_edge::{ApiError, Context, Response, conditional};
use spin_sdk::variables;

use crate::{
    create::described,
    expiry, failure, follow,
    page::{is_at_end, is_at_tail},
    position,
    query::{Mode, Query, next_cursor},
    source::{Content, Source},
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
    if query.mode == Mode::CatchUp {
        let (part, content) = Source::read_part(target, access, query.from)
            .await
            .map_err(|error| failure::of(context, error))?;
        return Ok(catch_up(context, &query, &part, content));
    }
    let (source, page) = Source::open(target, access, query.from)
        .await
        .map_err(|error| failure::of(context, error))?;
    match query.mode {
        Mode::Events => follow::follow(context, source, page, query).await,
        Mode::CatchUp | Mode::LongPoll => long_poll(context, source, page, query).await,
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
            .map(|(_, page)| page.part.metadata),
        described => described,
    };
    let stream = stream.map_err(|error| failure::of(context, error))?;
    Ok(described(Response::empty(200), &stream).header("cache-control", "no-store"))
}

fn catch_up(context: &Context, query: &Query, part: &Part, content: Content) -> Response {
    if matches!(query.from, Start::Tail) {
        return positioned(body(part, content), part).header("cache-control", "no-store");
    }
    part_response(context, query.from, part, content)
}

fn body(part: &Part, content: Content) -> Response {
    let content_type = part.metadata.content_type.clone();
    match content {
        Content::Whole(bytes) => Response::bytes(content_type, bytes),
        Content::Stream(bytes) => Response::forwarded(content_type, part.length, bytes),
    }
}

async fn long_poll(
    context: &mut Context,
    source: Source,
    first: Page,
    query: Query,
) -> Result<Response, ApiError> {
    let mut page = first;
    if page.part.appends == 0 && !page.part.metadata.closed {
        let owner = source.owner().to_owned();
        let reader = streams::start_following(owner.clone())
            .await
            .map_err(|error| failure::of(context, error))?;
        let from = Start::Position(page.part.next);
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
    let Page { part, content } = page;
    if part.appends == 0 {
        return Ok(positioned(Response::empty(204), &part)
            .header("stream-cursor", cursor)
            .header("cache-control", "no-store"));
    }
    let response = part_response(context, query.from, &part, Content::Whole(content));
    Ok(response.header("stream-cursor", cursor))
}

async fn wait_milliseconds() -> u32 {
    let value = variables::get("stream_long_poll_seconds").await;
    let seconds = value.ok().and_then(|value| value.trim().parse().ok());
    seconds
        .unwrap_or(LONG_POLL_SECONDS)
        .min(MAX_LONG_POLL_SECONDS)
        .saturating_mul(1000)
}

/// A part with what lets caches keep it, or 304 if the client has it.
fn part_response(context: &Context, from: Start, part: &Part, content: Content) -> Response {
    let start = match from {
        Start::Position(position) => position,
        Start::Beginning | Start::Tail => Position {
            appends: 0,
            bytes: 0,
        },
    };
    let closed = if is_at_end(part) { ":closed" } else { "" };
    let tag = format!(
        "{}:{}:{}{closed}",
        part.metadata.id,
        position::format(start),
        position::format(part.next)
    );
    // The content before the tail does not change, and belongs to one user.
    let cache = if is_at_tail(part) {
        "private, no-cache"
    } else {
        "private, max-age=60, stale-while-revalidate=300"
    };
    let cached = context.head.header("if-none-match");
    let response = if cached.is_some_and(|tags| conditional::matches_etag(tags, &tag)) {
        Response::empty(304)
    } else {
        body(part, content)
    };
    positioned(response, part)
        .header("etag", format!("\"{tag}\""))
        .header("cache-control", cache)
}

fn positioned(response: Response, part: &Part) -> Response {
    let mut response = response.header("stream-next-offset", position::format(part.next));
    if is_at_tail(part) {
        response = response.header("stream-up-to-date", "true");
    }
    if is_at_end(part) {
        response = response.header("stream-closed", "true");
    }
    if let Some((name, value)) = expiry::header(part.metadata.expiry) {
        response = response.header(name, value);
    }
    response
}

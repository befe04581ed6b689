//! `GET` and `HEAD /api/v1/streams/:id`: reads a stream, follows it, or describes it.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::streams::{
    streams,
    types::{Error, Page, Position, Start},
};
use http_edge::{ApiError, Context, Response, conditional};
use spin_sdk::variables;

use crate::{
    create::described,
    expiry, failure, follow, headers, position,
    source::Source,
    target::{self, Access, Target},
};

/// Most bytes of a response, about.
pub(crate) const MAX_BYTES: u32 = 1024 * 1024;

/// The default of the variable `stream_long_poll_seconds`, and the longest time.
const LONG_POLL_SECONDS: u32 = 20;
const MAX_LONG_POLL_SECONDS: u32 = 60;

/// Cursors count intervals of this length since 2024-10-09T00:00:00Z, in seconds.
const CURSOR_INTERVAL: u64 = 20;
const CURSOR_EPOCH: u64 = 1_728_432_000;
/// By how much a cursor at most exceeds the one that the client has.
const CURSOR_JITTER: u64 = 180;

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    CatchUp,
    LongPoll,
    Events,
}

/// The query of a request that reads.
pub(crate) struct Query {
    mode: Mode,
    pub(crate) from: Start,
    pub(crate) cursor: Option<u64>,
}

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

/// What is known of a stream. Does not postpone its expiry.
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

impl Query {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let offset = headers::query_value(query, "offset")?;
        let live = headers::query_value(query, "live")?;
        let cursor = headers::query_value(query, "cursor")?;
        let mode = match live.as_deref() {
            None => Mode::CatchUp,
            Some("long-poll") => Mode::LongPoll,
            Some("sse") => Mode::Events,
            Some(_) => return Err(ApiError::invalid("live", "must be long-poll or sse")),
        };
        if mode != Mode::CatchUp && offset.is_none() {
            return Err(ApiError::invalid("offset", "is required with live"));
        }
        let from = match offset.as_deref() {
            None | Some("-1") => Start::Beginning,
            Some("now") => Start::Tail,
            Some(text) => Start::Position(position::parse(text).ok_or_else(|| {
                ApiError::invalid("offset", "must be -1, now, or an offset of this stream")
            })?),
        };
        Ok(Self {
            mode,
            from,
            // A cursor only keeps caches apart.
            cursor: cursor.and_then(|cursor| cursor.parse().ok()),
        })
    }
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
    // What comes before the tail does not change, and is one user's.
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

/// The content of a page as a body.
pub(crate) fn body_of(page: &Page) -> Vec<u8> {
    let parts: Vec<&[u8]> = page
        .entries
        .iter()
        .map(|entry| entry.bytes.as_slice())
        .collect();
    if is_json(&page.metadata.content_type) {
        return [b"[".to_vec(), parts.join(&b","[..]), b"]".to_vec()].concat();
    }
    parts.concat()
}

/// Whether the content of a stream is a list of JSON values.
pub(crate) fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Whether there is nothing after a page now.
pub(crate) fn is_at_tail(page: &Page) -> bool {
    page.next.appends >= page.metadata.tail.appends
}

/// Whether there will never be anything after a page.
pub(crate) fn is_at_end(page: &Page) -> bool {
    page.metadata.closed && is_at_tail(page)
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

/// The cursor of a response: the number of the current interval, or more than the client's, so that a cache does not
/// answer the next request with this response.
pub(crate) fn next_cursor(given: Option<u64>) -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let current = elapsed.as_secs().saturating_sub(CURSOR_EPOCH) / CURSOR_INTERVAL;
    match given {
        Some(given) if given >= current => {
            let jitter = u64::from(elapsed.subsec_nanos()) % CURSOR_JITTER;
            given.saturating_add(1).saturating_add(jitter)
        }
        _ => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_cursor_exceeds_the_one_that_the_client_has() {
        let current = next_cursor(None);
        assert!(next_cursor(Some(0)) >= current);
        assert!(next_cursor(Some(current)) > current);
        assert!(next_cursor(Some(current + 500)) > current + 500);
    }

    #[test]
    fn parse_of_a_query_needs_an_offset_to_follow() {
        let mode = |query: &str| Query::parse(query).map(|query| query.mode).ok();
        assert!(mode("") == Some(Mode::CatchUp));
        assert!(mode("offset=-1&live=sse") == Some(Mode::Events));
        assert!(mode("offset=now&live=long-poll&cursor=x") == Some(Mode::LongPoll));
        for wrong in [
            "live=sse",
            "offset=",
            "offset=1",
            "offset=-1&live=x",
            "offset=-1&offset=-1",
        ] {
            assert!(mode(wrong).is_none(), "{wrong}");
        }
    }
}

//! The query of a request that reads a stream.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::streams::types::Start;
use http_edge::ApiError;

use crate::{headers, position};

/// Cursors count intervals of this length since 2024-10-09T00:00:00Z, in seconds.
const CURSOR_INTERVAL: u64 = 20;
const CURSOR_EPOCH: u64 = 1_728_432_000;
/// By how much a cursor at most exceeds the one that the client has.
const CURSOR_JITTER: u64 = 180;

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    CatchUp,
    LongPoll,
    Events,
}

/// The query of a request that reads.
pub(crate) struct Query {
    pub(crate) mode: Mode,
    pub(crate) from: Start,
    pub(crate) cursor: Option<u64>,
}

impl Query {
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
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

/// The cursor of a response: the number of the current interval, or more than the client's, so that a cache does not
/// return this response for the next request.
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

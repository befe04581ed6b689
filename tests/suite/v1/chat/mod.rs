//! Tests of `/v1/chat/*`.

mod completions;
mod response_cache;

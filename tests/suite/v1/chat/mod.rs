//! Tests of `/v1/chat/*`.

mod completions;
mod keep_alive;
mod response_cache;

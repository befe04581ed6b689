//! Tests of `/v1/chat/*`.

mod completions;
mod extra_fields;
mod keep_alive;
mod response_cache;

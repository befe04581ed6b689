//! `goldfish:llm`: language models behind one door. Network and no storage: it keeps nothing of
//! what it sees, and puts nothing of it into an error or a log.
//!
//! - `request` says what may be asked at all, `catalogue` which models there are, `providers` how
//!   each provider is asked and understood (pure, so tested natively);
//! - `reply` turns an answer's bytes into deltas and an end, `failure` a refusal into our error;
//! - `routing` decides who is asked, and what after a failure;
//! - `component` (WebAssembly only) does the I/O: `component::transport` speaks HTTP,
//!   `component::pump` moves deltas from the provider to the reader.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod bindings;
mod call;
mod catalogue;
mod chance;
#[cfg(target_family = "wasm")]
mod component;
mod failure;
mod providers;
mod reply;
mod request;
mod routing;
mod secret;
mod values;

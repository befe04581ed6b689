//! `goldfish:llm`: language models of several providers. Network and no storage: nothing of what
//! passes is kept, and none of it is in an error or a log.
//!
//! - `request` checks a request and brings it into a form that providers accept, `catalogue` has the
//!   models, `providers` what is sent to each provider and how its events are read;
//! - `framing`, `json`, `reply`, `output` and `tool_calls` turn the bytes of a response into deltas
//!   and an end, `failure` and `redaction` an error of a provider into ours;
//! - `routing` decides which provider gets a request, and what follows a failure;
//! - `component` (WebAssembly only) does the I/O. All else is pure and is tested natively.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod bindings;
mod catalogue;
#[cfg(target_family = "wasm")]
mod component;
mod embeddings;
mod failure;
mod framing;
mod json;
mod outbound;
mod output;
mod providers;
mod random;
mod redaction;
mod reply;
mod request;
mod routing;
mod secret;
mod tool_calls;
mod variables;

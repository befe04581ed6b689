//! Integration tests: HTTP through the host only.
//!
//! `cargo test` runs them on the embedded host, `GOLDFISH_HOST=spin cargo test` on the `spin`
//! binary on `PATH`. Folders mirror the URLs: the tests of `/api/chat` are
//! in `api/chat`. `promises` has what holds on every route, `platform` what the host and the manifest
//! do, `providers` how AI providers are called, `clients` the official client libraries, `team` what holds
//! for team messaging as a whole, `realtime` events as they happen.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod api;
mod api_keys;
mod clients;
mod credentials;
mod docs;
mod documentation;
mod harness;
mod health;
mod module_cycles;
mod page;
mod platform;
mod promises;
mod providers;
mod realtime;
mod routes;
mod team;
mod v1;

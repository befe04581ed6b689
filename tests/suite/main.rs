//! Integration tests: HTTP through the host only.
//!
//! `cargo test` runs them on the embedded host, `GOLDFISH_HOST=spin cargo test` on the `spin`
//! binary on `PATH`. Files mirror the routes; the rest is named after the promise that it checks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod admin;
mod ai_sdk;
mod api_keys;
mod attacks;
mod auth;
mod better_auth;
mod browser;
mod chat;
mod clerk;
mod clients;
mod completions;
mod concurrency;
mod conversations;
mod cost;
mod durability;
mod edge;
mod erasure;
mod faults;
mod grants;
mod harness;
mod health;
mod host;
mod idempotency;
mod isolation;
mod limits;
mod middleware;
mod models;
mod moderation;
mod oauth;
mod openai_clients;
mod openapi;
mod preferences;
mod privacy;
mod providers;
mod recovery;
mod response_cache;
mod resume;
mod routing;
mod sdk;
mod slow_readers;
mod stop;
mod streaming;
mod titles;
mod usage;
mod web;
mod window;
mod workos;

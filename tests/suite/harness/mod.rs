//! The test harness: an application under test, a client, and an SSE reader.
//!
//! Tests send HTTP requests to the composed components and do not depend on the host.

mod app;
mod browser;
mod client;
mod database;
mod description;
mod event_stream;
mod files;
pub(crate) mod gateway;
mod grip_proxy;
mod manifests;
mod packages;
mod postgres;
mod redis;
mod s3;
mod talk;
mod team;
mod users;

pub(crate) use app::{
    ANTHROPIC_KEY, App, Builder, CLOUDFLARE_TOKEN, OPENAI_KEY, manifest, spin_is_the_host,
};
pub(crate) use browser::{Browser, ORIGIN};
pub(crate) use client::{Client, Guest, Response, StreamingResponse, text_of};
pub(crate) use database::{Database, on_each_database};
pub(crate) use description::check_examples;
pub(crate) use event_stream::{Event, Parser};
pub(crate) use files::Folder;
pub(crate) use grip_proxy::{BoundProxy, GRIP_KEY, GripProxy, ProxyKind};
pub(crate) use manifests::{ChangedManifest, component, manifest_table, trigger};
pub(crate) use packages::{Scripts, skip_or_fail};
pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;
pub(crate) use s3::Bucket;
pub(crate) use talk::{World, talk, world};
pub(crate) use team::{linked, text_field};
pub(crate) use users::{ADMIN_KEY, PASSWORD, User, credentials, new_email};

use std::future::Future;
use std::time::Duration;

/// The time after which a test fails as hanging; far more than a loaded machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Awaits `future` and fails the test if it takes longer than [`DEADLINE`].
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than {DEADLINE:?}"),
    }
}

/// Calls `probe` until it returns a value, and fails the test after [`DEADLINE`].
pub(crate) async fn eventually<T, F, P>(what: &str, mut probe: P) -> T
where
    P: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    in_time(what, async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// A number of repetitions: `ordinary`, or what the environment variable says.
pub(crate) fn repetitions(variable: &str, ordinary: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => ordinary,
    }
}

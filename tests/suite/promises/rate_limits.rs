//! Rate limits, per user and, before sign-in, per address.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use serde_json::json;

use crate::harness::{App, Response};

/// Waits until the minute of the clock has `seconds` left: the limiter's windows are those minutes,
/// and what is taken in one fades in the next.
async fn within_a_minute(seconds: u64) {
    let left = 60 - since_epoch() % 60;
    if left <= seconds {
        tokio::time::sleep(Duration::from_secs(left)).await;
    }
}

fn minute_of_the_clock() -> u64 {
    since_epoch() / 60
}

/// Seconds.
fn since_epoch() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

#[track_caller]
fn assert_limited(response: &Response, limit: &str) {
    response.is_error(429, "RATE_LIMITED");
    let seconds = |name: &str| -> u32 {
        let value = response
            .header(name)
            .unwrap_or_else(|| panic!("no {name}: {response:?}"));
        value.parse().unwrap()
    };
    // The window slides: what was taken a moment ago may count for two minutes, not for more.
    assert!((1..=120).contains(&seconds("retry-after")), "{response:?}");
    assert!(
        (1..=120).contains(&seconds("ratelimit-reset")),
        "{response:?}"
    );
    assert_eq!(response.header("ratelimit-limit"), Some(limit));
    assert_eq!(response.header("ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn chat_beyond_the_limit_is_429() {
    let app = App::with_defaults()
        .default_of("rate_limit_chat_per_minute")
        .start()
        .await;
    // On a slow machine the minute may end before sixty chats are done. Then the test runs again.
    for _ in 0..5 {
        within_a_minute(40).await;
        let minute = minute_of_the_clock();
        let guest = app.client().guest().await;
        // The first one alone: instances that begin a window in the same moment may each admit one
        // more.
        let first = guest.chat(json!({ "message": "Hi" })).await.status;
        assert_eq!(first, 200);
        let statuses = join_all((1..60).map(|_| {
            let guest = guest.clone();
            async move { guest.chat(json!({ "message": "Hi" })).await.status }
        }))
        .await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let response = guest.post("/api/chat", json!({ "message": "Hi" })).await;
        if minute_of_the_clock() != minute {
            continue;
        }
        assert_limited(&response, "60");
        // It is this user's limit, and it is the chat's.
        app.client().guest().await.say("I have had none").await;
        assert_eq!(guest.conversations().await.len(), 3);
        return;
    }
    panic!("sixty chats never fitted into a minute");
}

#[tokio::test]
async fn rate_limit_headers_count_down() {
    let app = App::with_defaults()
        .variable("rate_limit_chat_per_minute", "3")
        .start()
        .await;
    let guest = app.client().guest().await;
    within_a_minute(10).await;
    for remaining in ["2", "1", "0"] {
        let chat = guest.chat(json!({ "message": "Hi" })).await;
        assert_eq!(chat.header("ratelimit-limit"), Some("3"));
        assert_eq!(chat.header("ratelimit-remaining"), Some(remaining));
        assert!(chat.header("ratelimit-reset").is_some());
        chat.collect().await;
    }
    let response = guest.post("/api/chat", json!({ "message": "Hi" })).await;
    assert_limited(&response, "3");
    let list = guest.conversations().await;
    assert_eq!(list.len(), 3, "a rejected chat is not stored");
}

#[tokio::test]
async fn requests_other_than_chat_have_a_separate_limit() {
    let app = App::with_defaults()
        .variable("rate_limit_api_per_minute", "3")
        .start()
        .await;
    let guest = app.client().guest().await;
    within_a_minute(10).await;
    for path in ["/api/conversations", "/api/models", "/api/preferences"] {
        assert_eq!(guest.get(path).await.status, 200, "{path}");
    }
    for path in [
        "/api/conversations",
        "/api/models",
        "/api/preferences",
        "/api/history",
    ] {
        assert_limited(&guest.get(path).await, "3");
    }
    assert_eq!(guest.chat(json!({ "message": "Hi" })).await.status, 200);
    assert_eq!(app.client().get("/health").await.status, 200);
    assert_eq!(
        app.client().guest().await.get("/api/models").await.status,
        200
    );
}

#[tokio::test]
async fn a_limit_of_zero_is_unlimited() {
    let app = App::with_defaults()
        .variable("rate_limit_chat_per_minute", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    for _ in 0..5 {
        guest.say("Hi").await;
    }
}

#[tokio::test]
async fn sign_in_is_limited_by_the_address_of_the_connection() {
    let app = App::with_defaults()
        .variable("rate_limit_auth_per_minute", "2")
        .start()
        .await;
    let client = app.client();
    within_a_minute(10).await;
    client.guest().await;
    client.guest().await;
    for (name, value) in [
        ("accept", "*/*"),
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("cf-connecting-ip", "203.0.113.7"),
        ("spin-client-addr", "203.0.113.7:4711"),
    ] {
        let response = client
            .with(name, value)
            .send("POST", "/api/v1/auth/guest", None)
            .await;
        assert_limited(&response, "2");
    }
}

#[tokio::test]
async fn sign_in_with_a_trusted_proxy_is_limited_by_the_forwarded_address() {
    let app = App::with_defaults()
        .variable("rate_limit_auth_per_minute", "1")
        .variable("trusted_proxy", "x-forwarded-for")
        .start()
        .await;
    let client = app.client();
    within_a_minute(10).await;
    let from = |address: &str| {
        let client = client.with("x-forwarded-for", address);
        async move { client.send("POST", "/api/v1/auth/guest", None).await }
    };
    assert_eq!(from("203.0.113.1").await.status, 201);
    assert_limited(&from("203.0.113.1").await, "1");
    assert_eq!(from("203.0.113.2").await.status, 201);
    assert_eq!(from("2001:db8::1").await.status, 201);
    // A proxy appends. The earlier elements are from the client.
    assert_limited(&from("198.51.100.9, 203.0.113.1").await, "1");
    assert_limited(&from("anything at all, 203.0.113.2").await, "1");
}

#[tokio::test]
async fn sign_in_behind_two_proxies_is_limited_by_the_address_that_the_outer_one_names() {
    let app = App::with_defaults()
        .variable("rate_limit_auth_per_minute", "1")
        .variable("trusted_proxy", "x-forwarded-for:2")
        .start()
        .await;
    let client = app.client();
    within_a_minute(10).await;
    let from = |addresses: &str| {
        let client = client.with("x-forwarded-for", addresses);
        async move { client.send("POST", "/api/v1/auth/guest", None).await }
    };
    assert_eq!(from("203.0.113.1, 10.0.0.1").await.status, 201);
    assert_limited(&from("203.0.113.1, 10.0.0.2").await, "1");
    assert_limited(&from("198.51.100.9, 203.0.113.1, 10.0.0.1").await, "1");
    assert_eq!(from("203.0.113.2, 10.0.0.1").await.status, 201);
}

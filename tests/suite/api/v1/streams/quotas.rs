//! How much a user may have.

use serde_json::json;

use super::{STREAMS, append, next_offset, path, put};
use crate::harness::{App, Builder, Database};

/// An application on each database.
async fn each(test: &str, configure: impl Fn(Builder) -> Builder) -> Vec<(App, Database)> {
    let mut apps = Vec::new();
    for database in Database::each(test).await {
        let app = configure(App::with_defaults())
            .database(&database)
            .start()
            .await;
        apps.push((app, database));
    }
    apps
}

#[tokio::test]
async fn more_streams_than_allowed_are_409() {
    let limited = |builder: Builder| builder.variable("max_streams", "2");
    for (app, _) in each("more_streams_than_allowed_are_409", limited).await {
        let guest = app.client().guest().await;
        put(&guest, "a", "text/plain").await;
        // An expired stream does not count.
        put(&guest.with("stream-ttl", "0"), "expired", "text/plain").await;
        put(&guest, "b", "text/plain").await;
        guest
            .post(STREAMS, json!({}))
            .await
            .is_error(409, "CONFLICT");
        assert_eq!(guest.delete(&path("a")).await.status, 204);
        put(&guest, "c", "text/plain").await;
        // Another user's do not count.
        let other = app.client().guest().await;
        put(&other, "a", "text/plain").await;
    }
}

#[tokio::test]
async fn larger_streams_than_allowed_are_413_and_keep_what_they_have() {
    let limited = |builder: Builder| {
        builder
            .variable("max_stream_bytes", "10")
            .variable("max_streams_bytes", "15")
    };
    for (app, _) in each("larger_streams_than_allowed_are_413", limited).await {
        let guest = app.client().guest().await;
        for name in ["a", "b"] {
            put(&guest, name, "text/plain").await;
        }
        assert_eq!(append(&guest, "a", "12345678").await.status, 204);
        let full = append(&guest, "a", "901").await;
        full.is_error(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(append(&guest, "a", "90").await.status, 204);
        assert_eq!(append(&guest, "b", "12345").await.status, 204);
        let full = append(&guest, "b", "6").await;
        full.is_error(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(guest.get(&path("a")).await.text(), "1234567890");
        // Deleted streams do not count.
        assert_eq!(guest.delete(&path("a")).await.status, 204);
        assert_eq!(append(&guest, "b", "6").await.status, 204);
        assert_eq!(guest.get(&path("b")).await.text(), "123456");
    }
}

#[tokio::test]
async fn more_readers_than_allowed_are_429() {
    let limited = |builder: Builder| builder.variable("max_stream_readers", "1");
    for (app, _) in each("more_readers_than_allowed_are_429", limited).await {
        let guest = app.client().guest().await;
        put(&guest, "s", "text/plain").await;
        let following = format!("{}?offset=-1&live=sse", path("s"));
        let first = guest
            .undescribed()
            .open("GET", &following, None)
            .await
            .accepted()
            .await;
        let second = guest.get(&following).await;
        second.is_error(429, "RATE_LIMITED");
        // A read that catches up does not count as following.
        let response = append(&guest, "s", "x").await;
        let read = guest.get(&path("s")).await;
        assert_eq!(next_offset(&read), next_offset(&response));
        drop(first);
        // The server notices that the client has disconnected.
        crate::harness::eventually("the end of the first reader", || async {
            let again = guest.undescribed().open("GET", &following, None).await;
            (again.status == 200).then_some(())
        })
        .await;
    }
}

//! Creating, appending, reading and deleting.

use serde_json::json;

use super::{STREAMS, append, create, defaults, listed, next_offset, on_each_database, path, put};
use crate::harness::App;

on_each_database!(
    alleato_routes_create_append_read_and_delete,
    list_pages_through_all_streams,
    malformed_requests_are_400_and_change_nothing,
    concurrent_appends_are_all_stored_once,
);

async fn alleato_routes_create_append_read_and_delete(app: &App) {
    let guest = app.client().guest().await;
    let stream = create(&guest, defaults()).await;
    let id = stream["id"].as_str().unwrap();
    assert_eq!(stream["contentType"], "application/json");
    assert_eq!(stream["visibility"], "private");
    assert!(stream["url"].as_str().unwrap().ends_with(&path(id)));
    let appending = format!("{}/append", path(id));
    let response = guest.post(&appending, json!([{ "a": 1 }, 2])).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["closed"], false);
    assert_eq!(response.json()["nextOffset"], next_offset(&response));
    let response = guest.post(&appending, json!("three")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let whole = guest.get(&path(id)).await;
    assert_eq!(whole.json(), json!([{ "a": 1 }, 2, "three"]));
    assert_eq!(next_offset(&whole), next_offset(&response));
    let tail = guest
        .get(&format!("{}?offset={}", path(id), next_offset(&whole)))
        .await;
    assert_eq!((tail.status, tail.json()), (200, json!([])));
    assert_eq!(guest.delete(&path(id)).await.status, 204);
    guest.get(&path(id)).await.is_error(404, "NOT_FOUND");
    guest.delete(&path(id)).await.is_error(404, "NOT_FOUND");
}

async fn list_pages_through_all_streams(app: &App) {
    let guest = app.client().guest().await;
    assert!(listed(&guest).await.is_empty());
    for name in ["a", "b c", "d%2Fe", "é"] {
        put(
            &guest,
            &name.replace(' ', "%20").replace('é', "%C3%A9"),
            "text/plain",
        )
        .await;
    }
    let mut ids = listed(&guest).await;
    ids.sort();
    assert_eq!(ids, ["a", "b c", "d/e", "é"]);
    for query in ["?limit=0", "?limit=101", "?limit=x", "?other=1"] {
        let response = guest.get(&format!("{STREAMS}{query}")).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
}

async fn malformed_requests_are_400_and_change_nothing(app: &App) {
    let guest = app.client().guest().await;
    put(&guest, "s", "text/plain").await;
    append(&guest, "s", "content").await;
    for query in [
        "?offset=x",
        "?offset=",
        "?offset=-1&offset=-1",
        "?offset=..%2F..",
        "?offset=%00",
        "?live=sse",
        "?offset=-1&live=other",
    ] {
        let response = guest.get(&format!("{}{query}", path("s"))).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    // Nothing is created that has expired already.
    for body in [
        json!({ "ttlSeconds": 0 }),
        json!({ "expiresAt": 1, "visibility": "link" }),
        json!({ "ttlSeconds": 60, "expiresAt": 4_102_444_800_000_u64 }),
        json!({ "contentType": "text" }),
    ] {
        let response = guest.post(STREAMS, body).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    for (name, value) in [
        ("producer-id", "p"),
        ("producer-epoch", "1"),
        ("stream-seq", ""),
    ] {
        let response = append(&guest.with(name, value), "s", "more").await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    for (name, value) in [
        ("stream-ttl", "01"),
        ("stream-ttl", "-1"),
        ("stream-expires-at", "soon"),
        ("content-type", "text"),
        ("stream-forked-from", "/elsewhere/s"),
    ] {
        let response = guest.with(name, value).send("PUT", &path("t"), None).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    let empty = guest.send("POST", &path("s"), None).await;
    empty.is_error(400, "VALIDATION_ERROR");
    for body in [
        json!({ "contentType": "x" }),
        json!({ "visibility": "all" }),
        json!({ "ttlSeconds": 1, "expiresAt": 1 }),
        json!({ "other": 1 }),
    ] {
        guest
            .post(STREAMS, body)
            .await
            .is_error(400, "VALIDATION_ERROR");
    }
    let long = "x".repeat(257);
    let response = guest.send("PUT", &path(&long), None).await;
    response.is_error(404, "NOT_FOUND");
    assert_eq!(guest.get(&path("s")).await.text(), "content");
    assert_eq!(listed(&guest).await, ["s"]);
}

async fn concurrent_appends_are_all_stored_once(app: &App) {
    let guest = app.client().guest().await;
    put(&guest, "s", "application/json").await;
    let appends = (0..40).map(|number| {
        let guest = guest.clone();
        async move { guest.post(&path("s"), json!({ "number": number })).await }
    });
    for response in futures::future::join_all(appends).await {
        assert_eq!(response.status, 204, "{response:?}");
    }
    let values = guest.get(&path("s")).await.json();
    let mut numbers: Vec<u64> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["number"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

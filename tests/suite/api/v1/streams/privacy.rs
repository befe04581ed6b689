//! Streams are their owner's.

use serde_json::json;

use super::{append, create, defaults, listed, on_each_database, path, put};
use crate::harness::{App, Client};

on_each_database!(
    streams_of_another_user_do_not_exist,
    a_link_gives_read_access_until_it_is_revoked,
    erasing_a_user_erases_streams_and_their_forks,
);

/// Every method of a stream, called by a user who must not see it.
async fn assert_unknown(client: &Client, id: &str) {
    let stream = path(id);
    for query in [
        "",
        "?offset=-1",
        "?offset=now&live=sse",
        "?offset=-1&live=long-poll",
    ] {
        let response = client.get(&format!("{stream}{query}")).await;
        response.is_error(404, "NOT_FOUND");
    }
    assert_eq!(client.send("HEAD", &stream, None).await.status, 404);
    append(client, id, "more").await.is_error(404, "NOT_FOUND");
    client.delete(&stream).await.is_error(404, "NOT_FOUND");
    let changes = json!({ "visibility": "link" });
    let response = client.patch(&stream, changes).await;
    response.is_error(404, "NOT_FOUND");
}

async fn streams_of_another_user_do_not_exist(app: &App) {
    let client = app.client();
    let owner = client.guest().await;
    let other = client.guest().await;
    let stream = create(&owner, json!({ "contentType": "text/plain" })).await;
    let id = stream["id"].as_str().unwrap();
    append(&owner, id, "secret").await;
    assert_unknown(&other, id).await;
    // Names are each user's own.
    put(&owner, "shared-name", "text/plain").await;
    put(&other, "shared-name", "text/plain").await;
    append(&owner, "shared-name", "mine").await;
    assert_eq!(other.get(&path("shared-name")).await.text(), "");
    let fork = other.with("stream-forked-from", &path(id));
    let response = fork.send("PUT", &path("fork"), None).await;
    response.is_error(404, "NOT_FOUND");
    for response in [
        client.get(&path(id)).await,
        client.get("/api/v1/streams").await,
        append(&client, id, "more").await,
    ] {
        response.is_error(401, "UNAUTHORIZED");
    }
    assert_eq!(owner.get(&path(id)).await.text(), "secret");
}

async fn a_link_gives_read_access_until_it_is_revoked(app: &App) {
    let client = app.client();
    let owner = client.guest().await;
    put(&owner, "s", "text/plain").await;
    append(&owner, "s", "shown").await;
    let response = owner
        .patch(&path("s"), json!({ "visibility": "link" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let shared = response.json();
    let link = shared["link"].as_str().unwrap();
    let (_, rest) = link.split_once("/api").unwrap();
    let link = format!("/api{rest}");
    let read = client.get(&link).await;
    assert_eq!((read.status, read.text()), (200, "shown"));
    // The link does not contain the name, and is for reading only.
    assert!(!link.contains("/s?"));
    let client_with_type = client.with("content-type", "text/plain");
    let response = client_with_type
        .send("POST", &link, Some(b"x".to_vec()))
        .await;
    response.is_error(401, "UNAUTHORIZED");
    client.delete(&link).await.is_error(401, "UNAUTHORIZED");
    let wrong = client.get(&format!("{link}0")).await;
    wrong.is_error(404, "NOT_FOUND");
    // A new token replaces the old one.
    owner
        .patch(&path("s"), json!({ "visibility": "link" }))
        .await;
    client.get(&link).await.is_error(404, "NOT_FOUND");
    let response = owner
        .patch(&path("s"), json!({ "visibility": "private" }))
        .await;
    assert_eq!(response.json()["visibility"], "private");
    assert!(response.json().get("token").is_none());
}

async fn erasing_a_user_erases_streams_and_their_forks(app: &App) {
    let user = app.client().guest().await;
    put(&user, "source", "text/plain").await;
    append(&user, "source", "content").await;
    let fork = user.with("stream-forked-from", &path("source"));
    assert_eq!(fork.send("PUT", &path("fork"), None).await.status, 201);
    user.delete(&path("source")).await;
    assert_eq!(user.get(&path("fork")).await.text(), "content");
    create(&user, defaults()).await;
    let response = user.delete("/api/clear").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(listed(&user).await.is_empty());
    user.get(&path("fork")).await.is_error(404, "NOT_FOUND");
}

//! One user's ids give no access to another user: 404, and nothing changes.

use serde_json::json;

use crate::harness::App;

#[tokio::test]
async fn ids_of_another_user_are_404_and_change_nothing() {
    let client = App::shared().await.client();
    let (owner, stranger) = (client.guest().await, client.guest().await);
    let id = owner.say("a secret of the owner").await;
    let before = owner.conversation(&id).await;
    let path = format!("/api/conversations/{id}");

    for response in [
        stranger.get(&path).await,
        stranger.patch(&path, json!({ "title": "mine now" })).await,
        stranger.delete(&path).await,
        stranger
            .post(
                "/api/chat",
                json!({ "message": "hello", "conversationId": id }),
            )
            .await,
    ] {
        response.is_error(404, "NOT_FOUND");
        assert!(!response.text().contains("secret"), "{response:?}");
    }
    assert!(stranger.conversations().await.is_empty());
    assert_eq!(
        stranger.get("/api/history").await.json()["conversations"],
        json!([])
    );
    assert_eq!(stranger.delete("/api/clear").await.status, 200);
    assert_eq!(stranger.delete("/api/conversations").await.status, 200);
    assert_eq!(
        owner.conversation(&id).await,
        before,
        "no change for the owner"
    );
}

#[tokio::test]
async fn a_404_of_another_users_id_equals_that_of_an_unknown_id() {
    // Otherwise the difference would reveal that the id exists.
    let client = App::shared().await.client();
    let (owner, stranger) = (client.guest().await, client.guest().await);
    let id = owner.say("exists").await;
    let unknown = uuid::Uuid::new_v4();
    let shape = |response: crate::harness::Response| {
        let mut body = response.json();
        body["requestId"] = json!("-");
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (response.status, body, names)
    };
    let theirs = stranger.get(&format!("/api/conversations/{id}")).await;
    let nobodys = stranger.get(&format!("/api/conversations/{unknown}")).await;
    assert_eq!(shape(theirs), shape(nobodys));
    let chat = |id: String| json!({ "message": "a", "conversationId": id });
    let theirs = stranger.post("/api/chat", chat(id)).await;
    let nobodys = stranger.post("/api/chat", chat(unknown.to_string())).await;
    assert_eq!(shape(theirs), shape(nobodys));
}

#[tokio::test]
async fn preferences_of_two_users_are_separate() {
    let client = App::shared().await.client();
    let (one, other) = (client.guest().await, client.guest().await);
    one.put(
        "/api/preferences",
        json!({ "theme": "light", "systemPrompt": "mine" }),
    )
    .await;
    other
        .put("/api/preferences", json!({ "theme": "dark" }))
        .await;
    assert_eq!(one.get("/api/preferences").await.json()["theme"], "light");
    let theirs = other.get("/api/preferences").await.json();
    assert_eq!(theirs["theme"], "dark");
    assert_ne!(theirs["systemPrompt"], "mine");
}

#[tokio::test]
async fn concurrent_users_get_their_own_data() {
    let client = App::shared().await.client();
    let users = (0..24).map(|number| {
        let client = client.clone();
        async move {
            let guest = client.guest().await;
            let message = format!("I am user {number}.");
            let id = guest.say(&message).await;
            let list = guest.conversations().await;
            assert_eq!(list.len(), 1, "{list:?}");
            assert_eq!(list[0]["id"], id.as_str());
            assert_eq!(list[0]["messages"][0]["content"], message.as_str());
        }
    });
    futures::future::join_all(users).await;
}

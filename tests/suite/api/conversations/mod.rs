//! `/api/conversations`, `/api/history` and `/api/clear`.

mod eviction;
mod many;
mod regenerate;
mod stop;
mod stream;
mod titles;
mod versions;

use serde_json::json;
use uuid::Uuid;

use crate::harness::App;

#[tokio::test]
async fn list_returns_the_newest_first_with_messages() {
    let guest = App::shared().await.client().guest().await;
    assert!(guest.conversations().await.is_empty());
    let first = guest.say("first").await;
    let second = guest.say("second").await;
    let list = guest.conversations().await;
    let ids: Vec<_> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&second, &first]);
    for conversation in &list {
        let messages = conversation["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "{conversation}");
        assert!(conversation["createdAt"].as_u64() <= conversation["updatedAt"].as_u64());
        assert!(
            conversation["createdAt"].as_u64().unwrap() > 1_600_000_000_000,
            "milliseconds"
        );
        for message in messages {
            assert!(message["timestamp"].as_u64().unwrap() > 1_600_000_000_000);
            assert!(Uuid::parse_str(message["id"].as_str().unwrap()).is_ok());
        }
    }
    // Writing into the older one makes it the newest.
    let body = json!({ "message": "again", "conversationId": first });
    guest.chat(body).await.events().await;
    assert_eq!(guest.conversations().await[0]["id"], first.as_str());
}

#[tokio::test]
async fn a_fourth_conversation_evicts_one() {
    let guest = App::shared().await.client().guest().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(guest.say(&format!("chat {number}")).await);
    }
    let list = guest.conversations().await;
    let left: Vec<_> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(left, [&ids[3], &ids[2], &ids[1]]);
    guest
        .get(&format!("/api/conversations/{}", ids[0]))
        .await
        .is_error(404, "NOT_FOUND");
    let body = json!({ "message": "still there?", "conversationId": ids[0] });
    guest
        .post("/api/chat", body)
        .await
        .is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn eviction_removes_the_least_recently_updated_conversation() {
    let guest = App::shared().await.client().guest().await;
    let first = guest.say("one").await;
    let second = guest.say("two").await;
    let third = guest.say("three").await;
    let body = json!({ "message": "more of one", "conversationId": first });
    guest.chat(body).await.events().await;
    let fourth = guest.say("four").await;
    let list = guest.conversations().await;
    let left: Vec<_> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(left, [&fourth, &first, &third]);
    guest
        .get(&format!("/api/conversations/{second}"))
        .await
        .is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn max_conversations_sets_the_limit() {
    let app = App::with_defaults()
        .variable("max_conversations", "1")
        .start()
        .await;
    let guest = app.client().guest().await;
    guest.say("one").await;
    let second = guest.say("two").await;
    let list = guest.conversations().await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], second.as_str());
}

#[tokio::test]
async fn patch_renames_a_conversation() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("dull").await;
    let path = format!("/api/conversations/{id}");
    let response = guest.patch(&path, json!({ "title": "Bright 🐠" })).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["title"], "Bright 🐠");
    assert_eq!(response.json()["id"], id.as_str());
    assert_eq!(guest.conversation(&id).await["title"], "Bright 🐠");
    // Later messages do not rename it.
    let body = json!({ "message": "and more", "conversationId": id });
    guest.chat(body).await.events().await;
    assert_eq!(guest.conversation(&id).await["title"], "Bright 🐠");
    for body in [
        json!({ "title": "" }),
        json!({ "title": "x".repeat(201) }),
        json!({ "title": 1 }),
        json!({}),
    ] {
        let response = guest.patch(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names("title");
    }
    let unknown = format!("/api/conversations/{}", Uuid::new_v4());
    guest
        .patch(&unknown, json!({ "title": "a" }))
        .await
        .is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn delete_removes_a_conversation_once() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("gone soon").await;
    let kept = guest.say("kept").await;
    let path = format!("/api/conversations/{id}");
    let response = guest.delete(&path).await;
    assert_eq!(
        (response.status, response.json()),
        (200, json!({ "success": true }))
    );
    guest.get(&path).await.is_error(404, "NOT_FOUND");
    guest.delete(&path).await.is_error(404, "NOT_FOUND");
    guest
        .patch(&path, json!({ "title": "a" }))
        .await
        .is_error(404, "NOT_FOUND");
    let list = guest.conversations().await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], kept.as_str());
}

#[tokio::test]
async fn invalid_conversation_ids_are_404() {
    let guest = App::shared().await.client().guest().await;
    for id in [
        "x",
        "00000000-0000-0000-0000-00000000000",
        "..%2f..%2fetc",
        "%00",
        "conv:journal",
        &"a".repeat(3000),
        "%F0%9F%90%A0",
    ] {
        for method in ["GET", "DELETE"] {
            let response = guest
                .send(method, &format!("/api/conversations/{id}"), None)
                .await;
            assert_eq!(response.status, 404, "{method} {id}: {response:?}");
            response.is_error(404, "NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn conversation_ids_are_case_insensitive() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("case").await;
    let response = guest
        .get(&format!("/api/conversations/{}", id.to_uppercase()))
        .await;
    assert!(matches!(response.status, 200 | 404), "{response:?}");
    let body = json!({ "message": "b", "conversationId": id.to_uppercase() });
    let chat = guest.chat(body).await;
    assert_eq!(
        chat.status, response.status,
        "both routes read an id the same way"
    );
}

#[tokio::test]
async fn conversations_without_a_user_are_401() {
    let client = App::shared().await.client();
    let id = Uuid::new_v4();
    for (method, path) in [
        ("GET", "/api/conversations".to_owned()),
        ("DELETE", "/api/conversations".to_owned()),
        ("GET", format!("/api/conversations/{id}")),
        ("PATCH", format!("/api/conversations/{id}")),
        ("DELETE", format!("/api/conversations/{id}")),
        ("GET", "/api/history".to_owned()),
        ("DELETE", "/api/clear".to_owned()),
    ] {
        client
            .send(method, &path, None)
            .await
            .is_error(401, "UNAUTHORIZED");
    }
}

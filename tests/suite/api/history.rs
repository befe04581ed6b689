//! `GET /api/history`.

use crate::harness::App;

#[tokio::test]
async fn history_returns_conversations_without_messages() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("remember me").await;
    let response = guest.get("/api/history").await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    let list = body["conversations"].as_array().unwrap();
    assert_eq!(list.len(), 1);
    let one = &list[0];
    assert_eq!(one["id"], id.as_str());
    assert_eq!(one["messageCount"], 2);
    assert_eq!(body["nextEvicted"], serde_json::Value::Null);
    assert_eq!(body["maxConversations"], 3);
    assert_eq!(body["evictionUndoSeconds"], 30);
    assert_eq!(one["pinned"], false);
    assert_eq!(one["provisional"], false);
    assert_eq!(one["model"], "demo");
    assert!(one["messages"].is_null(), "{one}");
    assert!(
        one["createdAt"].is_u64() && one["updatedAt"].is_u64(),
        "{one}"
    );
    assert!(one["title"].as_str().unwrap().contains("remember me"));
}

#[tokio::test]
async fn history_names_the_conversation_that_is_evicted_next() {
    let guest = App::shared().await.client().guest().await;
    let first = guest.say("one").await;
    guest.say("two").await;
    let second = guest.conversations().await[0]["id"].clone();
    guest.say("three").await;
    let next = guest.get("/api/history").await.json()["nextEvicted"].clone();
    assert_eq!(next["id"], first.as_str());
    assert_eq!(next["title"], "one");
    let pin = format!("/api/conversations/{first}/pin");
    assert_eq!(guest.put(&pin, serde_json::json!({})).await.status, 200);
    let next = guest.get("/api/history").await.json()["nextEvicted"].clone();
    assert_eq!(next["id"], second);
}

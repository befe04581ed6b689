//! `GET /api/history`.

use crate::harness::App;

#[tokio::test]
async fn history_returns_conversations_without_messages() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("remember me").await;
    let answer = guest.get("/api/history").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let list = body["conversations"].as_array().unwrap();
    assert_eq!(list.len(), 1);
    let one = &list[0];
    assert_eq!(one["id"], id.as_str());
    assert_eq!(one["messageCount"], 2);
    assert_eq!(one["model"], "demo");
    assert!(one["messages"].is_null(), "{one}");
    assert!(
        one["createdAt"].is_u64() && one["updatedAt"].is_u64(),
        "{one}"
    );
    assert!(one["title"].as_str().unwrap().contains("remember me"));
}

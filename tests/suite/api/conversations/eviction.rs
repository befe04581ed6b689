//! Eviction: when it happens, who learns of it, and how it is undone.

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};
use uuid::Uuid;

use crate::harness::{App, Guest};

fn path(id: &str, action: &str) -> String {
    format!("/api/conversations/{id}/{action}")
}

fn body(message: &str) -> Value {
    json!({ "message": message, "model": "gpt-4o" })
}

async fn ids(guest: &Guest) -> Vec<String> {
    let list = guest.conversations().await;
    list.iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn three(guest: &Guest) -> Vec<String> {
    let mut ids = Vec::new();
    for message in ["one", "two", "three"] {
        let chat = guest.chat(body(message)).await;
        ids.push(chat.header("x-conversation-id").unwrap().to_owned());
        chat.events().await;
    }
    ids
}

#[tokio::test]
async fn failed_messages_evict_no_conversation() {
    let upstream = Upstream::start(Script::new(["Fine."])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_circuit_failures", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    let old = three(&guest).await;
    let html = || Fault::Raw(500, "text/html".to_owned(), "<h1>Down</h1>".to_owned());
    upstream.set(Script::new(["never"]).fault(html()));
    for round in 0..3 {
        let response = guest.post("/api/chat", body(&format!("new {round}"))).await;
        assert!(response.status >= 500, "{response:?}");
    }
    let list = guest.conversations().await;
    assert_eq!(list.len(), 4, "the last failed one is listed");
    let failed = &list[0];
    assert_eq!(failed["title"], "new 2");
    assert_eq!(failed["provisional"], true);
    assert_eq!(failed["messages"][1]["status"], "incomplete");
    let failure = &failed["messages"][1]["failure"];
    assert!(
        failure["code"].as_str().unwrap().starts_with("PROVIDER"),
        "{failed}"
    );
    assert!(
        failure["message"].as_str().unwrap().ends_with('.'),
        "{failed}"
    );
    for id in &old {
        assert_eq!(
            guest.conversation(id).await["messages"][1]["content"],
            "Fine."
        );
    }
    // With the first word of a reply it is an ordinary one, and the oldest goes.
    upstream.set(Script::new(["At ", "last."]));
    let id = failed["id"].as_str().unwrap();
    let again = guest.open("POST", &path(id, "regenerate"), None).await;
    let events = again.accepted().await.events().await;
    let conversation_events = events.iter().filter(|event| event.name() == "conversation");
    let evicted: Vec<Value> = conversation_events
        .map(|event| event.json()["evicted"].clone())
        .collect();
    assert_eq!(evicted[0], json!([]));
    assert_eq!(evicted[1], json!([{ "id": old[0], "title": "one" }]));
    assert_eq!(ids(&guest).await, [id, old[2].as_str(), old[1].as_str()]);
}

#[tokio::test]
async fn restore_brings_an_evicted_conversation_back() {
    let app = App::with_defaults().start().await;
    let guest = app.client().guest().await;
    let mut old = Vec::new();
    for message in ["one", "two", "three", "four"] {
        old.push(guest.say(message).await);
    }
    let gone = path(&old[0], "restore");
    let other = app.client().guest().await;
    other
        .post(&gone, json!({}))
        .await
        .is_error(404, "NOT_FOUND");
    let response = guest.post(&gone, json!({})).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["conversation"]["id"], old[0].as_str());
    assert_eq!(
        response.json()["conversation"]["messages"][0]["content"],
        "one"
    );
    assert_eq!(
        response.json()["evicted"],
        json!([{ "id": old[1], "title": "two" }])
    );
    assert_eq!(
        ids(&guest).await,
        [old[3].clone(), old[2].clone(), old[0].clone()]
    );
    let again = guest.post(&gone, json!({})).await;
    assert_eq!(again.json()["evicted"], json!([]));
    guest
        .post(&path(&Uuid::new_v4().to_string(), "restore"), json!({}))
        .await
        .is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn restore_without_undo_time_is_404() {
    let app = App::with_defaults()
        .variable("max_conversations", "1")
        .variable("eviction_undo_seconds", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    let first = guest.say("one").await;
    guest.say("two").await;
    let response = guest.post(&path(&first, "restore"), json!({})).await;
    response.is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn pin_keeps_a_conversation_from_eviction() {
    let app = App::with_defaults().start().await;
    let guest = app.client().guest().await;
    let mut all = Vec::new();
    for message in ["one", "two", "three"] {
        all.push(guest.say(message).await);
    }
    let other = app.client().guest().await;
    let pin = path(&all[0], "pin");
    other.put(&pin, json!({})).await.is_error(404, "NOT_FOUND");
    other.delete(&pin).await.is_error(404, "NOT_FOUND");
    assert_eq!(guest.put(&pin, json!({})).await.json()["pinned"], true);
    assert_eq!(
        guest.put(&path(&all[1], "pin"), json!({})).await.status,
        200
    );
    let response = guest.put(&path(&all[2], "pin"), json!({})).await;
    response.is_error(409, "CONFLICT");
    let fourth = guest.say("four").await;
    assert_eq!(
        ids(&guest).await,
        [fourth.clone(), all[1].clone(), all[0].clone()]
    );
    assert_eq!(guest.delete(&pin).await.json()["pinned"], false);
    let fifth = guest.say("five").await;
    assert_eq!(ids(&guest).await, [fifth, fourth, all[1].clone()]);
}

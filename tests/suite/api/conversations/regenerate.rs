//! `POST /api/conversations/:id/regenerate`.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Event, Guest, text_of};

fn chat_body() -> Value {
    json!({ "message": "Tell me everything.", "model": "gpt-4o" })
}

fn path(id: &str, action: &str) -> String {
    format!("/api/conversations/{id}/{action}")
}

fn words(count: usize) -> String {
    (0..count).map(|number| format!("w{number} ")).collect()
}

async fn regenerate(guest: &Guest, id: &str, body: Value) -> Vec<Event> {
    let client = guest.with("content-type", "application/json");
    let body = Some(body.to_string().into_bytes());
    let again = client.open("POST", &path(id, "regenerate"), body).await;
    again.accepted().await.events().await
}

#[tokio::test]
async fn regenerate_replaces_the_last_reply() {
    let upstream = Upstream::start(Script::new(["One."])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let first = guest.chat(chat_body()).await;
    let id = first.header("x-conversation-id").unwrap().to_owned();
    let first = first.events().await;
    upstream.set(Script::new(["T", "wo."]));
    let body = json!({ "system": "Be brief.", "model": "gpt-4o-mini", "temperature": 0.5 });
    let events = regenerate(&guest, &id, body).await;
    assert_eq!(text_of(&events), "Two.");
    assert_eq!(events[0].name(), "conversation");
    assert_eq!(events[0].json()["conversationId"], id.as_str());
    assert_ne!(events[0].json()["messageId"], first[0].json()["messageId"]);
    assert!(events.last().unwrap().is_done());
    // The model got the same messages, without its first reply.
    let request = upstream.requests()[1].json();
    assert_eq!(request["model"], "gpt-4o-mini");
    let messages = request["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{request}");
    assert_eq!(messages[0]["content"], "Be brief.");
    assert_eq!(messages[1]["content"], "Tell me everything.");
    let stored = guest.conversation(&id).await;
    let messages = stored["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{stored}");
    assert_eq!(messages[1]["content"], "Two.");
    assert_eq!(messages[1]["id"], events[0].json()["messageId"]);
    assert_eq!(messages[1]["model"], "gpt-4o-mini");
    // Only the last message can be regenerated.
    upstream.set(Script::new(["Three."]));
    let body = json!({ "message": "And?", "conversationId": id, "model": "gpt-4o" });
    guest.chat(body).await.events().await;
    upstream.set(Script::new(["Four."]));
    regenerate(&guest, &id, json!({})).await;
    let stored = guest.conversation(&id).await;
    let contents: Vec<_> = stored["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(contents, ["Tell me everything.", "Two.", "And?", "Four."]);
}

#[tokio::test]
async fn regenerate_during_a_reply_is_409() {
    let upstream = Upstream::start(Script::new(["a", "b"]).fault(Fault::HangAfter(1)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let response = guest.post(&path(&id, "regenerate"), json!({})).await;
    response.is_error(409, "CONFLICT");
    // Stopped, it is.
    guest.post(&path(&id, "stop"), json!({})).await;
    upstream.set(Script::new(["Anew."]));
    assert_eq!(text_of(&regenerate(&guest, &id, json!({})).await), "Anew.");
    for (body, wrong) in [
        (json!({ "temperature": 3 }), "temperature"),
        (json!({ "maxTokens": 0 }), "maxTokens"),
        (json!({ "message": "x" }), "message"),
        (json!({ "model": "gpt-5000" }), "model"),
    ] {
        let response = guest.post(&path(&id, "regenerate"), body).await;
        response.is_error(400, "VALIDATION_ERROR").names(wrong);
    }
    assert_eq!(
        guest.conversation(&id).await["messages"][1]["content"],
        "Anew."
    );
}

#[tokio::test]
async fn concurrent_regenerate_requests_create_one_reply() {
    let upstream = Upstream::start(Script::new(["First."])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    upstream.set(Script::words(10).delay(Duration::from_millis(100)));
    let responses = futures::future::join_all(
        (0..8).map(|_| async { guest.post(&path(&id, "regenerate"), json!({})).await.status }),
    )
    .await;
    let won = responses.iter().filter(|status| **status == 200).count();
    assert!(
        responses.iter().all(|status| [200, 409].contains(status)),
        "{responses:?}"
    );
    assert_eq!(won, 1, "{responses:?}");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], words(10));
    assert_eq!(stored["messages"].as_array().unwrap().len(), 2);
}

//! Versions of messages: regenerating, editing and choosing.

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Guest};

fn chat_body() -> Value {
    json!({ "message": "Question?", "model": "gpt-4o" })
}

fn down() -> Script {
    let body = "<h1>Down</h1>".to_owned();
    Script::new(["never"]).fault(Fault::Raw(500, "text/html".to_owned(), body))
}

async fn set_active(guest: &Guest, id: &str, message: &Value, active: &Value) -> Value {
    let message = message.as_str().unwrap();
    let path = format!("/api/conversations/{id}/messages/{message}");
    let response = guest.patch(&path, json!({ "active": active })).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

fn contents(conversation: &Value) -> Vec<String> {
    let messages = conversation["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn regenerate_that_fails_keeps_the_good_reply() {
    let upstream = Upstream::start(Script::new(["Good."])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_circuit_failures", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    let good = guest.conversation(&id).await["messages"][1]["id"].clone();
    upstream.set(down());
    let path = format!("/api/conversations/{id}/regenerate");
    for _ in 0..2 {
        let failed = guest.post(&path, json!({})).await;
        assert!(failed.status >= 500, "{failed:?}");
        let stored = guest.conversation(&id).await;
        let reply = &stored["messages"][1];
        assert_eq!(reply["content"], "Good.");
        assert_eq!(reply["active"], good);
        let versions = reply["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 2, "{stored}");
        assert_eq!(versions[0]["id"], good);
        assert_eq!(versions[1]["status"], "incomplete");
    }
    upstream.set(Script::new(["Better."]));
    let response = guest.open("POST", &path, None).await.accepted().await;
    response.events().await;
    let stored = guest.conversation(&id).await;
    assert_eq!(contents(&stored), ["Question?", "Better."]);
    let reply = stored["messages"][1].clone();
    assert_eq!(reply["versions"].as_array().unwrap().len(), 2, "{stored}");
    let chosen = set_active(&guest, &id, &reply["id"], &good).await;
    assert_eq!(contents(&chosen), ["Question?", "Good."]);
    // A prompt has the active version only.
    upstream.set(Script::new(["Next."]));
    let body = json!({ "message": "And?", "conversationId": id, "model": "gpt-4o" });
    guest.chat(body).await.events().await;
    let request = upstream.requests().last().unwrap().json();
    assert_eq!(request["messages"][1]["content"], "Good.", "{request}");
}

#[tokio::test]
async fn edits_adds_a_version_and_keeps_the_later_messages() {
    let upstream = Upstream::start(Script::new(["One."])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_circuit_failures", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    let send = |body: Value| {
        let mut body = body;
        body["conversationId"] = json!(id);
        body["model"] = json!("gpt-4o");
        body
    };
    guest
        .chat(send(json!({ "message": "Two?" })))
        .await
        .events()
        .await;
    let before = guest.conversation(&id).await;
    let old = before["messages"][0]["id"].clone();
    upstream.set(down());
    let edit = send(json!({ "message": "Edited?", "edits": old }));
    let failed = guest.post("/api/chat", edit.clone()).await;
    assert!(failed.status >= 500, "{failed:?}");
    assert_eq!(contents(&guest.conversation(&id).await), contents(&before));
    upstream.set(Script::new(["Anew."]));
    guest.chat(edit).await.events().await;
    let stored = guest.conversation(&id).await;
    assert_eq!(contents(&stored), ["Edited?", "Anew."]);
    assert_eq!(stored["title"], "Edited?");
    assert_eq!(
        stored["messages"][0]["versions"].as_array().unwrap().len(),
        2
    );
    let new = stored["messages"][0]["id"].clone();
    let chosen = set_active(&guest, &id, &new, &old).await;
    assert_eq!(contents(&chosen), contents(&before));
    // Invalid values are rejected, and have no effect.
    let unknown = send(json!({ "message": "x", "edits": "nothing" }));
    let response = guest.post("/api/chat", unknown).await;
    response.is_error(400, "VALIDATION_ERROR").names("edits");
    let response = guest
        .post("/api/chat", json!({ "message": "x", "edits": old }))
        .await;
    response.is_error(400, "VALIDATION_ERROR").names("edits");
    let path = format!("/api/conversations/{id}/messages/{}", old.as_str().unwrap());
    for (body, field) in [(json!({}), "active"), (json!({ "active": "" }), "active")] {
        let response = guest.patch(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    let response = guest.patch(&path, json!({ "active": "nothing" })).await;
    response.is_error(400, "VALIDATION_ERROR").names("active");
    let stranger = app.client().guest().await;
    let response = stranger.patch(&path, json!({ "active": old })).await;
    response.is_error(404, "NOT_FOUND");
    assert_eq!(contents(&guest.conversation(&id).await), contents(&before));
}

#[tokio::test]
async fn regenerate_of_an_earlier_reply_branches_there() {
    let app = App::with_defaults().start().await;
    let guest = app.client().guest().await;
    let id = guest.say("one").await;
    let body = json!({ "message": "two", "conversationId": id });
    guest.chat(body).await.events().await;
    let first = guest.conversation(&id).await["messages"][1]["id"].clone();
    let path = format!("/api/conversations/{id}/regenerate");
    let response = guest.post(&path, json!({ "messageId": first })).await;
    assert_eq!(response.status, 200, "{response:?}");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"].as_array().unwrap().len(), 2, "{stored}");
    let now = stored["messages"][1]["id"].clone();
    assert_ne!(now, first);
    let chosen = set_active(&guest, &id, &now, &first).await;
    assert_eq!(chosen["messages"].as_array().unwrap().len(), 4, "{chosen}");
    let response = guest.post(&path, json!({ "messageId": "nothing" })).await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("messageId");
}

#[tokio::test]
async fn an_interrupted_reply_keeps_its_reason() {
    let script = Script::words(5).fault(Fault::CutAfter(3));
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_circuit_failures", "0")
        .start()
        .await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let events = chat.events().await;
    let error = events.iter().find(|event| event.name() == "error").unwrap();
    let reply = guest.conversation(&id).await["messages"][1].clone();
    assert_eq!(reply["status"], "incomplete");
    assert_eq!(reply["failure"]["code"], error.json()["code"]);
    assert_eq!(reply["failure"]["message"], error.json()["error"]);
    let client = guest.with("last-event-id", "1");
    let path = format!("/api/conversations/{id}/stream");
    let again = client.open("GET", &path, None).await.accepted().await;
    let events = again.events().await;
    let error = events.iter().find(|event| event.name() == "error").unwrap();
    assert_eq!(error.json()["error"], reply["failure"]["message"]);
    assert_eq!(error.json()["code"], reply["failure"]["code"]);
}

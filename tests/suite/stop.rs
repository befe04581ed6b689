//! Stopping a reply from anywhere, and having another one.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Event, Guest, eventually, text_of};

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
async fn another_instance_stops_a_reply_at_once() {
    let script = Script::words(600).delay(Duration::from_millis(50));
    let upstream = Upstream::start(script).await.unwrap();
    let builder = App::with_defaults().openai(&upstream);
    let app = builder.clone().start().await;
    let elsewhere = builder.state_of(&app).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let there = elsewhere.client().bearer(&guest.token);
    let answer = there.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "success": true, "stopped": true }));
    // The writing tab has a proper end, and what it has is what is stored.
    let events = chat.events().await;
    assert!(events.last().unwrap().is_done());
    assert!(
        events.iter().any(|event| event.name() == "usage"),
        "{events:?}"
    );
    assert!(
        events.iter().all(|event| event.name() != "error"),
        "{events:?}"
    );
    let stored = there.get(&format!("/api/conversations/{id}")).await.json();
    let reply = &stored["messages"][1];
    assert_eq!(reply["status"], "stopped");
    let content = reply["content"].as_str().unwrap();
    assert!(content.starts_with("w0 "), "{content}");
    assert!(content.ends_with(&text_of(&events)), "{content}");
    assert!(words(600).starts_with(content), "{content}");
    assert!(upstream.closed_early(0).await, "the provider was told");
    // Again: nothing happens.
    let answer = there.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(answer.json(), json!({ "success": true, "stopped": false }));
    // A stopped reply is part of the conversation as it goes on.
    upstream.set(Script::new(["More."]));
    let body = json!({ "message": "Go on", "conversationId": id, "model": "gpt-4o" });
    assert_eq!(text_of(&guest.chat(body).await.events().await), "More.");
    let asked = &upstream.requests()[1].json()["messages"];
    assert_eq!(asked[1]["content"], content);
}

#[tokio::test]
async fn a_silent_model_can_be_stopped_before_its_first_word() {
    for fault in [Fault::HangBeforeHeaders, Fault::HangAfter(0)] {
        let upstream = Upstream::start(Script::new(["never"]).fault(fault))
            .await
            .unwrap();
        let app = App::with_defaults().openai(&upstream).start().await;
        let guest = app.client().guest().await;
        let writing = tokio::spawn({
            let guest = guest.clone();
            async move {
                guest
                    .chat(chat_body())
                    .await
                    .accepted()
                    .await
                    .events()
                    .await
            }
        });
        let id = eventually("the conversation", || async {
            let list = guest.conversations().await;
            list.first()
                .map(|found| found["id"].as_str().unwrap().to_owned())
        })
        .await;
        let answer = guest.post(&path(&id, "stop"), json!({})).await;
        assert_eq!(answer.json()["stopped"], true, "{answer:?}");
        let events = writing.await.unwrap();
        assert!(events.last().unwrap().is_done(), "{events:?}");
        assert_eq!(text_of(&events), "");
        let stored = guest.conversation(&id).await;
        assert_eq!(stored["messages"][1]["status"], "stopped", "{stored}");
        assert!(upstream.closed_early(0).await);
        // The instance lives on.
        upstream.set(Script::new(["Hello."]));
        assert_eq!(
            text_of(&guest.chat(chat_body()).await.events().await),
            "Hello."
        );
    }
}

#[tokio::test]
async fn a_follower_of_a_stopped_reply_has_its_end_too() {
    let upstream = Upstream::start(Script::words(600).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let followed = guest
        .open("GET", &path(&id, "stream"), None)
        .await
        .accepted()
        .await;
    guest.post(&path(&id, "stop"), json!({})).await;
    let (followed, original) = futures::join!(followed.events(), chat.events());
    assert!(followed.last().unwrap().is_done());
    assert!(text_of(&followed).ends_with(&text_of(&original)));
    assert!(
        followed.iter().all(|event| event.name() != "error"),
        "{followed:?}"
    );
}

#[tokio::test]
async fn deleting_a_conversation_stops_its_reply() {
    let upstream = Upstream::start(Script::words(600).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    guest.delete(&format!("/api/conversations/{id}")).await;
    assert!(chat.events().await.last().unwrap().is_done());
    assert!(upstream.closed_early(0).await);
    assert!(guest.conversations().await.is_empty());
}

#[tokio::test]
async fn nothing_under_way_is_nothing_to_stop() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let id = guest.say("Hello").await;
    let answer = guest.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({ "success": true, "stopped": false }));
}

#[tokio::test]
async fn another_reply_takes_the_place_of_the_last() {
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
    // The model was asked the same question, and knows nothing of its first answer.
    let asked = upstream.requests()[1].json();
    assert_eq!(asked["model"], "gpt-4o-mini");
    let said = asked["messages"].as_array().unwrap();
    assert_eq!(said.len(), 2, "{asked}");
    assert_eq!(said[0]["content"], "Be brief.");
    assert_eq!(said[1]["content"], "Tell me everything.");
    let stored = guest.conversation(&id).await;
    let messages = stored["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{stored}");
    assert_eq!(messages[1]["content"], "Two.");
    assert_eq!(messages[1]["id"], events[0].json()["messageId"]);
    assert_eq!(messages[1]["model"], "gpt-4o-mini");
    // Only the last message is answered anew.
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
async fn a_reply_under_way_is_not_replaced() {
    let upstream = Upstream::start(Script::new(["a", "b"]).fault(Fault::HangAfter(1)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let answer = guest.post(&path(&id, "regenerate"), json!({})).await;
    answer.is_error(409, "CONFLICT");
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
        let answer = guest.post(&path(&id, "regenerate"), body).await;
        answer.is_error(400, "VALIDATION_ERROR").names(wrong);
    }
    assert_eq!(
        guest.conversation(&id).await["messages"][1]["content"],
        "Anew."
    );
}

#[tokio::test]
async fn of_many_who_want_another_reply_at_once_one_gets_it() {
    let upstream = Upstream::start(Script::new(["First."])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    upstream.set(Script::words(10).delay(Duration::from_millis(100)));
    let answers = futures::future::join_all(
        (0..8).map(|_| async { guest.post(&path(&id, "regenerate"), json!({})).await.status }),
    )
    .await;
    let won = answers.iter().filter(|status| **status == 200).count();
    assert!(
        answers.iter().all(|status| [200, 409].contains(status)),
        "{answers:?}"
    );
    assert_eq!(won, 1, "{answers:?}");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], words(10));
    assert_eq!(stored["messages"].as_array().unwrap().len(), 2);
}

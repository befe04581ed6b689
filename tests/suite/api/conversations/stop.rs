//! `POST /api/conversations/:id/stop`.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, eventually, text_of};

fn chat_body() -> Value {
    json!({ "message": "Tell me everything.", "model": "gpt-4o" })
}

fn path(id: &str, action: &str) -> String {
    format!("/api/conversations/{id}/{action}")
}

fn words(count: usize) -> String {
    (0..count).map(|number| format!("w{number} ")).collect()
}

#[tokio::test]
async fn stop_on_another_instance_stops_the_reply() {
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
    let response = there.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json(), json!({ "success": true, "stopped": true }));
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
    assert!(
        upstream.closed_early(0).await,
        "the connection to the provider was closed"
    );
    // A repeated stop has no effect.
    let response = there.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(
        response.json(),
        json!({ "success": true, "stopped": false })
    );
    // A stopped reply is part of the prompt of later replies.
    upstream.set(Script::new(["More."]));
    let body = json!({ "message": "Go on", "conversationId": id, "model": "gpt-4o" });
    assert_eq!(text_of(&guest.chat(body).await.events().await), "More.");
    let request = &upstream.requests()[1].json()["messages"];
    assert_eq!(request[1]["content"], content);
}

#[tokio::test]
async fn stop_before_the_first_delta_ends_the_reply() {
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
                .map(|conversation| conversation["id"].as_str().unwrap().to_owned())
        })
        .await;
        let response = guest.post(&path(&id, "stop"), json!({})).await;
        assert_eq!(response.json()["stopped"], true, "{response:?}");
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
async fn stop_ends_the_stream_of_other_readers() {
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
async fn delete_of_a_conversation_stops_its_reply() {
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
async fn stop_without_a_reply_in_progress_stops_nothing() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let id = guest.say("Hello").await;
    let response = guest.post(&path(&id, "stop"), json!({})).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.json(),
        json!({ "success": true, "stopped": false })
    );
}

//! `Idempotency-Key`: a request that comes again has the reply that it has already.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Client, Response, StreamingResponse, text_of};

fn chat_body() -> Value {
    json!({ "message": "Buy one fish.", "model": "gpt-4o" })
}

async fn post(client: &Client, key: &str, body: Value) -> StreamingResponse {
    client.with("idempotency-key", key).chat(body).await
}

async fn refused(client: &Client, key: &str, body: Value) -> Response {
    post(client, key, body).await.collect().await
}

fn words(from: usize, to: usize) -> String {
    (from..to).map(|number| format!("w{number} ")).collect()
}

#[tokio::test]
async fn a_repeated_request_returns_the_same_reply() {
    let upstream = Upstream::start(Script::words(8)).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let first = post(&guest, "k1", chat_body()).await.accepted().await;
    let id = first.header("x-conversation-id").unwrap().to_owned();
    let first = first.events().await;
    assert_eq!(text_of(&first), words(0, 8));
    for _ in 0..3 {
        let again = post(&guest, "k1", chat_body()).await.accepted().await;
        assert_eq!(again.header("x-conversation-id"), Some(id.as_str()));
        assert_eq!(again.events().await, first);
    }
    // The order of the fields does not matter, what they say does.
    let body = json!({ "model": "gpt-4o", "message": "Buy one fish." });
    assert_eq!(post(&guest, "k1", body).await.events().await, first);
    for body in [
        json!({ "message": "Buy two fish.", "model": "gpt-4o" }),
        json!({ "message": "Buy one fish." }),
        json!({ "message": "Buy one fish.", "model": "gpt-4o", "conversationId": id }),
    ] {
        refused(&guest, "k1", body).await.is_error(409, "CONFLICT");
    }
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(guest.conversations().await.len(), 1);
    // Another key is another request, and so is another user's key.
    post(&guest, "k2", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    let other = app.client().guest().await;
    post(&other, "k1", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(upstream.requests().len(), 3);
    // Forgotten with its conversation.
    guest.delete(&format!("/api/conversations/{id}")).await;
    post(&guest, "k1", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn invalid_idempotency_keys_are_400() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    for wrong in ["", "with space", &"k".repeat(256)] {
        let response = refused(&guest, wrong, json!({ "message": "x" })).await;
        response
            .is_error(400, "VALIDATION_ERROR")
            .names("Idempotency-Key");
    }
    let longest = "k".repeat(255);
    post(&guest, &longest, json!({ "message": "x" }))
        .await
        .accepted()
        .await;
}

#[tokio::test]
async fn concurrent_requests_with_one_key_call_the_provider_once() {
    let upstream = Upstream::start(Script::words(10).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let builder = App::with_defaults().openai(&upstream);
    let app = builder.clone().start().await;
    let elsewhere = builder.state_of(&app).start().await;
    let guest = app.client().guest().await;
    let there = elsewhere.client().bearer(&guest.token);
    for round in 1..=5 {
        let key = format!("round-{round}");
        let twins = (0..8).map(|number| {
            let client = if number % 2 == 0 {
                guest.client.clone()
            } else {
                there.clone()
            };
            let key = key.clone();
            async move {
                post(&client, &key, chat_body())
                    .await
                    .accepted()
                    .await
                    .events()
                    .await
            }
        });
        let all = futures::future::join_all(twins).await;
        for events in &all {
            assert_eq!(text_of(events), words(0, 10));
            assert_eq!(events[0].json(), all[0][0].json());
            assert!(events.last().unwrap().is_done());
        }
        assert_eq!(upstream.requests().len(), round);
    }
    assert_eq!(guest.conversations().await.len(), 3);
    for conversation in guest.conversations().await {
        assert_eq!(conversation["messages"].as_array().unwrap().len(), 2);
    }
}

/// fetch-event-source closes its connection when the tab is hidden, and sends the same POST again,
/// with the id of the last event, when it is shown.
#[tokio::test]
async fn a_repeated_request_with_last_event_id_resumes() {
    let upstream = Upstream::start(Script::words(40).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut shown = post(&guest, "tab", chat_body()).await.accepted().await;
    let mut text = String::new();
    for _ in 0..5 {
        text.push_str(&shown.next_content().await.unwrap());
    }
    drop(shown);
    let mut last = 5;
    for _ in 0..3 {
        let client = guest.with("last-event-id", &last.to_string());
        let mut shown = post(&client, "tab", chat_body()).await.accepted().await;
        for _ in 0..5 {
            text.push_str(&shown.next_content().await.unwrap());
            last += 1;
        }
    }
    let client = guest.with("last-event-id", &last.to_string());
    let rest = post(&client, "tab", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    text.push_str(&text_of(&rest));
    assert_eq!(text, words(0, 40));
    assert!(rest.last().unwrap().is_done());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_repeated_failed_request_returns_the_failure() {
    let script = Script::words(5).fault(Fault::CutAfter(2));
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let first = post(&guest, "k", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    let again = post(&guest, "k", chat_body())
        .await
        .accepted()
        .await
        .events()
        .await;
    for events in [&first, &again] {
        assert_eq!(text_of(events), words(0, 2));
        assert_eq!(events[events.len() - 2].name(), "error");
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn regenerate_with_one_key_creates_one_reply() {
    let upstream = Upstream::start(Script::new(["One."])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = post(&guest, "first", chat_body()).await.accepted().await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    upstream.set(Script::new(["Two."]));
    let path = format!("/api/conversations/{id}/regenerate");
    let keyed = guest.with("idempotency-key", "again");
    for _ in 0..3 {
        let again = keyed.open("POST", &path, None).await.accepted().await;
        assert_eq!(text_of(&again.events().await), "Two.");
    }
    assert_eq!(upstream.requests().len(), 2);
    // The first request's reply is kept as a version, and that is what it gets.
    let first = post(&guest, "first", chat_body()).await.accepted().await;
    assert_eq!(text_of(&first.events().await), "One.");
    refused(&guest, "again", chat_body())
        .await
        .is_error(409, "CONFLICT");
    assert_eq!(upstream.requests().len(), 2);
}

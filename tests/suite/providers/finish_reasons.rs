//! A reply is complete only if its provider reported that the model stopped.

use serde_json::{Value, json};
use upstream::{RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, chunk, hi};
use crate::harness::text_of;

/// Two chunks with the text `Hello`, each with that reason.
fn hello(reason: &Value) -> Vec<Value> {
    vec![
        chunk(json!({ "content": "Hel" }), reason.clone()),
        chunk(json!({ "content": "lo" }), reason.clone()),
    ]
}

/// Asserts that this response is an incomplete reply, in both protocols.
async fn assert_incomplete(gateway: &Gateway, model: &str, provider_response: &RawResponse) {
    let what = format!("{model}, {provider_response:?}");
    let streamed = gateway.stream(provider_response.clone(), hi(model)).await;
    assert_eq!(streamed.text(), "Hello", "{what}");
    assert!(!streamed.is_done, "{what}: {streamed:?}");
    assert_eq!(streamed.finish_reason(), None, "{what}");
    assert!(streamed.error.is_some(), "{what}: {streamed:?}");
    let whole = gateway.complete(provider_response.clone(), hi(model)).await;
    assert_eq!(whole.status, 502, "{what}: {whole:?}");
    let (events, stored) = gateway.chat(provider_response.clone(), model).await;
    let events = events.unwrap();
    assert_eq!(text_of(&events), "Hello", "{what}");
    assert!(events.iter().any(|event| event.name() == "error"), "{what}");
    assert_eq!(stored["status"], "incomplete", "{what}: {stored}");
    assert_eq!(stored["content"], "Hello", "{what}");
}

async fn assert_complete(
    gateway: &Gateway,
    model: &str,
    provider_response: &RawResponse,
    reason: &str,
) {
    let what = format!("{model}, {provider_response:?}");
    let streamed = gateway.stream(provider_response.clone(), hi(model)).await;
    assert_eq!(streamed.text(), "Hello", "{what}");
    assert!(streamed.is_done && streamed.error.is_none(), "{what}");
    assert_eq!(streamed.finish_reason().as_deref(), Some(reason), "{what}");
    let whole = gateway
        .completed(provider_response.clone(), hi(model))
        .await;
    assert_eq!(whole["choices"][0]["finish_reason"], reason, "{what}");
    let (_, stored) = gateway.chat(provider_response.clone(), model).await;
    assert_eq!(stored["status"], "complete", "{what}: {stored}");
}

#[tokio::test]
async fn empty_finish_reason_does_not_end_a_reply() {
    let gateway = Gateway::new().await;
    for model in [OPENAI, LOCAL, WORKERS_AI] {
        for reason in [json!(""), Value::Null] {
            let events = RawResponse::events(hello(&reason));
            assert_incomplete(&gateway, model, &events.clone().cut()).await;
            // The body ends as HTTP wants it, but the model did not.
            assert_incomplete(&gateway, model, &events).await;
        }
        let mut all = hello(&json!(""));
        all.push(chunk(json!({ "content": "" }), json!("stop")));
        assert_complete(&gateway, model, &RawResponse::events(all), "stop").await;
    }
}

#[tokio::test]
async fn done_ends_a_reply_without_a_reason() {
    let gateway = Gateway::new().await;
    for model in [OPENAI, LOCAL, WORKERS_AI] {
        let provider_response = RawResponse::events(hello(&json!(""))).then("data: [DONE]\n\n");
        assert_complete(&gateway, model, &provider_response, "stop").await;
    }
}

#[tokio::test]
async fn every_provider_without_an_end_is_incomplete() {
    let gateway = Gateway::new().await;
    let workers_ai =
        RawResponse::events([json!({ "response": "Hel" }), json!({ "response": "lo" })]);
    assert_incomplete(&gateway, WORKERS_AI, &workers_ai).await;
    assert_incomplete(&gateway, WORKERS_AI, &workers_ai.cut()).await;
    let text = |text: &str| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } });
    let anthropic = RawResponse::named_events([
        json!({ "type": "message_start", "message": { "content": [], "usage": { "input_tokens": 1, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        text("Hel"),
        text("lo"),
        json!({ "type": "content_block_stop", "index": 0 }),
    ]);
    assert_incomplete(&gateway, ANTHROPIC, &anthropic).await;
    assert_incomplete(&gateway, ANTHROPIC, &anthropic.cut()).await;
}

#[tokio::test]
async fn unknown_finish_reason_is_passed_on() {
    let gateway = Gateway::new().await;
    for reason in ["insufficient_system_resource", "recitation"] {
        let mut all = hello(&Value::Null);
        all.push(chunk(json!({}), json!(reason)));
        assert_complete(&gateway, LOCAL, &RawResponse::events(all), reason).await;
    }
    // `message_stop` without a reason ends a reply too.
    let script = Script::new(["Hel", "lo"]).ending(upstream::Ending::Missing);
    let whole = gateway.completed(script, hi(ANTHROPIC)).await;
    assert_eq!(whole["choices"][0]["finish_reason"], "stop", "{whole}");
}

//! Fields of a provider's events that are not as documented: nothing ends a reply unless it says that
//! it failed.

use serde_json::{Value, json};
use upstream::RawResponse;

use crate::harness::gateway::{Gateway, LOCAL, OPENAI, WORKERS_AI, chunk, hi};

const MODELS: [&str; 3] = [OPENAI, LOCAL, WORKERS_AI];

/// Asserts that a reply with this event between its words is `Hello there`, and returns its usage.
async fn assert_read(gateway: &Gateway, model: &str, event: &str) -> Value {
    let provider_response = RawResponse::events([
        chunk(json!({ "content": "Hello" }), Value::Null).to_string(),
        event.to_owned(),
        chunk(json!({ "content": " there" }), Value::Null).to_string(),
        chunk(json!({}), json!("stop")).to_string(),
        "[DONE]".to_owned(),
    ]);
    let streamed = gateway.stream(provider_response.clone(), hi(model)).await;
    assert_eq!(streamed.text(), "Hello there", "{model}, {event}");
    assert!(streamed.is_done, "{model}, {event}: {streamed:?}");
    let whole = gateway.completed(provider_response, hi(model)).await;
    let choice = &whole["choices"][0];
    assert_eq!(choice["message"]["content"], "Hello there", "{event}");
    assert_eq!(choice["finish_reason"], "stop", "{event}");
    whole["usage"].clone()
}

#[tokio::test]
async fn odd_events_do_not_end_a_reply() {
    let gateway = Gateway::new().await;
    for model in MODELS {
        for event in [
            json!({ "choices": null }),
            json!({ "choices": {} }),
            json!({ "id": "c", "object": "chat.completion.chunk" }),
            json!({}),
            json!([]),
            json!(7),
            json!(null),
            json!({ "choices": [{ "index": 0, "delta": null, "finish_reason": null }] }),
            json!({ "choices": [{ "index": 0, "delta": [], "finish_reason": null }] }),
            json!({ "choices": [{ "index": null, "delta": { "content": "" } }] }),
            json!({ "choices": [{ "delta": { "content": null, "tool_calls": null } }] }),
            json!({ "choices": [{ "delta": { "role": "assistant" } }] }),
            json!({ "choices": [null] }),
            json!({ "created": 1_763_690_000.5, "id": "", "model": null, "choices": [] }),
            json!({ "created": "yesterday", "id": 7, "choices": [] }),
            json!({ "error": null, "choices": [] }),
        ] {
            assert_read(&gateway, model, &event.to_string()).await;
        }
    }
}

#[tokio::test]
async fn odd_usage_is_read_where_it_is_valid() {
    let gateway = Gateway::new().await;
    let usage = |usage: Value| json!({ "choices": [], "usage": usage }).to_string();
    for model in MODELS {
        for odd in [
            json!(null),
            json!({}),
            json!([]),
            json!("7"),
            json!({ "prompt_tokens": -1, "completion_tokens": -1 }),
            json!({ "prompt_tokens": null, "completion_tokens": {} }),
        ] {
            let used = assert_read(&gateway, model, &usage(odd.clone())).await;
            assert_eq!(used["estimated"], true, "{model}, {odd}: {used}");
            assert!(used["prompt_tokens"].as_u64() < Some(1000), "{used}");
        }
        let floats = json!({ "prompt_tokens": 12.0, "completion_tokens": 3.0 });
        let used = assert_read(&gateway, model, &usage(floats)).await;
        assert_eq!(used["total_tokens"], 15, "{model}: {used}");
    }
    // Within a choice, and after the end.
    let counts = json!({ "prompt_tokens": 12, "completion_tokens": 3 });
    let nested = json!({ "choices": [{ "index": 0, "delta": {}, "usage": counts }] });
    let used = assert_read(&gateway, LOCAL, &nested.to_string()).await;
    assert_eq!(used["total_tokens"], 15, "{used}");
    let late = RawResponse::events([
        chunk(json!({ "content": "Hello" }), json!("stop")).to_string(),
        usage(counts),
        "[DONE]".to_owned(),
    ]);
    let whole = gateway.completed(late, hi(LOCAL)).await;
    assert_eq!(whole["usage"]["total_tokens"], 15, "{whole}");
}

#[tokio::test]
async fn content_in_parts_is_one_text() {
    let gateway = Gateway::new().await;
    let parts = |parts: Value| chunk(json!({ "content": parts }), Value::Null).to_string();
    let provider_response = RawResponse::events([
        parts(json!([{ "type": "text", "text": "Hel" }])),
        parts(json!([{ "type": "text", "text": "lo" }, { "type": "text", "text": " th" }])),
        parts(json!([])),
        parts(json!({ "type": "text", "text": "ere" })),
        chunk(json!({}), json!("stop")).to_string(),
    ]);
    for model in [OPENAI, LOCAL] {
        let streamed = gateway.stream(provider_response.clone(), hi(model)).await;
        assert_eq!(streamed.text(), "Hello there", "{model}");
    }
}

/// An event whose text is given as JSON, escapes included.
fn escaped(text: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#)
}

#[tokio::test]
async fn surrogates_are_joined_across_events() {
    let gateway = Gateway::new().await;
    let stop = chunk(json!({}), json!("stop")).to_string();
    for (texts, expected) in [
        (vec![r"a\ud83d", r"\ude00b"], "a😀b"),
        (vec![r"\ud83d\ude00"], "😀"),
        (vec![r"a\ud83d", "b"], "a\u{fffd}b"),
        (vec![r"a\ude00b"], "a\u{fffd}b"),
        (vec![r"a\ud83d"], "a\u{fffd}"),
        (vec![r"a\u0000b"], "a\u{0}b"),
    ] {
        let mut events: Vec<_> = texts.iter().map(|text| escaped(text)).collect();
        events.push(stop.clone());
        for model in MODELS {
            let streamed = gateway
                .stream(RawResponse::events(&events), hi(model))
                .await;
            assert_eq!(streamed.text(), expected, "{model}, {texts:?}");
            let whole = gateway
                .completed(RawResponse::events(&events), hi(model))
                .await;
            assert_eq!(whole["choices"][0]["message"]["content"], expected);
        }
    }
}

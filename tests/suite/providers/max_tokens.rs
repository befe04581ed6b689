//! A limit of tokens that a provider ignores is enforced by this server.

use serde_json::{Value, json};
use upstream::{RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, chunk, hi, with};

fn limited(model: &str, tokens: u32) -> Value {
    with(hi(model), json!({ "max_tokens": tokens }))
}

#[tokio::test]
async fn reply_beyond_max_tokens_ends_with_length() {
    let gateway = Gateway::new().await;
    for model in [OPENAI, LOCAL, ANTHROPIC, WORKERS_AI] {
        let endless = || Script::words(2_000).without_usage();
        let streamed = gateway.stream(endless(), limited(model, 10)).await;
        assert_eq!(
            streamed.finish_reason().as_deref(),
            Some("length"),
            "{model}"
        );
        assert!(streamed.is_done, "{model}");
        let text = streamed.text();
        assert!(
            !text.is_empty() && text.len() < 400,
            "{model}: {} bytes",
            text.len()
        );
        let whole = gateway.completed(endless(), limited(model, 10)).await;
        assert_eq!(whole["choices"][0]["finish_reason"], "length", "{model}");
        let used = whole["usage"]["completion_tokens"].as_u64().unwrap();
        assert!(used <= 11, "{model}: {used}");
    }
}

#[tokio::test]
async fn reasoning_counts_too() {
    let gateway = Gateway::new().await;
    let thoughts = (0..2_000).map(|n| {
        chunk(
            json!({ "reasoning_content": format!("t{n} ") }),
            Value::Null,
        )
    });
    let streamed = gateway
        .stream(RawResponse::events(thoughts), limited(LOCAL, 10))
        .await;
    assert_eq!(
        streamed.finish_reason().as_deref(),
        Some("length"),
        "{streamed:?}"
    );
    assert!(streamed.text_of("reasoning_content").len() < 400);
}

#[tokio::test]
async fn reply_within_max_tokens_is_not_touched() {
    let gateway = Gateway::new().await;
    for model in [OPENAI, LOCAL, ANTHROPIC, WORKERS_AI] {
        let script = Script::words(8).usage(10, 8);
        let streamed = gateway.stream(script, limited(model, 100)).await;
        assert_eq!(streamed.finish_reason().as_deref(), Some("stop"), "{model}");
        assert_eq!(streamed.text(), "w0 w1 w2 w3 w4 w5 w6 w7 ", "{model}");
    }
}

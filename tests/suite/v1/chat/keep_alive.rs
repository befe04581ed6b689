//! A stream is kept alive while the model is silent.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Script, Upstream};

use crate::harness::App;

/// The chunks of a reply during which the provider is silent twice for 2.5 s.
async fn chunks_with(interval: &str) -> (Vec<Value>, String) {
    let silent = Duration::from_millis(2_500);
    let script = Script::new(["Hello", " there"])
        .first_delay(silent)
        .delay(silent);
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("stream_keepalive_seconds", interval)
        .start()
        .await;
    let guest = app.client().guest().await;
    let body = json!({
        "model": "gpt-4o", "stream": true,
        "messages": [{ "role": "user", "content": "Hi!" }],
    });
    let response = guest.post("/v1/chat/completions", body).await;
    let text = response.text().to_owned();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    (chunks, text)
}

fn is_empty(chunk: &&Value) -> bool {
    let choice = &chunk["choices"][0];
    choice["delta"] == json!({}) && choice["finish_reason"].is_null()
}

#[tokio::test]
async fn silence_is_filled_with_chunks_without_content() {
    let (chunks, text) = chunks_with("1").await;
    // One of the pauses may end before the response begins.
    assert!(chunks.iter().filter(is_empty).count() >= 2, "{text}");
    assert!(
        text.lines()
            .all(|line| line.is_empty() || line.starts_with("data: ")),
        "{text}"
    );
    let content = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(content.collect::<String>(), "Hello there");
    let id = &chunks[0]["id"];
    assert!(chunks.iter().all(|chunk| chunk["id"] == *id), "{text}");
}

#[tokio::test]
async fn interval_of_zero_sends_nothing_during_silence() {
    let (chunks, text) = chunks_with("0").await;
    assert_eq!(chunks.iter().filter(is_empty).count(), 0, "{text}");
}

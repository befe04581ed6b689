//! Content types and framing: a reply is read whatever surrounds it.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::RawResponse;

use crate::harness::gateway::{Gateway, LOCAL, OPENAI, chunk, hi};

/// The payloads of a reply that says `Hello there`.
fn payloads() -> Vec<String> {
    vec![
        chunk(json!({ "role": "assistant", "content": "" }), Value::Null).to_string(),
        chunk(json!({ "content": "Hello" }), Value::Null).to_string(),
        chunk(json!({ "content": " there" }), Value::Null).to_string(),
        chunk(json!({}), json!("stop")).to_string(),
        "[DONE]".to_owned(),
    ]
}

async fn assert_hello(gateway: &Gateway, what: &str, provider_response: RawResponse) {
    for model in [OPENAI, LOCAL] {
        let streamed = gateway.stream(provider_response.clone(), hi(model)).await;
        assert_eq!(
            streamed.text(),
            "Hello there",
            "{model}, {what}: {streamed:?}"
        );
        assert!(streamed.is_done, "{model}, {what}: {streamed:?}");
        let whole = gateway
            .completed(provider_response.clone(), hi(model))
            .await;
        let text = &whole["choices"][0]["message"]["content"];
        assert_eq!(text, "Hello there", "{model}, {what}");
    }
}

#[tokio::test]
async fn content_type_of_a_stream_does_not_matter() {
    let gateway = Gateway::new().await;
    for content_type in [
        Some("text/event-stream; charset=utf-8"),
        Some("application/octet-stream"),
        Some("text/plain"),
        Some("application/json"),
        None,
    ] {
        let provider_response = RawResponse::events(payloads()).content_type(content_type);
        assert_hello(&gateway, &format!("{content_type:?}"), provider_response).await;
    }
}

#[tokio::test]
async fn whole_completion_in_place_of_a_stream_is_read() {
    let gateway = Gateway::new().await;
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop",
                      "message": { "role": "assistant", "content": "Hello there" } }],
        "usage": { "prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6 },
    });
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "text/event-stream",
    ] {
        let provider_response = RawResponse::json(&body)
            .content_type(Some(content_type))
            .split(7);
        let whole = gateway
            .completed(provider_response.clone(), hi(LOCAL))
            .await;
        assert_eq!(whole["usage"]["total_tokens"], 6, "{content_type}: {whole}");
        assert_hello(&gateway, content_type, provider_response).await;
    }
    // With white space around it, as some servers format it.
    let pretty = format!("\n{}\n", serde_json::to_string_pretty(&body).unwrap());
    let provider_response = RawResponse::new()
        .content_type(Some("application/json"))
        .then(pretty);
    assert_hello(&gateway, "pretty", provider_response).await;
}

#[tokio::test]
async fn lines_of_json_are_read() {
    let gateway = Gateway::new().await;
    let lines: String = payloads()[..4]
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    for content_type in [
        "application/x-ndjson",
        "application/jsonl",
        "text/event-stream",
    ] {
        for split in [1, 64, 100_000] {
            let provider_response = RawResponse::new()
                .content_type(Some(content_type))
                .then(lines.clone());
            assert_hello(&gateway, content_type, provider_response.split(split)).await;
        }
    }
}

#[tokio::test]
async fn framing_of_events_does_not_matter() {
    let gateway = Gateway::new().await;
    let framed = |begin: &str, end: &str| -> String {
        payloads()
            .iter()
            .map(|data| format!("{begin}{data}{end}"))
            .collect()
    };
    for (what, body) in [
        ("single line ends", framed("data: ", "\n")),
        ("CR", framed("data: ", "\r\r")),
        ("CR LF", framed("data: ", "\r\n\r\n")),
        ("no space", framed("data:", "\n\n")),
        ("event names", framed("event: message\ndata: ", "\n\n")),
        (
            "other names",
            framed("event: completion.chunk\nid: 7\nretry: 3\ndata: ", "\n\n"),
        ),
        (
            "comments",
            framed(": OPENROUTER PROCESSING\n\ndata: ", "\n\n"),
        ),
        (
            "byte order mark",
            format!("\u{feff}{}", framed("data: ", "\n\n")),
        ),
        (
            "empty lines",
            format!("\n\n\n{}", framed("data: ", "\n\n\n\n")),
        ),
        (
            "no last line end",
            framed("data: ", "\n\n").trim_end().to_owned(),
        ),
    ] {
        for split in [1, 100_000] {
            let provider_response = RawResponse::new().then(body.clone()).split(split);
            assert_hello(&gateway, what, provider_response).await;
        }
    }
}

#[tokio::test]
async fn events_of_megabytes_are_read() {
    let gateway = Gateway::new().await;
    let url = format!("data:image/png;base64,{}", "A".repeat(3 * 1024 * 1024));
    let image = json!([{ "type": "image_url", "image_url": { "url": url } }]);
    let mut events = payloads();
    events.insert(
        2,
        chunk(json!({ "images": image }), Value::Null).to_string(),
    );
    let provider_response = RawResponse::events(&events);
    let streamed = gateway.stream(provider_response.clone(), hi(LOCAL)).await;
    assert_eq!(streamed.text(), "Hello there");
    assert!(streamed.values_of("images") == [image.clone()]);
    let whole = gateway.completed(provider_response, hi(LOCAL)).await;
    assert!(whole["choices"][0]["message"]["images"] == image);
}

#[tokio::test]
async fn comments_reset_the_idle_timer() {
    let gateway = Gateway::with(&[
        ("llm_idle_timeout_seconds", "1"),
        ("llm_first_token_timeout_seconds", "20"),
    ])
    .await;
    let silence = Duration::from_millis(600);
    let [role, hello, there, stop, done] = payloads().try_into().unwrap();
    let mut provider_response = RawResponse::events([role, hello]);
    for comment in [": ping\n\n", ":\n\n", ": OPENROUTER PROCESSING\n"] {
        provider_response = provider_response.pause(silence).then(comment);
    }
    let provider_response = [there, stop, done].iter().fold(
        provider_response.pause(silence),
        |provider_response, data| provider_response.then(format!("data: {data}\n\n")),
    );
    assert_hello(&gateway, "comments", provider_response).await;
    let silent = RawResponse::events([chunk(json!({ "content": "Hello" }), Value::Null)]).hang();
    let streamed = gateway.stream(silent, hi(LOCAL)).await;
    assert_eq!(streamed.error.unwrap()["code"], "provider_timeout");
}

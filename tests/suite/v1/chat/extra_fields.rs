//! Fields that this server does not know are passed on unchanged: from the client to a provider with
//! OpenAI's API, and from it to the client.

use serde_json::{Value, json};
use upstream::{Gate, RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, chunk, hi, open, with};

const MODELS: [&str; 2] = [OPENAI, LOCAL];

/// An event with fields at every level.
fn event(of_event: Value, of_choice: Value, delta: Value) -> Value {
    let mut event = with(chunk(delta, Value::Null), of_event);
    event["choices"][0] = with(event["choices"][0].clone(), of_choice);
    event
}

/// A reply with fields of several servers.
fn reply() -> RawResponse {
    let token = |text: &str| json!({ "logprobs": { "content": [{ "token": text, "logprob": -0.5, "top_logprobs": [] }], "refusal": null } });
    let detail = |text: &str| json!([{ "type": "reasoning.text", "index": 0, "text": text }]);
    let of_event = json!({ "system_fingerprint": "fp_1", "service_tier": "default", "provider": "Some", "x_new": { "a": 1 } });
    let call = json!({ "index": 0, "id": "call_1", "type": "function",
        "function": { "name": "add", "arguments": "{}" },
        "extra_content": { "google": { "thought_signature": "c2ln" } } });
    let citation = |url: &str| json!({ "type": "url_citation", "url_citation": { "url": url } });
    RawResponse::events([
        event(of_event.clone(), json!({}), json!({ "role": "assistant", "content": "" })),
        event(of_event.clone(), json!({}), json!({ "reasoning_content": "Let me ", "reasoning_details": detail("Let me ") })),
        event(of_event.clone(), json!({}), json!({ "reasoning_content": "see.", "reasoning_details": detail("see.") })),
        event(of_event.clone(), token("Hel"), json!({ "content": "Hel", "x_delta": 1 })),
        event(of_event.clone(), token("lo"), json!({ "content": "lo" })),
        event(of_event.clone(), json!({}), json!({ "annotations": [citation("https://a.example")] })),
        event(of_event.clone(), json!({}), json!({ "annotations": [citation("https://b.example")] })),
        event(of_event.clone(), json!({}), json!({ "audio": { "id": "audio_1", "data": "AA", "transcript": "Hel" } })),
        event(of_event.clone(), json!({}), json!({ "audio": { "data": "BB", "transcript": "lo" } })),
        event(of_event.clone(), json!({}), json!({ "images": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }] })),
        event(of_event.clone(), json!({}), json!({ "tool_calls": [call] })),
        event(of_event, json!({ "finish_reason": "tool_calls", "x_choice": true }), json!({})),
        json!({ "choices": [], "usage": {
            "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 5 }, "cost": 0.25,
        }}),
    ])
    .then("data: [DONE]\n\n")
}

#[tokio::test]
async fn providers_fields_are_in_the_chunks() {
    let gateway = Gateway::new().await;
    for model in MODELS {
        let body = with(
            hi(model),
            json!({ "stream_options": { "include_usage": true } }),
        );
        let streamed = gateway.stream(reply(), body).await;
        assert_eq!(streamed.text(), "Hello", "{streamed:?}");
        for chunk in &streamed.chunks {
            assert_eq!(chunk["system_fingerprint"], "fp_1", "{chunk}");
            assert_eq!(chunk["service_tier"], "default", "{chunk}");
            assert_eq!(chunk["provider"], "Some", "{chunk}");
            assert_eq!(chunk["x_new"], json!({ "a": 1 }), "{chunk}");
        }
        assert_eq!(streamed.text_of("reasoning_content"), "Let me see.");
        assert_eq!(
            streamed.values_of("reasoning_details").len(),
            2,
            "{streamed:?}"
        );
        assert_eq!(streamed.values_of("annotations").len(), 2, "{streamed:?}");
        assert_eq!(streamed.values_of("audio").len(), 2, "{streamed:?}");
        assert_eq!(streamed.values_of("images").len(), 1, "{streamed:?}");
        // Log probabilities are beside the text that they are of.
        for text in ["Hel", "lo"] {
            let mut choices = streamed.chunks.iter().map(|chunk| &chunk["choices"][0]);
            let choice = choices
                .find(|choice| choice["delta"]["content"] == text)
                .unwrap();
            assert_eq!(choice["logprobs"]["content"][0]["token"], text, "{choice}");
        }
        let call = &streamed.tool_calls()[0];
        assert_eq!(call["extra_content"]["google"]["thought_signature"], "c2ln");
        let mut choices = streamed.chunks.iter().map(|chunk| &chunk["choices"][0]);
        let end = choices
            .find(|choice| choice["finish_reason"] == "tool_calls")
            .unwrap();
        assert_eq!(end["x_choice"], true, "{end}");
        let usage = &streamed.chunks.last().unwrap()["usage"];
        assert_eq!(usage["cost"], 0.25, "{usage}");
        assert_eq!(usage["prompt_tokens_details"]["audio_tokens"], 5, "{usage}");
    }
}

#[tokio::test]
async fn providers_fields_are_merged_in_the_whole_completion() {
    let gateway = Gateway::new().await;
    for model in MODELS {
        let whole = gateway.completed(reply(), hi(model)).await;
        assert_eq!(whole["system_fingerprint"], "fp_1", "{whole}");
        assert_eq!(whole["service_tier"], "default", "{whole}");
        let choice = &whole["choices"][0];
        let tokens = choice["logprobs"]["content"].as_array().unwrap();
        assert_eq!(tokens.len(), 2, "{whole}");
        assert_eq!(choice["x_choice"], true, "{whole}");
        let message = &choice["message"];
        assert_eq!(message["reasoning_content"], "Let me see.", "{whole}");
        assert_eq!(
            message["reasoning_details"],
            json!([{ "type": "reasoning.text", "index": 0, "text": "Let me see." }])
        );
        assert_eq!(
            message["annotations"].as_array().unwrap().len(),
            2,
            "{whole}"
        );
        assert_eq!(
            message["audio"],
            json!({ "id": "audio_1", "data": "AABB", "transcript": "Hello" })
        );
        assert_eq!(message["images"].as_array().unwrap().len(), 1, "{whole}");
        let call = &message["tool_calls"][0];
        assert_eq!(call["extra_content"]["google"]["thought_signature"], "c2ln");
        assert_eq!(whole["usage"]["cost"], 0.25, "{whole}");
    }
}

#[tokio::test]
async fn reasoning_keeps_its_field_and_refusal_is_passed_on() {
    let gateway = Gateway::new().await;
    let provider_response = RawResponse::events([
        chunk(json!({ "reasoning": "Hm." }), Value::Null),
        chunk(json!({ "refusal": "I can't." }), Value::Null),
        chunk(json!({}), json!("stop")),
    ]);
    let streamed = gateway.stream(provider_response.clone(), hi(LOCAL)).await;
    assert_eq!(streamed.text_of("reasoning"), "Hm.");
    assert_eq!(streamed.text_of("refusal"), "I can't.");
    let message = &gateway.completed(provider_response, hi(LOCAL)).await["choices"][0]["message"];
    assert_eq!(message["reasoning"], "Hm.");
    assert_eq!(message["refusal"], "I can't.");
    assert_eq!(message["content"], Value::Null);
}

#[tokio::test]
async fn clients_fields_reach_the_provider() {
    let gateway = Gateway::new().await;
    for model in MODELS {
        let messages = json!([
            { "role": "user", "x_message": { "a": [1] }, "content": [
                { "type": "text", "text": "Listen.", "cache_control": { "type": "ephemeral" } },
                { "type": "input_audio", "input_audio": { "data": "AA", "format": "wav" } },
                { "type": "video_url", "video_url": { "url": "https://i.example/1.mp4" } },
                { "type": "image_url", "image_url": { "url": "https://i.example/1.png", "detail": "original", "x": 1 } },
            ]},
            { "role": "assistant", "content": null, "reasoning_content": "Hm.",
              "reasoning_details": [{ "type": "reasoning.encrypted", "data": "ZGF0YQ==" }],
              "tool_calls": [{
                "id": "call_1", "type": "function", "function": { "name": "add", "arguments": "{}" },
                "extra_content": { "google": { "thought_signature": "c2ln" } },
            }]},
            { "role": "tool", "tool_call_id": "call_1", "content": "3" },
        ]);
        let fields = json!({
            "messages": messages, "reasoning_effort": "low", "logprobs": true, "top_logprobs": 2,
            "service_tier": "flex", "modalities": ["text"], "safety_identifier": "s", "x_request": { "deep": [null, 1.5] },
            "tools": [
                { "type": "function", "function": { "name": "add", "x_function": 1 }, "x_tool": 2 },
                { "type": "custom", "custom": { "name": "run" } },
            ],
            "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "auto", "tools": [] } },
            "response_format": { "type": "grammar", "grammar": "root ::= \"a\"" },
        });
        gateway
            .completed(Script::new(["ok"]), with(hi(model), fields.clone()))
            .await;
        let request = gateway.provider_request();
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&request[name], value, "{model}, {name}: {request}");
        }
    }
}

#[tokio::test]
async fn fields_of_a_reply_are_sent_back_unchanged() {
    let gateway = Gateway::new().await;
    let whole = gateway.completed(reply(), hi(LOCAL)).await;
    let message = whole["choices"][0]["message"].clone();
    let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "3" });
    let messages = json!([{ "role": "user", "content": "Hi!" }, message, result]);
    gateway
        .completed(
            Script::new(["ok"]),
            with(hi(LOCAL), json!({ "messages": messages })),
        )
        .await;
    let sent = &gateway.provider_request()["messages"][1];
    for name in [
        "reasoning_content",
        "reasoning_details",
        "annotations",
        "audio",
        "images",
        "tool_calls",
    ] {
        assert_eq!(sent[name], message[name], "{name}: {sent}");
    }
}

#[tokio::test]
async fn omitted_parameters_header_is_exposed_to_browsers() {
    let gateway = Gateway::new().await;
    let client = gateway.guest.with("origin", "http://localhost:3000");
    let body = with(hi(ANTHROPIC), json!({ "seed": 7, "logprobs": false }));
    let response = client.post("/v1/chat/completions", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        response.header("x-goldfish-omitted-parameters"),
        Some("seed")
    );
    let exposed = response.header("access-control-expose-headers").unwrap();
    assert!(
        exposed.contains("x-goldfish-omitted-parameters"),
        "{exposed}"
    );
}

#[tokio::test]
async fn fields_without_content_do_not_prevent_a_retry() {
    let gateway = Gateway::with(&[("llm_max_attempts", "2")]).await;
    let of_event = json!({ "system_fingerprint": "fp_1", "service_tier": "default" });
    let first = event(
        of_event,
        json!({}),
        json!({ "role": "assistant", "content": "" }),
    );
    let streamed = {
        gateway
            .upstream
            .push(RawResponse::events([first]).cut().into());
        gateway.stream(Script::new(["Hel", "lo"]), hi(LOCAL)).await
    };
    assert_eq!(streamed.text(), "Hello", "{streamed:?}");
    assert!(streamed.is_done, "{streamed:?}");
    assert_eq!(gateway.upstream.requests().len(), 2);
}

#[tokio::test]
async fn fields_arrive_before_the_next_event() {
    let gateway = Gateway::new().await;
    let gate = Gate::default();
    let provider_response = RawResponse::events([
        chunk(json!({ "content": "Hello" }), Value::Null),
        chunk(json!({ "annotations": [{ "type": "x" }] }), Value::Null),
    ])
    .gate(&gate)
    .then(format!("data: {}\n\n", chunk(json!({}), json!("stop"))));
    gateway.upstream.push(provider_response.into());
    let mut stream = open(&gateway.guest, hi(LOCAL)).await.accepted().await;
    loop {
        let event = stream
            .next()
            .await
            .expect("annotations before the end")
            .json();
        if !event["choices"][0]["delta"]["annotations"].is_null() {
            break;
        }
    }
    gate.open();
}

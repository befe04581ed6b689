//! Anthropic's API behind OpenAI's: reasoning with its proof, caching, tools, ends and cost.

use serde_json::{Value, json};
use upstream::{RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, hi, with};
use crate::harness::{Guest, eventually};

/// A model at 3 and 15 dollars a million.
const SONNET: &str = "claude-3-5-sonnet";

/// A reply of these content blocks, each with its deltas, that reason and that usage.
pub(crate) fn reply(blocks: &[(Value, Vec<Value>)], reason: &str, usage: &Value) -> RawResponse {
    let mut events = vec![json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": usage,
    }})];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        events
            .push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        for delta in deltas {
            events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    events.push(json!({
        "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": usage,
    }));
    events.push(json!({ "type": "message_stop" }));
    RawResponse::named_events(events)
}

pub(crate) fn text(text: &str) -> (Value, Vec<Value>) {
    let delta = json!({ "type": "text_delta", "text": text });
    (json!({ "type": "text", "text": "" }), vec![delta])
}

pub(crate) fn usage() -> Value {
    json!({ "input_tokens": 3, "output_tokens": 5 })
}

async fn provider_request(gateway: &Gateway, body: Value) -> Value {
    gateway.completed(Script::new(["ok"]), body).await;
    gateway.provider_request()
}

#[tokio::test]
async fn thinking_is_received_and_sent_with_its_signature() {
    let gateway = Gateway::new().await;
    let thinking = (
        json!({ "type": "thinking", "thinking": "", "signature": "" }),
        vec![
            json!({ "type": "thinking_delta", "thinking": "Let me " }),
            json!({ "type": "thinking_delta", "thinking": "see." }),
            json!({ "type": "signature_delta", "signature": "c2ln" }),
        ],
    );
    let redacted = (
        json!({ "type": "redacted_thinking", "data": "ZGF0YQ==" }),
        vec![],
    );
    let call = (
        json!({ "type": "tool_use", "id": "toolu_1", "name": "add", "input": {} }),
        vec![json!({ "type": "input_json_delta", "partial_json": "{\"a\":1}" })],
    );
    let response = reply(&[thinking, redacted, call], "tool_use", &usage());
    let tools = json!([{ "type": "function", "function": { "name": "add" } }]);
    let thinking = json!({ "type": "enabled", "budget_tokens": 2048 });
    let body = with(
        hi(ANTHROPIC),
        json!({ "tools": tools, "thinking": thinking }),
    );
    let blocks = json!([
        { "type": "thinking", "thinking": "Let me see.", "signature": "c2ln" },
        { "type": "redacted_thinking", "data": "ZGF0YQ==" },
    ]);

    let streamed = gateway.stream(response.clone(), body.clone()).await;
    assert_eq!(gateway.provider_request()["thinking"], thinking);
    assert_eq!(streamed.text_of("reasoning_content"), "Let me see.");
    let streamed_blocks: Vec<_> = streamed.values_of("thinking_blocks");
    let streamed_blocks: Vec<_> = streamed_blocks
        .iter()
        .flat_map(|list| list.as_array().unwrap())
        .collect();
    assert_eq!(json!(streamed_blocks), blocks);
    let whole = gateway.completed(response, body.clone()).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["thinking_blocks"], blocks, "{whole}");

    // The client sends the message back with the result of the call.
    let result = json!({ "role": "tool", "tool_call_id": "toolu_1", "content": "3" });
    let messages = json!([body["messages"][0], message, result]);
    let request = provider_request(&gateway, with(body, json!({ "messages": messages }))).await;
    let sent = &request["messages"][1]["content"];
    assert_eq!(sent[0], blocks[0], "{request}");
    assert_eq!(sent[1], blocks[1], "{request}");
    assert_eq!(sent[2]["type"], "tool_use", "{request}");
    assert_eq!(
        request["messages"][2]["content"][0]["type"], "tool_result",
        "{request}"
    );
}

#[tokio::test]
async fn parameters_are_mapped() {
    let gateway = Gateway::new().await;
    let cached = json!({ "type": "ephemeral" });
    let body = json!({
        "model": "claude-haiku-4-5",
        "messages": [
            { "role": "system", "content": [{ "type": "text", "text": "Be brief.", "cache_control": cached }] },
            { "role": "user", "content": [
                { "type": "text", "text": "Look.", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
                { "type": "image_url", "image_url": { "url": "https://i.example/1.png", "detail": "high" } },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" } },
            ]},
        ],
        "tools": [{ "type": "function", "function": { "name": "add" }, "cache_control": cached }],
        "tool_choice": "required", "parallel_tool_calls": false,
        "top_k": 40, "stop": ["END"], "user": "u-1", "temperature": 1.5,
    });
    let sent = provider_request(&gateway, body.clone()).await;
    assert_eq!(sent["system"][0]["cache_control"], cached, "{sent}");
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[0]["cache_control"]["ttl"], "1h", "{sent}");
    assert_eq!(
        content[1]["source"],
        json!({ "type": "url", "url": "https://i.example/1.png" })
    );
    assert_eq!(content[2]["source"]["type"], "base64", "{sent}");
    assert_eq!(sent["tools"][0]["cache_control"], cached, "{sent}");
    assert_eq!(
        sent["tool_choice"],
        json!({ "type": "any", "disable_parallel_tool_use": true }),
        "{sent}"
    );
    assert_eq!(sent["top_k"], 40, "{sent}");
    assert_eq!(sent["stop_sequences"], json!(["END"]), "{sent}");
    assert_eq!(sent["metadata"]["user_id"], "u-1", "{sent}");
    assert_eq!(sent["temperature"], 1.0, "{sent}");
    for (choice, kind) in [("none", "none"), ("auto", "auto")] {
        let sent = provider_request(
            &gateway,
            with(body.clone(), json!({ "tool_choice": choice })),
        )
        .await;
        assert_eq!(sent["tool_choice"]["type"], kind, "{sent}");
    }
}

#[tokio::test]
async fn stop_reasons_are_mapped() {
    let gateway = Gateway::new().await;
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        ("something_new", "something_new"),
    ] {
        let response = reply(&[text("Hello")], reason, &usage());
        let whole = gateway.completed(response.clone(), hi(ANTHROPIC)).await;
        let finish_reason = &whole["choices"][0]["finish_reason"];
        assert_eq!(finish_reason, expected, "{reason}: {whole}");
        let streamed = gateway.stream(response, hi(ANTHROPIC)).await;
        assert_eq!(
            streamed.finish_reason().as_deref(),
            Some(expected),
            "{reason}"
        );
    }
    let mut events =
        vec![json!({ "type": "message_start", "message": { "content": [], "usage": usage() } })];
    events.extend([
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "Hello" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "stop_sequence", "stop_sequence": "END" }, "usage": usage() }),
        json!({ "type": "message_stop" }),
    ]);
    let whole = gateway
        .completed(RawResponse::named_events(events), hi(ANTHROPIC))
        .await;
    assert_eq!(whole["choices"][0]["stop_sequence"], "END", "{whole}");
}

/// The cost of a user's only reply, in millionths of a dollar.
async fn cost(guest: &Guest) -> u64 {
    let usage = eventually("the request to be settled", || async {
        let usage = guest.get("/api/usage").await.json();
        (usage["totals"]["requests"] == 1).then_some(usage)
    })
    .await;
    let dollars = usage["totals"]["costUsd"]
        .as_f64()
        .unwrap_or_else(|| panic!("{usage}"));
    format!("{:.0}", dollars * 1e6).parse().unwrap()
}

#[tokio::test]
async fn cache_writes_and_reads_are_in_usage_and_cost() {
    let gateway = Gateway::new().await;
    let counts = |write: u32, read: u32, hour: Option<u32>| {
        let mut usage = json!({
            "input_tokens": 3, "cache_creation_input_tokens": write, "cache_read_input_tokens": read,
            "output_tokens": 550,
        });
        if let Some(hour) = hour {
            usage["cache_creation"] = json!({ "ephemeral_5m_input_tokens": write - hour, "ephemeral_1h_input_tokens": hour });
        }
        usage
    };
    for (usage, expected, cached) in [
        (counts(12_304, 0, None), 54_399, 0),
        (counts(12_304, 0, Some(0)), 54_399, 0),
        (counts(12_304, 0, Some(12_304)), 82_083, 0),
        (counts(2_000, 10_304, Some(1_000)), 21_101, 10_304),
    ] {
        for stream in [true, false] {
            let guest = gateway.app.client().guest().await;
            gateway
                .upstream
                .push(reply(&[text("Hello")], "end_turn", &usage).into());
            let body = with(hi(SONNET), json!({ "stream": stream }));
            let response = guest.post("/v1/chat/completions", body).await;
            assert_eq!(response.status, 200, "{response:?}");
            assert_eq!(cost(&guest).await, expected, "{usage}, {stream}");
            if !stream {
                let used = &response.json()["usage"];
                assert_eq!(used["prompt_tokens"], 12_307, "{used}");
                assert_eq!(
                    used["prompt_tokens_details"]["cached_tokens"], cached,
                    "{used}"
                );
            }
        }
        // The same in a conversation.
        let guest = gateway.app.client().guest().await;
        gateway
            .upstream
            .push(reply(&[text("Hello")], "end_turn", &usage).into());
        let chat = guest
            .chat(json!({ "message": "Hi", "model": SONNET }))
            .await;
        chat.accepted().await.events().await;
        assert_eq!(cost(&guest).await, expected, "{usage}");
    }
}

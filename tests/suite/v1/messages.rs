//! `POST /v1/messages` and `POST /v1/messages/count_tokens`.

use serde_json::{Value, json};
use upstream::{Ending, Failure, Fault, Outcome, RawResponse, Script, Upstream};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, WORKERS_AI, with};
use crate::harness::{App, ChangedManifest, Event, Guest, eventually};

const PATH: &str = "/v1/messages";

fn hi(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 256, "messages": [{ "role": "user", "content": "Hi!" }] })
}

async fn events(guest: &Guest, body: Value) -> Vec<Event> {
    let client = guest.with("content-type", "application/json");
    let body = with(body, json!({ "stream": true })).to_string();
    let response = client.open("POST", PATH, Some(body.into_bytes())).await;
    assert_eq!(response.status, 200);
    response.events().await
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::name).collect()
}

fn deltas(events: &[Event], kind: &str, member: &str) -> String {
    let deltas = events.iter().map(Event::json).filter_map(|event| {
        (event["delta"]["type"] == kind)
            .then(|| event["delta"][member].as_str().unwrap().to_owned())
    });
    deltas.collect()
}

/// A chat completion of two parallel calls, whose parts are interleaved, with reasoning before.
fn two_calls() -> RawResponse {
    let chunk = |delta: Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
    let call = |index: u32, function: Value| json!({ "tool_calls": [{ "index": index, "id": format!("call_{index}"), "type": "function", "function": function }] });
    let more = |index: u32, arguments: &str| json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] });
    let events = [
        chunk(json!({ "reasoning_content": "Two sums." }), Value::Null),
        chunk(
            call(0, json!({ "name": "add", "arguments": "{\"a\":" })),
            Value::Null,
        ),
        chunk(
            call(1, json!({ "name": "add", "arguments": "{\"a\":" })),
            Value::Null,
        ),
        chunk(more(0, "1}"), Value::Null),
        chunk(more(1, "2}"), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ];
    RawResponse::events(events).then("data: [DONE]\n\n")
}

#[tokio::test]
async fn an_anthropic_model_gets_the_unchanged_body_and_its_events_are_returned() {
    let gateway = Gateway::new().await;
    let body = format!(
        "{{ \"stream\":true, \"max_tokens\" : 256,\"model\":\"{ANTHROPIC}\",\n \"new_field\":{{\"b\":1.50,\"a\":[]}},\
         \"system\":[{{\"type\":\"text\",\"text\":\"Be kind.\",\"cache_control\":{{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}}}],\
         \"messages\":[{{\"role\":\"user\",\"content\":\"Hi!\"}},{{\"role\":\"assistant\",\"content\":[{{\"signature\":\"c2ln\",\"type\":\"thinking\",\"thinking\":\"\"}},\
         {{\"type\":\"text\",\"text\":\"Yes?\"}}]}},{{\"role\":\"user\",\"content\":\"Go on.\"}}] }}"
    );
    let sent = [
        "event: message_start\ndata: {\"type\":\"message_start\", \"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":3,\"cache_creation\":{\"ephemeral_1h_input_tokens\":2}}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s1\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"x\":1}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hé\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":2,\"cache_creation\":{\"ephemeral_1h_input_tokens\":2},\"output_tokens\":5}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ]
    .concat();
    gateway
        .upstream
        .push(RawResponse::new().then(sent.clone()).into());
    let response = gateway
        .guest
        .with("content-type", "application/json")
        .with("anthropic-version", "2023-06-01")
        .with(
            "anthropic-beta",
            "interleaved-thinking-2025-05-14, context-1m-2025-08-07",
        )
        .send(
            "POST",
            "/v1/messages?beta=true",
            Some(body.clone().into_bytes()),
        )
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.text(), sent);
    assert!(response.header("request-id").is_some());
    assert_eq!(response.header("x-goldfish-provider"), Some("anthropic"));

    let request = gateway.upstream.requests().pop().unwrap();
    let upstream_name = request.json()["model"].as_str().unwrap().to_owned();
    let expected = body.replace(ANTHROPIC, &upstream_name);
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), expected);
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(
        request.header("anthropic-beta"),
        Some("interleaved-thinking-2025-05-14,context-1m-2025-08-07")
    );
    assert_ne!(request.header("x-api-key"), None);
    assert_eq!(request.header("cookie"), None);

    // It is charged: reads and writes of the cache are a part of the prompt.
    eventually("the usage", async || {
        let usage = gateway.guest.get("/api/usage").await.json();
        (usage.to_string().contains("\"promptTokens\":5")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_anthropic_model_not_streamed_returns_its_own_body() {
    let gateway = Gateway::new().await;
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{ "type": "text", "text": "Hi", "citations": [] }],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": { "input_tokens": 3, "output_tokens": 1 }, "container": null,
    });
    gateway.upstream.push(RawResponse::json(&message).into());
    let response = gateway.guest.post(PATH, hi(ANTHROPIC)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.text(), message.to_string());
}

#[tokio::test]
async fn other_models_stream_blocks_one_after_the_other() {
    let gateway = Gateway::new().await;
    gateway.upstream.push(two_calls().into());
    let tools = json!([{ "name": "add", "input_schema": { "type": "object" } }]);
    let events = events(&gateway.guest, with(hi(LOCAL), json!({ "tools": tools }))).await;
    assert_eq!(
        names(&events),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ],
        "{events:?}"
    );
    assert_eq!(deltas(&events, "thinking_delta", "thinking"), "Two sums.");
    assert_eq!(
        deltas(&events, "input_json_delta", "partial_json"),
        "{\"a\":1}{\"a\":2}"
    );
    let end = events[events.len() - 2].json();
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
    assert!(end["usage"]["cache_read_input_tokens"].is_u64(), "{end}");
    assert_eq!(
        gateway.provider_request()["tools"][0]["function"]["name"],
        "add"
    );
}

#[tokio::test]
async fn other_models_return_a_whole_message_whose_thinking_is_sent_in_the_next_turn() {
    let row = r#"[{"id":"local-model","provider":"local","reasoningInput":"reasoningContent"}]"#;
    let gateway = Gateway::with(&[("models", row)]).await;
    gateway.upstream.push(two_calls().into());
    let tools = json!([{ "name": "add", "input_schema": { "type": "object" } }]);
    let body = with(hi(LOCAL), json!({ "tools": tools }));
    let response = gateway.guest.post(PATH, body.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let message = response.json();
    assert_eq!(message["stop_reason"], "tool_use", "{message}");
    assert_eq!(message["content"][0]["thinking"], "Two sums.");
    assert_eq!(message["content"][2]["input"], json!({ "a": 2 }));
    assert_eq!(message["model"], LOCAL);

    let result = |index: usize, text: &str| json!({ "type": "tool_result", "tool_use_id": message["content"][index]["id"], "content": text });
    let messages = json!([
        body["messages"][0],
        { "role": "assistant", "content": message["content"] },
        { "role": "user", "content": [result(1, "1"), result(2, "2"), { "type": "text", "text": "Well?" }] },
    ]);
    let next = with(body, json!({ "messages": messages }));
    gateway.upstream.push(Script::new(["3"]));
    let response = gateway.guest.post(PATH, next.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let sent = gateway.provider_request()["messages"].clone();
    assert_eq!(sent[1]["reasoning_content"], "Two sums.", "{sent}");
    assert_eq!(sent[1]["tool_calls"][1]["id"], "call_1", "{sent}");
    assert_eq!(
        sent[2],
        json!({ "role": "tool", "tool_call_id": "call_0", "content": "1" })
    );
    assert_eq!(sent[4], json!({ "role": "user", "content": "Well?" }));

    // Anthropic gets none of the other model's reasoning.
    gateway.upstream.push(Script::new(["3"]));
    let response = gateway
        .guest
        .post(
            PATH,
            with(next, json!({ "model": ANTHROPIC, "stream": true })),
        )
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let content = gateway.provider_request()["messages"][1]["content"].clone();
    assert_eq!(content[0]["type"], "tool_use", "{content}");
}

#[tokio::test]
async fn images_are_sent_to_other_models_in_their_format() {
    let gateway = Gateway::new().await;
    let body = with(
        hi(LOCAL),
        json!({ "system": "Look.", "messages": [{ "role": "user", "content": [
            { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" } },
            { "type": "text", "text": "What is it?", "cache_control": { "type": "ephemeral" } },
        ]}]}),
    );
    let response = gateway.guest.post(PATH, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let messages = gateway.provider_request()["messages"].clone();
    assert_eq!(messages[0], json!({ "role": "system", "content": "Look." }));
    assert_eq!(
        messages[1]["content"][0]["image_url"]["url"],
        "data:image/png;base64,iVBORw0KGgo="
    );
    assert_eq!(
        messages[1]["content"][1],
        json!({ "type": "text", "text": "What is it?" })
    );
}

#[tokio::test]
async fn each_end_has_its_stop_reason() {
    let gateway = Gateway::new().await;
    for (ending, reason) in [
        (Ending::Length, "max_tokens"),
        (Ending::ContentFilter, "refusal"),
        (Ending::Stop, "end_turn"),
    ] {
        for model in [LOCAL, WORKERS_AI, ANTHROPIC] {
            if model == WORKERS_AI && ending != Ending::Stop {
                continue;
            }
            gateway.upstream.push(Script::new(["a"]).ending(ending));
            let events = events(&gateway.guest, hi(model)).await;
            let end = events[events.len() - 2].json();
            assert_eq!(end["delta"]["stop_reason"], reason, "{model} {events:?}");
            assert_eq!(names(&events).last(), Some(&"message_stop"));
        }
    }
}

#[tokio::test]
async fn errors_are_anthropics_before_and_in_a_stream() {
    let gateway = Gateway::new().await;
    let failed = |response: &crate::harness::Response, status: u16, kind: &str| {
        assert_eq!(response.status, status, "{response:?}");
        let body = response.json();
        assert_eq!(body["type"], "error", "{body}");
        assert_eq!(body["error"]["type"], kind, "{body}");
        assert_eq!(
            body["request_id"].as_str(),
            response.header("request-id"),
            "{body}"
        );
    };
    let guest = &gateway.guest;
    failed(
        &guest.post(PATH, json!({ "model": LOCAL })).await,
        400,
        "invalid_request_error",
    );
    failed(
        &guest.post(PATH, hi("no-such-model")).await,
        404,
        "not_found_error",
    );
    let stranger = gateway.app.client();
    failed(
        &stranger.post(PATH, hi(LOCAL)).await,
        401,
        "authentication_error",
    );
    for model in [ANTHROPIC, LOCAL] {
        let limited = Script::refuse(Failure::RateLimited(Some("7".into())));
        gateway.upstream.push(limited);
        let response = guest.post(PATH, hi(model)).await;
        failed(&response, 503, "overloaded_error");
        assert_eq!(response.header("retry-after"), Some("7"));
        gateway
            .upstream
            .push(Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2)));
        let events = events(guest, hi(model)).await;
        let last = events.last().unwrap();
        assert_eq!(last.name(), "error", "{events:?}");
        assert_eq!(last.json()["type"], "error");
        assert!(!names(&events).contains(&"message_stop"));
        assert_eq!(deltas(&events, "text_delta", "text"), "ab");
    }
}

#[tokio::test]
async fn a_failure_before_the_first_event_is_retried_and_falls_back_to_another_protocol() {
    let upstream = Upstream::start(Script::new(["from ", "the fallback"]))
        .await
        .unwrap();
    let app = App::with_defaults()
        .anthropic(&upstream)
        .local(&upstream)
        .variable("llm_max_attempts", "2")
        .variable(
            "model_fallbacks",
            format!(r#"{{"{ANTHROPIC}":["{LOCAL}"]}}"#),
        )
        .start()
        .await;
    let guest = app.client().guest().await;
    upstream.push(Script::refuse(Failure::Overloaded(None)));
    let events = events(&guest, hi(ANTHROPIC)).await;
    assert_eq!(deltas(&events, "text_delta", "text"), "from the fallback");
    assert_eq!(events[0].json()["message"]["model"], LOCAL);
    assert_eq!(names(&events).last(), Some(&"message_stop"));
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_model() {
    let gateway = Gateway::new().await;
    for model in [ANTHROPIC, LOCAL] {
        let number = gateway.upstream.requests().len();
        let slow = Script::words(10_000).delay(std::time::Duration::from_millis(5));
        gateway.upstream.push(slow);
        let body = with(hi(model), json!({ "stream": true })).to_string();
        let client = gateway.guest.with("content-type", "application/json");
        let mut response = client.open("POST", PATH, Some(body.into_bytes())).await;
        while response.next().await.unwrap().name() != "content_block_delta" {}
        drop(response);
        assert!(gateway.upstream.closed_early(number).await, "{model}");
        assert_eq!(
            gateway.upstream.requests()[number].outcome,
            Outcome::ClientLeft,
            "{model}"
        );
    }
}

#[tokio::test]
async fn silence_is_filled_with_pings() {
    let upstream =
        Upstream::start(Script::new(["a", "b"]).delay(std::time::Duration::from_millis(2_500)))
            .await
            .unwrap();
    let app = App::with_defaults()
        .local(&upstream)
        .variable("stream_keepalive_seconds", "1")
        .start()
        .await;
    let guest = app.client().guest().await;
    let events = events(&guest, hi(LOCAL)).await;
    assert!(names(&events).contains(&"ping"), "{events:?}");
    assert_eq!(deltas(&events, "text_delta", "text"), "ab");
}

#[tokio::test]
async fn moderation_reads_prompts_and_replies_of_every_model() {
    let upstream = Upstream::start(Script::new(["a bad", "fish"]))
        .await
        .unwrap();
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
    let app = App::with_defaults()
        .anthropic(&upstream)
        .local(&upstream)
        .manifest(manifest.path())
        .variable("moderation_words", "badfish")
        .variable("moderation_replies", "on")
        .start()
        .await;
    let guest = app.client().guest().await;
    for model in [ANTHROPIC, LOCAL] {
        let blocked = with(
            hi(model),
            json!({ "messages": [{ "role": "user", "content": "badfish" }] }),
        );
        let response = guest.post(PATH, blocked).await;
        assert_eq!(response.status, 400, "{response:?}");
        let request = upstream.requests().len();
        let events = events(&guest, hi(model)).await;
        assert_eq!(upstream.requests().len(), request + 1);
        assert!(!format!("{events:?}").contains("fish"), "{events:?}");
        let end = events[events.len() - 2].json();
        assert_eq!(end["delta"]["stop_reason"], "refusal", "{events:?}");
    }
}

#[tokio::test]
async fn tokens_are_counted_by_anthropic_or_estimated() {
    let gateway = Gateway::new().await;
    let path = "/v1/messages/count_tokens";
    let body = |model: &str| json!({ "model": model, "messages": [{ "role": "user", "content": "one two three" }] });
    gateway
        .upstream
        .push(RawResponse::json(&json!({ "input_tokens": 14 })).into());
    let client = gateway
        .guest
        .with("anthropic-beta", "token-counting-2024-11-01");
    let counted = client.post(path, body(ANTHROPIC)).await;
    assert_eq!(counted.status, 200, "{counted:?}");
    assert_eq!(counted.json(), json!({ "input_tokens": 14 }));
    let request = gateway.upstream.requests().pop().unwrap();
    assert!(request.path.ends_with(path), "{}", request.path);
    assert_eq!(
        request.header("anthropic-beta"),
        Some("token-counting-2024-11-01")
    );
    let before = gateway.upstream.requests().len();
    let estimated = gateway.guest.post(path, body(LOCAL)).await.json();
    assert!(
        estimated["input_tokens"].as_u64().unwrap() >= 10,
        "{estimated}"
    );
    let tools = json!([{ "name": "add", "description": "Adds numbers.", "input_schema": { "type": "object" } }]);
    let more = gateway
        .guest
        .post(path, with(body(LOCAL), json!({ "tools": tools })))
        .await
        .json();
    assert!(
        more["input_tokens"].as_u64() > estimated["input_tokens"].as_u64(),
        "{more}"
    );
    assert_eq!(gateway.upstream.requests().len(), before);
    assert_eq!(
        gateway
            .guest
            .post(path, json!({ "model": LOCAL }))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn an_api_key_is_accepted_in_either_header_and_its_budget_is_enforced() {
    let gateway = Gateway::new().await;
    let key = gateway
        .guest
        .new_key(json!({ "name": "SDK", "scopes": ["chat"] }))
        .await
        .secret;
    let client = gateway.app.client();
    for client in [client.with("x-api-key", &key), client.bearer(&key)] {
        let response = client.post(PATH, hi(LOCAL)).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    let reader = gateway
        .guest
        .new_key(json!({ "name": "reader", "scopes": ["read"] }))
        .await
        .secret;
    let response = client
        .with("x-api-key", &reader)
        .post(PATH, hi(LOCAL))
        .await;
    assert_eq!(response.status, 403, "{response:?}");
    assert_eq!(response.json()["error"]["type"], "permission_error");
}

//! `/v1/chat/completions`, `/v1/models` and `/chat/completions`: OpenAI's protocol.

use serde_json::{Value, json};
use upstream::{Failure, Fault, Script, Upstream};

use crate::harness::{App, Client, Event, Guest, Response, StreamingResponse, eventually};

/// An application of which every provider is that fake, a guest of it, and the fake.
async fn world(script: Script) -> (Upstream, App, Guest) {
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .anthropic(&upstream)
        .workers_ai(&upstream)
        .local(&upstream)
        .variable("llm_max_attempts", "1")
        .start()
        .await;
    let guest = app.client().guest().await;
    (upstream, app, guest)
}

/// A model of each provider.
const MODELS: [(&str, &str); 4] = [
    ("gpt-4o", "openai"),
    ("claude-sonnet-5", "anthropic"),
    ("@cf/meta/llama-4-scout-17b-16e-instruct", "workers-ai"),
    ("local-model", "local"),
];

fn hi(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi!" }] })
}

fn with(mut body: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    body
}

async fn complete(client: &Client, body: Value) -> Response {
    client.post("/v1/chat/completions", body).await
}

async fn open(client: &Client, body: Value) -> StreamingResponse {
    let client = client.with("content-type", "application/json");
    let body = with(body, json!({ "stream": true })).to_string();
    client
        .open("POST", "/v1/chat/completions", Some(body.into_bytes()))
        .await
}

/// Asserts that this is OpenAI's error object, and returns it.
#[track_caller]
fn error_of(response: &Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status, status, "{response:?}");
    assert!(response.header("x-request-id").is_some(), "{response:?}");
    let body = response.json();
    let keys: Vec<_> = body["error"].as_object().unwrap().keys().collect();
    assert!(
        ["message", "type", "param", "code"]
            .iter()
            .all(|key| keys.iter().any(|own| own == key)),
        "{body}"
    );
    assert_eq!(body["error"]["code"], code, "{body}");
    body["error"].clone()
}

/// A response in which OpenAI's model requests a tool call.
fn calling(name: &str, arguments: &[&str]) -> Script {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        format!(
            "data: {}\n\n",
            json!({ "id": "c", "object": "chat.completion.chunk", "choices": [choice] })
        )
    };
    let call = |piece: Value| json!({ "tool_calls": [piece] });
    let mut body = chunk(
        call(json!({
            "index": 0, "id": "call_1", "type": "function",
            "function": { "name": name, "arguments": "" },
        })),
        Value::Null,
    );
    for piece in arguments {
        let piece = json!({ "index": 0, "function": { "arguments": piece } });
        body += &chunk(call(piece), Value::Null);
    }
    body += &chunk(json!({}), json!("tool_calls"));
    body += "data: [DONE]\n\n";
    Script::new([""]).fault(Fault::Raw(200, "text/event-stream".into(), body))
}

#[tokio::test]
async fn completion_of_every_provider_has_openais_format() {
    let (_upstream, _app, guest) = world(Script::new(["Hel", "lo"])).await;
    for (model, provider) in MODELS {
        let response = complete(&guest, hi(model)).await;
        assert_eq!(response.status, 200, "{model}: {response:?}");
        assert_eq!(response.header("x-goldfish-provider"), Some(provider));
        assert_eq!(response.header("x-goldfish-model"), Some(model));
        assert_eq!(response.header("x-goldfish-attempts"), Some("1"));
        assert!(response.header("openai-processing-ms").is_some());
        let object = response.json();
        assert!(object["id"].as_str().unwrap().starts_with("chatcmpl-"));
        assert_eq!(object["object"], "chat.completion");
        assert_eq!(object["model"], model);
        assert!(object["created"].as_u64().unwrap() > 1_700_000_000);
        assert_eq!(
            object["choices"],
            json!([{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": { "role": "assistant", "content": "Hello", "refusal": null },
            }]),
            "{model}"
        );
        assert_eq!(object["usage"]["prompt_tokens"], 10, "{model}");
        assert_eq!(object["usage"]["total_tokens"], 12, "{model}");
    }
}

#[tokio::test]
async fn stream_of_every_provider_has_openais_format() {
    let (_upstream, _app, guest) = world(Script::new(["Hel", "lo"])).await;
    for (model, provider) in MODELS {
        let usage = json!({ "stream_options": { "include_usage": true } });
        let stream = open(&guest, with(hi(model), usage)).await;
        assert_eq!(stream.status, 200);
        assert_eq!(stream.header("x-goldfish-provider"), Some(provider));
        assert!(
            stream
                .header("content-type")
                .unwrap()
                .starts_with("text/event-stream")
        );
        let whole = stream.collect().await;
        let text = whole.text();
        let events: Vec<_> = text.split_terminator("\n\n").collect();
        assert!(
            events
                .iter()
                .all(|event| event.starts_with("data: ") && !event.contains('\n')),
            "only `data:` lines: {text}"
        );
        assert_eq!(events.last(), Some(&"data: [DONE]"));
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(&event["data: ".len()..]).unwrap())
            .collect();
        let first = &chunks[0];
        assert_eq!(first["object"], "chat.completion.chunk");
        assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk["id"] == first["id"] && chunk["model"] == model)
        );
        let content: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(content, "Hello", "{model}");
        let [.., end, used] = chunks.as_slice() else {
            panic!("{text}");
        };
        assert_eq!(end["choices"][0]["finish_reason"], "stop");
        assert_eq!(used["choices"], json!([]));
        assert_eq!(used["usage"]["total_tokens"], 12, "{model}");
    }
}

#[tokio::test]
async fn request_fields_reach_the_provider() {
    let (upstream, _app, guest) = world(Script::new(["ok"])).await;
    let image = "data:image/png;base64,iVBORw0KGgo=";
    let body = json!({
        "model": "gpt-4o",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": image, "detail": "low" } },
            ]},
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{\"at\":1}" } },
            ]},
            { "role": "tool", "tool_call_id": "call_1", "content": "A fish." },
        ],
        "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "seed": 7, "n": 1,
        "max_completion_tokens": 5, "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object", "properties": {} } } }],
        "tool_choice": "auto", "parallel_tool_calls": false,
        "response_format": { "type": "json_object" },
        "logit_bias": { "50256": -100 }, "made_up": { "deep": [1, 2] },
    });
    let response = complete(&guest, body.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let request = upstream.request(0).await.json();
    for name in [
        "temperature",
        "top_p",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
        "response_format",
        "logit_bias",
        "made_up",
    ] {
        assert_eq!(request[name], body[name], "{name}: {request}");
    }
    assert_eq!(
        request["messages"][1]["content"],
        body["messages"][1]["content"]
    );
    assert_eq!(
        request["messages"][2]["tool_calls"],
        body["messages"][2]["tool_calls"]
    );
    assert_eq!(request["messages"][3]["content"], "A fish.");
    assert_eq!(request["tools"][0]["function"]["name"], "look");
}

#[tokio::test]
async fn a_request_with_a_large_image_is_accepted() {
    let (upstream, _app, guest) = world(Script::new(["a fish"])).await;
    let image = format!("data:image/jpeg;base64,{}", "/9j/".repeat(1024 * 1024));
    let photograph = json!([{ "type": "image_url", "image_url": { "url": image } }]);
    let messages = json!([{ "role": "user", "content": photograph }]);
    for model in ["gpt-4o", "claude-sonnet-5"] {
        let body = json!({ "model": model, "messages": messages });
        let response = complete(&guest, body).await;
        assert_eq!(response.status, 200, "{model}: {response:?}");
    }
    let openai = upstream.request(0).await.json();
    assert_eq!(openai["messages"][0]["content"], photograph);
    let anthropic = upstream.request(1).await.json();
    let source = &anthropic["messages"][0]["content"][0]["source"];
    assert_eq!(source["media_type"], "image/jpeg");
    assert_eq!(source["data"].as_str().map(str::len), Some(4 * 1024 * 1024));
}

#[tokio::test]
async fn tool_calls_are_returned_streamed_and_not() {
    let (upstream, _app, guest) = world(Script::new(["3"])).await;
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "add" } }] });
    let body = with(hi("gpt-4o"), tools);
    let expected = json!([{
        "id": "call_1", "type": "function",
        "function": { "name": "add", "arguments": "{\"a\":1,\"b\":2}" },
    }]);
    upstream.push(calling("add", &["{\"a\":", "1,\"b\":2}"]));
    let object = complete(&guest, body.clone()).await.json();
    let choice = &object["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{object}");
    assert_eq!(choice["message"]["content"], Value::Null);
    assert_eq!(choice["message"]["tool_calls"], expected);

    upstream.push(calling("add", &["{\"a\":", "1,\"b\":2}"]));
    let events = open(&guest, body).await.events().await;
    let pieces: Vec<Value> = events
        .iter()
        .filter(|event| !event.is_done())
        .filter_map(|event| {
            let call = &event.json()["choices"][0]["delta"]["tool_calls"][0];
            (!call.is_null()).then(|| call.clone())
        })
        .collect();
    assert_eq!(pieces[0]["id"], "call_1");
    assert_eq!(pieces[0]["type"], "function");
    assert_eq!(pieces[0]["function"]["name"], "add");
    let arguments: String = pieces
        .iter()
        .filter_map(|piece| piece["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, "{\"a\":1,\"b\":2}");
}

#[tokio::test]
async fn invalid_fields_are_400_with_param() {
    let (_upstream, _app, guest) = world(Script::new(["ok"])).await;
    for (fields, param) in [
        (json!({ "model": null }), "model"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "Hi" }), "messages"),
        (
            json!({ "messages": [{ "role": "king", "content": "Hi" }] }),
            "messages[0].role",
        ),
        (json!({ "temperature": 9 }), "temperature"),
        (json!({ "n": 2 }), "n"),
        (json!({ "stream": 1 }), "stream"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "tools": [{ "name": "a" }] }), "tools[0].type"),
        (json!({ "tool_choice": "maybe" }), "tool_choice"),
    ] {
        let response = complete(&guest, with(hi("gpt-4o"), fields.clone())).await;
        assert_eq!(response.status, 400, "{fields}: {response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["param"], param, "{fields}: {error}");
        assert_eq!(error["type"], "invalid_request_error", "{fields}: {error}");
    }
    // Parameters that only some providers have.
    let body = with(hi("claude-sonnet-5"), json!({ "made_up": 1 }));
    let error = error_of(&complete(&guest, body).await, 400, "unsupported_parameter");
    assert_eq!(error["param"], "made_up");
}

#[tokio::test]
async fn invalid_bodies_are_400() {
    let guest = App::shared().await.client().guest().await;
    let client = guest.with("content-type", "application/json");
    let bodies: [&[u8]; 6] = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{} x"];
    for body in bodies {
        for path in ["/v1/chat/completions", "/chat/completions"] {
            let response = client.send("POST", path, Some(body.to_vec())).await;
            assert_eq!(response.status, 400, "{response:?}");
            let error = &response.json()["error"];
            assert_eq!(error["type"], "invalid_request_error", "{response:?}");
        }
    }
}

#[tokio::test]
async fn errors_have_openais_format() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_max_attempts", "1")
        .variable("max_prompt_bytes", "2000")
        .start()
        .await;
    let client = app.client();
    let guest = client.guest().await;
    for nobody in [client.clone(), client.bearer("nonsense")] {
        error_of(
            &complete(&nobody, hi("gpt-4o")).await,
            401,
            "invalid_api_key",
        );
        error_of(&nobody.get("/v1/models").await, 401, "invalid_api_key");
    }
    for unknown in ["gpt-0", "claude-sonnet-5"] {
        error_of(&complete(&guest, hi(unknown)).await, 404, "model_not_found");
        let path = format!("/v1/models/{unknown}");
        error_of(&guest.get(&path).await, 404, "model_not_found");
    }
    error_of(&guest.get("/v1/nothing").await, 404, "unknown_url");
    let response = guest.get("/v1/chat/completions").await;
    error_of(&response, 405, "method_not_supported");
    let long = with(hi("gpt-4o"), json!({ "user": "x".repeat(3000) }));
    error_of(&complete(&guest, long).await, 413, "request_too_large");
    let text = guest.with("content-type", "text/plain");
    let body = hi("gpt-4o").to_string().into_bytes();
    let response = text.send("POST", "/v1/chat/completions", Some(body)).await;
    error_of(&response, 415, "unsupported_content_type");
    for (failure, status, code) in [
        (Failure::ContextTooLong, 400, "context_length_exceeded"),
        (Failure::ContentFiltered, 400, "content_filter"),
        (Failure::BadKey, 502, "provider_error"),
        (Failure::Internal, 502, "provider_error"),
        (
            Failure::RateLimited(Some("3".into())),
            503,
            "provider_unavailable",
        ),
    ] {
        upstream.push(Script::refuse(failure.clone()));
        let response = complete(&guest, hi("gpt-4o")).await;
        let error = &response.json()["error"];
        // A provider that failed may count as overloaded.
        assert!(
            response.status == status && error["code"] == code || response.status == 503,
            "{failure:?}: {response:?}"
        );
    }
}

#[tokio::test]
async fn rate_limit_is_429_with_retry_after() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("rate_limit_chat_per_minute", "1")
        .start()
        .await;
    let guest = app.client().guest().await;
    assert_eq!(complete(&guest, hi("gpt-4o")).await.status, 200);
    let response = complete(&guest, hi("gpt-4o")).await;
    error_of(&response, 429, "rate_limit_exceeded");
    let wait: u32 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&wait), "{wait}");
}

#[tokio::test]
async fn no_credits_is_insufficient_quota() {
    let upstream = Upstream::start(Script::words(5).usage(1, 5)).await.unwrap();
    let plans = json!({ "free": { "monthlyCredits": 9 } });
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("plans", plans.to_string())
        .start()
        .await;
    let guest = app.client().guest().await;
    let body = with(hi("gpt-4o"), json!({ "max_tokens": 5 }));
    assert_eq!(complete(&guest, body.clone()).await.status, 200);
    // The remaining credits are less than the prompt and one token, now or after one more reply.
    let response = eventually("the credits to be spent", || async {
        let response = complete(&guest, body.clone()).await;
        (response.status != 200).then_some(response)
    })
    .await;
    let error = error_of(&response, 429, "insufficient_quota");
    assert_eq!(error["type"], "insufficient_quota");
    assert_eq!(response.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn an_api_key_without_the_scope_is_403() {
    let (_upstream, app, guest) = world(Script::new(["ok"])).await;
    let key = |scope: &'static str| {
        let guest = guest.clone();
        async move {
            let request = json!({ "name": scope, "scopes": [scope] });
            guest.new_key(request).await.secret
        }
    };
    let reader = app.client().bearer(&key("read").await);
    let chatter = app.client().bearer(&key("chat").await);
    let response = complete(&reader, hi("gpt-4o")).await;
    error_of(&response, 403, "insufficient_permissions");
    assert_eq!(reader.get("/v1/models").await.status, 200);
    assert_eq!(complete(&chatter, hi("gpt-4o")).await.status, 200);
    let response = chatter.get("/v1/models").await;
    error_of(&response, 403, "insufficient_permissions");
}

#[tokio::test]
async fn worker_api_route_returns_its_format() {
    let (upstream, _app, guest) = world(Script::new(["Hel", "lo"])).await;
    let path = "/chat/completions";
    let messages = json!({ "messages": [{ "role": "user", "content": "Hello!" }] });
    let response = guest.post(path, messages.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json(), json!({ "response": "Hello" }));
    assert_eq!(upstream.request(0).await.json()["stream"], true);
    // Whoever says more knows OpenAI.
    let response = guest
        .post(path, with(messages.clone(), json!({ "model": "gpt-4o" })))
        .await;
    assert_eq!(response.json()["object"], "chat.completion");
    let response = guest
        .post(path, with(messages.clone(), json!({ "stream": true })))
        .await;
    assert!(
        response.text().ends_with("data: [DONE]\n\n"),
        "{response:?}"
    );
    // Its model is the operator's.
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("default_model", "gpt-4o-mini")
        .start()
        .await;
    let response = app.client().guest().await.post(path, messages).await;
    assert_eq!(response.header("x-goldfish-model"), Some("gpt-4o-mini"));
}

#[tokio::test]
async fn completions_are_not_stored() {
    let marker = "marker-completion-51c7";
    let (_upstream, app, guest) = world(Script::new([marker])).await;
    let body = with(hi("gpt-4o"), json!({ "user": marker }));
    assert_eq!(complete(&guest, body.clone()).await.status, 200);
    open(&guest, body).await.collect().await;
    assert!(guest.conversations().await.is_empty());
    assert!(app.stored().iter().all(|row| !row.contains(marker)));
    assert!(!app.logs().contains(marker));
}

#[tokio::test]
async fn an_error_in_mid_stream_is_the_last_event() {
    let (upstream, _app, guest) = world(Script::new(["ok"])).await;
    for fault in [Fault::CutAfter(2), Fault::ErrorAfter(2)] {
        upstream.push(Script::new(["a", "b", "c"]).fault(fault.clone()));
        let events = open(&guest, hi("gpt-4o")).await.events().await;
        assert!(!events.iter().any(Event::is_done), "{fault:?}: {events:?}");
        let error = &events.last().unwrap().json()["error"];
        assert_eq!(error["type"], "server_error", "{fault:?}: {events:?}");
        // In one piece it has a status.
        upstream.push(Script::new(["a", "b", "c"]).fault(fault.clone()));
        let response = complete(&guest, hi("gpt-4o")).await;
        assert!(
            matches!(response.status, 502 | 503),
            "{fault:?}: {response:?}"
        );
    }
}

#[tokio::test]
async fn disconnect_stops_the_completion_and_charges_what_was_received() {
    use std::time::Duration;
    let slow = Script::words(10_000).delay(Duration::from_millis(5));
    let (upstream, _app, guest) = world(slow).await;
    let mut stream = open(&guest, hi("gpt-4o")).await;
    for _ in 0..5 {
        stream.next().await.unwrap();
    }
    drop(stream);
    assert!(upstream.closed_early(0).await);
    let usage = eventually("the stream to be settled", || async {
        let usage = guest.get("/api/usage").await.json();
        (usage["usage"][0]["requests"] == 1).then_some(usage)
    })
    .await;
    let tokens = usage["usage"][0]["completionTokens"].as_u64().unwrap();
    assert!((1..5_000).contains(&tokens), "{usage}");
}

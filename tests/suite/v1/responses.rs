//! `POST /v1/responses`.

use serde_json::{Value, json};
use upstream::{Ending, Failure, Fault, RawResponse, Script, Upstream};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, is_openai_error, with};
use crate::harness::{App, ChangedManifest, Event, Guest};

const PATH: &str = "/v1/responses";

fn hi(model: &str) -> Value {
    json!({ "model": model, "input": "Hi!" })
}

async fn events(guest: &Guest, body: Value) -> Vec<Event> {
    let client = guest.with("content-type", "application/json");
    let body = with(body, json!({ "stream": true })).to_string();
    let response = client.open("POST", PATH, Some(body.into_bytes())).await;
    assert_eq!(response.status, 200);
    response.events().await
}

fn of(events: &[Event], kind: &str) -> Vec<Value> {
    let matching = events.iter().filter(|event| event.name() == kind);
    matching.map(Event::json).collect()
}

fn text(events: &[Event]) -> String {
    let deltas = of(events, "response.output_text.delta");
    deltas
        .iter()
        .map(|event| event["delta"].as_str().unwrap())
        .collect()
}

/// OpenAI's response to a streamed request, as bytes.
fn recorded(id: &str) -> String {
    let response = |status: &str, rest: &str| {
        format!(
            "{{\"id\":\"{id}\",\"object\":\"response\",\"created_at\":1,\"model\":\"gpt-4o-2024-08-06\",\"status\":\"{status}\",\"error\":null,\"output\":[]{rest}}}"
        )
    };
    let created = response("in_progress", "");
    let usage = ",\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":7,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":16}";
    let completed = response("completed", usage);
    [
        ("response.created", format!("\"response\":{created}")),
        ("response.output_item.added", "\"output_index\":0,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":\"in_progress\"}".to_owned()),
        ("response.web_search_call.searching", "\"output_index\":0,\"item_id\":\"ws_1\"".to_owned()),
        ("response.output_text.delta", "\"item_id\":\"msg_1\",\"output_index\":1,\"content_index\":0,\"delta\":\"Hé\"".to_owned()),
        ("response.completed", format!("\"response\":{completed}")),
    ]
    .iter()
    .enumerate()
    .map(|(number, (kind, members))| format!("event: {kind}\ndata: {{\"type\": \"{kind}\",\"sequence_number\":{number},{members}}}\n\n"))
    .collect()
}

/// A chat completion with reasoning and two interleaved calls.
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
async fn an_openai_model_gets_the_unchanged_body_and_its_events_are_returned() {
    let gateway = Gateway::new().await;
    let body = format!(
        "{{ \"stream\":true, \"model\" : \"{OPENAI}\",\"store\":true,\n \"input\":[{{\"role\":\"user\",\"content\":\"Hi!\"}}],\
         \"tools\":[{{\"type\":\"web_search\"}}],\"new_field\":{{\"b\":1.50}} }}"
    );
    let sent = recorded("resp_1");
    gateway
        .upstream
        .push(RawResponse::new().then(sent.clone()).into());
    let client = gateway
        .guest
        .with("content-type", "application/json")
        .undescribed();
    let response = client
        .send("POST", PATH, Some(body.clone().into_bytes()))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.text(), sent);
    let request = gateway.upstream.requests().pop().unwrap();
    assert!(request.path.ends_with("/responses"), "{}", request.path);
    let expected = body.replace("\"store\":true", "\"store\":false");
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), expected);
}

#[tokio::test]
async fn an_openai_model_not_streamed_returns_its_own_body() {
    let gateway = Gateway::new().await;
    let provider_response = json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null, "incomplete_details": null, "model": "m",
        "output": [{ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{ "type": "output_text", "text": "Hi", "annotations": [] }] }],
        "usage": { "input_tokens": 3, "output_tokens": 1, "total_tokens": 4 }, "new_field": 1.5,
    });
    gateway
        .upstream
        .push(RawResponse::json(&provider_response).into());
    let response = gateway.guest.post(PATH, hi(OPENAI)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.text(), provider_response.to_string());
}

#[tokio::test]
async fn other_models_stream_text_between_created_and_completed() {
    let gateway = Gateway::new().await;
    for model in [LOCAL, ANTHROPIC] {
        gateway.upstream.push(Script::new(["Hello", " there"]));
        let events = events(&gateway.guest, hi(model)).await;
        let names: Vec<_> = events.iter().map(Event::name).collect();
        assert_eq!(
            names,
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ],
            "{model}"
        );
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event.json()["sequence_number"], number);
            assert_eq!(event.json()["type"], event.name());
        }
        assert_eq!(text(&events), "Hello there");
        let end = &of(&events, "response.completed")[0]["response"];
        assert_eq!(end["output"][0]["content"][0]["text"], "Hello there");
        assert_eq!(
            end["output"][0],
            of(&events, "response.output_item.done")[0]["item"]
        );
        assert_eq!(end["model"], model);
        assert_eq!(end["store"], false);
        assert_eq!(end["usage"]["input_tokens"], 10, "{end}");
        assert_eq!(end.as_object().unwrap().len(), 32, "{end}");
    }
}

#[tokio::test]
async fn two_calls_at_once_with_reasoning_are_sent_in_the_next_turn() {
    let row = r#"[{"id":"local-model","provider":"local","reasoningInput":"reasoningContent"}]"#;
    let gateway = Gateway::with(&[("models", row)]).await;
    let tools = json!([{ "type": "function", "name": "add", "parameters": { "type": "object" }, "strict": true }]);
    let body = with(
        hi(LOCAL),
        json!({ "tools": tools, "include": ["reasoning.encrypted_content"], "store": false }),
    );
    gateway.upstream.push(two_calls().into());
    let events = events(&gateway.guest, body.clone()).await;
    let end = &of(&events, "response.completed")[0]["response"];
    let output = end["output"].as_array().unwrap().clone();
    let kinds: Vec<_> = output
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["reasoning", "function_call", "function_call"],
        "{end}"
    );
    assert_eq!(output[0]["summary"][0]["text"], "Two sums.");
    assert_eq!(output[2]["arguments"], "{\"a\":2}");
    assert_eq!(output[2]["call_id"], "call_1");
    let done = of(&events, "response.function_call_arguments.done");
    assert_eq!(done[0]["name"], "add");
    for (position, event) in of(&events, "response.output_item.added").iter().enumerate() {
        assert_eq!(event["output_index"], position);
        assert_eq!(event["item"]["id"], output[position]["id"]);
    }

    let mut input = vec![json!({ "role": "user", "content": "Hi!" })];
    input.extend(output);
    for (id, result) in [("call_0", "1"), ("call_1", "2")] {
        input.push(json!({ "type": "function_call_output", "call_id": id, "output": result }));
    }
    let next = with(body, json!({ "input": input }));
    gateway.upstream.push(Script::new(["3"]));
    let response = gateway.guest.post(PATH, next.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let sent = gateway.provider_request()["messages"].clone();
    assert_eq!(sent[1]["reasoning_content"], "Two sums.", "{sent}");
    assert_eq!(sent[1]["tool_calls"].as_array().unwrap().len(), 2, "{sent}");
    assert_eq!(
        sent[3],
        json!({ "role": "tool", "tool_call_id": "call_1", "content": "2" })
    );

    // OpenAI gets none of the other model's reasoning.
    gateway
        .upstream
        .push(RawResponse::new().then(recorded("resp_2")).into());
    let response = gateway
        .guest
        .undescribed()
        .post(PATH, with(next, json!({ "model": OPENAI, "stream": true })))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        gateway.provider_request()["input"][1]["type"],
        "function_call"
    );
}

#[tokio::test]
async fn images_and_schemas_are_sent_to_other_models_in_their_format() {
    let gateway = Gateway::new().await;
    let schema = json!({ "type": "object", "properties": { "b": {}, "a": {} } });
    let body = json!({
        "model": LOCAL, "instructions": "Look.", "max_output_tokens": 50,
        "input": [{ "role": "user", "content": [
            { "type": "input_text", "text": "What is it?" },
            { "type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" },
        ]}],
        "text": { "format": { "type": "json_schema", "name": "answer", "schema": schema, "strict": true } },
    });
    let response = gateway.guest.post(PATH, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let request = gateway.provider_request();
    assert_eq!(
        request["messages"][0],
        json!({ "role": "system", "content": "Look." })
    );
    let content = &request["messages"][1]["content"];
    assert_eq!(
        content[1]["image_url"],
        json!({ "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" })
    );
    assert_eq!(
        request["response_format"],
        json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema, "strict": true } })
    );
    assert_eq!(response.json()["instructions"], "Look.");
}

#[tokio::test]
async fn a_field_that_needs_stored_responses_is_a_400_that_names_it() {
    let gateway = Gateway::new().await;
    for (members, param) in [
        (
            json!({ "previous_response_id": "resp_1" }),
            "previous_response_id",
        ),
        (json!({ "conversation": "conv_1" }), "conversation"),
        (json!({ "background": true }), "background"),
        (
            json!({ "input": [{ "type": "item_reference", "id": "rs_1" }] }),
            "input[0].type",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "c", "output": "x" }] }),
            "input",
        ),
        (
            json!({ "input": [{ "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}" }] }),
            "input",
        ),
    ] {
        for model in [LOCAL, OPENAI] {
            let response = gateway
                .guest
                .post(PATH, with(hi(model), members.clone()))
                .await;
            assert_eq!(response.status, 400, "{response:?}");
            assert_eq!(response.json()["error"]["param"], param, "{response:?}");
        }
    }
    assert!(gateway.upstream.requests().is_empty());
    let response = gateway.guest.get("/v1/responses/resp_1").await;
    is_openai_error(&response, 404, "unknown_url");
    let response = gateway.app.client().post(PATH, hi(LOCAL)).await;
    is_openai_error(&response, 401, "invalid_api_key");
}

#[tokio::test]
async fn there_is_one_terminal_event_after_any_end() {
    let gateway = Gateway::new().await;
    let terminal = |events: &[Event]| -> Vec<String> {
        let ends = [
            "response.completed",
            "response.incomplete",
            "response.failed",
        ];
        let names = events.iter().map(Event::name);
        names
            .filter(|name| ends.contains(name))
            .map(str::to_owned)
            .collect()
    };
    gateway
        .upstream
        .push(Script::new(["a"]).ending(Ending::Length));
    let cut = events(&gateway.guest, hi(LOCAL)).await;
    assert_eq!(terminal(&cut), ["response.incomplete"]);
    assert_eq!(
        cut.last().unwrap().json()["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    gateway
        .upstream
        .push(Script::new(["a"]).ending(Ending::ContentFilter));
    let filtered = events(&gateway.guest, hi(LOCAL)).await;
    assert_eq!(terminal(&filtered), ["response.incomplete"]);
    gateway
        .upstream
        .push(Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2)));
    let failed = events(&gateway.guest, hi(LOCAL)).await;
    assert_eq!(terminal(&failed), ["response.failed"]);
    assert_eq!(text(&failed), "ab");
    let end = failed.last().unwrap().json();
    assert!(end["response"]["error"]["code"].is_string(), "{end}");

    // OpenAI's own stream that fails has its id to the end.
    let sent = recorded("resp_9");
    let cut_off = &sent[..sent.find("event: response.completed").unwrap()];
    gateway
        .upstream
        .push(RawResponse::new().then(cut_off.to_owned()).into());
    let client = gateway
        .guest
        .with("content-type", "application/json")
        .undescribed();
    let body = with(hi(OPENAI), json!({ "stream": true })).to_string();
    let response = client.open("POST", PATH, Some(body.into_bytes())).await;
    let broken = response.events().await;
    assert_eq!(terminal(&broken), ["response.failed"]);
    assert_eq!(broken.last().unwrap().json()["response"]["id"], "resp_9");
}

#[tokio::test]
async fn a_rate_limit_of_the_provider_has_its_retry_after() {
    let gateway = Gateway::new().await;
    for model in [OPENAI, LOCAL] {
        gateway
            .upstream
            .push(Script::refuse(Failure::RateLimited(Some("7".into()))));
        let response = gateway.guest.post(PATH, hi(model)).await;
        assert_eq!(response.status, 503, "{response:?}");
        assert_eq!(response.header("retry-after"), Some("7"));
    }
}

#[tokio::test]
async fn a_silent_model_is_filled_with_keepalive_events_and_never_a_second_beginning() {
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
    assert!(!of(&events, "keepalive").is_empty(), "{events:?}");
    assert_eq!(of(&events, "response.in_progress").len(), 1);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.json()["sequence_number"], number, "{events:?}");
    }
}

#[tokio::test]
async fn moderation_reads_prompts_and_replies_of_every_model() {
    let upstream = Upstream::start(Script::new(["a bad", "fish"]))
        .await
        .unwrap();
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
    let app = App::with_defaults()
        .openai(&upstream)
        .local(&upstream)
        .manifest(manifest.path())
        .variable("moderation_words", "badfish")
        .variable("moderation_replies", "on")
        .start()
        .await;
    let guest = app.client().guest().await;
    for model in [OPENAI, LOCAL] {
        for input in [
            json!("badfish"),
            json!([{ "role": "user", "content": "badfish" }]),
        ] {
            let response = guest
                .post(PATH, json!({ "model": model, "input": input }))
                .await;
            is_openai_error(&response, 422, "content_filter");
        }
    }
    let local = events(&guest, hi(LOCAL)).await;
    assert!(!format!("{local:?}").contains("fish\""), "{local:?}");
    assert_eq!(local.last().unwrap().name(), "response.incomplete");
    upstream.push(
        RawResponse::new()
            .then(recorded("resp_1").replace("Hé", "a badfish"))
            .into(),
    );
    let native = events(&guest, hi(OPENAI)).await;
    assert!(!format!("{native:?}").contains("badfish"), "{native:?}");
    assert_eq!(native.last().unwrap().name(), "response.incomplete");
}

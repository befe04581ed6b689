//! The exact bytes that each provider is sent for the same conversations, so that a change of the
//! translation is seen in review. `GOLDFISH_WRITE=1` writes `tests/suite/providers/sent`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use upstream::RawResponse;

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, with};
use crate::harness::manifest;

/// The conversations in the form of the Messages API.
fn messages() -> Vec<(&'static str, Value)> {
    let tools = json!([{ "name": "add", "description": "Adds.", "input_schema": { "type": "object", "properties": { "b": {}, "a": {} } } }]);
    let hi = json!({ "role": "user", "content": "Hi!" });
    let call = |id: &str, a: u32| json!({ "type": "tool_use", "id": id, "name": "add", "input": { "b": 1, "a": a } });
    let result = |id: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": "3" });
    let thinking = json!({ "type": "thinking", "thinking": "Hm.", "signature": "c2ln" });
    let image = json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" } });
    vec![
        (
            "text",
            json!({ "system": "Be kind.", "messages": [hi], "temperature": 0.5, "stop_sequences": ["END"] }),
        ),
        (
            "two tools and thinking, second turn",
            json!({
                "tools": tools, "thinking": { "type": "enabled", "budget_tokens": 2048 },
                "messages": [hi,
                    { "role": "assistant", "content": [thinking, call("call_1", 2), call("call_2", 3)] },
                    { "role": "user", "content": [result("call_1"), result("call_2"), { "type": "text", "text": "Well?" }] }],
            }),
        ),
        (
            "image",
            json!({ "messages": [{ "role": "user", "content": [image, { "type": "text", "text": "Look." }] }] }),
        ),
        (
            "schema",
            json!({
                "messages": [hi],
                "output_config": { "format": { "type": "json_schema", "schema": { "type": "object", "additionalProperties": false } } },
            }),
        ),
    ]
}

/// The same in the form of the Responses API.
fn responses() -> Vec<(&'static str, Value)> {
    let tools = json!([{ "type": "function", "name": "add", "description": "Adds.", "parameters": { "type": "object", "properties": { "b": {}, "a": {} } } }]);
    let hi = json!({ "role": "user", "content": "Hi!" });
    let call = |id: &str, a: u32| json!({ "type": "function_call", "call_id": id, "name": "add", "arguments": json!({ "b": 1, "a": a }).to_string() });
    let output = |id: &str| json!({ "type": "function_call_output", "call_id": id, "output": "3" });
    let reasoning = json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "Hm." }], "encrypted_content": "b3BlbmFp" });
    vec![
        (
            "text",
            json!({ "instructions": "Be kind.", "input": "Hi!", "temperature": 0.5 }),
        ),
        (
            "two tools and reasoning, second turn",
            json!({
                "tools": tools, "reasoning": { "effort": "low" }, "store": true,
                "input": [hi, reasoning, call("call_1", 2), call("call_2", 3), output("call_1"), output("call_2"), { "role": "user", "content": "Well?" }],
            }),
        ),
        (
            "image",
            json!({ "input": [{ "role": "user", "content": [
                { "type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=" }, { "type": "input_text", "text": "Look." },
            ]}]}),
        ),
        (
            "schema",
            json!({
                "input": [hi],
                "text": { "format": { "type": "json_schema", "name": "answer", "schema": { "type": "object", "additionalProperties": false } } },
            }),
        ),
    ]
}

/// The requests to a provider: the path, and the unchanged body.
async fn sent(gateway: &Gateway, model: &str) -> String {
    let mut text = String::new();
    let of_messages = messages().into_iter().map(|case| ("/v1/messages", case));
    let of_responses = responses().into_iter().map(|case| ("/v1/responses", case));
    for (path, (name, body)) in of_messages.chain(of_responses) {
        let limit = if path == "/v1/messages" {
            "max_tokens"
        } else {
            "max_output_tokens"
        };
        let body = with(body, json!({ "model": model, limit: 300, "stream": true }));
        let before = gateway.upstream.requests().len();
        if model == OPENAI && path == "/v1/responses" {
            let response = json!({
                "type": "response.completed", "sequence_number": 0,
                "response": { "object": "response", "status": "completed", "output": [] },
            });
            gateway
                .upstream
                .push(RawResponse::named_events([response]).into());
        }
        let response = gateway.guest.post(path, body).await;
        let requests = gateway.upstream.requests();
        let outcome = match requests.get(before) {
            Some(request) => format!(
                "{} {}",
                request.path,
                String::from_utf8_lossy(&request.body)
            ),
            None => {
                format!(
                    "{} {}",
                    response.status,
                    response.json()["error"]["message"]
                )
            }
        };
        writeln!(text, "{path}, {name}:\n{outcome}\n").unwrap();
    }
    text
}

#[tokio::test]
async fn each_provider_is_sent_the_recorded_bytes() {
    let folder: PathBuf = manifest()
        .parent()
        .unwrap()
        .join("tests/suite/providers/sent");
    let gateway = Gateway::new().await;
    for (name, model) in [
        ("openai", OPENAI),
        ("anthropic", ANTHROPIC),
        ("workers-ai", WORKERS_AI),
        ("local", LOCAL),
    ] {
        let file = folder.join(format!("{name}.txt"));
        let request = sent(&gateway, model).await;
        if std::env::var_os("GOLDFISH_WRITE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &request).unwrap();
        }
        let recorded = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            request, recorded,
            "{name}: GOLDFISH_WRITE=1 writes what is sent now"
        );
    }
}

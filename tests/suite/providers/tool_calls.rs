//! Tool calls as servers send them: in pieces, without indexes or ids, interleaved. What the client
//! gets is OpenAI's form.

use serde_json::{Value, json};
use upstream::RawResponse;

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, chunk, hi, with};

/// A response with these tool calls, each in an event of its own, and that reason.
fn calling(pieces: &[Value], reason: &str) -> RawResponse {
    let mut events: Vec<_> = pieces
        .iter()
        .map(|calls| chunk(json!({ "tool_calls": calls }), json!("")))
        .collect();
    events.push(chunk(json!({}), json!(reason)));
    RawResponse::events(events)
}

/// A request with the tool `add`.
fn asking(model: &str) -> Value {
    let add = json!({ "type": "function", "function": { "name": "add_numbers", "parameters": { "type": "object" } } });
    with(hi(model), json!({ "tools": [add] }))
}

fn piece(
    index: Option<u32>,
    id: Option<&str>,
    name: Option<&str>,
    arguments: Option<&str>,
) -> Value {
    let mut call = json!({ "type": "function", "function": {} });
    for (field, value) in [("name", name), ("arguments", arguments)] {
        if let Some(value) = value {
            call["function"][field] = json!(value);
        }
    }
    if let Some(index) = index {
        call["index"] = json!(index);
    }
    if let Some(id) = id {
        call["id"] = json!(id);
    }
    call
}

/// Asserts which calls these pieces are, streamed and not, and that every call has an id of its own.
async fn assert_calls(
    gateway: &Gateway,
    provider_response: RawResponse,
    expected: &[(&str, &str)],
) {
    for model in [OPENAI, LOCAL] {
        let what = format!("{model}, {provider_response:?}");
        let streamed = gateway
            .stream(provider_response.clone(), asking(model))
            .await;
        assert!(streamed.is_done, "{what}: {streamed:?}");
        assert_eq!(
            streamed.finish_reason().as_deref(),
            Some("tool_calls"),
            "{what}"
        );
        let calls = streamed.tool_calls();
        let streamed_calls: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    call["name"].as_str().unwrap(),
                    call["arguments"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(streamed_calls, expected, "{what}");
        let whole = gateway
            .completed(provider_response.clone(), asking(model))
            .await;
        let choice = &whole["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{what}: {whole}");
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        let whole_calls: Vec<_> = calls
            .iter()
            .map(|call| {
                let function = &call["function"];
                (
                    function["name"].as_str().unwrap(),
                    function["arguments"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(whole_calls, expected, "{what}");
        let mut ids: Vec<_> = calls
            .iter()
            .map(|call| call["id"].as_str().unwrap())
            .collect();
        assert!(ids.iter().all(|id| !id.is_empty()), "{what}: {whole}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), expected.len(), "{what}: {whole}");
    }
}

#[tokio::test]
async fn a_call_in_any_pieces_is_one_call() {
    let gateway = Gateway::new().await;
    let expected = [("add_numbers", r#"{"a":1}"#)];
    let (id, zero) = (Some("call_1"), Some(0));
    for pieces in [
        // The name in pieces.
        vec![
            json!([piece(zero, id, Some("add_"), None)]),
            json!([piece(zero, None, Some("numbers"), None)]),
            json!([piece(zero, None, None, Some(r#"{"a":1}"#))]),
        ],
        // The name after the arguments.
        vec![
            json!([piece(zero, id, None, Some(r#"{"a":"#))]),
            json!([piece(zero, None, Some("add_numbers"), Some("1}"))]),
        ],
        // No index.
        vec![
            json!([piece(None, id, Some("add_numbers"), Some(""))]),
            json!([piece(None, None, None, Some(r#"{"a":1}"#))]),
        ],
        // No id.
        vec![json!([piece(
            zero,
            None,
            Some("add_numbers"),
            Some(r#"{"a":1}"#)
        )])],
        // The id and the name repeated.
        vec![
            json!([piece(zero, id, Some("add_numbers"), Some(r#"{"a""#))]),
            json!([piece(zero, id, Some("add_numbers"), Some(":1}"))]),
        ],
    ] {
        for reason in ["tool_calls", "stop"] {
            assert_calls(&gateway, calling(&pieces, reason), &expected).await;
        }
    }
}

#[tokio::test]
async fn several_calls_stay_apart() {
    let gateway = Gateway::new().await;
    let expected = [("add_numbers", r#"{"a":1}"#), ("add_numbers", r#"{"a":2}"#)];
    let call = |index, id, arguments: &str| piece(index, id, Some("add_numbers"), Some(arguments));
    for pieces in [
        // All in one event, with indexes and without, with one id for both.
        vec![json!([
            call(Some(0), Some("call_1"), r#"{"a":1}"#),
            call(Some(1), Some("call_2"), r#"{"a":2}"#)
        ])],
        vec![json!([
            call(None, Some("call_1"), r#"{"a":1}"#),
            call(None, Some("call_2"), r#"{"a":2}"#)
        ])],
        vec![json!([
            call(Some(0), Some("call_1"), r#"{"a":1}"#),
            call(Some(1), Some("call_1"), r#"{"a":2}"#)
        ])],
        // Interleaved.
        vec![
            json!([call(Some(0), Some("call_1"), "")]),
            json!([call(Some(1), Some("call_2"), "")]),
            json!([piece(Some(0), None, None, Some(r#"{"a""#))]),
            json!([piece(Some(1), None, None, Some(r#"{"a":2}"#))]),
            json!([piece(Some(0), None, None, Some(":1}"))]),
        ],
    ] {
        assert_calls(&gateway, calling(&pieces, "tool_calls"), &expected).await;
    }
}

#[tokio::test]
async fn empty_arguments_are_an_object_where_the_provider_needs_one() {
    let gateway = Gateway::new().await;
    for arguments in ["", "{}", "  "] {
        let messages = json!([
            { "role": "user", "content": "Hi!" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "add_numbers", "arguments": arguments } },
            ]},
            { "role": "tool", "tool_call_id": "call_1", "content": "3" },
        ]);
        let body = with(asking(ANTHROPIC), json!({ "messages": messages }));
        gateway.completed(upstream::Script::new(["ok"]), body).await;
        let request = gateway.provider_request();
        let call = &request["messages"][1]["content"][0];
        assert_eq!(call["type"], "tool_use", "{request}");
        assert_eq!(call["input"], json!({}), "{arguments:?}: {request}");
    }
}

use super::*;
use crate::request::testing::echo;
use contracts::llm::types::{
    FinishReason, NativeEvent, ReasoningDelta, ReasoningField, ToolCallDelta, Usage,
};
use sse::Parser;

fn resolved(is_native: bool) -> Delta {
    Delta::ResolvedModel(ResolvedModel {
        provider: "local".into(),
        model: "m2".into(),
        upstream: "u".into(),
        attempts: 1,
        prices: None,
        omitted_parameters: Vec::new(),
        is_native,
    })
}

fn call(index: u32, id: Option<&str>, arguments: &str) -> Delta {
    Delta::ToolCall(ToolCallDelta {
        index,
        id: id.map(str::to_owned),
        name: id.map(|_| "add".to_owned()),
        arguments: arguments.into(),
        extra: None,
    })
}

fn completion(finish_reason: FinishReason) -> Completion {
    Completion {
        finish_reason,
        stop_sequence: None,
        usage: Usage {
            prompt_tokens: 20,
            completion_tokens: 4,
            cached_tokens: 3,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 1,
            estimated: false,
        },
        usage_extra: None,
    }
}

/// The events, whose names are their types and whose numbers have no gap.
fn encoded(deltas: &[Delta], reason: FinishReason) -> Vec<Value> {
    let mut encoder = ResponseEncoder::new(
        echo(json!({"include": ["reasoning.encrypted_content"]})),
        false,
    );
    let mut out = Encoder::new();
    for delta in deltas {
        encoder.delta(&mut out, delta);
    }
    encoder.keep_alive(&mut out);
    encoder.end(&mut out, &completion(reason));
    parsed(&mut out)
}

fn parsed(out: &mut Encoder) -> Vec<Value> {
    let mut events = Vec::new();
    Parser::new()
        .push(&out.take(), |event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(data["type"], event.name);
            assert_eq!(data["sequence_number"], events.len());
            events.push(data);
        })
        .unwrap();
    events
}

#[test]
fn every_item_keeps_its_id_and_the_end_has_all_of_them() {
    let deltas = [
        resolved(false),
        Delta::Reasoning(ReasoningDelta {
            text: "Hm.".into(),
            field: ReasoningField::ReasoningContent,
        }),
        Delta::Text("Hi".into()),
        call(0, Some("a"), ""),
        call(1, Some("b"), "{"),
        call(0, None, "{}"),
        call(1, None, "}"),
    ];
    let events = encoded(&deltas, FinishReason::ToolCalls);
    assert_eq!(events[0]["type"], "response.created");
    assert_eq!(events[1]["type"], "response.in_progress");
    let of = |kind: &str| {
        let matching = events.iter().filter(|event| event["type"] == kind);
        matching.cloned().collect::<Vec<_>>()
    };
    let added = of("response.output_item.added");
    let done = of("response.output_item.done");
    assert_eq!((added.len(), done.len()), (4, 4));
    for (position, event) in added.iter().enumerate() {
        assert_eq!(event["output_index"], position);
        let end = done
            .iter()
            .find(|done| done["output_index"] == position)
            .unwrap();
        for member in ["id", "type", "call_id", "name"] {
            assert_eq!(event["item"][member], end["item"][member]);
        }
    }
    let end = events.last().unwrap();
    assert_eq!(end["type"], "response.completed");
    let output = end["response"]["output"].as_array().unwrap();
    let items: Vec<_> = (0..4)
        .map(|position| {
            done.iter()
                .find(|done| done["output_index"] == position)
                .unwrap()["item"]
                .clone()
        })
        .collect();
    assert_eq!(output, &items);
    assert_eq!(output[2]["arguments"], "{}");
    assert_eq!(output[3]["arguments"], "{}");
    let sealed = output[0]["encrypted_content"].as_str().unwrap();
    assert_eq!(model_api::unseal(sealed).unwrap().model, "m2");
    assert_eq!(of("keepalive").len(), 1);
    assert_eq!(end["response"]["usage"]["total_tokens"], 24);
}

#[test]
fn the_response_has_all_members() {
    let events = encoded(&[Delta::Text("Hi".into())], FinishReason::Length);
    let end = events.last().unwrap();
    assert_eq!(end["type"], "response.incomplete");
    let response = end["response"].as_object().unwrap();
    assert_eq!(
        response["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    assert_eq!(response["output"][0]["status"], "incomplete");
    for member in [
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "error",
        "incomplete_details",
        "model",
        "output",
        "usage",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "presence_penalty",
        "frequency_penalty",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
        "previous_response_id",
        "store",
        "background",
    ] {
        assert!(response.contains_key(member), "{member}");
    }
    assert_eq!(response.len(), 32);
}

#[test]
fn a_failure_is_one_terminal_event() {
    let mut encoder = ResponseEncoder::new(echo(json!({})), false);
    let mut out = Encoder::new();
    encoder.delta(&mut out, &Delta::Text("H".into()));
    let error = ApiError::internal("secret");
    encoder.fail(&mut out, &error, "r");
    let events = parsed(&mut out);
    let end = events.last().unwrap();
    assert_eq!(end["type"], "response.failed");
    assert_eq!(end["response"]["error"]["code"], "server_error");
    assert!(!end.to_string().contains("secret"));
}

#[test]
fn native_events_pass_unchanged_and_a_failure_has_their_id() {
    let native = |name: &str, data: &str| {
        Delta::Native(NativeEvent {
            name: name.into(),
            data: data.into(),
        })
    };
    let mut encoder = ResponseEncoder::new(echo(json!({})), false);
    let mut out = Encoder::new();
    let created =
        r#"{ "type":"response.created","sequence_number":0,"response":{"id":"resp_up"} }"#;
    for delta in [
        resolved(true),
        native("response.created", created),
        Delta::Text("x".into()),
    ] {
        encoder.delta(&mut out, &delta);
    }
    encoder.fail(&mut out, &ApiError::internal("x"), "r");
    let text = String::from_utf8(out.take()).unwrap();
    assert!(text.starts_with(&format!("event: response.created\ndata: {created}\n\n")));
    assert!(text.contains("response.failed") && text.contains("\"id\":\"resp_up\""));
    assert!(!text.contains("output_text"));
}

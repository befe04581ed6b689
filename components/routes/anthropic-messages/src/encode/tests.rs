use super::*;
use contracts::llm::types::{
    FinishReason, NativeEvent, ReasoningDelta, ReasoningField, ToolCallDelta,
};
use sse::Parser;

fn resolved(provider: &str, is_native: bool) -> Delta {
    Delta::ResolvedModel(ResolvedModel {
        provider: provider.into(),
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

fn reasoning(text: &str) -> Delta {
    Delta::Reasoning(ReasoningDelta {
        text: text.into(),
        field: ReasoningField::ReasoningContent,
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
            cache_write_tokens: 2,
            cache_write_hour_tokens: 5,
            reasoning_tokens: 1,
            estimated: false,
        },
        usage_extra: None,
    }
}

/// The events, whose names are their types.
fn encoded(deltas: &[Delta], reason: FinishReason) -> Vec<Value> {
    let mut encoder = MessageEncoder::new("m".into(), 9, false);
    let mut out = Encoder::new();
    for delta in deltas {
        encoder.delta(&mut out, delta);
    }
    encoder.end(&mut out, &completion(reason));
    let mut events = Vec::new();
    Parser::new()
        .push(&out.take(), |event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(data["type"], event.name);
            events.push(data);
        })
        .unwrap();
    events
}

fn whole(deltas: &[Delta], reason: FinishReason) -> Value {
    let mut encoder = MessageEncoder::new("m".into(), 9, false);
    let mut out = Encoder::new();
    deltas
        .iter()
        .for_each(|delta| encoder.delta(&mut out, delta));
    encoder.into_object(&completion(reason))
}

#[test]
fn interleaved_calls_and_text_become_blocks_one_after_the_other() {
    let deltas = [
        resolved("openai", false),
        Delta::Text("Hi".into()),
        call(0, Some("a"), ""),
        call(0, None, "{\"x\""),
        call(1, Some("b"), "{"),
        Delta::Text("late".into()),
        call(0, None, ":1}"),
        call(1, None, "}"),
    ];
    let events = encoded(&deltas, FinishReason::ToolCalls);
    let kinds: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["index"]))
        .collect();
    let block = |index: u32, deltas: usize| {
        let mut block = vec![format!("content_block_start {index}")];
        block.extend((0..deltas).map(|_| format!("content_block_delta {index}")));
        block.push(format!("content_block_stop {index}"));
        block
    };
    let mut expected = vec!["message_start null".to_owned()];
    expected.extend(block(0, 1));
    expected.extend(block(1, 2));
    expected.extend(block(2, 2));
    expected.extend(block(3, 1));
    expected.extend([
        "message_delta null".to_owned(),
        "message_stop null".to_owned(),
    ]);
    assert_eq!(kinds, expected);
    assert_eq!(
        whole(&deltas, FinishReason::ToolCalls)["content"],
        json!([
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "a", "name": "add", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "add", "input": {}},
            {"type": "text", "text": "late"},
        ])
    );
}

#[test]
fn usage_has_every_count_and_excludes_the_cache() {
    let events = encoded(&[Delta::Text("x".into())], FinishReason::Length);
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "max_tokens");
    let usage = &end["usage"];
    assert_eq!(usage["input_tokens"], 10);
    assert_eq!(usage["cache_creation_input_tokens"], 7);
    assert_eq!(usage["cache_read_input_tokens"], 3);
    assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 5);
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 9);
}

#[test]
fn thinking_has_a_signature_that_names_its_provider_or_is_anthropics() {
    let deltas = [
        resolved("local", false),
        reasoning("Hm."),
        Delta::Text("x".into()),
    ];
    let message = whole(&deltas, FinishReason::Stop);
    let signature = message["content"][0]["signature"].as_str().unwrap();
    assert_eq!(model_api::unseal(signature).unwrap().provider, "local");
    assert_eq!(message["content"][0]["thinking"], "Hm.");

    let deltas = [
        resolved("anthropic", false),
        reasoning("Hm."),
        Delta::ReasoningData(r#"{"type":"thinking","signature":"c2ln"}"#.into()),
        Delta::ReasoningData(r#"{"type":"redacted_thinking","data":"eA=="}"#.into()),
    ];
    assert_eq!(
        whole(&deltas, FinishReason::Stop)["content"],
        json!([
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eA=="},
        ])
    );
}

#[test]
fn native_events_pass_unchanged_and_deltas_are_not_repeated() {
    let native = |name: &str, data: &str| {
        Delta::Native(NativeEvent {
            name: name.into(),
            data: data.into(),
        })
    };
    let mut encoder = MessageEncoder::new("m".into(), 9, false);
    let mut out = Encoder::new();
    for delta in [
        resolved("anthropic", true),
        native("content_block_delta", r#"{ "type":"content_block_delta" }"#),
        Delta::Text("x".into()),
        native("message_stop", r#"{"type":"message_stop"}"#),
    ] {
        encoder.delta(&mut out, &delta);
    }
    encoder.end(&mut out, &completion(FinishReason::Stop));
    assert_eq!(
        String::from_utf8(out.take()).unwrap(),
        "event: content_block_delta\ndata: { \"type\":\"content_block_delta\" }\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    );
}

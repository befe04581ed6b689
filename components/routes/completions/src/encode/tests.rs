use super::{chunks::ChunkEncoder, label::Label, object::ReplyMessage};
use contracts::llm::types::{
    Completion, Delta, ExtraDelta, ExtraLevel, FinishReason, ReasoningDelta, ReasoningField,
    ResolvedModel, ToolCallDelta, Usage,
};
use model_api::StreamEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use sse::{Encoder, Parser};

fn completion(finish_reason: FinishReason) -> Completion {
    Completion {
        finish_reason,
        usage: Usage {
            prompt_tokens: 9,
            completion_tokens: 4,
            cached_tokens: 3,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 1,
            estimated: false,
        },
        stop_sequence: None,
        usage_extra: None,
    }
}

fn reasoning(text: impl Into<String>) -> Delta {
    Delta::Reasoning(ReasoningDelta {
        text: text.into(),
        field: ReasoningField::ReasoningContent,
    })
}

fn extra(level: ExtraLevel, fields: Value) -> Delta {
    Delta::Extra(ExtraDelta {
        level,
        fields: fields.to_string(),
    })
}

fn label() -> Label {
    Label {
        id: "chatcmpl-1".into(),
        created: 1_700_000_000,
        ..Label::new("requested-model".into())
    }
}

fn resolved() -> Delta {
    Delta::ResolvedModel(ResolvedModel {
        provider: "openai".into(),
        model: "gpt-4o".into(),
        upstream: "gpt-4o-2024".into(),
        attempts: 1,
        prices: None,
        omitted_parameters: Vec::new(),
        is_native: false,
    })
}

fn call(index: u32, id: Option<&str>, arguments: &str) -> Delta {
    Delta::ToolCall(ToolCallDelta {
        index,
        id: id.map(str::to_owned),
        name: id.map(|id| format!("f_{id}")),
        arguments: arguments.to_owned(),
        extra: None,
    })
}

/// The events of a whole stream; the last one is `[DONE]`.
fn streamed(deltas: &[Delta], includes_usage: bool, end: &Completion) -> Vec<Value> {
    let mut chunks = ChunkEncoder::new(label(), includes_usage);
    let mut out = Encoder::new();
    for delta in deltas {
        chunks.delta(&mut out, delta);
    }
    chunks.flush(&mut out);
    chunks.end(&mut out, end);
    let bytes = out.take();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.split("\n\n").all(
        |event| event.is_empty() || (event.starts_with("data: ") && event.lines().count() == 1)
    ));
    let mut events = Vec::new();
    let mut parser = Parser::new();
    parser
        .push(&bytes, |event| events.push(event.data))
        .unwrap();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    events
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The message as OpenAI's libraries assemble it from chunks.
fn assembled(chunks: &[Value]) -> Value {
    let mut message = json!({"content": null, "refusal": null});
    let mut calls: Vec<(u64, Value)> = Vec::new();
    let append = |slot: &mut Value, part: &Value| {
        if let Some(part) = part.as_str() {
            *slot = json!(format!("{}{part}", slot.as_str().unwrap_or_default()));
        }
    };
    for chunk in chunks {
        let Some(choice) = chunk["choices"].get(0) else {
            continue;
        };
        let delta = &choice["delta"];
        if let Some(role) = delta.get("role") {
            message["role"] = role.clone();
        }
        for name in ["content", "refusal", "reasoning_content"] {
            if delta.get(name).is_some_and(|part| !part.is_null()) {
                append(&mut message[name], &delta[name]);
            }
        }
        for part in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = part["index"].as_u64().unwrap();
            if calls.iter().all(|(other, _)| *other != index) {
                calls.push((index, json!({"type": "function", "id": "", "function": {"name": "", "arguments": ""}})));
            }
            let (_, call) = calls.iter_mut().find(|(other, _)| *other == index).unwrap();
            append(&mut call["id"], &part["id"]);
            for name in ["name", "arguments"] {
                append(&mut call["function"][name], &part["function"][name]);
            }
        }
    }
    calls.sort_by_key(|(index, _)| *index);
    if !calls.is_empty() {
        message["tool_calls"] = calls.into_iter().map(|(_, call)| call).collect();
    }
    message
}

fn whole(deltas: Vec<Delta>, end: &Completion) -> Value {
    let mut message = ReplyMessage::default();
    let mut label = label();
    for delta in deltas {
        if let Delta::ResolvedModel(resolved) = &delta {
            label.model.clone_from(&resolved.model);
        }
        message.push(delta);
    }
    serde_json::to_value(message.object(&label, end)).unwrap()
}

#[test]
fn chunk_encoder_text_reply_equals_openais_chunks() {
    let deltas = [
        resolved(),
        Delta::Text("Hel".into()),
        Delta::Text("lo\n".into()),
    ];
    let events = streamed(&deltas, false, &completion(FinishReason::Stop));
    let chunk = |delta: Value, reason: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-4o", "system_fingerprint": null,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}],
        })
    };
    assert_eq!(
        events,
        [
            chunk(
                json!({"role": "assistant", "content": "", "refusal": null}),
                Value::Null
            ),
            chunk(json!({"content": "Hel"}), Value::Null),
            chunk(json!({"content": "lo\n"}), Value::Null),
            chunk(json!({}), json!("stop")),
        ]
    );
}

#[test]
fn chunk_encoder_with_usage_sends_it_last() {
    let events = streamed(&[], true, &completion(FinishReason::Length));
    assert_eq!(events.len(), 3);
    assert!(
        events[..2]
            .iter()
            .all(|event| event["usage"] == Value::Null && event.get("usage").is_some())
    );
    assert_eq!(events[1]["choices"][0]["finish_reason"], "length");
    assert_eq!(events[2]["choices"], json!([]));
    assert_eq!(
        events[2]["usage"],
        json!({
            "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 1, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    );
}

#[test]
fn chunk_encoder_tool_call_is_sent_in_deltas() {
    let deltas = [call(0, Some("call_1"), ""), call(0, None, "{}")];
    let events = streamed(&deltas, false, &completion(FinishReason::ToolCalls));
    let delta = |index: usize| &events[index]["choices"][0]["delta"];
    assert_eq!(delta(0)["content"], Value::Null);
    assert_eq!(
        delta(1),
        &json!({"tool_calls": [{
            "index": 0, "id": "call_1", "type": "function",
            "function": {"name": "f_call_1", "arguments": ""},
        }]})
    );
    assert_eq!(
        delta(2),
        &json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})
    );
    assert_eq!(events[3]["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn reply_message_text_reply_equals_openais_object() {
    let object = whole(
        vec![resolved(), Delta::Text("Hi".into())],
        &completion(FinishReason::ContentFilter),
    );
    assert_eq!(object["object"], "chat.completion");
    assert_eq!(object["model"], "gpt-4o");
    assert_eq!(object["usage"]["total_tokens"], 13);
    assert_eq!(
        object["choices"],
        json!([{
            "index": 0, "logprobs": null, "finish_reason": "content_filter",
            "message": {"role": "assistant", "content": "Hi", "refusal": null},
        }])
    );
    let silent = whole(Vec::new(), &completion(FinishReason::Stop));
    assert_eq!(silent["choices"][0]["message"]["content"], "");
}

#[test]
fn reply_message_response_contains_the_text_only() {
    let mut message = ReplyMessage::default();
    message.push(reasoning("Hm."));
    message.push(Delta::Text("Hel".into()));
    message.push(Delta::Text("lo".into()));
    assert_eq!(
        serde_json::to_value(message.response()).unwrap(),
        json!({"response": "Hello"})
    );
}

#[test]
fn reply_message_estimated_usage_is_marked() {
    let mut end = completion(FinishReason::Stop);
    end.usage.estimated = true;
    assert_eq!(whole(Vec::new(), &end)["usage"]["estimated"], true);
}

#[test]
fn chunk_encoder_keep_alive_is_a_chunk_without_content() {
    let mut chunks = ChunkEncoder::new(label(), true);
    let mut out = Encoder::new();
    chunks.keep_alive(&mut out);
    let text = String::from_utf8(out.take()).unwrap();
    let chunk: Value = serde_json::from_str(text.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(chunk["object"], "chat.completion.chunk");
    assert_eq!(chunk["choices"][0]["delta"], json!({}));
    assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(chunk["usage"], Value::Null);
}

/// A reply with the provider's own fields at every level.
fn with_extra() -> Vec<Delta> {
    vec![
        resolved(),
        extra(
            ExtraLevel::Chunk,
            json!({"system_fingerprint": "fp_1", "service_tier": "default"}),
        ),
        extra(
            ExtraLevel::Choice,
            json!({"logprobs": {"content": [{"token": "Hel"}]}}),
        ),
        extra(ExtraLevel::Delta, json!({"x": "1"})),
        Delta::Text("Hel".into()),
        extra(
            ExtraLevel::Choice,
            json!({"logprobs": {"content": [{"token": "lo"}]}}),
        ),
        Delta::Text("lo".into()),
        // An event with nothing else, and another one.
        extra(ExtraLevel::Delta, json!({"annotations": [1]})),
        extra(ExtraLevel::Delta, json!({"annotations": [2]})),
        Delta::ToolCall(ToolCallDelta {
            index: 0,
            id: Some("call_1".into()),
            name: Some("f_call_1".into()),
            arguments: "{}".into(),
            extra: Some(json!({"extra_content": {"s": 1}, "function": {"f": 2}}).to_string()),
        }),
    ]
}

#[test]
fn chunk_encoder_extra_fields_are_in_the_chunk_of_their_event() {
    let mut end = completion(FinishReason::Other("eos".into()));
    end.stop_sequence = Some("END".into());
    end.usage_extra =
        Some(json!({"prompt_tokens_details": {"audio_tokens": 5}, "cost": 1}).to_string());
    let events = streamed(&with_extra(), true, &end);
    assert!(
        events.iter().all(
            |event| event["system_fingerprint"] == "fp_1" && event["service_tier"] == "default"
        )
    );
    let choices: Vec<_> = events[1..6]
        .iter()
        .map(|event| &event["choices"][0])
        .collect();
    assert_eq!(choices[0]["delta"], json!({"content": "Hel", "x": "1"}));
    assert_eq!(choices[0]["logprobs"]["content"][0]["token"], "Hel");
    assert_eq!(choices[1]["delta"], json!({"content": "lo"}));
    assert_eq!(choices[1]["logprobs"]["content"][0]["token"], "lo");
    assert_eq!(choices[2]["delta"], json!({"annotations": [1]}));
    let call = &choices[3]["delta"]["tool_calls"][0];
    assert_eq!(choices[3]["delta"]["annotations"], json!([2]));
    assert_eq!(call["extra_content"], json!({"s": 1}));
    assert_eq!(
        call["function"],
        json!({"name": "f_call_1", "arguments": "{}", "f": 2})
    );
    assert_eq!(choices[4]["finish_reason"], "eos");
    assert_eq!(choices[4]["stop_sequence"], "END");
    let usage = &events[6]["usage"];
    assert_eq!(
        usage["prompt_tokens_details"],
        json!({"cached_tokens": 3, "audio_tokens": 5})
    );
    assert_eq!(usage["cost"], 1);
}

#[test]
fn reply_message_extra_fields_are_merged() {
    let object = whole(with_extra(), &completion(FinishReason::ToolCalls));
    assert_eq!(object["service_tier"], "default");
    assert_eq!(object["system_fingerprint"], "fp_1");
    let choice = &object["choices"][0];
    assert_eq!(
        choice["logprobs"],
        json!({"content": [{"token": "Hel"}, {"token": "lo"}]})
    );
    assert_eq!(
        choice["message"],
        json!({
            "role": "assistant", "content": "Hello", "refusal": null,
            "tool_calls": [{
                "id": "call_1", "type": "function", "extra_content": {"s": 1},
                "function": {"name": "f_call_1", "arguments": "{}", "f": 2},
            }],
            "x": "1", "annotations": [1, 2],
        })
    );
}

#[test]
fn reasoning_data_is_a_thinking_block_streamed_and_whole() {
    let deltas = || {
        vec![
            reasoning("Let me "),
            reasoning("see."),
            Delta::ReasoningData(json!({"type": "thinking", "signature": "s1"}).to_string()),
            Delta::Text("4".into()),
        ]
    };
    let block = json!({"type": "thinking", "thinking": "Let me see.", "signature": "s1"});
    let end = completion(FinishReason::Stop);
    let events = streamed(&deltas(), false, &end);
    assert_eq!(
        events[3]["choices"][0]["delta"],
        json!({"thinking_blocks": [block]})
    );
    let message = &whole(deltas(), &end)["choices"][0]["message"];
    assert_eq!(message["thinking_blocks"], json!([block]));
    assert_eq!(message["reasoning_content"], "Let me see.");
    assert_eq!(message["content"], "4");
}

#[test]
fn a_call_of_another_type_has_no_function() {
    let deltas = vec![Delta::ToolCall(ToolCallDelta {
        index: 0,
        id: Some("call_1".into()),
        name: Some(String::new()),
        arguments: String::new(),
        extra: Some(
            json!({"type": "custom", "custom": {"name": "run", "input": "ls"}}).to_string(),
        ),
    })];
    let call = json!({"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}});
    let object = whole(deltas, &completion(FinishReason::ToolCalls));
    assert_eq!(object["choices"][0]["message"]["tool_calls"], json!([call]));
}

fn deltas() -> impl Strategy<Value = Vec<Delta>> {
    let delta = prop_oneof![
        4 => "(?s).{1,6}".prop_map(Delta::Text),
        1 => "(?s).{1,6}".prop_map(Delta::Refusal),
        1 => "(?s).{1,6}".prop_map(reasoning),
        2 => (0..4_u32, "[a-z\"{}:]{0,5}").prop_map(|(index, arguments)| call(index, None, &arguments)),
    ];
    proptest::collection::vec(delta, 0..12).prop_map(|mut deltas| {
        // The first part of each call has its id and name.
        let mut begun = Vec::new();
        for delta in &mut deltas {
            if let Delta::ToolCall(part) = delta
                && !begun.contains(&part.index)
            {
                begun.push(part.index);
                part.id = Some(format!("call_{}", part.index));
                part.name = Some(format!("f_{}", part.index));
            }
        }
        deltas
    })
}

proptest! {
    #[test]
    fn chunks_and_object_of_the_same_deltas_are_the_same_message(deltas in deltas(), includes_usage: bool) {
        let end = completion(FinishReason::Stop);
        let chunks = streamed(&deltas, includes_usage, &end);
        let object = whole(deltas, &end);
        let message = &object["choices"][0]["message"];
        prop_assert_eq!(&assembled(&chunks), message);
    }
}

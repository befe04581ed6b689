use super::{chunks::ChunkEncoder, label::Label, object::ReplyMessage};
use contracts::llm::types::{Completion, Delta, FinishReason, ResolvedModel, ToolCallDelta, Usage};
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
            reasoning_tokens: 1,
            estimated: false,
        },
    }
}

fn label() -> Label {
    Label {
        id: "chatcmpl-1".into(),
        created: 1_700_000_000,
        model: "asked".into(),
    }
}

fn resolved() -> Delta {
    Delta::ResolvedModel(ResolvedModel {
        provider: "openai".into(),
        model: "gpt-4o".into(),
        upstream: "gpt-4o-2024".into(),
        attempts: 1,
        prices: None,
    })
}

fn call(index: u32, id: Option<&str>, arguments: &str) -> Delta {
    Delta::ToolCall(ToolCallDelta {
        index,
        id: id.map(str::to_owned),
        name: id.map(|id| format!("f_{id}")),
        arguments: arguments.to_owned(),
    })
}

/// The events of a whole stream; the last one is `[DONE]`.
fn streamed(deltas: &[Delta], includes_usage: bool, end: &Completion) -> Vec<Value> {
    let mut chunks = ChunkEncoder::new(label(), includes_usage);
    let mut out = Encoder::new();
    for delta in deltas {
        chunks.delta(&mut out, delta);
    }
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
            if calls.iter().all(|(known, _)| *known != index) {
                calls.push((index, json!({"type": "function", "id": "", "function": {"name": "", "arguments": ""}})));
            }
            let (_, call) = calls.iter_mut().find(|(known, _)| *known == index).unwrap();
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
        if let Delta::ResolvedModel(served) = &delta {
            label.model.clone_from(&served.model);
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
    message.push(Delta::Reasoning("Hm.".into()));
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
    let chunks = ChunkEncoder::new(label(), true);
    let mut out = Encoder::new();
    chunks.keep_alive(&mut out);
    let text = String::from_utf8(out.take()).unwrap();
    let chunk: Value = serde_json::from_str(text.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(chunk["object"], "chat.completion.chunk");
    assert_eq!(chunk["choices"][0]["delta"], json!({}));
    assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(chunk["usage"], Value::Null);
}

fn deltas() -> impl Strategy<Value = Vec<Delta>> {
    let delta = prop_oneof![
        4 => "(?s).{1,6}".prop_map(Delta::Text),
        1 => "(?s).{1,6}".prop_map(Delta::Refusal),
        1 => "(?s).{1,6}".prop_map(Delta::Reasoning),
        2 => (0..4_u32, "[a-z\"{}:]{0,5}").prop_map(|(index, arguments)| call(index, None, &arguments)),
    ];
    proptest::collection::vec(delta, 0..12).prop_map(|mut deltas| {
        // The first part of each call has its id and name.
        let mut known = Vec::new();
        for delta in &mut deltas {
            if let Delta::ToolCall(part) = delta
                && !known.contains(&part.index)
            {
                known.push(part.index);
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

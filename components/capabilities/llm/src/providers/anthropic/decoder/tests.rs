use super::*;
use crate::bindings::{Completion, Delta, ReasoningDelta};
use crate::reply::testing;
use proptest::prelude::*;

/// A recorded reply, with a thought before it.
const RECORDED: &str = r#"event: message_start
data: {"type":"message_start","message":{"model":"claude-haiku-4-5","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":1,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Greeting."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"! 👋"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: something_new
data: {"type":"something_new","field":[1]}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

"#;

fn pieces(stream: &str) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    testing::read(stream, || Box::new(Decoder::default()))
}

fn read(stream: &str) -> (Vec<String>, Result<Option<Completion>, Failure>) {
    let (pieces, end) = pieces(stream);
    (testing::texts(&pieces), end)
}

#[test]
fn a_recorded_reply() {
    let (texts, end) = read(RECORDED);
    assert_eq!(texts, ["Hello", "! 👋"]);
    let end = end.unwrap().unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    assert_eq!(
        (
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated
        ),
        (15, 15, false)
    );
}

#[test]
fn reasoning_has_its_signature() {
    let (pieces, end) = pieces(RECORDED);
    let thought = ReasoningDelta {
        text: "Greeting.".into(),
        field: ReasoningField::ReasoningContent,
    };
    let signature = r#"{"type":"thinking","signature":"EqQB"}"#;
    assert_eq!(
        pieces[..2],
        [
            Delta::Reasoning(thought),
            Delta::ReasoningData(signature.into())
        ]
    );
    assert_eq!(end.unwrap().unwrap().usage.cached_tokens, 3);
}

/// A recorded reply with text, a call in several deltas, a call without arguments and a call in one event.
const CALLS: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":472,"output_tokens":2}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Okay."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"location\":"}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":" \"Zürich\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_2","name":"get_time","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_3","name":"add","input":{"a":1}}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"query\": 1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

event: message_stop
data: {"type":"message_stop"}

"#;

#[test]
fn recorded_calls() {
    let (pieces, end) = pieces(CALLS);
    assert_eq!(testing::texts(&pieces), ["Okay."]);
    let calls = [
        ("get_weather", r#"{"location": "Zürich"}"#),
        ("get_time", "{}"),
        ("add", r#"{"a":1}"#),
    ];
    assert_eq!(
        testing::calls(&pieces),
        calls.map(|(name, arguments)| (name.to_owned(), arguments.to_owned()))
    );
    let ids: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Delta::ToolCall(piece) => piece.id.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["toolu_1", "toolu_2", "toolu_3"]);
    assert_eq!(end.unwrap().unwrap().finish_reason, FinishReason::ToolCalls);
}

#[test]
fn without_its_last_events_a_reply_is_incomplete() {
    let cut = RECORDED.split("event: message_delta").next().unwrap();
    assert_eq!(read(cut).1, Ok(None));
    let stopped = RECORDED.split("event: message_stop").next().unwrap();
    assert!(read(stopped).1.unwrap().is_some());
}

#[test]
fn an_error_event_keeps_the_deltas_before_it() {
    let stream = RECORDED
        .split("event: something_new")
        .next()
        .unwrap()
        .to_owned()
        + "event: error\ndata: {\"type\": \"error\", \"error\": {\"details\": null, \"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let (texts, end) = read(&stream);
    assert_eq!(texts, ["Hello", "! 👋"]);
    assert!(matches!(end, Err(Failure::Provider(_))));
}

#[test]
fn odd_events_end_nothing() {
    for odd in [
        "{}",
        "not json",
        r#"{"type":"message_delta"}"#,
        r#"{"type":"content_block_delta","index":9,"delta":null}"#,
    ] {
        let stream = RECORDED.replace(
            "event: something_new",
            &format!("data: {odd}\n\nevent: something_new"),
        );
        let (texts, end) = read(&stream);
        assert_eq!(texts, ["Hello", "! 👋"], "{odd}");
        assert!(end.unwrap().is_some(), "{odd}");
    }
}

#[test]
fn cache_writes_are_counted_by_their_time() {
    let usage = |usage: &str| {
        let stream = format!(
            "data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{usage}}}}}\n\n\
             data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{{\"output_tokens\":550}}}}\n\n\
             data: {{\"type\":\"message_stop\"}}\n\n"
        );
        read(&stream).1.unwrap().unwrap().usage
    };
    let counted = usage(
        r#"{"input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"output_tokens":1}"#,
    );
    assert_eq!(
        (
            counted.prompt_tokens,
            counted.cache_write_tokens,
            counted.completion_tokens
        ),
        (12_307, 12_304, 550)
    );
    let counted = usage(
        r#"{"input_tokens":3,"cache_creation_input_tokens":30,"cache_read_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
    );
    assert_eq!(
        (
            counted.prompt_tokens,
            counted.cached_tokens,
            counted.cache_write_tokens,
            counted.cache_write_hour_tokens
        ),
        (40, 7, 10, 20)
    );
}

#[test]
fn a_whole_message_is_read_as_a_stream() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","content":[
        {"type":"redacted_thinking","data":"x"},
        {"type":"text","text":"Hello"},
        {"type":"tool_use","id":"toolu_1","name":"add","input":{"a":1}}],
        "stop_reason":"stop_sequence","stop_sequence":"END","usage":{"input_tokens":5,"output_tokens":6}}"#;
    let (deltas, end) = pieces(body);
    assert_eq!(
        deltas.first(),
        Some(&Delta::ReasoningData(
            r#"{"type":"redacted_thinking","data":"x"}"#.into()
        ))
    );
    assert_eq!(testing::texts(&deltas), ["Hello"]);
    assert_eq!(
        testing::calls(&deltas),
        [("add".to_owned(), r#"{"a":1}"#.to_owned())]
    );
    let end = end.unwrap().unwrap();
    assert_eq!(end.stop_sequence.as_deref(), Some("END"));
    assert_eq!(
        (end.usage.prompt_tokens, end.usage.completion_tokens),
        (5, 6)
    );
}

#[test]
fn every_stop_reason_has_its_finish_reason() {
    for (reason, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other("pause_turn".to_owned())),
    ] {
        let stream = RECORDED.replace("end_turn", reason);
        assert_eq!(read(&stream).1.unwrap().unwrap().finish_reason, expected);
    }
}

proptest! {
    #[test]
    fn a_reply_cut_anywhere_is_read_alike(at in any::<prop::sample::Index>()) {
        // Reads the beginning in three ways and compares.
        let boundaries: Vec<usize> = CALLS.char_indices().map(|(index, _)| index).collect();
        drop(pieces(CALLS.get(..*at.get(&boundaries)).unwrap()));
    }
}

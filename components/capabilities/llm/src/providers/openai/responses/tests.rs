use super::*;
use crate::bindings::{Delta, NativeEvent};
use crate::reply::Expectation;
use crate::reply::testing::{calls, read, read_with, texts};

/// A recorded stream with reasoning, a call and text, shortened.
const RECORDED: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"output":[]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Hm."}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":3,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"ZQ=="}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":4,"output_index":1,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"add","arguments":"","status":"in_progress"}}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","sequence_number":5,"item_id":"fc_1","output_index":1,"delta":"{\"a\":1}"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":6,"item_id":"msg_1","output_index":2,"content_index":0,"delta":"Hé"}

event: response.completed
data: {"type":"response.completed","sequence_number":7,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}}

"#;

fn decoder() -> Box<dyn Decode> {
    Box::new(Decoder)
}

#[test]
fn a_recorded_stream() {
    let (deltas, end) = read(RECORDED, decoder);
    assert_eq!(texts(&deltas), ["Hé"]);
    assert_eq!(calls(&deltas), [("add".to_owned(), "{\"a\":1}".to_owned())]);
    assert!(deltas.iter().any(|delta| matches!(
        delta,
        Delta::ReasoningData(data) if data.contains("ZQ==") && !data.contains("summary")
    )));
    let end = end.unwrap().unwrap();
    assert_eq!(end.finish_reason, FinishReason::ToolCalls);
    let usage = end.usage;
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (9, 7));
    assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (4, 2));
}

#[test]
fn events_are_passed_on_as_they_came_once_the_model_has_begun() {
    let expectation = Expectation {
        is_native: true,
        ..Expectation::default()
    };
    let (deltas, _) = read_with(RECORDED, expectation, decoder);
    let events: Vec<_> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Native(event) => Some(event.clone()),
            _ => None,
        })
        .collect();
    let sent: Vec<_> = RECORDED
        .split("\n\n")
        .filter_map(|event| event.split_once('\n'))
        .map(|(name, data)| NativeEvent {
            name: name.trim_start_matches("event: ").to_owned(),
            data: data.trim_start_matches("data: ").to_owned(),
        })
        .collect();
    assert_eq!(events, sent);
}

#[test]
fn a_response_as_a_whole_and_its_ends() {
    let whole = |status: &str, rest: &str| {
        let body = format!(
            r#"{{"object":"response","status":"{status}",{rest}"output":[
                {{"type":"reasoning","summary":[{{"type":"summary_text","text":"Hm."}}]}},
                {{"type":"message","content":[{{"type":"output_text","text":"Hi"}}]}}],
                "usage":{{"input_tokens":1,"output_tokens":2}}}}"#
        );
        read(&body, decoder)
    };
    let (deltas, end) = whole("completed", r#""error":null,"#);
    assert_eq!(texts(&deltas), ["Hi"]);
    assert_eq!(end.unwrap().unwrap().finish_reason, FinishReason::Stop);
    let cut = r#""incomplete_details":{"reason":"max_output_tokens"},"#;
    let (_, end) = whole("incomplete", cut);
    assert_eq!(end.unwrap().unwrap().finish_reason, FinishReason::Length);
    let failed = r#""error":{"code":"rate_limit_exceeded","message":"Slow down."},"#;
    let (_, end) = whole("failed", failed);
    assert!(matches!(end, Err(Failure::Provider(error)) if error.code == "rate_limit_exceeded"));
}

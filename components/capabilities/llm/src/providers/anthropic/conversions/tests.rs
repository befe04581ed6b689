use super::*;
use crate::bindings::{Completion, Delta};
use crate::reply::testing;

/// A recorded answer, with a thought before it.
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

fn pieces(stream: &str) -> (Vec<Delta>, Result<Completion, Error>) {
    testing::read(stream, || Box::new(Decoder::default()))
}

fn read(stream: &str) -> (Vec<String>, Result<Completion, Error>) {
    let (pieces, end) = pieces(stream);
    (testing::texts(&pieces), end)
}

#[test]
fn a_recorded_answer() {
    let (texts, end) = read(RECORDED);
    assert_eq!(texts, ["Hello", "! 👋"]);
    let end = end.unwrap();
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
fn thoughts_come_as_thoughts() {
    let (pieces, end) = pieces(RECORDED);
    assert_eq!(pieces.first(), Some(&Delta::Reasoning("Greeting.".into())));
    assert_eq!(end.unwrap().usage.cached_tokens, 3);
}

/// A recorded answer with words, a call in pieces, a call without arguments and one told whole.
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
    assert_eq!(end.unwrap().finish_reason, FinishReason::ToolCalls);
}

#[test]
fn without_its_last_events_an_answer_broke_off() {
    let cut = RECORDED.split("event: message_delta").next().unwrap();
    assert!(matches!(read(cut).1, Err(Error::Unreachable(_))));
    let stopped = RECORDED.split("event: message_stop").next().unwrap();
    assert!(read(stopped).1.is_ok());
}

#[test]
fn an_error_event_keeps_what_came_before() {
    let stream = RECORDED
        .split("event: something_new")
        .next()
        .unwrap()
        .to_owned()
        + "event: error\ndata: {\"type\": \"error\", \"error\": {\"details\": null, \"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let (texts, end) = read(&stream);
    assert_eq!(texts, ["Hello", "! 👋"]);
    assert!(matches!(end, Err(Error::Overloaded(None))));
}

#[test]
fn what_is_no_event_is_a_protocol_error() {
    for data in ["{}", "not json", r#"{"type":"message_delta"}"#] {
        assert!(
            matches!(
                read(&format!("data: {data}\n\n")).1,
                Err(Error::Protocol(_))
            ),
            "{data}"
        );
    }
}

#[test]
fn every_refusal_has_its_case() {
    let refuse = |status, retry_after, kind: &str, message: &str| {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        );
        error(
            &Head {
                status,
                retry_after,
            },
            body.as_bytes(),
        )
    };
    assert!(matches!(
        refuse(401, None, "authentication_error", "invalid x-api-key"),
        Error::Unauthorized
    ));
    assert!(matches!(
        refuse(404, None, "not_found_error", "model: x"),
        Error::UnknownModel
    ));
    assert!(matches!(
        refuse(
            400,
            None,
            "invalid_request_error",
            "prompt is too long: 2 tokens > 1 maximum"
        ),
        Error::ContextTooLong
    ));
    assert!(matches!(
        refuse(
            400,
            None,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 1 + 2 > 2"
        ),
        Error::ContextTooLong
    ));
    assert!(matches!(
        refuse(
            413,
            None,
            "request_too_large",
            "Request exceeds the maximum size"
        ),
        Error::ContextTooLong
    ));
    assert!(matches!(
        refuse(
            400,
            None,
            "invalid_request_error",
            "Output blocked by content filtering policy"
        ),
        Error::ContentFiltered
    ));
    assert!(matches!(
        refuse(
            400,
            None,
            "invalid_request_error",
            "Your credit balance is too low"
        ),
        Error::Unauthorized
    ));
    assert!(matches!(
        refuse(429, Some("9"), "rate_limit_error", ""),
        Error::RateLimited(Some(9))
    ));
    assert!(matches!(
        refuse(529, Some("4"), "overloaded_error", "Overloaded"),
        Error::Overloaded(Some(4))
    ));
    assert!(matches!(
        refuse(504, None, "timeout_error", ""),
        Error::Timeout
    ));
    assert!(matches!(
        refuse(200, None, "overloaded_error", ""),
        Error::Overloaded(None)
    ));
    let Error::InvalidRequest(invalid) =
        refuse(400, None, "invalid_request_error", "messages.1: my secret")
    else {
        panic!()
    };
    assert_eq!(
        (invalid.cause.as_str(), invalid.field),
        ("status 400 invalid_request_error", None)
    );
}

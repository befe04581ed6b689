use super::*;
use crate::bindings::{Completion, Delta, ReasoningDelta};
use crate::reply::Expectation;
use crate::reply::testing;
use proptest::prelude::*;

/// A recorded reply of gpt-4o, shortened in its ids.
const RECORDED: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"a"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"b"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":" wörld"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

"#;

fn pieces(stream: &str) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    testing::read(stream, || Box::new(Decoder::default()))
}

fn read(stream: &str) -> (Vec<String>, Result<Option<Completion>, Failure>) {
    let (pieces, end) = pieces(stream);
    (testing::texts(&pieces), end)
}

fn chunk(delta: &str, reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
    )
}

fn reasoning(text: &str, field: ReasoningField) -> Delta {
    Delta::Reasoning(ReasoningDelta {
        text: text.into(),
        field,
    })
}

#[test]
fn a_recorded_reply() {
    let (texts, end) = read(RECORDED);
    assert_eq!(texts, ["Hello", " wörld"]);
    let end = end.unwrap().unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    assert_eq!(
        (
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated
        ),
        (9, 3, false)
    );
}

#[test]
fn without_done_a_reason_is_enough_and_usage_is_estimated() {
    let (texts, end) =
        read(&(chunk(r#"{"content":"12345"}"#, "null") + &chunk("{}", r#""length""#)));
    assert_eq!(texts, ["12345"]);
    let end = end.unwrap().unwrap();
    assert_eq!(end.finish_reason, FinishReason::Length);
    assert_eq!(
        (
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated
        ),
        (7, 2, true)
    );
}

#[test]
fn without_a_reason_and_done_the_reply_is_incomplete() {
    let (texts, end) = read(&chunk(r#"{"content":"half"}"#, "null"));
    assert_eq!(texts, ["half"]);
    assert_eq!(end, Ok(None));
}

#[test]
fn an_error_in_the_stream_keeps_the_deltas_before_it() {
    let stream = chunk(r#"{"content":"half"}"#, "null")
        + "data: {\"error\":{\"message\":\"Sorry\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let (texts, end) = read(&stream);
    assert_eq!(texts, ["half"]);
    assert!(matches!(end, Err(Failure::Provider(_))));
}

#[test]
fn reasoning_and_refusals_are_separate() {
    let stream = chunk(r#"{"reasoning_content":"hm"}"#, "null")
        + &chunk(r#"{"reasoning":"h","reasoning_content":null}"#, "null")
        + &chunk(r#"{"reasoning":"m","reasoning_content":"m"}"#, "null")
        + &chunk(r#"{"refusal":"No."}"#, r#""content_filter""#);
    let (pieces, end) = pieces(&stream);
    assert_eq!(
        pieces,
        [
            reasoning("hm", ReasoningField::ReasoningContent),
            reasoning("h", ReasoningField::Reasoning),
            reasoning("m", ReasoningField::ReasoningContent),
            Delta::Refusal("No.".into())
        ]
    );
    assert_eq!(
        end.unwrap().unwrap().finish_reason,
        FinishReason::ContentFilter
    );
}

/// A recorded reply of gpt-4o with two calls, shortened.
const CALLS: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"get_weather","arguments":""}}],"refusal":null},"logprobs":null,"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\""}}]},"logprobs":null,"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"Köln\"}"}}]},"logprobs":null,"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"get_time","arguments":""}}]},"logprobs":null,"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":90,"completion_tokens":30,"prompt_tokens_details":{"cached_tokens":64,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":12}}}

data: [DONE]

"#;

#[test]
fn recorded_calls() {
    let (pieces, end) = pieces(CALLS);
    assert_eq!(
        testing::calls(&pieces),
        [
            ("get_weather".to_owned(), r#"{"city":"Köln"}"#.to_owned()),
            ("get_time".to_owned(), "{}".to_owned()),
        ]
    );
    let Some(Delta::ToolCall(first)) = pieces.first() else {
        panic!("{pieces:?}")
    };
    assert_eq!(first.id.as_deref(), Some("call_a"));
    let end = end.unwrap().unwrap();
    assert_eq!(end.finish_reason, FinishReason::ToolCalls);
    assert_eq!(
        (end.usage.cached_tokens, end.usage.reasoning_tokens),
        (64, 12)
    );
}

#[test]
fn calls_of_compatible_servers_are_read() {
    let call = |json: &str| chunk(&format!(r#"{{"tool_calls":[{json}]}}"#), "null");
    let two = [
        ("f".to_owned(), r#"{"a":1}"#.to_owned()),
        ("f".to_owned(), "{}".to_owned()),
    ];
    for stream in [
        // Without numbers, and arguments as an object.
        call(r#"{"id":"a","function":{"name":"f","arguments":{"a":1}}}"#)
            + &call(r#"{"id":"b","function":{"name":"f","arguments":"{}"}}"#),
        // All of them number 0.
        call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":1}"}}"#)
            + &call(r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}"#),
        // Without ids, with odd numbers.
        call(r#"{"index":3,"function":{"name":"f","arguments":"{\"a\":"}}"#)
            + &call(r#"{"index":3,"function":{"arguments":"1}"}}"#)
            + &call(r#"{"index":9,"function":{"name":"f","arguments":"{}"}}"#),
        // Id and name with every piece.
        call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":"}}"#)
            + &call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1}"}}"#)
            + &call(r#"{"index":1,"id":"b","function":{"name":"f","arguments":"{}"}}"#),
        // Without numbers and ids.
        call(r#"{"function":{"name":"f","arguments":{"a":1}}}"#)
            + &call(r#"{"function":{"name":"f","arguments":{}}}"#),
    ] {
        assert_eq!(testing::calls(&pieces(&stream).0), two, "{stream}");
    }
}

#[test]
fn an_empty_reason_ends_nothing() {
    let empty = chunk(r#"{"content":"Hel"}"#, r#""""#);
    assert_eq!(read(&empty), (vec!["Hel".to_owned()], Ok(None)));
    let (texts, end) = read(&(empty.clone() + &chunk(r#"{"content":"lo"}"#, r#""stop""#)));
    assert_eq!(texts.concat(), "Hello");
    assert_eq!(end.unwrap().unwrap().finish_reason, FinishReason::Stop);
    // The end of the protocol is an end too.
    assert!(read(&(empty + "data: [DONE]\n\n")).1.unwrap().is_some());
    let (_, end) = read(&chunk(r#"{"content":"x"}"#, r#""recitation""#));
    assert_eq!(
        end.unwrap().unwrap().finish_reason,
        FinishReason::Other("recitation".to_owned())
    );
}

#[test]
fn odd_fields_end_nothing() {
    for odd in [
        r#"{"choices":null}"#,
        r#"{}"#,
        r#"{"choices":[{"index":0,"delta":null,"finish_reason":null}]}"#,
        r#"{"choices":[{"index":null,"delta":{"role":"assistant","tool_calls":null}}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":null}}],"created":1.5,"id":""}"#,
        r#"{"choices":[],"created":"now","usage":{}}"#,
        r#"{"choices":7}"#,
        r#"{"choices":[{"delta":{"content":{}}}]}"#,
        r#"{"choices":[null,7,{"delta":[]}],"usage":null}"#,
        r#"not json"#,
        r#"[]"#,
    ] {
        let stream = chunk(r#"{"content":"a"}"#, "null")
            + &format!("data: {odd}\n\n")
            + &chunk(r#"{"content":"b"}"#, r#""stop""#);
        let (texts, end) = read(&stream);
        assert_eq!(texts.concat(), "ab", "{odd}");
        assert!(end.unwrap().is_some(), "{odd}");
    }
}

#[test]
fn content_in_parts_and_halves_of_characters_is_text() {
    let stream = chunk(
        r#"{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},"b"]}"#,
        "null",
    ) + &chunk(r#"{"content":"\ud83d"}"#, "null")
        + &chunk(r#"{"content":"\ude00\u0000"}"#, "null")
        + &chunk(r#"{"content":"\ud83d"}"#, r#""stop""#);
    let (deltas, end) = pieces(&stream);
    assert_eq!(testing::texts(&deltas).concat(), "ab😀\0\u{FFFD}");
    assert!(deltas.contains(&reasoning("hm", ReasoningField::ReasoningContent)));
    assert!(end.unwrap().is_some());
}

#[test]
fn usage_of_any_shape_is_counted() {
    let counted = |usage: &str| {
        let stream = chunk(r#"{"content":"12345"}"#, r#""stop""#)
            + &format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
        let usage = read(&stream).1.unwrap().unwrap().usage;
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.estimated,
        )
    };
    assert_eq!(
        counted(r#"{"prompt_tokens":12.0,"completion_tokens":3.0}"#),
        (12, 3, false)
    );
    assert_eq!(
        counted(r#"{"prompt_tokens":"12","completion_tokens":3}"#),
        (12, 3, false)
    );
    assert_eq!(
        counted(r#"{"prompt_tokens":-1,"completion_tokens":3}"#),
        (7, 3, true)
    );
    assert_eq!(counted("{}"), (7, 2, true));
    assert_eq!(counted("null"), (7, 2, true));
    // In the choice, and after the end.
    let nested = r#"data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop","usage":{"prompt_tokens":1,"completion_tokens":2}}]}

"#;
    assert_eq!(read(nested).1.unwrap().unwrap().usage.completion_tokens, 2);
    let after = chunk(r#"{"content":"x"}"#, r#""stop""#)
        + "data: [DONE]\n\ndata: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    assert_eq!(read(&after).1.unwrap().unwrap().usage.completion_tokens, 2);
}

#[test]
fn usage_that_is_not_defined_is_kept() {
    let stream = chunk(r#"{"content":"x"}"#, r#""stop""#)
        + r#"data: {"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":1,"audio_tokens":4},"cost":0.5}}

"#;
    let end = read(&stream).1.unwrap().unwrap();
    let extra: Value = serde_json::from_str(&end.usage_extra.unwrap()).unwrap();
    assert_eq!(
        extra,
        serde_json::json!({"prompt_tokens_details": {"audio_tokens": 4}, "cost": 0.5})
    );
    assert_eq!(end.usage.cached_tokens, 1);
}

#[test]
fn a_whole_completion_is_read_as_a_stream() {
    let body = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
        "message":{"role":"assistant","content":"Hello","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
        "finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let (deltas, end) = pieces(body);
    assert_eq!(testing::texts(&deltas), ["Hello"]);
    assert_eq!(testing::calls(&deltas), [("f".to_owned(), "{}".to_owned())]);
    let end = end.unwrap().unwrap();
    assert_eq!(
        (end.finish_reason, end.usage.prompt_tokens),
        (FinishReason::ToolCalls, 5)
    );
}

#[test]
fn unknown_fields_are_passed_on_where_they_are_wanted() {
    let stream = r#"data: {"id":"1","service_tier":"flex","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"a","reasoning_details":[{"type":"x"}]},"logprobs":{"content":[]},"finish_reason":null}]}

data: {"id":"1","service_tier":"flex","system_fingerprint":"fp","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","extra_content":{"google":{"thought_signature":"s"}},"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}

"#;
    let expectation = Expectation {
        includes_extra: true,
        ..Expectation::default()
    };
    let (deltas, _) = testing::read_with(stream, expectation, || Box::new(Decoder::default()));
    let extras: Vec<(ExtraLevel, &str)> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Extra(extra) => Some((extra.level, extra.fields.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        extras,
        [
            (
                ExtraLevel::Chunk,
                r#"{"service_tier":"flex","system_fingerprint":"fp"}"#
            ),
            (ExtraLevel::Choice, r#"{"logprobs":{"content":[]}}"#),
            (ExtraLevel::Delta, r#"{"reasoning_details":[{"type":"x"}]}"#),
        ]
    );
    let call = deltas.iter().find_map(|delta| match delta {
        Delta::ToolCall(call) => call.extra.as_deref(),
        _ => None,
    });
    assert_eq!(
        call,
        Some(r#"{"extra_content":{"google":{"thought_signature":"s"}}}"#)
    );
    // A caller that does not want them gets the calls' alone.
    let (deltas, _) = pieces(stream);
    assert!(!deltas.iter().any(|delta| matches!(delta, Delta::Extra(_))));
}

#[test]
fn max_tokens_that_the_server_ignores_are_enforced() {
    let expectation = Expectation {
        max_tokens: Some(3),
        ..Expectation::default()
    };
    let words: String = (0..9)
        .map(|_| chunk(r#"{"content":"word "}"#, "null"))
        .collect();
    let stream = words + &chunk("{}", r#""stop""#);
    let (deltas, end) = testing::read_with(&stream, expectation, || Box::new(Decoder::default()));
    assert_eq!(testing::texts(&deltas).concat(), "word word word ");
    assert_eq!(end.unwrap().unwrap().finish_reason, FinishReason::Length);
}

#[test]
fn usage_after_an_error_after_the_end_is_read() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
    let stop = chunk("{}", r#""stop""#);
    let stream = format!("{stop}data: {{\"error\":\"late\"}}\n\ndata: {usage}\n\n");
    let (_, end) = pieces(&stream);
    let usage = end.unwrap().unwrap().usage;
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (3, 5));
}

proptest! {
    #[test]
    fn any_events_are_read_alike_however_they_are_split(
        events in proptest::collection::vec("(data: ?)?(\\{\"(choices|error|usage)\":(null|\\[\\{\"delta\":\\{\"content\":\"(a|\\\\ud83d|é)\"\\}\\}\\]|\"x\")\\}|\\[DONE\\]|.{0,5})(\n\n|\n|\r\n\r\n)", 0..8),
    ) {
        // Reads the body in three ways and compares.
        drop(pieces(&events.concat()));
    }
}

/// The reasoning of a reply of a model that wants `reasoning_details` back: texts, and data in brackets.
fn details_of(deltas: &[&str]) -> Vec<String> {
    let row = r#"[{"id":"m","provider":"openai","reasoningInput":"reasoningDetails"}]"#;
    let catalogue = crate::catalogue::Catalogue::new(row).unwrap();
    let entry = catalogue.find("m").unwrap();
    let request = crate::request::testing::request(Vec::new());
    let mut stream: String = deltas.iter().map(|delta| chunk(delta, "null")).collect();
    stream.push_str(&chunk("{}", r#""stop""#));
    let (deltas, end) = testing::read(&stream, || Box::new(Decoder::new(entry, &request)));
    end.unwrap().unwrap();
    let deltas = deltas.into_iter().filter_map(|delta| match delta {
        Delta::Reasoning(reasoning) => Some(reasoning.text),
        Delta::ReasoningData(data) => Some(format!("[{data}]")),
        Delta::Text(text) => Some(format!("={text}")),
        _ => None,
    });
    deltas.collect()
}

#[test]
fn reasoning_details_are_put_together_and_end_before_the_text() {
    assert_eq!(
        details_of(&[
            r#"{"reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm","index":0,"format":"x"}]}"#,
            r#"{"reasoning":".","reasoning_details":[{"type":"reasoning.text","text":".","index":0}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s1","text":"","index":0}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"ab","index":1}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"cd","index":1}],"content":""}"#,
            r#"{"content":"42"}"#,
        ]),
        [
            "Hm",
            ".",
            r#"[{"type":"reasoning.text","format":"x","index":0,"signature":"s1"}]"#,
            r#"[{"type":"reasoning.encrypted","data":"abcd","index":1}]"#,
            "=42",
        ]
    );
}

#[test]
fn reasoning_details_that_came_at_once_are_blocks_of_their_own() {
    assert_eq!(
        details_of(&[
            r#"{"content":"42","reasoning":"ab","reasoning_details":[{"type":"reasoning.summary","summary":"a"},{"type":"reasoning.text","text":"b","signature":null}]}"#,
        ]),
        [
            "a",
            r#"[{"type":"reasoning.summary"}]"#,
            "b",
            r#"[{"type":"reasoning.text","signature":null}]"#,
            "=42",
        ]
    );
}

#[test]
fn reasoning_without_details_or_with_odd_ones_is_read_as_ever() {
    for details in [
        "null",
        "{}",
        "[]",
        "[null]",
        r#"["x"]"#,
        r#"[{"index":"x"}]"#,
    ] {
        let delta = format!(r#"{{"reasoning":"Hm","reasoning_details":{details}}}"#);
        assert_eq!(details_of(&[&delta])[0], "Hm", "{details}");
    }
}

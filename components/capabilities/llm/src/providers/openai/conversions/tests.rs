use super::*;
use crate::bindings::{Completion, Delta};
use crate::reply::testing;

/// A recorded answer of gpt-4o, shortened in its ids.
const RECORDED: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"a"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"b"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":" wörld"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763690000,"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

"#;

fn pieces(stream: &str) -> (Vec<Delta>, Result<Completion, Error>) {
    testing::read(stream, || Box::new(Decoder::default()))
}

fn read(stream: &str) -> (Vec<String>, Result<Completion, Error>) {
    let (pieces, end) = pieces(stream);
    (testing::texts(&pieces), end)
}

fn chunk(delta: &str, reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
    )
}

fn refuse(status: u16, retry_after: Option<&str>, body: &str) -> Error {
    error(
        &Head {
            status,
            retry_after,
        },
        body.as_bytes(),
    )
}

#[test]
fn a_recorded_answer() {
    let (texts, end) = read(RECORDED);
    assert_eq!(texts, ["Hello", " wörld"]);
    let end = end.unwrap();
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
    let end = end.unwrap();
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
fn without_a_reason_the_answer_broke_off() {
    let (texts, end) = read(&chunk(r#"{"content":"half"}"#, "null"));
    assert_eq!(texts, ["half"]);
    assert!(matches!(end, Err(Error::Unreachable(_))));
}

#[test]
fn an_error_on_the_way_keeps_what_came_before() {
    let stream = chunk(r#"{"content":"half"}"#, "null")
        + "data: {\"error\":{\"message\":\"Sorry\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let (texts, end) = read(&stream);
    assert_eq!(texts, ["half"]);
    assert!(matches!(end, Err(Error::Overloaded(None))));
}

#[test]
fn thoughts_and_refusals_are_told_apart() {
    let stream = chunk(r#"{"reasoning_content":"hm"}"#, "null")
        + &chunk(r#"{"reasoning":"h","reasoning_content":null}"#, "null")
        + &chunk(r#"{"reasoning":"m","reasoning_content":"m"}"#, "null")
        + &chunk(r#"{"refusal":"No."}"#, r#""content_filter""#);
    let (pieces, end) = pieces(&stream);
    assert_eq!(
        pieces,
        [
            Delta::Reasoning("hm".into()),
            Delta::Reasoning("h".into()),
            Delta::Reasoning("m".into()),
            Delta::Refusal("No.".into())
        ]
    );
    assert_eq!(end.unwrap().finish_reason, FinishReason::ContentFilter);
}

/// A recorded answer of gpt-4o with two calls, shortened.
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
    let end = end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::ToolCalls);
    assert_eq!(
        (end.usage.cached_tokens, end.usage.reasoning_tokens),
        (64, 12)
    );
}

#[test]
fn calls_of_compatible_servers_are_understood() {
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
fn calls_that_make_no_sense_are_a_protocol_error() {
    let nameless = chunk(r#"{"tool_calls":[{"index":0,"id":"a"}]}"#, "null");
    assert!(matches!(pieces(&nameless).1, Err(Error::Protocol(_))));
    let endless: String = (0..200)
        .map(|index| {
            chunk(
                &format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"name":"f"}}}}]}}"#),
                "null",
            )
        })
        .collect();
    assert!(matches!(pieces(&endless).1, Err(Error::Protocol(_))));
}

#[test]
fn what_is_no_chunk_is_a_protocol_error() {
    for data in [
        "not json",
        r#"{"choices": 7}"#,
        "[]1",
        r#"{"choices":[{"delta":{"content":{}}}]}"#,
    ] {
        let (_, end) = read(&format!("data: {data}\n\n"));
        assert!(matches!(end, Err(Error::Protocol(_))), "{data}");
    }
}

#[test]
fn every_refusal_has_its_case() {
    let body = |code: &str, kind: &str| {
        format!(r#"{{"error":{{"message":"m","type":"{kind}","param":null,"code":"{code}"}}}}"#)
    };
    assert!(matches!(
        refuse(401, None, &body("invalid_api_key", "invalid_request_error")),
        Error::Unauthorized
    ));
    assert!(matches!(
        refuse(404, None, &body("model_not_found", "invalid_request_error")),
        Error::UnknownModel
    ));
    assert!(matches!(
        refuse(
            400,
            None,
            &body("context_length_exceeded", "invalid_request_error")
        ),
        Error::ContextTooLong
    ));
    assert!(matches!(
        refuse(400, None, &body("content_filter", "invalid_request_error")),
        Error::ContentFiltered
    ));
    assert!(matches!(
        refuse(429, Some("20"), &body("rate_limit_exceeded", "requests")),
        Error::RateLimited(Some(20))
    ));
    assert!(matches!(
        refuse(429, None, &body("insufficient_quota", "insufficient_quota")),
        Error::Unauthorized
    ));
    assert!(matches!(
        refuse(503, Some("3"), "<html>"),
        Error::Overloaded(Some(3))
    ));
    assert!(matches!(refuse(504, None, ""), Error::Timeout));
    assert!(matches!(refuse(200, None, "<html>"), Error::Protocol(_)));
    assert!(matches!(
        refuse(200, None, &body("", "server_error")),
        Error::Overloaded(None)
    ));
    let ollama = r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#;
    assert!(matches!(refuse(404, None, ollama), Error::UnknownModel));
    let vllm = r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}}"#;
    assert!(matches!(refuse(400, None, vllm), Error::ContextTooLong));
    assert!(matches!(
        refuse(400, None, r#"{"error":"plain"}"#),
        Error::InvalidRequest(_)
    ));
}

#[test]
fn a_providers_sentence_is_not_passed_on() {
    let body = r#"{"error":{"message":"bad sk-abc in: my secret","type":"invalid_request_error","param":"my secret","code":"unsupported_value"}}"#;
    let Error::InvalidRequest(invalid) = refuse(400, None, body) else {
        panic!()
    };
    assert_eq!(
        (invalid.cause.as_str(), invalid.field),
        ("status 400 unsupported_value", None)
    );
}

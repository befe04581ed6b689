use super::*;
use crate::bindings::{Completion, Delta};
use crate::reply::testing;

const RECORDED: &str = r#"data: {"response":"Hello","p":"abdefghijklmnopqrstuvwxyz01"}

data: {"response":" 👋","p":"abdefghij"}

data: {"response":7,"p":"abd"}

data: {"response":"","usage":{"prompt_tokens":24,"completion_tokens":5,"total_tokens":29}}

data: [DONE]

"#;

const OPENAI_SHAPED: &str = r#"data: {"id":"id-1","object":"chat.completion.chunk","created":1763690000,"model":"@cf/zai-org/glm-4.7-flash","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}

data: {"id":"id-1","object":"chat.completion.chunk","created":1763690000,"model":"@cf/zai-org/glm-4.7-flash","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"p":"abd"}

data: {"id":"id-1","object":"chat.completion.chunk","created":1763690000,"model":"@cf/zai-org/glm-4.7-flash","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}

data: {"id":"id-1","object":"chat.completion.chunk","created":1763690000,"model":"@cf/zai-org/glm-4.7-flash","choices":[],"usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2}}

data: [DONE]

"#;

fn pieces(stream: &str, max_tokens: u32) -> (Vec<Delta>, Result<Completion, Error>) {
    testing::read(stream, || {
        Box::new(Decoder {
            max_tokens,
            calls: Calls::default(),
        })
    })
}

fn read(stream: &str, max_tokens: u32) -> (Vec<String>, Result<Completion, Error>) {
    let (pieces, end) = pieces(stream, max_tokens);
    (testing::texts(&pieces), end)
}

#[test]
fn a_recorded_answer() {
    let (texts, end) = read(RECORDED, 1024);
    assert_eq!(texts, ["Hello", " 👋", "7"]);
    let end = end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    assert_eq!(
        (
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated
        ),
        (24, 5, false)
    );
}

#[test]
fn an_answer_as_long_as_its_bound_was_cut() {
    assert_eq!(
        read(RECORDED, 5).1.unwrap().finish_reason,
        FinishReason::Length
    );
}

#[test]
fn newer_models_speak_openais_chunks() {
    let (texts, end) = read(OPENAI_SHAPED, 1024);
    assert_eq!(texts, ["Hello"]);
    let usage = end.unwrap().usage;
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.estimated
        ),
        (12, 2, false)
    );
}

#[test]
fn calls_come_whole_in_the_services_shape_or_in_openais() {
    let own = r#"data: {"response":"","tool_calls":[{"name":"add","arguments":{"a":1}},{"name":"now","arguments":{}}],"p":"a"}

data: {"response":"","usage":{"prompt_tokens":24,"completion_tokens":5,"total_tokens":29}}

data: [DONE]

"#;
    let openais = r#"data: {"response":null,"tool_calls":[{"id":"c1","type":"function","index":0,"function":{"name":"add","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","index":1,"function":{"name":"now","arguments":""}}]}

data: [DONE]

"#;
    let chunks = r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c1","type":"function","index":0,"function":{"name":"add","arguments":"{\"a\""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"id":"c2","index":1,"function":{"name":"now","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

"#;
    for stream in [own, openais, chunks] {
        let (pieces, end) = pieces(stream, 1024);
        assert_eq!(
            testing::calls(&pieces),
            [
                ("add".to_owned(), r#"{"a":1}"#.to_owned()),
                ("now".to_owned(), "{}".to_owned())
            ]
        );
        assert_eq!(
            end.unwrap().finish_reason,
            FinishReason::ToolCalls,
            "{stream}"
        );
    }
    let nameless = "data: {\"tool_calls\":[{\"arguments\":{}}]}\n\n";
    assert!(matches!(pieces(nameless, 9).1, Err(Error::Protocol(_))));
}

#[test]
fn an_answer_without_its_end_broke_off() {
    let (texts, end) = read("data: {\"response\":\"Hel\",\"p\":\"a\"}\n\n", 10);
    assert_eq!(texts, ["Hel"]);
    assert!(matches!(end, Err(Error::Unreachable(_))));
}

#[test]
fn an_error_on_the_way() {
    let stream = "data: {\"errors\":[{\"code\":3040,\"message\":\"AiError: Capacity temporarily exceeded, please try again.\"}],\"success\":false}\n\n";
    assert!(matches!(read(stream, 10).1, Err(Error::Overloaded(None))));
}

#[test]
fn every_refusal_has_its_case() {
    let refuse = |status, retry_after, code: u32| {
        let body = format!(
            r#"{{"errors":[{{"message":"my secret","code":{code}}}],"success":false,"result":{{}},"messages":[]}}"#
        );
        error(
            &Head {
                status,
                retry_after,
            },
            body.as_bytes(),
        )
    };
    assert!(matches!(refuse(401, None, 10_000), Error::Unauthorized));
    assert!(matches!(refuse(400, None, 5_007), Error::UnknownModel));
    assert!(matches!(refuse(413, None, 5_021), Error::ContextTooLong));
    assert!(matches!(refuse(408, None, 3_007), Error::Timeout));
    assert!(matches!(
        refuse(429, Some("60"), 3_036),
        Error::RateLimited(Some(60))
    ));
    assert!(matches!(refuse(429, None, 3_040), Error::Overloaded(None)));
    assert!(matches!(refuse(200, None, 3_040), Error::Overloaded(None)));
    let Error::InvalidRequest(invalid) = refuse(400, None, 5_006) else {
        panic!()
    };
    assert_eq!(
        (invalid.cause.as_str(), invalid.field),
        ("status 400 5006", None)
    );
    let gateway = br#"{"success":false,"result":[],"messages":[],"error":[{"code":2016,"message":"Prompt blocked due to security configurations"}]}"#;
    assert!(matches!(
        error(
            &Head {
                status: 424,
                retry_after: None
            },
            gateway
        ),
        Error::ContentFiltered
    ));
}

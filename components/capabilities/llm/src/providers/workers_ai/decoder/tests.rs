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

fn pieces(stream: &str, max_tokens: u32) -> (Vec<Delta>, Result<Option<Completion>, Failure>) {
    testing::read(stream, || {
        Box::new(Decoder {
            max_tokens,
            openai: OpenAiDecoder::default(),
        })
    })
}

fn read(stream: &str, max_tokens: u32) -> (Vec<String>, Result<Option<Completion>, Failure>) {
    let (pieces, end) = pieces(stream, max_tokens);
    (testing::texts(&pieces), end)
}

#[test]
fn a_recorded_reply() {
    let (texts, end) = read(RECORDED, 1024);
    assert_eq!(texts, ["Hello", " 👋", "7"]);
    let end = end.unwrap().unwrap();
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
fn a_reply_as_long_as_its_limit_was_cut() {
    assert_eq!(
        read(RECORDED, 5).1.unwrap().unwrap().finish_reason,
        FinishReason::Length
    );
}

#[test]
fn newer_models_send_openais_events() {
    let (texts, end) = read(OPENAI_SHAPED, 1024);
    assert_eq!(texts, ["Hello"]);
    let usage = end.unwrap().unwrap().usage;
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
fn calls_in_the_services_shape_and_in_openais_are_read() {
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
            end.unwrap().unwrap().finish_reason,
            FinishReason::ToolCalls,
            "{stream}"
        );
    }
    let nameless = "data: {\"tool_calls\":[{\"arguments\":{}}]}\n\n";
    assert_eq!(pieces(nameless, 9), (Vec::new(), Ok(None)));
}

#[test]
fn a_reply_without_its_end_is_incomplete() {
    let (texts, end) = read("data: {\"response\":\"Hel\",\"p\":\"a\"}\n\n", 10);
    assert_eq!(texts, ["Hel"]);
    assert_eq!(end, Ok(None));
}

#[test]
fn an_error_in_the_stream() {
    let stream = "data: {\"errors\":[{\"code\":3040,\"message\":\"AiError: Capacity temporarily exceeded, please try again.\"}],\"success\":false}\n\n";
    assert!(matches!(read(stream, 10).1, Err(Failure::Provider(_))));
}

#[test]
fn a_count_without_text_is_no_end() {
    let counted = RECORDED.replace("data: [DONE]\n\n", "");
    assert_eq!(read(&counted, 1024).1, Ok(None));
    let empty = "data: {\"response\":\"Hel\",\"finish_reason\":\"\"}\n\n";
    assert_eq!(read(empty, 1024).1, Ok(None));
}

#[test]
fn a_whole_completion_is_read_as_a_stream() {
    let body = r#"{"result":{"response":"Hello","usage":{"prompt_tokens":4,"completion_tokens":2}},"success":true,"errors":[],"messages":[]}"#;
    let (texts, end) = read(body, 1024);
    assert_eq!(texts, ["Hello"]);
    let end = end.unwrap().unwrap();
    assert_eq!(
        (end.finish_reason, end.usage.prompt_tokens),
        (FinishReason::Stop, 4)
    );
}

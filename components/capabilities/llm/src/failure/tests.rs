use super::*;
use crate::bindings::Role;
use crate::request::testing::{message, request};
use proptest::prelude::*;
use std::time::Duration;

fn context() -> ErrorContext {
    ErrorContext {
        provider: Provider::OpenAi,
        request: Arc::new(request(vec![message(Role::User, "a very secret plan")])),
    }
}

fn response(status: u16, body: &str) -> Error {
    let head = Head {
        status: Some(status),
        retry_after: None,
    };
    context().response(&head, body.as_bytes())
}

fn event(name: &str, json: &str) -> Option<Error> {
    let error = ProviderError::in_event(name, &serde_json::from_str(json).unwrap())?;
    Some(context().error(&Failure::Provider(error)))
}

#[test]
fn wait_reads_seconds_or_a_date() {
    let wait = |value: &str| {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap()
            + Duration::from_millis(500);
        Head {
            status: Some(429),
            retry_after: Some(value),
        }
        .wait(now)
    };
    assert_eq!(wait("7"), Some(7));
    assert_eq!(wait(" 0.2 "), Some(1));
    assert_eq!(wait("Sat, 21 Nov 2026 10:00:30 GMT"), Some(30));
    assert_eq!(wait("Sat, 21 Nov 2026 09:00:30 GMT"), Some(0));
    assert_eq!(wait("soon"), None);
    assert_eq!(wait("-3"), Some(0));
    assert_eq!(wait("inf"), None);
}

#[test]
fn response_context_length_errors_of_all_providers_are_recognised() {
    for (status, body) in [
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ),
        (
            400,
            r#"{"error":{"code":"400","message":"Please reduce the length of the messages or completion."}}"#,
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.","type":"BadRequestError","param":null,"code":400}"#,
        ),
        (
            400,
            r#"{"error":{"message":"The decoder prompt (length 9000) is longer than the maximum model length of 8192.","type":"BadRequestError","code":400}}"#,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}"#,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"the request exceeds the available context size","type":"server_error"}}"#,
        ),
        (
            400,
            r#"{"error":"the input length exceeds the context length"}"#,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}}"#,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
        ),
        (413, ""),
    ] {
        assert_eq!(response(status, body), Error::ContextTooLong, "{body}");
    }
    // A bound on the completion is a parameter.
    let body = r#"{"error":{"message":"max_tokens is too large: 99999. This model supports at most 16384 completion tokens.","type":"invalid_request_error","param":"max_tokens","code":null}}"#;
    assert!(matches!(response(400, body), Error::InvalidRequest(_)));
}

#[test]
fn response_every_status_and_code_has_its_case() {
    let body = |code: &str, kind: &str| {
        format!(r#"{{"error":{{"message":"m","type":"{kind}","param":null,"code":"{code}"}}}}"#)
    };
    let is = |error: Error, name: &str| {
        let debug = format!("{error:?}");
        assert!(debug.contains(name), "{debug} is not {name}");
    };
    is(
        response(401, &body("invalid_api_key", "invalid_request_error")),
        "Misconfigured",
    );
    is(response(403, "<html>"), "Misconfigured");
    is(
        response(429, &body("insufficient_quota", "insufficient_quota")),
        "Misconfigured",
    );
    is(
        response(404, &body("model_not_found", "invalid_request_error")),
        "ModelUnavailable",
    );
    is(
        response(
            404,
            r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
        ),
        "ModelUnavailable",
    );
    is(
        response(400, &body("content_filter", "")),
        "ContentFiltered",
    );
    is(
        response(
            400,
            r#"{"error":{"code":"BadRequest","message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ),
        "ContentFiltered",
    );
    is(
        response(429, &body("rate_limit_exceeded", "requests")),
        "RateLimited",
    );
    is(response(429, ""), "RateLimited");
    is(response(500, ""), "Failed");
    is(response(500, &body("", "server_error")), "Failed");
    is(response(502, "<html>"), "Failed");
    is(response(503, "<html>"), "Overloaded");
    is(response(529, &body("", "overloaded_error")), "Overloaded");
    is(response(504, ""), "Timeout");
    is(response(400, ""), "InvalidRequest");
    is(
        response(
            422,
            r#"{"detail":[{"loc":["body","temperature"],"msg":"must be lower","type":"value_error"}]}"#,
        ),
        "InvalidRequest",
    );
    is(
        response(
            500,
            r#"{"error":{"code":500,"message":"Jinja Exception: Conversation roles must alternate user/assistant","type":"server_error"}}"#,
        ),
        "InvalidRequest",
    );
    is(response(302, ""), "Protocol");
}

#[test]
fn response_invalid_request_has_param_code_and_sentence() {
    let body = r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.2 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#;
    let Error::InvalidRequest(invalid) = response(400, body) else {
        panic!()
    };
    assert_eq!(invalid.field.as_deref(), Some("temperature"));
    assert_eq!(invalid.code.as_deref(), Some("unsupported_value"));
    assert_eq!(
        invalid.reason,
        "Unsupported value: 'temperature' does not support 0.2 with this model."
    );
    let anthropic = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.2.content: text is empty"}}"#;
    let Error::InvalidRequest(invalid) = response(400, anthropic) else {
        panic!()
    };
    assert_eq!(invalid.field.as_deref(), Some("messages[2].content"));
}

#[test]
fn response_log_text_names_provider_variable_status_and_type_but_no_content() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-abc***xyz while reading a very secret plan","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let Error::Misconfigured(cause) = response(401, body) else {
        panic!()
    };
    assert!(
        cause.starts_with("openai (openai_api_key): status 401, type invalid_request_error, code invalid_api_key: Incorrect API key provided:"),
        "{cause}"
    );
    assert!(
        !cause.contains("sk-") && !cause.contains("secret"),
        "{cause}"
    );
}

#[test]
fn response_numbers_of_workers_ai_have_their_cases() {
    let context = ErrorContext {
        provider: Provider::WorkersAi,
        ..context()
    };
    let error = |status, code: u32| {
        let body = format!(
            r#"{{"errors":[{{"message":"m","code":{code}}}],"success":false,"result":{{}},"messages":[]}}"#
        );
        let head = Head {
            status: Some(status),
            retry_after: Some("60"),
        };
        context.response(&head, body.as_bytes())
    };
    assert!(matches!(error(401, 10_000), Error::Misconfigured(_)));
    assert!(matches!(error(400, 5_007), Error::ModelUnavailable(_)));
    assert_eq!(error(413, 5_021), Error::ContextTooLong);
    assert!(matches!(error(408, 3_007), Error::Timeout(_)));
    assert!(matches!(error(429, 3_036), Error::RateLimited(wait) if wait.retry_after == Some(60)));
    assert!(matches!(error(429, 3_040), Error::Overloaded(_)));
    assert!(matches!(error(400, 5_006), Error::InvalidRequest(_)));
    // The AI Gateway's own errors.
    let gateway = br#"{"success":false,"result":[],"messages":[],"error":[{"code":2016,"message":"Prompt blocked due to security configurations"}]}"#;
    let head = Head {
        status: Some(424),
        retry_after: None,
    };
    assert_eq!(context.response(&head, gateway), Error::ContentFiltered);
}

#[test]
fn in_event_errors_of_every_shape_are_found() {
    for (name, json) in [
        (
            "",
            r#"{"error":{"message":"m","type":"server_error","code":null}}"#,
        ),
        ("", r#"{"error":"m"}"#),
        ("", r#"{"message":"m","type":"server_error","code":"x"}"#),
        ("", r#"{"object":"error","message":"m","code":500}"#),
        ("error", r#"{"message":"m"}"#),
        ("error", r#""m""#),
        (
            "",
            r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        ),
        (
            "",
            r#"{"success":false,"errors":[{"code":7,"message":"m"}]}"#,
        ),
        (
            "",
            r#"[{"error":{"code":500,"message":"m","status":"INTERNAL"}}]"#,
        ),
        ("", r#"{"detail":"m"}"#),
        (
            "",
            r#"{"id":"x","choices":[{"delta":{},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}"#,
        ),
    ] {
        assert!(event(name, json).is_some(), "{json}");
    }
    for json in [
        r#"{"choices":[],"error":null}"#,
        r#"{"choices":[],"error":{}}"#,
        r#"{"choices":[],"errors":[]}"#,
        r#"{"message":"m"}"#,
        r#"{"type":"ping"}"#,
        r#"{"response":"x","success":true,"errors":[]}"#,
    ] {
        assert_eq!(event("", json), None, "{json}");
    }
}

#[test]
fn in_event_a_clients_mistake_is_not_an_outage() {
    for json in [
        r#"{"error":{"code":400,"message":"m"}}"#,
        r#"{"error":{"code":"422","message":"m"}}"#,
        r#"{"error":{"type":"invalid_request_error","message":"m"}}"#,
        r#"{"error":"Conversation roles must alternate user/assistant"}"#,
    ] {
        let error = event("", json).unwrap();
        assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
    }
    assert!(matches!(
        event("", r#"{"error":"m"}"#),
        Some(Error::Other(_))
    ));
}

proptest! {
    #[test]
    fn response_any_body_does_not_panic(status in 100_u16..600, body in "(?s).{0,200}") {
        drop(response(status, &body));
    }
}

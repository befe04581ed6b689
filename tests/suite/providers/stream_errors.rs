//! Errors in every format, before and after the first delta: the client gets an error, and the stored reply is
//! incomplete.

use serde_json::{Value, json};
use upstream::RawResponse;

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, chunk, hi};
use crate::harness::text_of;

/// The data that a provider sends in place of the next event, and the code of `/api/chat` for it.
fn openai_errors() -> Vec<(String, &'static str)> {
    let data = |payload: Value| format!("data: {payload}\n\n");
    let full =
        json!({ "message": "It broke.", "type": "server_error", "param": null, "code": null });
    vec![
        (data(json!({ "error": full })), "PROVIDER_ERROR"),
        (data(json!({ "error": "It broke." })), "PROVIDER_ERROR"),
        (data(full.clone()), "PROVIDER_ERROR"),
        (
            data(json!({ "message": "It broke.", "code": 500 })),
            "PROVIDER_ERROR",
        ),
        (data(json!({ "detail": "It broke." })), "PROVIDER_ERROR"),
        (
            format!("event: error\n{}", data(json!({ "message": "It broke." }))),
            "PROVIDER_ERROR",
        ),
        (
            "event: error\ndata: It broke.\n\n".to_owned(),
            "PROVIDER_ERROR",
        ),
        (
            data(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "error" }] })),
            "PROVIDER_ERROR",
        ),
        (
            data(json!({ "choices": [], "error": { "message": "It broke.", "code": 502 } })),
            "PROVIDER_ERROR",
        ),
        (
            data(json!({ "error": { "message": "Slow down.", "type": "rate_limit_error" } })),
            "PROVIDER_UNAVAILABLE",
        ),
        (
            data(json!({ "error": { "message": "Busy.", "type": "overloaded_error" } })),
            "PROVIDER_UNAVAILABLE",
        ),
        (
            data(json!({ "error": { "message": "Too long.", "code": "context_length_exceeded" } })),
            "CONTEXT_LENGTH_EXCEEDED",
        ),
    ]
}

async fn assert_error(
    gateway: &Gateway,
    model: &str,
    begin: &RawResponse,
    error: &str,
    code: &str,
) {
    let what = format!("{model}, {error}");
    for end in ["", "data: [DONE]\n\n"] {
        let response = begin.clone().then(error).then(end);
        let streamed = gateway.stream(response.clone(), hi(model)).await;
        assert_eq!(streamed.text(), "Hello", "{what}: {streamed:?}");
        assert!(
            streamed.error.is_some() && !streamed.is_done,
            "{what}: {streamed:?}"
        );
        let whole = gateway.complete(response.clone(), hi(model)).await;
        assert_ne!(whole.status, 200, "{what}: {whole:?}");
        let (events, stored) = gateway.chat(response, model).await;
        let events = events.unwrap();
        assert_eq!(text_of(&events), "Hello", "{what}");
        let error = events.iter().find(|event| event.name() == "error");
        assert_eq!(error.unwrap().json()["code"], code, "{what}");
        assert_eq!(stored["status"], "incomplete", "{what}: {stored}");
    }
}

#[tokio::test]
async fn error_in_mid_stream_is_reported_for_every_format() {
    let gateway = Gateway::with(&[("llm_circuit_failures", "0")]).await;
    let begin = RawResponse::events([chunk(json!({ "content": "Hello" }), json!(""))]);
    for (error, code) in openai_errors() {
        for model in [OPENAI, LOCAL] {
            assert_error(&gateway, model, &begin, &error, code).await;
        }
    }
    let begin = RawResponse::events([json!({ "response": "Hello" })]);
    let errors = json!({ "errors": [{ "code": 3040, "message": "Capacity." }], "success": false });
    for error in [errors, json!({ "error": "It broke." })] {
        let code = match error.get("errors") {
            Some(_) => "PROVIDER_UNAVAILABLE",
            None => "PROVIDER_ERROR",
        };
        let error = format!("data: {error}\n\n");
        assert_error(&gateway, WORKERS_AI, &begin, &error, code).await;
    }
    let begin = RawResponse::named_events([
        json!({ "type": "message_start", "message": { "content": [], "usage": { "input_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "Hello" } }),
    ]);
    for (kind, code) in [
        ("overloaded_error", "PROVIDER_UNAVAILABLE"),
        ("api_error", "PROVIDER_ERROR"),
    ] {
        let error = json!({ "type": "error", "error": { "type": kind, "message": "It broke." } });
        for named in ["event: error\n", ""] {
            let error = format!("{named}data: {error}\n\n");
            assert_error(&gateway, ANTHROPIC, &begin, &error, code).await;
        }
    }
}

#[tokio::test]
async fn response_that_is_only_an_error_has_a_status() {
    let gateway = Gateway::with(&[("llm_circuit_failures", "0")]).await;
    let html = "<!doctype html><title>502 Bad Gateway</title>";
    let error = json!({ "error": { "message": "It broke.", "type": "server_error" } });
    let page = |status| {
        RawResponse::new()
            .status(status)
            .content_type(Some("text/html"))
            .then(html)
    };
    for (what, provider_response, status) in [
        ("200 with an error object", RawResponse::json(&error), 502),
        (
            "200 with a text as error",
            RawResponse::json(&json!({ "error": "It broke." })),
            502,
        ),
        (
            "200 with a bare error",
            RawResponse::json(&json!({ "message": "It broke.", "type": "server_error" })),
            502,
        ),
        ("200 with HTML", page(200), 502),
        ("502 with HTML", page(502), 502),
        ("503 with HTML", page(503), 503),
        ("404 without a body", RawResponse::new().status(404), 404),
        ("400 without a body", RawResponse::new().status(400), 400),
        ("422 with HTML", page(422), 400),
        ("200 without a body", RawResponse::new(), 502),
    ] {
        for stream in [false, true] {
            let body = crate::harness::gateway::with(hi(LOCAL), json!({ "stream": stream }));
            let response = gateway.complete(provider_response.clone(), body).await;
            assert_eq!(response.status, status, "{what}: {response:?}");
            let error = &response.json()["error"];
            assert!(
                error["message"]
                    .as_str()
                    .is_some_and(|text| !text.contains("doctype"))
            );
        }
        let (events, stored) = gateway.chat(provider_response, LOCAL).await;
        assert!(events.is_err(), "{what}");
        assert_eq!(stored["status"], "incomplete", "{what}: {stored}");
        assert_eq!(stored["content"], "", "{what}: {stored}");
    }
}

/// Errors of servers for a prompt that is too long.
const TOO_LONG: [(&str, u16, &str); 12] = [
    (
        OPENAI,
        400,
        r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
    ),
    // Azure
    (
        OPENAI,
        400,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens, however you requested 9000 tokens.","type":"invalid_request_error","param":null,"code":null}}"#,
    ),
    // OpenAI: a rate limit that no wait helps against is another code.
    (
        OPENAI,
        400,
        r#"{"error":{"message":"Invalid 'messages[0].content': string too long.","type":"invalid_request_error","param":"messages[0].content","code":"string_above_max_length"}}"#,
    ),
    // vLLM
    (
        LOCAL,
        400,
        r#"{"object":"error","message":"This model's maximum context length is 2048 tokens. However, you requested 2176 tokens (2048 in the messages, 128 in the completion).","type":"BadRequestError","param":null,"code":400}"#,
    ),
    (
        LOCAL,
        400,
        r#"{"error":{"message":"The decoder prompt (length 9000) is longer than the maximum model length of 8192.","type":"BadRequestError","code":400}}"#,
    ),
    // llama.cpp
    (
        LOCAL,
        400,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}"#,
    ),
    (
        LOCAL,
        500,
        r#"{"error":{"code":500,"message":"the request exceeds the available context size, try increasing it","type":"server_error"}}"#,
    ),
    // Ollama
    (
        LOCAL,
        400,
        r#"{"error":"the input length exceeds the context length"}"#,
    ),
    (
        ANTHROPIC,
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 212345 tokens > 200000 maximum"}}"#,
    ),
    (
        ANTHROPIC,
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length or `max_tokens` and try again"}}"#,
    ),
    (
        WORKERS_AI,
        413,
        r#"{"errors":[{"code":5021,"message":"AiError: The estimated number of input and maximum output tokens (9012) exceeded this model context window limit (7968)."}],"success":false,"result":{},"messages":[]}"#,
    ),
    (
        WORKERS_AI,
        400,
        r#"{"errors":[{"code":3006,"message":"AiError: Request is too large"}],"success":false}"#,
    ),
];

#[tokio::test]
async fn context_length_errors_have_a_stable_code() {
    let gateway = Gateway::new().await;
    for (model, status, body) in TOO_LONG {
        let provider_response = RawResponse::new()
            .status(status)
            .content_type(Some("application/json"))
            .then(body);
        let response = gateway.complete(provider_response.clone(), hi(model)).await;
        assert_eq!(response.status, 400, "{body}: {response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["code"], "context_length_exceeded", "{body}");
        assert_eq!(error["type"], "invalid_request_error", "{body}");
        let (refused, _) = gateway.chat(provider_response, model).await;
        refused
            .unwrap_err()
            .is_error(400, "CONTEXT_LENGTH_EXCEEDED");
    }
}

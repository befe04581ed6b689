//! Reports of failures: the operator's log names the cause, the client gets a correct
//! sentence and a status that a retrying client handles correctly, and neither contains content or keys.

use serde_json::{Value, json};
use upstream::{RawResponse, Upstream};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, hi, with};
use crate::harness::{ANTHROPIC_KEY, App, CLOUDFLARE_TOKEN, OPENAI_KEY};

/// In what the user says.
const CONTENT: &str = "marker-content-3d81";

fn asking(model: &str) -> Value {
    with(
        hi(model),
        json!({ "messages": [{ "role": "user", "content": CONTENT }] }),
    )
}

fn refusal(status: u16, kind: &str, message: &str) -> RawResponse {
    let error = json!({ "type": kind, "message": message, "code": null, "param": null });
    RawResponse::json(&json!({ "type": "error", "error": error })).status(status)
}

#[track_caller]
fn assert_no_secrets(text: &str) {
    for secret in [CONTENT, OPENAI_KEY, ANTHROPIC_KEY, CLOUDFLARE_TOKEN] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn wrong_provider_key_names_provider_and_variable_in_the_log() {
    let gateway = Gateway::with(&[("llm_max_attempts", "3")]).await;
    for (model, provider, variable, key) in [
        (OPENAI, "openai", "openai_api_key", OPENAI_KEY),
        (ANTHROPIC, "anthropic", "anthropic_api_key", ANTHROPIC_KEY),
        (
            WORKERS_AI,
            "workers-ai",
            "cloudflare_api_token",
            CLOUDFLARE_TOKEN,
        ),
    ] {
        // The provider repeats the key and the question.
        let message = format!("Incorrect API key provided: {key}. You asked: {CONTENT}");
        let before = (gateway.app.logs().len(), gateway.upstream.requests().len());
        let provider_response = refusal(401, "authentication_error", &message);
        let response = gateway
            .complete(provider_response.clone(), asking(model))
            .await;
        assert_eq!(response.status, 502, "{response:?}");
        assert_eq!(response.header("x-should-retry"), Some("false"));
        assert_eq!(response.header("retry-after"), None);
        assert_no_secrets(response.text());
        assert_eq!(gateway.upstream.requests().len(), before.1 + 1, "no retry");
        gateway.upstream.push(provider_response.into());
        let chat = json!({ "message": CONTENT, "model": model });
        let response = gateway.guest.post("/api/chat", chat).await;
        response.is_error(502, "PROVIDER_ERROR");
        assert_eq!(response.header("x-should-retry"), Some("false"));
        let log = gateway.app.logs()[before.0..].to_owned();
        for part in [
            provider,
            variable,
            "401",
            "authentication_error",
            "Incorrect API key",
        ] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
    }
    assert_no_secrets(&gateway.app.logs());
}

#[tokio::test]
async fn each_failure_has_its_sentence_and_status() {
    let gateway = Gateway::with(&[("llm_circuit_failures", "0")]).await;
    for (status, kind, message, expected, retries, words) in [
        (
            500,
            "server_error",
            "Upstream worker crashed",
            502,
            None,
            "internal error",
        ),
        (
            503,
            "server_error",
            "Engine is overloaded",
            503,
            None,
            "cannot take requests",
        ),
        (
            429,
            "rate_limit_error",
            "Slow down",
            503,
            None,
            "rate limit",
        ),
        (
            403,
            "permission_error",
            "Project has no access",
            502,
            Some("false"),
            "operator",
        ),
        (
            402,
            "billing_error",
            "Credit balance is too low",
            502,
            Some("false"),
            "operator",
        ),
        (
            404,
            "not_found_error",
            "No such model",
            404,
            None,
            "does not offer this model",
        ),
        (504, "timeout", "Took too long", 504, None, "in time"),
    ] {
        let before = gateway.app.logs().len();
        let provider_response =
            refusal(status, kind, &format!("{message}. {CONTENT} {OPENAI_KEY}"));
        let response = gateway.complete(provider_response, asking(LOCAL)).await;
        assert_eq!(response.status, expected, "{status}: {response:?}");
        assert_eq!(
            response.header("x-should-retry"),
            retries,
            "{status}: {response:?}"
        );
        let error = &response.json()["error"];
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.contains(words), "{status}: {sentence}");
        assert_no_secrets(response.text());
        let log = gateway.app.logs()[before..].to_owned();
        for part in [
            "local",
            "local_base_url",
            &status.to_string(),
            kind,
            message,
        ] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
    }
    assert_no_secrets(&gateway.app.logs());
}

#[tokio::test]
async fn error_in_mid_stream_is_in_the_log_too() {
    let gateway = Gateway::new().await;
    let error = json!({ "error": { "message": format!("Worker crashed. {CONTENT}"), "type": "server_error" } });
    let provider_response = RawResponse::events([
        crate::harness::gateway::chunk(json!({ "content": "Hello" }), Value::Null),
        error,
    ]);
    let before = gateway.app.logs().len();
    let streamed = gateway.stream(provider_response, asking(OPENAI)).await;
    assert_no_secrets(&streamed.error.unwrap().to_string());
    let log = gateway.app.logs()[before..].to_owned();
    for part in ["openai", "openai_api_key", "server_error", "Worker crashed"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
    assert_no_secrets(&log);
}

#[tokio::test]
async fn model_that_is_not_configured_names_the_variable() {
    let upstream = Upstream::start(upstream::Script::new(["ok"]))
        .await
        .unwrap();
    let app = App::with_defaults().local(&upstream).start().await;
    let guest = app.client().guest().await;
    for (model, variable) in [
        (OPENAI, "openai_api_key"),
        (ANTHROPIC, "anthropic_api_key"),
        (WORKERS_AI, "cloudflare_a"),
    ] {
        let body = json!({ "message": "Hi", "model": model });
        let response = guest.post("/api/chat", body).await;
        response.is_error(400, "VALIDATION_ERROR").names("model");
        assert!(response.text().contains(variable), "{response:?}");
        let response = guest.post("/v1/chat/completions", hi(model)).await;
        assert_eq!(response.status, 404, "{response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["code"], "model_not_found", "{error}");
        assert!(response.text().contains(variable), "{response:?}");
    }
    assert!(upstream.requests().is_empty());
}

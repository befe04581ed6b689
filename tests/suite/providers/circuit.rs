//! One user's invalid requests do not open a provider's circuit: only failures of the provider count.

use serde_json::json;
use upstream::{RawResponse, Script};

use crate::harness::gateway::{Gateway, LOCAL, OPENAI, chunk, hi};

/// More than the circuit allows in a row.
const TIMES: usize = 7;

fn refusal(status: u16, body: &serde_json::Value) -> RawResponse {
    RawResponse::json(body).status(status)
}

#[tokio::test]
async fn invalid_requests_do_not_open_the_circuit() {
    let gateway = Gateway::new().await;
    let error = |message: &str, kind: &str, code: serde_json::Value| json!({ "error": { "message": message, "type": kind, "code": code } });
    let template =
        "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...";
    for provider_response in [
        refusal(
            400,
            &error(
                "Unsupported value.",
                "invalid_request_error",
                json!("unsupported_value"),
            ),
        ),
        refusal(
            400,
            &error(
                "maximum context length is 8 tokens",
                "invalid_request_error",
                json!("context_length_exceeded"),
            ),
        ),
        refusal(500, &error(template, "server_error", json!(500))),
        refusal(
            500,
            &error(
                "the request exceeds the available context size",
                "server_error",
                json!(500),
            ),
        ),
        refusal(
            422,
            &json!({ "detail": [{ "loc": ["body"], "msg": "bad" }] }),
        ),
        RawResponse::events([error(
            "Unsupported value.",
            "invalid_request_error",
            json!(400),
        )]),
        RawResponse::events([
            chunk(json!({ "content": "Hello" }), json!(null)),
            error("Unsupported value.", "BadRequestError", json!(400)),
        ]),
    ] {
        for model in [OPENAI, LOCAL] {
            let bad = gateway.app.client().guest().await;
            for _ in 0..TIMES {
                gateway.upstream.push(provider_response.clone().into());
                let response = bad.post("/v1/chat/completions", hi(model)).await;
                assert_eq!(response.status, 400, "{provider_response:?}: {response:?}");
            }
            let good = gateway.completed(Script::new(["Hello"]), hi(model)).await;
            let text = &good["choices"][0]["message"]["content"];
            assert_eq!(text, "Hello", "{model}, {provider_response:?}");
        }
    }
}

#[tokio::test]
async fn a_failing_provider_is_not_called_for_a_while() {
    let error = json!({ "error": { "message": "It broke.", "type": "server_error" } });
    for provider_response in [
        refusal(500, &error),
        refusal(503, &error),
        RawResponse::events([error.clone()]),
        RawResponse::new().cut(),
    ] {
        let gateway = Gateway::new().await;
        let mut statuses = Vec::new();
        for _ in 0..TIMES {
            let response = gateway
                .complete(provider_response.clone(), hi(OPENAI))
                .await;
            statuses.push(response.status);
        }
        assert!(
            statuses.iter().all(|status| *status >= 500),
            "{provider_response:?}: {statuses:?}"
        );
        let requests = gateway.upstream.requests().len();
        assert!(
            requests < TIMES,
            "{provider_response:?}: {requests} requests"
        );
        // Another provider is not concerned.
        let other = gateway.guest.post("/v1/chat/completions", hi(LOCAL)).await;
        assert!(gateway.upstream.requests().len() > requests, "{other:?}");
    }
}

//! Parameters that a model does not take: the catalogue says which, and a request that a provider
//! refuses is the client's, not the provider's failure.

use serde_json::{Value, json};
use upstream::{RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, hi, with};

async fn provider_request(gateway: &Gateway, body: Value) -> (Value, Option<String>) {
    let response = gateway.complete(Script::new(["ok"]), body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let omitted = response.header("x-goldfish-omitted-parameters");
    (gateway.provider_request(), omitted.map(str::to_owned))
}

#[tokio::test]
async fn parameters_that_a_model_does_not_take_are_omitted_and_named() {
    let models = json!([
        { "id": "reasoner", "name": "R", "provider": "local", "systemRole": "developer",
          "parameters": { "temperature": false, "top_p": false, "max_tokens": false, "max_completion_tokens": true } },
        { "id": "plain", "name": "P", "provider": "local", "systemRole": "user",
          "parameters": { "stream_options": false, "seed": false } },
    ]);
    let gateway = Gateway::with(&[("models", &models.to_string())]).await;
    let fields = json!({
        "temperature": 0.5, "top_p": 0.5, "max_tokens": 7, "seed": 1, "parallel_tool_calls": true,
        "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi!" }],
    });
    let (body, omitted) = provider_request(&gateway, with(hi("reasoner"), fields.clone())).await;
    for name in ["temperature", "top_p", "max_tokens", "parallel_tool_calls"] {
        assert_eq!(body.get(name), None, "{name}: {body}");
    }
    assert_eq!(body["max_completion_tokens"], 7, "{body}");
    assert_eq!(body["messages"][0]["role"], "developer", "{body}");
    assert_eq!(omitted.as_deref(), Some("temperature, top_p"));

    let (body, omitted) = provider_request(&gateway, with(hi("plain"), fields.clone())).await;
    assert_eq!(body.get("stream_options"), None, "{body}");
    assert_eq!(body["messages"][0]["role"], "user", "{body}");
    assert!(
        body["messages"][0]["content"]
            .as_str()
            .unwrap()
            .starts_with("Be brief.")
    );
    assert_eq!(body["max_tokens"], 7, "{body}");
    assert_eq!(omitted.as_deref(), Some("seed"));

    // Each model by its default: one takes the new name of the limit, one the old one.
    let (body, omitted) = provider_request(&gateway, with(hi(OPENAI), fields.clone())).await;
    assert_eq!(body["max_completion_tokens"], 7, "{body}");
    assert_eq!(body.get("max_tokens"), None, "{body}");
    assert_eq!(omitted, None);
    let (body, _) = provider_request(&gateway, with(hi(LOCAL), fields)).await;
    assert_eq!(body["max_tokens"], 7, "{body}");
}

#[tokio::test]
async fn stream_is_requested_as_the_catalogue_says() {
    let model = |id: &str, stream: &str| json!({ "id": id, "name": id, "provider": "local", "stream": stream });
    let models = json!([
        model("always", "always"),
        model("requested", "asRequested"),
        model("never", "never")
    ]);
    let gateway = Gateway::with(&[("models", &models.to_string())]).await;
    let whole = RawResponse::json(&json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6 },
    }));
    for (model, streamed, expected) in [
        ("always", false, true),
        ("always", true, true),
        ("requested", false, false),
        ("requested", true, true),
        ("never", false, false),
        ("never", true, false),
    ] {
        let response = if expected {
            Script::new(["ok"])
        } else {
            whole.clone().into()
        };
        if streamed {
            let chunks = gateway.stream(response, hi(model)).await;
            assert_eq!(chunks.text(), "ok", "{model}");
            assert!(chunks.is_done, "{model}");
        } else {
            let object = gateway.completed(response, hi(model)).await;
            assert_eq!(object["choices"][0]["message"]["content"], "ok", "{model}");
        }
        let body = gateway.provider_request();
        let is_streamed = body["stream"].as_bool().unwrap_or(false);
        assert_eq!(is_streamed, expected, "{model}, {streamed}: {body}");
        assert_eq!(
            body.get("stream_options").is_some(),
            expected,
            "{model}: {body}"
        );
    }
}

#[tokio::test]
async fn refused_parameter_is_the_clients_error_and_is_not_tried_elsewhere() {
    let gateway = Gateway::with(&[
        ("llm_max_attempts", "3"),
        ("model_fallbacks", r#"{"gpt-4o": ["claude-3-haiku"]}"#),
    ])
    .await;
    for (param, code) in [
        ("temperature", "unsupported_value"),
        ("logit_bias", "unknown_parameter"),
    ] {
        let error = json!({ "error": {
            "message": format!("Unsupported: '{param}'."), "type": "invalid_request_error",
            "param": param, "code": code,
        }});
        let before = gateway.upstream.requests().len();
        let provider_response = RawResponse::json(&error).status(400);
        let response = gateway.complete(provider_response, hi(OPENAI)).await;
        assert_eq!(response.status, 400, "{response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["param"], param, "{error}");
        assert_eq!(error["code"], code, "{error}");
        assert!(
            error["message"].as_str().unwrap().contains(param),
            "{error}"
        );
        assert_eq!(gateway.upstream.requests().len(), before + 1);
    }
}

#[tokio::test]
async fn parameters_that_a_translated_provider_lacks_are_omitted_or_rejected_with_their_path() {
    let gateway = Gateway::new().await;
    let fields = json!({ "seed": 7, "frequency_penalty": 0.5, "temperature": 0.5 });
    let (body, omitted) = provider_request(&gateway, with(hi(ANTHROPIC), fields)).await;
    assert_eq!(body.get("seed"), None, "{body}");
    assert_eq!(
        omitted.as_deref(),
        Some("temperature, seed, frequency_penalty")
    );
    for (fields, param) in [
        (json!({ "made_up": 1 }), "made_up"),
        (
            json!({ "tools": [{ "type": "custom", "custom": { "name": "a" } }] }),
            "tools[0].type",
        ),
        (
            json!({ "response_format": { "type": "json_object" } }),
            "response_format.type",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "input_audio", "input_audio": { "data": "AA", "format": "wav" } }] }] }),
            "messages[0].content[0].type",
        ),
    ] {
        let body = with(hi(ANTHROPIC), fields.clone());
        let response = gateway.guest.post("/v1/chat/completions", body).await;
        assert_eq!(response.status, 400, "{fields}: {response:?}");
        assert_eq!(
            response.json()["error"]["param"],
            param,
            "{fields}: {response:?}"
        );
    }
}

//! `POST /v1/embeddings`.

use serde_json::{Value, json};
use upstream::{Failure, RawResponse, Script, Upstream};

use crate::harness::gateway::{ANTHROPIC, Gateway, is_openai_error, with};
use crate::harness::{App, eventually};

const PATH: &str = "/v1/embeddings";
const OPENAI: &str = "text-embedding-3-small";

fn vectors(vectors: &[[f32; 2]]) -> RawResponse {
    let data: Vec<_> = vectors
        .iter()
        .enumerate()
        .map(
            |(index, vector)| json!({ "object": "embedding", "index": index, "embedding": vector }),
        )
        .collect();
    RawResponse::json(
        &json!({ "object": "list", "data": data, "usage": { "prompt_tokens": 8, "total_tokens": 8 } }),
    )
}

async fn embedded(gateway: &Gateway, provider_response: RawResponse, body: Value) -> Value {
    gateway.upstream.push(provider_response.into());
    let response = gateway.guest.post(PATH, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

#[tokio::test]
async fn numbers_are_requested_and_returned_in_the_clients_encoding() {
    let gateway = Gateway::new().await;
    let body = json!({ "model": OPENAI, "input": ["a", "b"], "dimensions": 2, "user": "u1" });
    let response = || vectors(&[[1.0, -2.5], [0.5, 0.25]]);
    let response_body = embedded(&gateway, response(), body.clone()).await;
    assert_eq!(
        response_body["data"][0]["embedding"],
        json!([1.0, -2.5]),
        "{response_body}"
    );
    assert_eq!(response_body["data"][1]["index"], 1);
    assert_eq!(
        response_body["usage"],
        json!({ "prompt_tokens": 8, "total_tokens": 8 })
    );
    assert_eq!(
        gateway.provider_request(),
        json!({ "model": OPENAI, "input": ["a", "b"], "encoding_format": "float", "dimensions": 2, "user": "u1" })
    );
    let body = with(body, json!({ "encoding_format": "base64" }));
    let response_body = embedded(&gateway, response(), body).await;
    assert_eq!(
        response_body["data"][0]["embedding"], "AACAPwAAIMA=",
        "{response_body}"
    );
    assert_eq!(gateway.provider_request()["encoding_format"], "float");
}

#[tokio::test]
async fn tokens_and_single_inputs_are_lists_for_the_provider() {
    let gateway = Gateway::new().await;
    for (input, sent) in [
        (json!("a"), json!(["a"])),
        (json!([1, 2]), json!([[1, 2]])),
        (json!([[1], [2]]), json!([[1], [2]])),
    ] {
        let response = vectors(&vec![[1.0, 0.0]; sent.as_array().unwrap().len()]);
        embedded(
            &gateway,
            response,
            json!({ "model": OPENAI, "input": input }),
        )
        .await;
        assert_eq!(gateway.provider_request()["input"], sent);
    }
}

#[tokio::test]
async fn workers_ai_and_a_local_server_get_their_own_request_format() {
    let gateway = Gateway::new().await;
    let model = "@cf/baai/bge-base-en-v1.5";
    let provider_response =
        json!({ "result": { "shape": [1, 2], "data": [[1.0, 2.0]] }, "success": true });
    let response_body = embedded(
        &gateway,
        RawResponse::json(&provider_response),
        json!({ "model": model, "input": "a" }),
    )
    .await;
    assert_eq!(response_body["data"][0]["embedding"], json!([1.0, 2.0]));
    assert_eq!(gateway.provider_request(), json!({ "text": ["a"] }));
    let request = gateway.upstream.requests().pop().unwrap();
    assert!(request.path.ends_with(model), "{}", request.path);
    let response = gateway
        .guest
        .post(PATH, json!({ "model": model, "input": [1] }))
        .await;
    assert_eq!(response.status, 400, "{response:?}");

    let response_body = embedded(
        &gateway,
        vectors(&[[1.0, 0.0]]),
        json!({ "model": "nomic-embed-text", "input": "a" }),
    )
    .await;
    assert_eq!(response_body["model"], "nomic-embed-text");
    assert_eq!(gateway.provider_request()["model"], "nomic-embed-text");
}

#[tokio::test]
async fn a_provider_without_embeddings_is_a_400_that_names_it() {
    let gateway = Gateway::new().await;
    let response = gateway
        .guest
        .post(PATH, json!({ "model": ANTHROPIC, "input": "a" }))
        .await;
    assert_eq!(response.status, 400, "{response:?}");
    let error = response.json()["error"].clone();
    assert_eq!(error["param"], "model", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("not supported by anthropic"), "{message}");
    assert!(gateway.upstream.requests().is_empty());
}

#[tokio::test]
async fn errors_name_the_invalid_field() {
    let gateway = Gateway::new().await;
    for (body, param) in [
        (json!({ "input": "a" }), "model"),
        (json!({ "model": OPENAI }), "input"),
        (json!({ "model": OPENAI, "input": [] }), "input"),
        (json!({ "model": OPENAI, "input": "" }), "input"),
        (
            json!({ "model": OPENAI, "input": vec!["a"; 2_049] }),
            "input",
        ),
        (
            json!({ "model": OPENAI, "input": "a", "encoding_format": "hex" }),
            "encoding_format",
        ),
    ] {
        let response = gateway.guest.post(PATH, body).await;
        assert_eq!(response.status, 400, "{response:?}");
        assert_eq!(response.json()["error"]["param"], param);
    }
    let stranger = gateway.app.client();
    let response = stranger
        .post(PATH, json!({ "model": "demo", "input": "a" }))
        .await;
    is_openai_error(&response, 401, "invalid_api_key");
}

#[tokio::test]
async fn a_failure_is_retried_and_a_wrong_number_of_vectors_is_one() {
    let upstream = Upstream::start(vectors(&[[1.0, 0.0]]).into())
        .await
        .unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("llm_max_attempts", "2")
        .start()
        .await;
    let guest = app.client().guest().await;
    upstream.push(Script::refuse(Failure::Internal));
    let body = json!({ "model": OPENAI, "input": "a" });
    let response = guest.post(PATH, body.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(upstream.requests().len(), 2);
    let response = guest
        .post(PATH, with(body, json!({ "input": ["a", "b"] })))
        .await;
    is_openai_error(&response, 502, "provider_error");
}

#[tokio::test]
async fn embeddings_are_charged_at_their_price() {
    let gateway = Gateway::new().await;
    embedded(
        &gateway,
        vectors(&[[1.0, 0.0]]),
        json!({ "model": OPENAI, "input": "a" }),
    )
    .await;
    eventually("the usage", async || {
        let usage = gateway.guest.get("/api/usage").await.json().to_string();
        (usage.contains(OPENAI) && usage.contains("\"promptTokens\":8")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn demo_puts_texts_of_the_same_words_near_each_other() {
    let guest = App::shared().await.client().guest().await;
    let body = json!({ "model": "demo", "input": ["red fish", "Fish! Red.", "a blue whale"] });
    let response_body = guest.post(PATH, body).await.json();
    let vector = |index: usize| -> Vec<f64> {
        let vector = response_body["data"][index]["embedding"]
            .as_array()
            .unwrap();
        vector.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let near = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!(near(vector(0), vector(1)) > 0.99);
    assert!(near(vector(0), vector(2)) < 0.9);
}

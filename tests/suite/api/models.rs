//! `GET /api/models`.

use serde_json::{Value, json};

use crate::harness::App;

async fn models(app: &App) -> Vec<Value> {
    let response = app.client().guest().await.get("/api/models").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["models"].as_array().unwrap().clone()
}

fn model<'a>(models: &'a [Value], id: &str) -> &'a Value {
    models
        .iter()
        .find(|model| model["id"] == id)
        .unwrap_or_else(|| panic!("no {id}: {models:?}"))
}

#[tokio::test]
async fn models_without_a_provider_lists_demo_as_available() {
    let models = models(App::shared().await).await;
    let available = |model: &&Value| model["available"] == true;
    let ids: Vec<_> = models
        .iter()
        .filter(available)
        .map(|model| &model["id"])
        .collect();
    assert_eq!(ids, ["demo"]);
    assert_eq!(model(&models, "demo")["provider"], "demo");
}

#[tokio::test]
async fn models_lists_the_default_catalogue() {
    let models = models(App::shared().await).await;
    for (id, name, provider) in [
        ("gpt-4o", "GPT-4o", "openai"),
        ("gpt-4o-mini", "GPT-4o Mini", "openai"),
        ("claude-3-5-sonnet", "Claude 3.5 Sonnet", "anthropic"),
        ("claude-3-haiku", "Claude 3 Haiku", "anthropic"),
        ("@cf/meta/llama-3-8b-instruct", "Llama 3 8B", "workers-ai"),
        (
            "@cf/mistral/mistral-7b-instruct-v0.1",
            "Mistral 7B",
            "workers-ai",
        ),
    ] {
        let model = model(&models, id);
        assert_eq!(model["name"], name);
        assert_eq!(model["provider"], provider);
        assert_eq!(model["available"], false, "{model}");
    }
}

#[tokio::test]
async fn models_prices_are_dollars_per_million_tokens() {
    let listed = models(App::shared().await).await;
    assert_eq!(
        model(&listed, "gpt-4o-mini")["prices"],
        json!({ "input": 0.15, "cachedInput": 0.075, "output": 0.6 })
    );
    assert!(model(&listed, "demo").get("prices").is_none());
    let rows = json!([{ "id": "gpt-4o-mini", "prices": { "input": 1, "output": 2.5 } }]);
    let app = App::with_defaults()
        .variable("models", rows.to_string())
        .start()
        .await;
    assert_eq!(
        model(&models(&app).await, "gpt-4o-mini")["prices"],
        json!({ "input": 1.0, "output": 2.5 })
    );
}

#[tokio::test]
async fn models_ids_are_unique() {
    let models = models(App::shared().await).await;
    let ids: std::collections::BTreeSet<_> = models
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), models.len());
}

#[tokio::test]
async fn a_provider_key_makes_only_its_models_available() {
    let app = App::with_defaults()
        .variable("anthropic_api_key", "sk-ant-test")
        .variable("local_base_url", "http://127.0.0.1:9/v1")
        .variable("local_models", "llama3.2,qwen3:8b")
        .start()
        .await;
    let models = models(&app).await;
    assert_eq!(model(&models, "claude-3-haiku")["available"], true);
    assert_eq!(model(&models, "gpt-4o")["available"], false);
    for local in ["llama3.2", "qwen3:8b"] {
        let model = model(&models, local);
        assert_eq!(model["provider"], "local");
        assert_eq!(model["available"], true);
    }
}

#[tokio::test]
async fn models_without_a_user_is_401() {
    let app = App::shared().await;
    app.client()
        .get("/api/models")
        .await
        .is_error(401, "UNAUTHORIZED");
}

//! `GET /v1/models`.

use upstream::{Script, Upstream};

use crate::harness::App;

#[tokio::test]
async fn models_lists_available_models() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults().workers_ai(&upstream).start().await;
    let guest = app.client().guest().await;
    let list = guest.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            assert_eq!(model["object"], "model");
            assert!(model["created"].is_u64() && model["owned_by"].is_string());
            model["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let llama = "@cf/meta/llama-3-8b-instruct";
    assert!(ids.iter().any(|id| id == llama), "{ids:?}");
    assert!(ids.iter().any(|id| id == "demo"), "{ids:?}");
    assert!(!ids.iter().any(|id| id == "gpt-4o"), "{ids:?}");
    for id in [llama.to_owned(), llama.replace('/', "%2F")] {
        let model = guest.get(&format!("/v1/models/{id}")).await;
        assert_eq!(model.json()["id"], llama, "{model:?}");
        assert_eq!(model.json()["owned_by"], "workers-ai");
    }
}

#[tokio::test]
async fn models_for_anthropics_clients_have_anthropics_shape() {
    let guest = App::shared().await.client().guest().await;
    let list = guest
        .with("anthropic-version", "2023-06-01")
        .get("/v1/models")
        .await
        .json();
    assert_eq!(list["has_more"], false, "{list}");
    let data = list["data"].as_array().unwrap();
    assert_eq!(list["first_id"], data[0]["id"]);
    assert_eq!(list["last_id"], "demo");
    for model in data {
        assert_eq!(model["type"], "model");
        assert!(
            model["display_name"].is_string() && model["created_at"].is_string(),
            "{model}"
        );
    }
}

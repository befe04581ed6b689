//! `GET /api/models`: the catalogue, and which of it can be used here.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use contracts::llm::{provider, types::Model};
use http_edge::{ApiError, Context, Reply};
use serde::Serialize;

http_edge::routes! {
    GET "/api/models" => list_models,
}

#[derive(Serialize)]
struct ModelList {
    models: Vec<ModelView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelView {
    id: String,
    name: String,
    provider: String,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u32>,
}

async fn list_models(context: &mut Context) -> Result<Reply, ApiError> {
    access::signed_in(context).await?;
    let models = provider::models().await.map_err(failures::catalogue)?;
    Ok(Reply::json(&ModelList {
        models: models.into_iter().map(ModelView::from).collect(),
    }))
}

impl From<Model> for ModelView {
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            name: model.name,
            provider: model.provider,
            available: model.available,
            context_window: model.context_window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_window_is_left_out() {
        let view = ModelView::from(Model {
            id: "gpt-4o".into(),
            name: "GPT-4o".into(),
            provider: "openai".into(),
            available: false,
            context_window: None,
        });
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            serde_json::json!({
                "id": "gpt-4o", "name": "GPT-4o", "provider": "openai", "available": false,
            })
        );
    }
}

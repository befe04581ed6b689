//! `GET /api/models`: the catalogue, and which of it can be used here.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use contracts::llm::{
    provider,
    types::{Model, Prices},
};
use http_edge::{ApiError, Context, Response};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<PricesView>,
}

/// In US dollars per million tokens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PricesView {
    input: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_hour: Option<f64>,
    output: f64,
}

async fn list_models(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    Ok(Response::json(&ModelList {
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
            prices: model.prices.map(PricesView::from),
        }
    }
}

impl From<Prices> for PricesView {
    fn from(prices: Prices) -> Self {
        let dollars = |millionths: u32| f64::from(millionths) / 1_000_000.0;
        Self {
            input: dollars(prices.input),
            cached_input: prices.cached_input.map(dollars),
            cache_write: prices.cache_write.map(dollars),
            cache_write_hour: prices.cache_write_hour.map(dollars),
            output: dollars(prices.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningInput, StreamMode, SystemRole};

    fn model(context_window: Option<u32>, prices: Option<Prices>) -> serde_json::Value {
        let view = ModelView::from(Model {
            id: "gpt-4o".into(),
            name: "GPT-4o".into(),
            provider: "openai".into(),
            available: false,
            context_window,
            max_output_tokens: None,
            parameters: Vec::new(),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: false,
            reasoning_input: ReasoningInput::None,
            prices,
        });
        serde_json::to_value(view).unwrap()
    }

    #[test]
    fn unknown_fields_of_a_model_are_omitted() {
        assert_eq!(
            model(None, None),
            serde_json::json!({
                "id": "gpt-4o", "name": "GPT-4o", "provider": "openai", "available": false,
            })
        );
    }

    #[test]
    fn prices_are_dollars_per_million_tokens() {
        let prices = Prices {
            input: 150_000,
            cached_input: Some(75_000),
            cache_write: Some(187_500),
            cache_write_hour: None,
            output: 600_000,
        };
        assert_eq!(
            model(None, Some(prices))["prices"],
            serde_json::json!({ "input": 0.15, "cachedInput": 0.075, "cacheWrite": 0.1875, "output": 0.6 })
        );
    }
}

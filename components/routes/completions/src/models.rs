//! `GET /v1/models` and `GET /v1/models/:id`: the available models.

use contracts::llm::{provider, types::Model};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;
use serde_json::{Value, json};

use model_api::openai_errors as errors;

/// The name of a missing model, for [`ApiError::NotFound`].
const MODEL: &str = "Model";

/// Longest id of a model, in bytes.
const LONGEST_ID: usize = 256;

#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<ModelView>,
}

#[derive(Serialize)]
struct ModelView {
    id: String,
    object: &'static str,
    /// 0: the catalogue does not know when a model was made.
    created: u64,
    owned_by: String,
}

/// In Anthropic's shape for its clients, which send `anthropic-version`.
pub(crate) async fn list(context: &mut Context) -> Result<Response, ApiError> {
    if context.head.header("anthropic-version").is_some() {
        access::require_user(context).await?;
        let models = provider::models().await.map_err(error_mapping::catalogue)?;
        return Ok(Response::json(&anthropic_list(models)));
    }
    Ok(Response::json(&ModelList {
        object: "list",
        data: available(context).await?,
    }))
}

pub(crate) async fn show(context: &mut Context) -> Result<Response, ApiError> {
    let id = requested_id(context)?;
    let models = available(context).await?;
    match models.into_iter().find(|model| model.id == id) {
        Some(model) => Ok(Response::json(&model)),
        None => Err(errors::UNKNOWN_MODEL),
    }
}

/// Ids may contain slashes, which some clients encode and others do not.
fn requested_id(context: &Context) -> Result<String, ApiError> {
    let mut id = context.param("id", LONGEST_ID, MODEL)?;
    for name in ["vendor", "gateway"] {
        if let Ok(before) = context.param(name, LONGEST_ID, MODEL) {
            id = format!("{before}/{id}");
        }
    }
    Ok(id)
}

async fn available(context: &mut Context) -> Result<Vec<ModelView>, ApiError> {
    access::require_user(context).await?;
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    Ok(views(models))
}

fn views(models: Vec<Model>) -> Vec<ModelView> {
    models
        .into_iter()
        .filter(|model| model.available)
        .map(|model| ModelView {
            id: model.id,
            object: "model",
            created: 0,
            owned_by: model.provider,
        })
        .collect()
}

/// All available models on one page.
fn anthropic_list(models: Vec<Model>) -> Value {
    let data: Vec<Value> = models
        .into_iter()
        .filter(|model| model.available)
        .map(|model| {
            json!({
                "type": "model", "id": model.id, "display_name": model.name,
                // The catalogue does not know when a model was made.
                "created_at": "1970-01-01T00:00:00Z",
            })
        })
        .collect();
    let id_of = |model: Option<&Value>| model.and_then(|model| model.get("id").cloned());
    let (first, last) = (id_of(data.first()), id_of(data.last()));
    json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningInput, StreamMode, SystemRole};

    #[test]
    fn views_lists_available_models_only() {
        let model = |id: &str, available| Model {
            id: id.into(),
            name: id.into(),
            provider: "openai".into(),
            available,
            context_window: None,
            max_output_tokens: None,
            parameters: Vec::new(),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: false,
            reasoning_input: ReasoningInput::None,
            prices: None,
        };
        let list = ModelList {
            object: "list",
            data: views(vec![model("a", true), model("b", false)]),
        };
        assert_eq!(
            serde_json::to_value(list).unwrap(),
            serde_json::json!({"object": "list", "data": [
                {"id": "a", "object": "model", "created": 0, "owned_by": "openai"},
            ]})
        );
    }
}

//! The model of a request that names none.

use contracts::llm::types::Model;
use http_edge::ApiError;
use spin_sdk::variables;

/// The first of `preferred` that is available; else the variable `default_model`; else the first
/// available model of the catalogue.
///
/// # Errors
/// 400 if no model is available.
pub async fn choose_model(
    preferred: &[Option<&str>],
    catalogue: &[Model],
) -> Result<String, ApiError> {
    let default = variables::get("default_model").await.unwrap_or_default();
    let preferred: Vec<_> = preferred
        .iter()
        .copied()
        .chain([Some(default.as_str())])
        .collect();
    model_choice::choose(&preferred, catalogue)
        .map(|model| model.id.clone())
        .ok_or_else(|| {
            ApiError::invalid(
                "model",
                "No model is available, because no AI provider is configured on this server.",
            )
        })
}

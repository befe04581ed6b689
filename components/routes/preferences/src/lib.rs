//! `GET` and `PUT /api/preferences`: what a user likes best. PUT sets the fields it is given.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

use contracts::{
    conversations::{
        preferences,
        types::{PreferenceValues, Theme},
    },
    llm::{provider, types::Model},
};
use http_edge::{ApiError, Context, Response, Validator};
use serde::{Deserialize, Serialize};
use spin_sdk::variables;

/// Longest `systemPrompt`, in characters.
const MAX_SYSTEM_PROMPT: usize = 10_000;

http_edge::routes! {
    GET "/api/preferences" => show_preferences,
    PUT "/api/preferences" => update_preferences,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    default_model: Option<String>,
    theme: Option<ThemeName>,
    system_prompt: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preferences<'a> {
    default_model: &'a str,
    theme: ThemeName,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ThemeName {
    Light,
    Dark,
}

async fn show_preferences(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let values = preferences::get_preferences(user.id)
        .await
        .map_err(|error| error_mapping::conversations(error, "body"))?;
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    Ok(render(&values, &models, &default_model().await))
}

async fn update_preferences(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let changes: Changes = context.json().await?;
    let models = provider::models().await.map_err(error_mapping::catalogue)?;
    validate(&changes, &models)?;
    let values = preferences::update_preferences(user.id, changes.into())
        .await
        .map_err(|error| error_mapping::conversations(error, "body"))?;
    Ok(render(&values, &models, &default_model().await))
}

/// The operator's default model, for users without a preference.
async fn default_model() -> String {
    variables::get("default_model").await.unwrap_or_default()
}

fn validate(changes: &Changes, models: &[Model]) -> Result<(), ApiError> {
    let model = changes.default_model.as_deref();
    let prompt = changes.system_prompt.as_deref().unwrap_or_default();
    Validator::new()
        .require(
            model.is_none_or(|id| model_choice::find(id, models).is_some()),
            "defaultModel",
            "Unknown model. See GET /api/models.",
        )
        .max_length("systemPrompt", prompt, MAX_SYSTEM_PROMPT)
        .finish()
}

/// An unset preference shows the value that a chat would use. An empty prompt removes the user's own.
fn render(values: &PreferenceValues, models: &[Model], default_model: &str) -> Response {
    let chosen = values.default_model.as_deref().or_else(|| {
        model_choice::choose(&[Some(default_model)], models).map(|model| model.id.as_str())
    });
    Response::json(&Preferences {
        default_model: chosen.unwrap_or_default(),
        theme: match values.theme {
            Some(Theme::Light) => ThemeName::Light,
            Some(Theme::Dark) | None => ThemeName::Dark,
        },
        system_prompt: values.system_prompt.as_deref().filter(|p| !p.is_empty()),
    })
}

impl From<Changes> for PreferenceValues {
    fn from(changes: Changes) -> Self {
        Self {
            default_model: changes.default_model,
            theme: changes.theme.map(|theme| match theme {
                ThemeName::Light => Theme::Light,
                ThemeName::Dark => Theme::Dark,
            }),
            system_prompt: changes.system_prompt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningInput, StreamMode, SystemRole};

    fn changes(model: &str, prompt: &str) -> Changes {
        Changes {
            default_model: Some(model.into()),
            theme: None,
            system_prompt: Some(prompt.into()),
        }
    }

    #[test]
    fn unknown_models_and_endless_prompts_are_refused() {
        let models = [Model {
            id: "demo".into(),
            name: "Demo".into(),
            provider: "demo".into(),
            available: true,
            context_window: None,
            max_output_tokens: None,
            parameters: Vec::new(),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: false,
            reasoning_input: ReasoningInput::None,
            prices: None,
        }];
        assert!(validate(&changes("demo", &"é".repeat(10_000)), &models).is_ok());
        let error = validate(&changes("gone", &"é".repeat(10_001)), &models);
        assert!(matches!(error, Err(ApiError::Validation(details)) if details.len() == 2));
    }
}

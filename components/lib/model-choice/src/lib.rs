//! Chooses a model of the catalogue.
//!
//! Pure; may import the contracts' types only.

use contracts::llm::types::Model;

/// The first of `preferred` that is available; else the first available model, with the demo model
/// last; none if no model is available.
pub fn choose<'a>(preferred: &[Option<&str>], catalogue: &'a [Model]) -> Option<&'a Model> {
    preferred
        .iter()
        .flatten()
        .find_map(|id| find(id, catalogue).filter(|model| model.available))
        .or_else(|| {
            catalogue
                .iter()
                .filter(|model| model.available)
                .min_by_key(|model| model.provider == "demo")
        })
}

/// The model with this id.
pub fn find<'a>(id: &str, catalogue: &'a [Model]) -> Option<&'a Model> {
    catalogue.iter().find(|model| model.id == id)
}

/// The variable that configures a provider.
pub fn variable_of(provider: &str) -> &'static str {
    match provider {
        "openai" => "openai_api_key",
        "anthropic" => "anthropic_api_key",
        "workers-ai" => "cloudflare_api_token",
        "local" => "local_base_url",
        _ => "models",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningInput, StreamMode, SystemRole};

    fn model(id: &str, provider: &str, available: bool) -> Model {
        Model {
            id: id.into(),
            name: id.into(),
            provider: provider.into(),
            available,
            context_window: None,
            max_output_tokens: None,
            parameters: Vec::new(),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: false,
            reasoning_input: ReasoningInput::None,
            prices: None,
        }
    }

    #[test]
    fn choose_prefers_the_first_available_and_the_demo_last() {
        let catalogue = [
            model("demo", "demo", true),
            model("off", "openai", false),
            model("a", "anthropic", true),
            model("b", "anthropic", true),
        ];
        let chosen =
            |preferred: &[Option<&str>]| choose(preferred, &catalogue).map(|m| m.id.as_str());
        assert_eq!(chosen(&[None, Some("b"), Some("a")]), Some("b"));
        assert_eq!(
            chosen(&[Some("off"), Some("gone"), Some("demo")]),
            Some("demo")
        );
        assert_eq!(chosen(&[Some("")]), Some("a"));
        assert_eq!(choose(&[], &catalogue[..2]).unwrap().id, "demo");
        assert!(choose(&[Some("off")], &catalogue[1..2]).is_none());
    }
}

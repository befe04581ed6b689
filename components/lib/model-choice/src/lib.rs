//! Which model answers when several could.
//!
//! Pure; may import the contracts' types only.

use contracts::llm::types::Model;

/// The first wish that is an available model of the catalogue; else the first available one, those
/// of real providers before the demo; none in a catalogue without any.
pub fn choose<'a>(wishes: &[Option<&str>], catalogue: &'a [Model]) -> Option<&'a Model> {
    wishes
        .iter()
        .flatten()
        .find_map(|wish| find(wish, catalogue).filter(|model| model.available))
        .or_else(|| {
            catalogue
                .iter()
                .filter(|model| model.available)
                .min_by_key(|model| model.provider == "demo")
        })
}

/// The model of that id.
pub fn find<'a>(id: &str, catalogue: &'a [Model]) -> Option<&'a Model> {
    catalogue.iter().find(|model| model.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str, provider: &str, available: bool) -> Model {
        Model {
            id: id.into(),
            name: id.into(),
            provider: provider.into(),
            available,
            context_window: None,
            prices: None,
        }
    }

    #[test]
    fn wishes_come_first_and_the_demo_last() {
        let catalogue = [
            model("demo", "demo", true),
            model("off", "openai", false),
            model("a", "anthropic", true),
            model("b", "anthropic", true),
        ];
        let chosen = |wishes: &[Option<&str>]| choose(wishes, &catalogue).map(|m| m.id.as_str());
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

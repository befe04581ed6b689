//! The catalogue of models: the built-in list, changed by the variable `models`, then the models of
//! the local server and of Spin, then `demo`. Pure.

mod parameters;
mod row;

pub(crate) use parameters::Parameters;
pub(crate) use row::ReasoningTurns;

use crate::bindings::{Error, Model, Prices, ReasoningInput, StreamMode, SystemRole};
use crate::providers::Provider;
use row::{Row, rows};
use std::sync::LazyLock;

/// The built-in list, read once for each instance. That it can be read is tested.
static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    let _ = rows(include_str!("catalogue.json")).and_then(|rows| catalogue.apply(rows.models));
    catalogue
});

/// The id of the built-in test program, always available and always last.
pub(crate) const DEMO: &str = "demo";

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The id that clients send.
    pub(crate) id: String,
    /// The display name.
    pub(crate) name: String,
    /// The provider that runs it.
    pub(crate) provider: Provider,
    /// The provider's name of it.
    pub(crate) upstream: String,
    /// Maximum tokens of prompt and completion together.
    pub(crate) context_window: Option<u32>,
    /// Maximum tokens of a completion.
    pub(crate) max_output_tokens: Option<u32>,
    /// Which optional parameters it takes.
    pub(crate) parameters: Parameters,
    /// Whether a stream is requested from the model.
    pub(crate) stream: StreamMode,
    /// The role under which it takes instructions.
    pub(crate) system_role: SystemRole,
    /// Whether it takes images. If that is not known, requests with images are sent and the provider decides.
    pub(crate) images: bool,
    /// Whether user and assistant must take turns in the prompt.
    pub(crate) alternating_roles: bool,
    /// How it takes reasoning of earlier replies.
    pub(crate) reasoning_input: ReasoningInput,
    /// The earlier replies whose reasoning it takes.
    pub(crate) reasoning_turns: ReasoningTurns,
    /// Its prices.
    pub(crate) prices: Option<Prices>,
}

/// The models, in the order they are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
}

impl Entry {
    /// A model with its id only. At most providers all models of today take images; of
    /// Workers AI's, few do.
    fn plain(id: String, provider: Provider) -> Self {
        Self {
            name: id.clone(),
            provider,
            upstream: id.clone(),
            context_window: None,
            max_output_tokens: None,
            parameters: Parameters::of(provider),
            stream: StreamMode::Always,
            system_role: SystemRole::AsSent,
            images: provider != Provider::WorkersAi,
            // The templates of many local models reject two messages of the user in a row.
            alternating_roles: provider != Provider::OpenAi,
            reasoning_input: match provider {
                Provider::Anthropic => ReasoningInput::ThinkingBlocks,
                _ => ReasoningInput::None,
            },
            reasoning_turns: ReasoningTurns::Always,
            prices: None,
            id,
        }
    }

    /// Whether the model takes an optional parameter.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.parameters.takes(parameter)
    }

    fn apply(&mut self, row: Row) -> Result<(), Error> {
        if let Some(provider) = row.provider.filter(|provider| *provider != self.provider) {
            *self = Self {
                name: self.name.clone(),
                upstream: self.upstream.clone(),
                context_window: self.context_window,
                max_output_tokens: self.max_output_tokens,
                ..Self::plain(self.id.clone(), provider)
            };
        }
        let prices = row.prices.map(|prices| prices.read(self.provider));
        self.name = row.name.unwrap_or_else(|| self.name.clone());
        self.upstream = row.upstream.unwrap_or_else(|| self.upstream.clone());
        self.context_window = row.context_window.or(self.context_window);
        self.max_output_tokens = row.max_output_tokens.or(self.max_output_tokens);
        if let Some(parameters) = row.parameters {
            self.parameters.apply(parameters);
        }
        self.stream = row.stream.map_or(self.stream, StreamMode::from);
        self.system_role = row.system_role.map_or(self.system_role, SystemRole::from);
        self.images = row.images.unwrap_or(self.images);
        self.alternating_roles = row.alternating_roles.unwrap_or(self.alternating_roles);
        self.reasoning_input = row
            .reasoning_input
            .map_or(self.reasoning_input, ReasoningInput::from);
        self.reasoning_turns = row.reasoning_turns.unwrap_or(self.reasoning_turns);
        self.prices = prices.transpose()?.or(self.prices);
        Ok(())
    }
}

impl Catalogue {
    /// The built-in list, changed by the value of the variable `models`: empty, a JSON array of
    /// rows, or `{"replace": true, "models": [rows]}` for a list that replaces the built-in one.
    ///
    /// # Errors
    /// `misconfigured` when the value is neither.
    pub(crate) fn new(models: &str) -> Result<Self, Error> {
        if models.is_empty() {
            return Ok(BUILT_IN.clone());
        }
        let changes = rows(models)?;
        let mut catalogue = if changes.replace {
            Self::default()
        } else {
            BUILT_IN.clone()
        };
        catalogue.apply(changes.models)?;
        Ok(catalogue)
    }

    fn apply(&mut self, rows: Vec<Row>) -> Result<(), Error> {
        for row in rows {
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == row.id) {
                entry.apply(row)?;
                continue;
            }
            let Some(provider) = row.provider else {
                return Err(row::invalid("a new model has no provider"));
            };
            if row.id.is_empty() {
                return Err(row::invalid("a model has an empty id"));
            }
            let mut entry = Entry::plain(row.id.clone(), provider);
            entry.apply(row)?;
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Adds models by their ids alone. One that is listed already is served by `provider` from now
    /// on, if `claim`. Otherwise its entry does not change, and neither does an entry of the same provider, which has
    /// more details.
    pub(crate) fn add(&mut self, ids: Vec<String>, provider: Provider, claim: bool) {
        for id in ids {
            let entry = Entry::plain(id, provider);
            match self.entries.iter_mut().find(|listed| listed.id == entry.id) {
                Some(listed) if claim && listed.provider != provider => *listed = entry,
                Some(_) => {}
                None => self.entries.push(entry),
            }
        }
    }

    /// Puts `demo` at the end, whatever was listed under that id.
    pub(crate) fn with_demo(mut self) -> Self {
        self.entries.retain(|entry| entry.id != DEMO);
        self.entries.push(Entry {
            name: "Demo (a small program, not an AI)".to_owned(),
            ..Entry::plain(DEMO.to_owned(), Provider::Demo)
        });
        self
    }

    /// The model of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The models as the contract has them.
    pub(crate) fn models(&self, available: impl Fn(Provider) -> bool) -> Vec<Model> {
        self.entries
            .iter()
            .map(|entry| Model {
                id: entry.id.clone(),
                name: entry.name.clone(),
                provider: entry.provider.name().to_owned(),
                available: available(entry.provider),
                context_window: entry.context_window,
                max_output_tokens: entry.max_output_tokens,
                parameters: entry.parameters.supported(),
                stream: entry.stream,
                system_role: entry.system_role,
                images: entry.images,
                reasoning_input: entry.reasoning_input,
                prices: entry.prices,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(catalogue: &Catalogue) -> Vec<&str> {
        catalogue
            .entries
            .iter()
            .map(|entry| entry.id.as_str())
            .collect()
    }

    #[test]
    fn the_seeds_models_come_first_and_demo_last() {
        let catalogue = Catalogue::new("").unwrap().with_demo();
        let ids = ids(&catalogue);
        assert_eq!(
            ids[..6],
            [
                "gpt-4o",
                "gpt-4o-mini",
                "claude-3-5-sonnet",
                "claude-3-haiku",
                "@cf/meta/llama-3-8b-instruct",
                "@cf/mistral/mistral-7b-instruct-v0.1"
            ]
        );
        assert_eq!(ids.last(), Some(&"demo"));
        assert_eq!(
            catalogue.find("claude-3-5-sonnet").unwrap().upstream,
            "claude-3-5-sonnet-20241022"
        );
        let models = catalogue.models(|provider| provider == Provider::Demo);
        assert!(
            models
                .iter()
                .all(|model| model.available == (model.id == "demo"))
        );
        assert_eq!(
            (
                models[0].name.as_str(),
                models[0].provider.as_str(),
                models[0].context_window
            ),
            ("GPT-4o", "openai", Some(128_000))
        );
    }

    #[test]
    fn the_variable_adds_and_changes() {
        let json = r#"[{"id":"gpt-4o","name":"Ours","upstream":"gpt-4o-2024-11-20"},{"id":"new","provider":"anthropic","contextWindow":5}]"#;
        let catalogue = Catalogue::new(json).unwrap();
        let configured = catalogue.find("gpt-4o").unwrap();
        assert_eq!(
            (
                configured.name.as_str(),
                configured.upstream.as_str(),
                configured.provider
            ),
            ("Ours", "gpt-4o-2024-11-20", Provider::OpenAi)
        );
        assert_eq!(configured.context_window, Some(128_000));
        let new = catalogue.find("new").unwrap();
        assert_eq!(
            (new.name.as_str(), new.provider, new.context_window),
            ("new", Provider::Anthropic, Some(5))
        );
    }

    #[test]
    fn prices_are_read_in_dollars() {
        let prices = |catalogue: &Catalogue, id| catalogue.find(id).unwrap().prices;
        let catalogue = Catalogue::new("").unwrap();
        let listed = Prices {
            input: 150_000,
            cached_input: Some(75_000),
            cache_write: None,
            cache_write_hour: None,
            output: 600_000,
        };
        assert_eq!(prices(&catalogue, "gpt-4o-mini"), Some(listed));
        let json = r#"[
            {"id":"gpt-4o-mini","prices":{"input":0.5,"output":4000}},
            {"id":"gpt-4o","upstream":"other"},
            {"id":"new","provider":"openai"}
        ]"#;
        let catalogue = Catalogue::new(json).unwrap();
        let changed = Prices {
            input: 500_000,
            cached_input: None,
            cache_write: None,
            cache_write_hour: None,
            output: 4_000_000_000,
        };
        assert_eq!(prices(&catalogue, "gpt-4o-mini"), Some(changed));
        assert!(prices(&catalogue, "gpt-4o").is_some());
        assert_eq!(prices(&catalogue, "new"), None);
        for wrong in ["-1", "4001", "1e999", "null"] {
            let json = format!(r#"[{{"id":"gpt-4o","prices":{{"input":{wrong},"output":1}}}}]"#);
            assert!(Catalogue::new(&json).is_err(), "{wrong}");
        }
    }

    #[test]
    fn prices_of_anthropic_models_have_the_rates_of_its_cache() {
        let json = r#"[{"id":"new","provider":"anthropic","prices":{"input":3,"output":15}}]"#;
        let catalogue = Catalogue::new(json).unwrap();
        let expected = Prices {
            input: 3_000_000,
            cached_input: Some(300_000),
            cache_write: Some(3_750_000),
            cache_write_hour: Some(6_000_000),
            output: 15_000_000,
        };
        assert_eq!(catalogue.find("new").unwrap().prices, Some(expected));
    }

    #[test]
    fn the_variable_sets_the_parameters_of_a_model() {
        let json = r#"[
            {"id":"gpt-4o","parameters":{"temperature":false,"max_tokens":true},"stream":"asRequested","systemRole":"developer"},
            {"id":"old","provider":"local","parameters":["temperature","max_tokens"],"stream":"never",
             "alternatingRoles":false,"reasoningInput":"reasoningContent","images":false}
        ]"#;
        let catalogue = Catalogue::new(json).unwrap();
        let entry = catalogue.find("gpt-4o").unwrap();
        assert!(!entry.takes("temperature") && entry.takes("max_tokens") && entry.takes("top_p"));
        assert_eq!(
            (entry.stream, entry.system_role),
            (StreamMode::AsRequested, SystemRole::Developer)
        );
        let old = catalogue.find("old").unwrap();
        assert_eq!(old.parameters.supported(), ["temperature", "max_tokens"]);
        assert!(!old.takes("stream_options") && old.takes("a_new_one"));
        assert_eq!(old.reasoning_input, ReasoningInput::ReasoningContent);
        assert!(Catalogue::new(r#"[{"id":"gpt-4o","parameters":["temprature"]}]"#).is_err());
    }

    #[test]
    fn the_variable_replaces() {
        let catalogue =
            Catalogue::new(r#"{"replace":true,"models":[{"id":"x","provider":"openai"}]}"#)
                .unwrap()
                .with_demo();
        assert_eq!(ids(&catalogue), ["x", "demo"]);
    }

    #[test]
    fn new_with_an_invalid_variable_is_an_error_without_its_text() {
        for json in [
            "secret",
            "[1]",
            r#"[{"id":"x"}]"#,
            r#"[{"id":"x","provider":"nobody"}]"#,
            r#"{"models":[],"typo":1}"#,
            r#"[{"id":"","provider":"openai"}]"#,
        ] {
            let Err(Error::Misconfigured(text)) = Catalogue::new(json) else {
                panic!("{json}")
            };
            assert!(!text.contains("secret"));
        }
    }

    #[test]
    fn local_models_named_by_the_operator_win() {
        let mut catalogue = Catalogue::new("").unwrap();
        catalogue.add(
            vec!["gpt-4o".into(), "llama3.2".into()],
            Provider::Local,
            true,
        );
        catalogue.add(vec!["gpt-4o-mini".into()], Provider::Local, false);
        assert_eq!(catalogue.find("gpt-4o").unwrap().provider, Provider::Local);
        assert_eq!(
            catalogue.find("llama3.2").unwrap().provider,
            Provider::Local
        );
        assert_eq!(
            catalogue.find("gpt-4o-mini").unwrap().provider,
            Provider::OpenAi
        );
    }
}

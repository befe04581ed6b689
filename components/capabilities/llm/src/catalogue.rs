//! Which models there are: the built-in list, changed by the variable `models`, then what the local
//! server and Spin offer, then `demo`. Pure.

use crate::bindings::{Error, Model, Prices};
use crate::providers::Provider;
use serde::Deserialize;
use std::sync::LazyLock;

/// The built-in list, read once for each instance. That it can be read is tested.
static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    let _ = rows(include_str!("catalogue.json")).and_then(|rows| catalogue.apply(rows.models));
    catalogue
});

/// The id of the local responder, always there and always last.
pub(crate) const DEMO: &str = "demo";

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// What a client sends.
    pub(crate) id: String,
    /// What a person reads.
    pub(crate) name: String,
    /// Who serves it.
    pub(crate) provider: Provider,
    /// What the provider calls it.
    pub(crate) upstream: String,
    /// Tokens of prompt and answer together.
    pub(crate) context_window: Option<u32>,
    /// The most tokens it will answer with.
    pub(crate) max_output_tokens: Option<u32>,
    /// Whether it takes a temperature; models that reason often do not.
    pub(crate) temperature: bool,
    /// Whether it can call tools. Where it is not known, the provider is left to say.
    pub(crate) tools: bool,
    /// Whether it can look at images; as `tools`.
    pub(crate) images: bool,
    /// What it costs.
    pub(crate) prices: Option<Prices>,
}

/// A row of the variable `models`: an id that exists is changed in what the row says, a new one
/// needs a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    id: String,
    name: Option<String>,
    provider: Option<Provider>,
    upstream: Option<String>,
    context_window: Option<u32>,
    max_output_tokens: Option<u32>,
    temperature: Option<bool>,
    tools: Option<bool>,
    images: Option<bool>,
    prices: Option<Dollars>,
}

/// Prices as people write them: in US dollars per million tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dollars {
    input: f64,
    cached_input: Option<f64>,
    output: f64,
}

/// More than any model costs, in US dollars per million tokens; what is more is a mistake.
const MAX_DOLLARS: f64 = 4_000.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    #[serde(default)]
    replace: bool,
    models: Vec<Row>,
}

/// The models, in the order they are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
}

impl Entry {
    /// A model of which only the id is known. At most providers all models of today call tools and
    /// look at images; of Workers AI's, few do.
    fn plain(id: String, provider: Provider) -> Self {
        Self {
            name: id.clone(),
            provider,
            upstream: id.clone(),
            context_window: None,
            max_output_tokens: None,
            temperature: true,
            tools: provider != Provider::WorkersAi,
            images: provider != Provider::WorkersAi,
            prices: None,
            id,
        }
    }
}

impl Dollars {
    fn prices(self) -> Result<Prices, Error> {
        Ok(Prices {
            input: millionths(self.input)?,
            cached_input: self.cached_input.map(millionths).transpose()?,
            output: millionths(self.output)?,
        })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in range, as is looked at before"
)]
fn millionths(dollars: f64) -> Result<u32, Error> {
    if (0.0..=MAX_DOLLARS).contains(&dollars) {
        Ok((dollars * 1_000_000.0).round() as u32)
    } else {
        Err(unreadable("a price is out of range"))
    }
}

impl Catalogue {
    /// The built-in list, changed by the value of the variable `models`: empty, a JSON array of
    /// rows, or `{"replace": true, "models": [rows]}` for a list of one's own.
    ///
    /// # Errors
    /// `other` when the value is neither.
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
            let prices = row.prices.map(Dollars::prices).transpose()?;
            match self.entries.iter_mut().find(|entry| entry.id == row.id) {
                Some(entry) => {
                    entry.name = row.name.unwrap_or_else(|| entry.name.clone());
                    entry.provider = row.provider.unwrap_or(entry.provider);
                    entry.upstream = row.upstream.unwrap_or_else(|| entry.upstream.clone());
                    entry.context_window = row.context_window.or(entry.context_window);
                    entry.max_output_tokens = row.max_output_tokens.or(entry.max_output_tokens);
                    entry.temperature = row.temperature.unwrap_or(entry.temperature);
                    entry.tools = row.tools.unwrap_or(entry.tools);
                    entry.images = row.images.unwrap_or(entry.images);
                    entry.prices = prices.or(entry.prices);
                }
                None => {
                    let provider = row
                        .provider
                        .ok_or_else(|| unreadable("a new model has no provider"))?;
                    if row.id.is_empty() {
                        return Err(unreadable("a model has an empty id"));
                    }
                    let plain = Entry::plain(row.id.clone(), provider);
                    self.entries.push(Entry {
                        name: row.name.unwrap_or(plain.name),
                        upstream: row.upstream.unwrap_or(plain.upstream),
                        context_window: row.context_window,
                        max_output_tokens: row.max_output_tokens,
                        temperature: row.temperature.unwrap_or(plain.temperature),
                        tools: row.tools.unwrap_or(plain.tools),
                        images: row.images.unwrap_or(plain.images),
                        prices,
                        id: row.id,
                        provider,
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds models by their ids alone. One that is listed already is served by `provider` from now
    /// on, if `claim`; else it stays as it is, as does one of that provider's, of which more is
    /// known.
    pub(crate) fn add(&mut self, ids: Vec<String>, provider: Provider, claim: bool) {
        for id in ids {
            let entry = Entry::plain(id, provider);
            match self.entries.iter_mut().find(|known| known.id == entry.id) {
                Some(known) if claim && known.provider != provider => *known = entry,
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

    /// The rows as clients see them.
    pub(crate) fn models(&self, available: impl Fn(Provider) -> bool) -> Vec<Model> {
        self.entries
            .iter()
            .map(|entry| Model {
                id: entry.id.clone(),
                name: entry.name.clone(),
                provider: entry.provider.name().to_owned(),
                available: available(entry.provider),
                context_window: entry.context_window,
                prices: entry.prices,
            })
            .collect()
    }
}

fn rows(json: &str) -> Result<Replacement, Error> {
    let unreadable = |error: serde_json::Error| {
        unreadable(&format!("line {}, column {}", error.line(), error.column()))
    };
    if json.trim_start().starts_with('[') {
        let models = serde_json::from_str(json).map_err(unreadable)?;
        Ok(Replacement {
            replace: false,
            models,
        })
    } else {
        serde_json::from_str(json).map_err(unreadable)
    }
}

fn unreadable(why: &str) -> Error {
    Error::Other(format!("the variable `models` is not a catalogue: {why}"))
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
        let known = catalogue.find("gpt-4o").unwrap();
        assert_eq!(
            (known.name.as_str(), known.upstream.as_str(), known.provider),
            ("Ours", "gpt-4o-2024-11-20", Provider::OpenAi)
        );
        assert_eq!(known.context_window, Some(128_000));
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
    fn the_variable_replaces() {
        let catalogue =
            Catalogue::new(r#"{"replace":true,"models":[{"id":"x","provider":"openai"}]}"#)
                .unwrap()
                .with_demo();
        assert_eq!(ids(&catalogue), ["x", "demo"]);
    }

    #[test]
    fn an_unreadable_variable_is_an_error_and_not_quoted() {
        for json in [
            "secret",
            "[1]",
            r#"[{"id":"x"}]"#,
            r#"[{"id":"x","provider":"nobody"}]"#,
            r#"{"models":[],"typo":1}"#,
            r#"[{"id":"","provider":"openai"}]"#,
        ] {
            let Err(Error::Other(text)) = Catalogue::new(json) else {
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

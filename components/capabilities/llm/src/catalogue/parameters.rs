//! Which optional parameters a model takes.

use crate::providers::Provider;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The parameters that a row of the catalogue can name, under OpenAI's names.
const KNOWN: [&str; 15] = [
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "stream_options",
    "user",
];

/// Whether a model takes each of [`KNOWN`]. A parameter without an entry is sent, and the provider decides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters(BTreeMap<&'static str, bool>);

/// The value of `parameters` in a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Changes {
    /// Exactly these.
    List(Vec<String>),
    /// These differ.
    Some(BTreeMap<String, bool>),
}

impl Parameters {
    /// The parameters that the models of a provider take.
    pub(super) fn of(provider: Provider) -> Self {
        let absent: &[&str] = match provider {
            Provider::OpenAi => &["max_tokens"],
            // The older name, which all servers know.
            Provider::Local => &["max_completion_tokens"],
            Provider::Anthropic => &[
                "seed",
                "presence_penalty",
                "frequency_penalty",
                "max_completion_tokens",
                "reasoning_effort",
                "stream_options",
            ],
            Provider::WorkersAi => &[
                "stop",
                "max_completion_tokens",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "response_format",
                "reasoning_effort",
                "stream_options",
                "user",
            ],
            Provider::Spin => &[
                "stop",
                "seed",
                "presence_penalty",
                "frequency_penalty",
                "max_completion_tokens",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "response_format",
                "reasoning_effort",
                "stream_options",
                "user",
            ],
            Provider::Demo => &[
                "max_completion_tokens",
                "reasoning_effort",
                "stream_options",
            ],
        };
        Self(
            KNOWN
                .iter()
                .map(|name| (*name, !absent.contains(name)))
                .collect(),
        )
    }

    /// Whether the model takes it.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.0.get(name).copied().unwrap_or(true)
    }

    /// Those of [`KNOWN`] that the model takes.
    pub(super) fn supported(&self) -> Vec<String> {
        KNOWN
            .iter()
            .filter(|name| self.takes(name))
            .map(|name| (*name).to_owned())
            .collect()
    }

    pub(super) fn apply(&mut self, changes: Changes) {
        match changes {
            Changes::List(names) => {
                for (name, takes) in &mut self.0 {
                    *takes = names.iter().any(|listed| listed == name);
                }
            }
            Changes::Some(changes) => {
                for (name, takes) in &mut self.0 {
                    *takes = changes.get(*name).copied().unwrap_or(*takes);
                }
            }
        }
    }
}

impl Changes {
    /// Whether all names are in [`KNOWN`]. A misspelt name would have no effect.
    pub(super) fn are_known(&self) -> bool {
        let is_known = |name: &String| KNOWN.contains(&name.as_str());
        match self {
            Self::List(names) => names.iter().all(is_known),
            Self::Some(changes) => changes.keys().all(is_known),
        }
    }
}

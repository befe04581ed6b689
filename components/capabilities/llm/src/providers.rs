//! The providers: a folder each, with its `config` (which variables, redacted keys), `client` (what
//! is sent where) and `conversions` (what its answers mean).

pub(crate) mod anthropic;
pub(crate) mod demo;
pub(crate) mod local;
pub(crate) mod openai;
pub(crate) mod spin;
pub(crate) mod workers_ai;

use serde::Deserialize;

/// Who serves a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    #[serde(rename = "openai")]
    OpenAi,
    Anthropic,
    WorkersAi,
    Local,
    Spin,
    Demo,
}

impl Provider {
    /// Its name in the catalogue.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::WorkersAi => "workers-ai",
            Self::Local => "local",
            Self::Spin => "spin",
            Self::Demo => "demo",
        }
    }

    /// The variables its configuration is read from.
    pub(crate) fn variables(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &openai::config::VARIABLES,
            Self::Anthropic => &anthropic::config::VARIABLES,
            Self::WorkersAi => &workers_ai::config::VARIABLES,
            Self::Local => &local::config::VARIABLES,
            Self::Spin => &spin::config::VARIABLES,
            Self::Demo => &[],
        }
    }
}

//! The providers: a folder each, with its `config` (variables), `request` (what is sent where) and
//! `decoder` (how its responses are read).

pub(crate) mod anthropic;
pub(crate) mod demo;
pub(crate) mod local;
pub(crate) mod openai;
pub(crate) mod spin;
pub(crate) mod workers_ai;

use serde::Deserialize;

/// The provider that runs a model.
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

    /// The variable without which it is not configured.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::OpenAi => "openai_api_key",
            Self::Anthropic => "anthropic_api_key",
            Self::WorkersAi => "cloudflare_api_token",
            Self::Local => "local_base_url",
            Self::Spin => "spin_ai_models",
            Self::Demo => "",
        }
    }

    /// The variable with its keys; empty if it needs none.
    pub(crate) fn key_variable(self) -> &'static str {
        match self {
            Self::Local => "local_api_key",
            Self::Spin | Self::Demo => "",
            other => other.variable(),
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

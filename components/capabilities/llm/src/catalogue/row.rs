//! A row of the variable `models`.

use super::parameters::Changes;
use crate::bindings::{Error, Prices, ReasoningInput, StreamMode, SystemRole};
use crate::providers::Provider;
use serde::Deserialize;

/// Greatest price, in US dollars per million tokens; what is more is a mistake.
const MAX_DOLLARS: f64 = 4_000.0;

/// Anthropic's rates of its cache, relative to the price of the prompt.
/// Source: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>.
const CACHE_READ: f64 = 0.1;
const CACHE_WRITE: f64 = 1.25;
const CACHE_WRITE_HOUR: f64 = 2.0;

/// Changes the model of this id in what the row says; a new id needs a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) provider: Option<Provider>,
    pub(super) upstream: Option<String>,
    pub(super) context_window: Option<u32>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) parameters: Option<Changes>,
    pub(super) stream: Option<RowStream>,
    pub(super) system_role: Option<RowRole>,
    pub(super) images: Option<bool>,
    pub(super) alternating_roles: Option<bool>,
    pub(super) reasoning_input: Option<RowInput>,
    pub(super) reasoning_turns: Option<ReasoningTurns>,
    pub(super) prices: Option<Dollars>,
}

/// The whole variable.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rows {
    /// Whether the built-in rows are left out.
    #[serde(default)]
    pub(super) replace: bool,
    pub(super) models: Vec<Row>,
}

/// `stream` of a row.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowStream {
    Always,
    AsRequested,
    Never,
}

/// `systemRole` of a row.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowRole {
    AsSent,
    System,
    Developer,
    User,
}

/// `reasoningTurns` of a row: of which earlier replies a model takes reasoning back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ReasoningTurns {
    /// The reasoning of no reply.
    Never,
    /// The reasoning of replies since the user's last message: the model continues to reason after a tool was called.
    Tools,
    /// The reasoning of all replies.
    Always,
}

/// `reasoningInput` of a row.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowInput {
    None,
    ReasoningContent,
    Reasoning,
    ReasoningDetails,
    ThinkingBlocks,
}

/// Prices in US dollars per million tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Dollars {
    input: f64,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    cache_write_hour: Option<f64>,
    output: f64,
}

impl From<RowStream> for StreamMode {
    fn from(stream: RowStream) -> Self {
        match stream {
            RowStream::Always => Self::Always,
            RowStream::AsRequested => Self::AsRequested,
            RowStream::Never => Self::Never,
        }
    }
}

impl From<RowRole> for SystemRole {
    fn from(role: RowRole) -> Self {
        match role {
            RowRole::AsSent => Self::AsSent,
            RowRole::System => Self::System,
            RowRole::Developer => Self::Developer,
            RowRole::User => Self::User,
        }
    }
}

impl From<RowInput> for ReasoningInput {
    fn from(input: RowInput) -> Self {
        match input {
            RowInput::None => Self::None,
            RowInput::ReasoningContent => Self::ReasoningContent,
            RowInput::Reasoning => Self::Reasoning,
            RowInput::ReasoningDetails => Self::ReasoningDetails,
            RowInput::ThinkingBlocks => Self::ThinkingBlocks,
        }
    }
}

impl Dollars {
    /// The prices, with the rates of the provider's cache where the row does not state them.
    ///
    /// # Errors
    /// `misconfigured` if a price is out of range.
    pub(super) fn read(self, provider: Provider) -> Result<Prices, Error> {
        let default = |rate: f64| (provider == Provider::Anthropic).then_some(self.input * rate);
        let optional = |dollars: Option<f64>, rate| {
            dollars
                .or_else(|| default(rate))
                .map(millionths)
                .transpose()
        };
        Ok(Prices {
            input: millionths(self.input)?,
            cached_input: optional(self.cached_input, CACHE_READ)?,
            cache_write: optional(self.cache_write, CACHE_WRITE)?,
            cache_write_hour: optional(self.cache_write_hour, CACHE_WRITE_HOUR)?,
            output: millionths(self.output)?,
        })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn millionths(dollars: f64) -> Result<u32, Error> {
    if (0.0..=MAX_DOLLARS).contains(&dollars) {
        Ok((dollars * 1_000_000.0).round() as u32)
    } else {
        Err(invalid("a price is out of range"))
    }
}

/// Parses the variable. Its text is in no error, because it may be a secret in the wrong place.
///
/// # Errors
/// `misconfigured` if it is neither a list of rows nor an object with one.
pub(super) fn rows(json: &str) -> Result<Rows, Error> {
    let unreadable = |error: serde_json::Error| {
        invalid(&format!("line {}, column {}", error.line(), error.column()))
    };
    let rows = if json.trim_start().starts_with('[') {
        Rows {
            replace: false,
            models: serde_json::from_str(json).map_err(unreadable)?,
        }
    } else {
        serde_json::from_str(json).map_err(unreadable)?
    };
    let are_known = |row: &Row| row.parameters.as_ref().is_none_or(Changes::are_known);
    if rows.models.iter().all(are_known) {
        Ok(rows)
    } else {
        Err(invalid("`parameters` names an unknown parameter"))
    }
}

/// The error for a variable that is not a catalogue.
pub(super) fn invalid(why: &str) -> Error {
    Error::Misconfigured(format!("the variable `models` is not a catalogue: {why}"))
}

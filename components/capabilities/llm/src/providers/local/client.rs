//! The requests to an OpenAI-compatible server.

use super::config::Config;
use crate::bindings::{ChatRequest, Error};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::providers::openai;

/// Asks for a streamed answer. The bound on its length goes by its older name, which such servers
/// all know.
///
/// # Errors
/// `other` when the base URL is none.
pub(crate) fn chat(config: &Config, entry: &Entry, request: &ChatRequest) -> Result<Call, Error> {
    let body = openai::client::body(entry, request, "max_tokens");
    Ok(with_key(
        config,
        Call::post(&format!("{}/chat/completions", config.base_url), &body)?,
    ))
}

/// Asks which models the server has.
///
/// # Errors
/// As [`chat`].
pub(crate) fn models(config: &Config) -> Result<Call, Error> {
    Ok(with_key(
        config,
        Call::get(&format!("{}/models", config.base_url))?,
    ))
}

fn with_key(config: &Config, call: Call) -> Call {
    match &config.key {
        Some(key) => call.bearer(key),
        None => call,
    }
}

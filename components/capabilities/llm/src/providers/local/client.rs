//! The requests to an OpenAI-compatible server.

use super::config::Config;
use crate::bindings::{ChatRequest, Error};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::providers::openai;
use crate::secret::Secret;

/// Asks for a streamed answer. The bound on its length goes by its older name, which such servers
/// all know.
///
/// # Errors
/// `other` when the base URL is none, `invalid-request` for extra fields that set ours.
pub(crate) fn chat(
    config: &Config,
    key: Option<&Secret>,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<Call, Error> {
    let body = openai::client::body(entry, request, "max_tokens")?;
    Ok(with_key(
        key,
        Call::post(&format!("{}/chat/completions", config.base_url), &body)?,
    ))
}

/// Asks which models the server has.
///
/// # Errors
/// `other` when the base URL is none.
pub(crate) fn models(config: &Config, key: Option<&Secret>) -> Result<Call, Error> {
    Ok(with_key(
        key,
        Call::get(&format!("{}/models", config.base_url))?,
    ))
}

/// Most servers ask for no key.
fn with_key(key: Option<&Secret>, call: Call) -> Call {
    match key {
        Some(key) => call.bearer(key),
        None => call,
    }
}

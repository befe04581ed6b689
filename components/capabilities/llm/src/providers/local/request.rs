//! The requests to an OpenAI-compatible server.

use super::config::Config;
use crate::bindings::{ChatRequest, Error};
use crate::catalogue::Entry;
use crate::outbound::OutboundRequest;
use crate::providers::openai;
use crate::request::Omitted;
use crate::secret::Secret;

/// The request for a completion, and the parameters that are not in it.
///
/// # Errors
/// `misconfigured` if the base URL is none, `invalid-request` for what the model does not take.
pub(crate) fn chat(
    config: &Config,
    key: Option<&Secret>,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(OutboundRequest, Omitted), Error> {
    let (body, omitted) = openai::request::body(entry, request)?;
    let url = format!("{}/chat/completions", config.base_url);
    Ok((with_key(key, OutboundRequest::post(&url, &body)?), omitted))
}

/// The request for the list of models.
///
/// # Errors
/// `misconfigured` if the base URL is none.
pub(crate) fn models(config: &Config, key: Option<&Secret>) -> Result<OutboundRequest, Error> {
    let url = format!("{}/models", config.base_url);
    Ok(with_key(key, OutboundRequest::get(&url)?))
}

/// Most servers need no key.
fn with_key(key: Option<&Secret>, request: OutboundRequest) -> OutboundRequest {
    match key {
        Some(key) => request.bearer(key),
        None => request,
    }
}

//! The request of Workers AI's text generation.
//! Source: <https://developers.cloudflare.com/workers-ai/get-started/rest-api/>.

use super::config::Config;
use crate::bindings::{ChatRequest, Error};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::providers::openai::client::messages;
use serde_json::{Map, Value, json};

/// The service's own bound is 256, which cuts most answers.
const DEFAULT_MAX_TOKENS: u32 = 1_024;

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none; `unknown-model` when the model's name cannot be part of one.
pub(crate) fn chat(config: &Config, entry: &Entry, request: &ChatRequest) -> Result<Call, Error> {
    let name = &entry.upstream;
    let fits = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"@/._-:".contains(&byte));
    if !fits
        || name
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Err(Error::UnknownModel);
    }
    Ok(
        Call::post(&format!("{}/{name}", config.run_url), &body(entry, request))?
            .bearer(&config.token),
    )
}

fn body(entry: &Entry, request: &ChatRequest) -> Value {
    let mut body = Map::new();
    body.insert("messages".to_owned(), messages(&request.messages));
    body.insert("stream".to_owned(), json!(true));
    body.insert("max_tokens".to_owned(), json!(max_tokens(entry, request)));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    Value::Object(body)
}

/// The bound on the answer, which the service counts as used when it checks the prompt's size: a
/// quarter of a small window at most.
pub(super) fn max_tokens(entry: &Entry, request: &ChatRequest) -> u32 {
    let default = entry.context_window.map_or(DEFAULT_MAX_TOKENS, |window| {
        DEFAULT_MAX_TOKENS.min(window / 4)
    });
    request.max_tokens.unwrap_or(default)
}

//! The request of Chat Completions.
//! Source: <https://platform.openai.com/docs/api-reference/chat/create>.

use super::config::Config;
use crate::bindings::{ChatRequest, Error, Message, Role};
use crate::call::Call;
use crate::catalogue::Entry;
use serde_json::{Map, Value, json};

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none.
pub(crate) fn chat(config: &Config, entry: &Entry, request: &ChatRequest) -> Result<Call, Error> {
    let body = body(entry, request, "max_completion_tokens");
    Ok(Call::post(&format!("{}/chat/completions", config.base_url), &body)?.bearer(&config.key))
}

/// The body, with the bound on the answer's length under the name that the server knows.
pub(crate) fn body(entry: &Entry, request: &ChatRequest, max_tokens: &str) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(entry.upstream));
    body.insert("messages".to_owned(), messages(&request.messages));
    body.insert("stream".to_owned(), json!(true));
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(tokens) = request.max_tokens {
        let tokens = entry
            .max_output_tokens
            .map_or(tokens, |most| tokens.min(most));
        body.insert(max_tokens.to_owned(), json!(tokens));
    }
    Value::Object(body)
}

/// The messages as OpenAI and Workers AI take them.
pub(crate) fn messages(messages: &[Message]) -> Value {
    messages
        .iter()
        .map(|message| json!({"role": role(message.role), "content": message.content}))
        .collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

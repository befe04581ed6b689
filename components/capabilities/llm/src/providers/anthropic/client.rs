//! The request of the Messages API. Source: <https://platform.claude.com/docs/en/api/messages>.

use super::config::Config;
use crate::bindings::{ChatRequest, Error, Role};
use crate::call::Call;
use crate::catalogue::Entry;
use serde_json::{Map, Value, json};

const VERSION: &str = "2023-06-01";

/// The API wants a bound on the answer; this one leaves room for thoughts, which count too.
const DEFAULT_MAX_TOKENS: u32 = 16_384;

/// The bound where the catalogue does not say how much the model can do: every model can this.
const CAUTIOUS_MAX_TOKENS: u32 = 4_096;

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none.
pub(crate) fn chat(config: &Config, entry: &Entry, request: &ChatRequest) -> Result<Call, Error> {
    let call = Call::post(
        &format!("{}/v1/messages", config.base_url),
        &body(entry, request),
    )?;
    Ok(call
        .header("x-api-key", config.key.expose())
        .header("anthropic-version", VERSION))
}

fn body(entry: &Entry, request: &ChatRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(entry.upstream));
    body.insert("max_tokens".to_owned(), json!(max_tokens(entry, request)));
    // Instructions are kept apart, wherever in the conversation they stand.
    let system: Vec<&str> = request
        .messages
        .iter()
        .filter(|message| message.role == Role::System && !message.content.trim().is_empty())
        .map(|message| message.content.as_str())
        .collect();
    if !system.is_empty() {
        body.insert("system".to_owned(), json!(system.join("\n\n")));
    }
    body.insert("messages".to_owned(), messages(request));
    body.insert("stream".to_owned(), json!(true));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        // Its range ends at 1, ours at 2.
        body.insert("temperature".to_owned(), json!(temperature.clamp(0.0, 1.0)));
    }
    Value::Object(body)
}

/// The conversation, from the user's first message on; the API refuses one without words.
fn messages(request: &ChatRequest) -> Value {
    let spoken = |role: Role| match role {
        Role::System => None,
        Role::User => Some("user"),
        Role::Assistant => Some("assistant"),
    };
    request
        .messages
        .iter()
        .filter(|message| !message.content.trim().is_empty())
        .filter_map(|message| Some((spoken(message.role)?, &message.content)))
        .skip_while(|(role, _)| *role == "assistant")
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect()
}

fn max_tokens(entry: &Entry, request: &ChatRequest) -> u32 {
    match (request.max_tokens, entry.max_output_tokens) {
        (Some(wanted), Some(most)) => wanted.min(most),
        (Some(wanted), None) => wanted,
        (None, Some(most)) => most.min(DEFAULT_MAX_TOKENS),
        (None, None) => CAUTIOUS_MAX_TOKENS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Message;
    use crate::catalogue::Catalogue;

    fn request(messages: &[(Role, &str)]) -> ChatRequest {
        ChatRequest {
            model: String::new(),
            messages: messages
                .iter()
                .map(|(role, content)| Message {
                    role: *role,
                    content: (*content).to_owned(),
                })
                .collect(),
            temperature: Some(1.5),
            max_tokens: None,
        }
    }

    #[test]
    fn instructions_are_apart_and_the_user_begins() {
        let catalogue = Catalogue::new("").unwrap();
        let request = request(&[
            (Role::System, "Be kind."),
            (Role::Assistant, "Left over"),
            (Role::User, "Hi"),
            (Role::Assistant, ""),
            (Role::System, "Be brief."),
            (Role::User, "Again"),
        ]);
        let body = body(catalogue.find("claude-3-haiku").unwrap(), &request);
        assert_eq!(
            body,
            json!({
                "model": "claude-3-haiku-20240307", "max_tokens": 4096, "system": "Be kind.\n\nBe brief.",
                "messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Again"}],
                "stream": true, "temperature": 1.0,
            })
        );
    }

    #[test]
    fn a_model_that_takes_no_temperature_gets_none() {
        let catalogue = Catalogue::new("").unwrap();
        let body = body(
            catalogue.find("claude-opus-5-5").unwrap(),
            &request(&[(Role::User, "Hi")]),
        );
        assert!(body.get("temperature").is_none());
        assert_eq!(body["max_tokens"], 16_384);
    }
}

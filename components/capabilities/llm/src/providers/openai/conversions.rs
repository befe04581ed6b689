//! What OpenAI's events and errors mean.
//! Sources: <https://platform.openai.com/docs/api-reference/chat-streaming>,
//! <https://platform.openai.com/docs/guides/error-codes>.

use crate::bindings::{Error, StopReason};
use crate::failure::Head;
use crate::reply::{Decode, Progress, json};
use serde::Deserialize;
use serde_json::Value;
use sse::Event;

/// `chat.completion.chunk`.
#[derive(Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: Option<Usage>,
    /// In place of all else.
    error: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    index: u32,
    delta: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
    /// The model's own words for declining, in place of content.
    refusal: Option<String>,
    /// Thoughts, as compatible servers name them.
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

/// Reads Chat Completions events.
pub(crate) struct Decoder;

impl Decode for Decoder {
    fn event(&mut self, event: &Event, progress: &mut Progress) -> Result<(), Error> {
        if event.data.trim() == "[DONE]" {
            progress.done = true;
            return Ok(());
        }
        let chunk: Chunk = json(&event.data)?;
        if let Some(error) = &chunk.error {
            return Err(refusal(
                &Head {
                    status: 500,
                    retry_after: None,
                },
                error,
            ));
        }
        chunk.apply(progress);
        Ok(())
    }
}

impl Chunk {
    /// Notes what the chunk tells.
    pub(crate) fn apply(self, progress: &mut Progress) {
        if let Some(usage) = self.usage {
            usage.apply(progress);
        }
        for choice in self.choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(delta) = choice.delta {
                for text in [delta.content, delta.refusal].into_iter().flatten() {
                    if !text.is_empty() {
                        progress.text(text);
                    }
                }
                progress.started |= delta
                    .reasoning_content
                    .is_some_and(|thought| !thought.is_empty());
            }
            if let Some(reason) = choice.finish_reason {
                progress.stop = Some(stop_reason(&reason));
            }
        }
    }
}

impl Usage {
    /// Notes the count.
    pub(crate) fn apply(self, progress: &mut Progress) {
        progress.prompt_tokens = Some(self.prompt_tokens);
        progress.completion_tokens = Some(self.completion_tokens);
    }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "stop" | "eos" => StopReason::End,
        "length" => StopReason::Length,
        "content_filter" => StopReason::ContentFilter,
        _ => StopReason::Other,
    }
}

/// A refusal with a body.
pub(crate) fn error(head: &Head<'_>, body: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Body {
        error: Value,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => refusal(head, &body.error),
        Err(_) => head.error(""),
    }
}

fn refusal(head: &Head<'_>, error: &Value) -> Error {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let (code, kind) = (text("code"), text("type"));
    match if code.is_empty() { kind } else { code } {
        "invalid_api_key"
        | "invalid_issuer"
        | "account_deactivated"
        | "authentication_error"
        | "insufficient_quota"
        | "billing_not_active" => Error::Unauthorized,
        "model_not_found" | "model_not_available" => Error::UnknownModel,
        "context_length_exceeded" | "string_above_max_length" | "exceed_context_size_error" => {
            Error::ContextTooLong
        }
        "content_filter" | "content_policy_violation" | "invalid_prompt" => Error::ContentFiltered,
        "rate_limit_exceeded" | "requests" | "tokens" => Error::RateLimited(head.wait()),
        "engine_overloaded"
        | "server_error"
        | "overloaded_error"
        | "service_unavailable"
        | "slow_down" => Error::Overloaded(head.wait()),
        _ if mentions_context(text("message")) => Error::ContextTooLong,
        code if head.status == 200 => Error::Other(head.cause(code)),
        code => head.error(code),
    }
}

/// vLLM, Ollama and llama.cpp have no code for a prompt that is too long.
fn mentions_context(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "maximum context length",
        "context size",
        "context window",
        "exceeds the available context",
    ]
    .iter()
    .any(|phrase| message.contains(phrase))
}

#[cfg(test)]
mod tests;

//! What OpenAI's events and errors mean.
//! Sources: <https://platform.openai.com/docs/api-reference/chat-streaming>,
//! <https://platform.openai.com/docs/guides/error-codes>.

use crate::bindings::{Error, FinishReason};
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
    /// Thoughts, as some compatible servers name them. Some send both.
    reasoning_content: Option<String>,
    /// Thoughts, as others do.
    reasoning: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

/// A piece of a call.
#[derive(Deserialize)]
struct Call {
    /// Which call; some compatible servers, which send calls whole, leave it out.
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    /// A string, but an object from some compatible servers.
    arguments: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
}

/// Reads Chat Completions events.
#[derive(Default)]
pub(crate) struct Decoder {
    calls: Calls,
}

/// The calls of an answer so far: the index and the id they came under, in our order.
#[derive(Default)]
pub(crate) struct Calls(Vec<(u64, String)>);

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
        chunk.apply(&mut self.calls, progress)
    }
}

impl Chunk {
    /// Notes what the chunk tells.
    ///
    /// # Errors
    /// `protocol`, when its calls make no sense.
    pub(crate) fn apply(self, calls: &mut Calls, progress: &mut Progress) -> Result<(), Error> {
        if let Some(usage) = self.usage {
            usage.apply(progress);
        }
        for choice in self.choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(delta) = choice.delta {
                let given = |thought: &String| !thought.is_empty();
                let thought = delta.reasoning_content.filter(given).or(delta.reasoning);
                progress.reasoning(thought.unwrap_or_default());
                progress.text(delta.content.unwrap_or_default());
                progress.refusal(delta.refusal.unwrap_or_default());
                for call in delta.tool_calls.into_iter().flatten() {
                    calls.apply(call, progress)?;
                }
            }
            if let Some(reason) = choice.finish_reason {
                progress.stop = Some(finish_reason(&reason));
            }
        }
        Ok(())
    }
}

impl Calls {
    fn apply(&mut self, call: Call, progress: &mut Progress) -> Result<(), Error> {
        let id = call.id.unwrap_or_default();
        let (name, arguments) = match call.function {
            Some(function) => (function.name.unwrap_or_default(), function.arguments),
            None => (String::new(), None),
        };
        let known = match call.index {
            Some(index) => self.0.iter().rposition(|known| known.0 == index),
            None => self.0.len().checked_sub(1),
        };
        // Some servers number every call 0, or none at all: a new id with a name is a new call.
        let known = known.filter(|at| {
            let is_new = if id.is_empty() {
                call.index.is_none()
            } else {
                self.0.get(*at).is_some_and(|known| known.1 != id)
            };
            name.is_empty() || !is_new
        });
        let index = match known {
            Some(at) => u32::try_from(at).unwrap_or(u32::MAX),
            None if name.is_empty() => {
                return Err(Error::Protocol("a call has no name".to_owned()));
            }
            None => {
                let index = progress.begin_call(id.clone(), name)?;
                self.0.push((call.index.unwrap_or(u64::from(index)), id));
                index
            }
        };
        let arguments = match arguments {
            Some(Value::String(arguments)) => arguments,
            None | Some(Value::Null) => String::new(),
            Some(value) => value.to_string(),
        };
        progress.arguments(index, arguments);
        Ok(())
    }
}

impl Usage {
    /// Notes the count.
    pub(crate) fn apply(self, progress: &mut Progress) {
        progress.prompt_tokens = Some(self.prompt_tokens);
        progress.completion_tokens = Some(self.completion_tokens);
        let cached = self.prompt_tokens_details;
        progress.cached_tokens = cached.and_then(|of| of.cached_tokens).unwrap_or(0);
        let thought = self.completion_tokens_details;
        progress.reasoning_tokens = thought.and_then(|of| of.reasoning_tokens).unwrap_or(0);
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "eos" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        _ => FinishReason::Other,
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

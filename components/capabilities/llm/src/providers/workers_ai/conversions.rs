//! What Workers AI's events and errors mean.
//! Sources: <https://developers.cloudflare.com/workers-ai/platform/errors/>, recorded answers.

use super::client::max_tokens;
use crate::bindings::{ChatRequest, Error, FinishReason};
use crate::catalogue::Entry;
use crate::failure::Head;
use crate::providers::openai::conversions::{Calls, Chunk, Usage};
use crate::reply::{Decode, Progress, json};
use serde::Deserialize;
use serde_json::Value;
use sse::Event;

/// An event of the older models. Newer ones send OpenAI's chunks.
#[derive(Deserialize)]
struct Piece {
    /// Mostly a string, but a token that looks like a number comes as one.
    response: Option<Value>,
    tool_calls: Option<Vec<Call>>,
    usage: Option<Usage>,
    finish_reason: Option<String>,
}

/// A whole call, in the service's own shape or in OpenAI's.
#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    name: Option<String>,
    arguments: Option<Value>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

/// Reads Workers AI events. The older models do not say why they stopped: an answer as long as its
/// bound was cut by it.
pub(crate) struct Decoder {
    max_tokens: u32,
    calls: Calls,
}

impl Decoder {
    /// For the answer to this request.
    pub(crate) fn new(entry: &Entry, request: &ChatRequest) -> Self {
        Self {
            max_tokens: max_tokens(entry, request),
            calls: Calls::default(),
        }
    }
}

impl Decode for Decoder {
    fn event(&mut self, event: &Event, progress: &mut Progress) -> Result<(), Error> {
        if event.data.trim() == "[DONE]" {
            progress.done = true;
            if progress.stop.is_none() {
                progress.stop = Some(self.finish_reason(progress));
            }
            return Ok(());
        }
        let value: Value = json(&event.data)?;
        if is_error(&value) {
            return Err(refusal(
                &Head {
                    status: 500,
                    retry_after: None,
                },
                &value,
            ));
        }
        if value.get("choices").is_some() {
            let chunk: Chunk = serde_json::from_value(value).map_err(|_| not_ours())?;
            return chunk.apply(&mut self.calls, progress);
        }
        let piece: Piece = serde_json::from_value(value).map_err(|_| not_ours())?;
        let text = match piece.response {
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let calls = piece.tool_calls.unwrap_or_default();
        let is_last = text.is_empty() && calls.is_empty() && piece.usage.is_some();
        progress.text(text);
        for call in calls {
            call.apply(progress)?;
        }
        if let Some(usage) = piece.usage {
            usage.apply(progress);
        }
        // Some models count with every piece; only the count without text is the end.
        if is_last {
            progress.stop = Some(self.finish_reason(progress));
        }
        if let Some(reason) = piece.finish_reason {
            progress.stop = Some(match reason.as_str() {
                "length" => FinishReason::Length,
                "tool_calls" => FinishReason::ToolCalls,
                _ => FinishReason::Stop,
            });
        }
        Ok(())
    }
}

impl Decoder {
    fn finish_reason(&self, progress: &Progress) -> FinishReason {
        let is_full = progress
            .completion_tokens
            .is_some_and(|tokens| tokens >= self.max_tokens);
        if is_full {
            FinishReason::Length
        } else if progress.has_calls() {
            FinishReason::ToolCalls
        } else {
            FinishReason::Stop
        }
    }
}

impl Call {
    fn apply(self, progress: &mut Progress) -> Result<(), Error> {
        let (name, arguments) = match self.function {
            Some(function) => (function.name, function.arguments),
            None => (self.name, self.arguments),
        };
        let name = name.filter(|name| !name.is_empty()).ok_or_else(not_ours)?;
        let index = progress.begin_call(self.id.unwrap_or_default(), name)?;
        let arguments = match arguments {
            Some(Value::String(arguments)) if !arguments.is_empty() => arguments,
            Some(arguments @ Value::Object(_)) => arguments.to_string(),
            _ => "{}".to_owned(),
        };
        progress.arguments(index, arguments);
        Ok(())
    }
}

fn not_ours() -> Error {
    Error::Protocol("an event is not what Workers AI sends".to_owned())
}

fn is_error(value: &Value) -> bool {
    value.get("success") == Some(&Value::Bool(false)) || code(value).is_some()
}

/// The code of the first error; the AI Gateway's own errors are under another name.
fn code(value: &Value) -> Option<u64> {
    ["errors", "error"]
        .iter()
        .find_map(|name| value.get(name)?.get(0)?.get("code")?.as_u64())
}

/// A refusal with a body.
pub(crate) fn error(head: &Head<'_>, body: &[u8]) -> Error {
    match serde_json::from_slice(body) {
        Ok(value) => refusal(head, &value),
        Err(_) => head.error(""),
    }
}

fn refusal(head: &Head<'_>, value: &Value) -> Error {
    match code(value) {
        Some(10_000 | 10_001 | 9_109 | 3_023 | 3_041 | 5_016 | 5_018 | 7_003 | 2_009) => {
            Error::Unauthorized
        }
        Some(5_007 | 3_042) => Error::UnknownModel,
        Some(5_021 | 3_006) => Error::ContextTooLong,
        Some(2_016 | 2_017) => Error::ContentFiltered,
        Some(3_007 | 3_008 | 3_046) => Error::Timeout,
        Some(3_036 | 2_003) => Error::RateLimited(head.wait()),
        Some(3_040 | 3_043) => Error::Overloaded(head.wait()),
        Some(code) if head.status == 200 => Error::Other(head.cause(&code.to_string())),
        Some(code) => head.error(&code.to_string()),
        None => head.error(""),
    }
}

#[cfg(test)]
mod tests;

//! The events of Workers AI. Newer models send OpenAI's, older ones the service's own:
//! `{"response": "Hello"}`.
//! Sources: <https://developers.cloudflare.com/workers-ai/features/function-calling/>, recorded
//! responses.

use super::request::max_tokens;
use crate::bindings::{ChatRequest, FinishReason};
use crate::catalogue::Entry;
use crate::failure::Failure;
use crate::json::text;
use crate::output::Output;
use crate::providers::openai::decoder::{Decoder as OpenAiDecoder, finish_reason, piece};
use crate::providers::openai::usage::read_usage;
use crate::reply::Decode;
use serde_json::Value;

/// Reads the events of one completion. The older models do not send a finish reason: a completion as
/// long as its limit was ended by it.
pub(crate) struct Decoder {
    max_tokens: u32,
    openai: OpenAiDecoder,
}

impl Decoder {
    /// For the reply to this request.
    pub(crate) fn new(entry: &Entry, request: &ChatRequest) -> Self {
        Self {
            max_tokens: max_tokens(entry, request),
            openai: OpenAiDecoder::default(),
        }
    }
}

impl Decode for Decoder {
    fn event(&mut self, mut value: Value, output: &mut Output) -> Result<(), Failure> {
        if value.get("choices").is_some() {
            return self.openai.event(value, output);
        }
        // Without a stream, the completion is in a member.
        let is_whole = value.get("result").is_some_and(Value::is_object);
        if is_whole {
            value = value.get_mut("result").map(Value::take).unwrap_or_default();
            if value.get("choices").is_some() {
                return self.openai.event(value, output);
            }
        }
        if let Some(usage) = value.get_mut("usage") {
            read_usage(usage.take(), output);
        }
        match value.get_mut("response").map(Value::take) {
            Some(Value::String(text)) => output.text(text),
            // A token that looks like a number arrives as one.
            Some(Value::Number(number)) => output.text(number.to_string()),
            Some(json @ Value::Object(_)) => output.text(json.to_string()),
            _ => {}
        }
        if let Some(Value::Array(calls)) = value.get_mut("tool_calls").map(Value::take) {
            for mut piece in calls.into_iter().filter_map(piece) {
                // Calls arrive whole.
                if piece.arguments.as_ref().is_none_or(String::is_empty) {
                    piece.arguments = Some("{}".to_owned());
                }
                output.tool_call(piece);
            }
        }
        let reason = text(&value, "finish_reason");
        if !reason.is_empty() {
            output.finish_reason = Some(finish_reason(reason));
        } else if is_whole {
            self.done(output);
            output.is_done = true;
        }
        Ok(())
    }

    fn done(&mut self, output: &mut Output) {
        let is_full = output
            .counts
            .completion
            .is_some_and(|tokens| tokens >= self.max_tokens);
        if output.finish_reason.is_none() && is_full {
            output.finish_reason = Some(FinishReason::Length);
        }
    }
}

#[cfg(test)]
mod tests;

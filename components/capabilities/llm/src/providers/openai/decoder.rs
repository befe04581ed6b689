//! The events of Chat Completions, of OpenAI and of the servers that implement its API.
//! Sources: <https://platform.openai.com/docs/api-reference/chat-streaming>, recorded responses of
//! vLLM, llama.cpp, Ollama, OpenRouter, Gemini, Mistral and DeepSeek.

use super::reasoning_details::ReasoningDetails;
use super::usage::read_usage;
use crate::bindings::{ChatRequest, ExtraLevel, FinishReason, ReasoningField, ReasoningInput};
use crate::catalogue::Entry;
use crate::failure::{Failure, ProviderError};
use crate::json::{count_in, take_text};
use crate::output::Output;
use crate::reply::Decode;
use crate::tool_calls::Piece;
use serde_json::{Map, Value};

/// Fields of an event that are not passed on: the contract defines them, or the caller makes its own.
const EVENT_FIELDS: [&str; 8] = [
    "id",
    "object",
    "created",
    "model",
    "choices",
    "usage",
    "error",
    "obfuscation",
];

/// Reads the events of one completion.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The extra fields of the last event.
    event_extra: Map<String, Value>,
    /// Present if the model wants `reasoning_details` back and the client does not get the field itself.
    details: Option<ReasoningDetails>,
}

impl Decode for Decoder {
    fn event(&mut self, value: Value, output: &mut Output) -> Result<(), Failure> {
        let Value::Object(mut event) = value else {
            return Ok(());
        };
        if let Some(usage) = event.remove("usage") {
            read_usage(usage, output);
        }
        // Groq counts here.
        if let Some(usage) = event.get_mut("x_groq").and_then(|own| own.get_mut("usage")) {
            read_usage(usage.take(), output);
        }
        let choices = match event.remove("choices") {
            Some(Value::Array(choices)) => choices,
            _ => Vec::new(),
        };
        self.read_extra(event, output);
        for choice in choices {
            if let Value::Object(choice) = choice {
                self.read_choice(choice, output)?;
            }
        }
        Ok(())
    }
}

impl Decoder {
    /// A decoder for the response to a request.
    pub(crate) fn new(entry: &Entry, request: &ChatRequest) -> Self {
        let wants_details = entry.reasoning_input == ReasoningInput::ReasoningDetails;
        let is_read = wants_details && !request.options().include_extra;
        Self {
            details: is_read.then(ReasoningDetails::default),
            ..Self::default()
        }
    }

    fn read_choice(
        &mut self,
        mut choice: Map<String, Value>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let index = choice.remove("index").as_ref().and_then(Value::as_f64);
        if index.is_some_and(|index| index > 0.0) {
            return Ok(());
        }
        // Moonshot counts here.
        if let Some(usage) = choice.remove("usage") {
            read_usage(usage, output);
        }
        let reason = take_text(&mut choice, "finish_reason");
        // A whole completion has a message, an old one a text.
        let (delta, message) = (choice.remove("delta"), choice.remove("message"));
        let is_whole = message.is_some() && delta.as_ref().is_none_or(Value::is_null);
        let old_text = take_text(&mut choice, "text");
        choice.retain(|_, value| !value.is_null());
        output.extra(ExtraLevel::Choice, choice);
        for delta in [delta, message].into_iter().flatten() {
            if let Value::Object(delta) = delta {
                self.read_delta(delta, output);
            }
        }
        output.text(old_text);
        if let Some(open) = self
            .details
            .as_mut()
            .filter(|_| is_whole || !reason.is_empty())
        {
            open.end(output);
        }
        match reason.as_str() {
            "" if is_whole => output.finish_reason = Some(FinishReason::Stop),
            // Some servers send the empty text with each event.
            "" => {}
            "error" => {
                return Err(Failure::Provider(ProviderError {
                    message: "The reply ended with finish_reason error.".to_owned(),
                    ..ProviderError::default()
                }));
            }
            reason => output.finish_reason = Some(finish_reason(reason)),
        }
        Ok(())
    }

    fn read_delta(&mut self, mut delta: Map<String, Value>, output: &mut Output) {
        delta.remove("role");
        let content = delta.remove("content");
        let reasoning_content = take_text(&mut delta, "reasoning_content");
        let reasoning = take_text(&mut delta, "reasoning");
        let refusal = take_text(&mut delta, "refusal");
        let calls = match delta.remove("tool_calls") {
            Some(Value::Array(calls)) => calls,
            // A single call instead of a list.
            Some(call @ Value::Object(_)) => vec![call],
            _ => Vec::new(),
        };
        delta.retain(|_, value| !value.is_null());
        let details = match &self.details {
            Some(_) => delta.remove("reasoning_details"),
            None => None,
        };
        output.extra(ExtraLevel::Delta, delta);
        let is_in_details = match (&mut self.details, details) {
            (Some(open), Some(details)) => open.read(details, output),
            _ => false,
        };
        // Some servers send the same text in several fields.
        let (text, field) = if reasoning_content.is_empty() {
            (reasoning, ReasoningField::Reasoning)
        } else {
            (reasoning_content, ReasoningField::ReasoningContent)
        };
        if !is_in_details {
            output.reasoning(text, field);
        }
        if let Some(open) = &mut self.details
            && (has_content(content.as_ref()) || !calls.is_empty() || !refusal.is_empty())
        {
            open.end(output);
        }
        read_content(content, output);
        output.refusal(refusal);
        for call in calls {
            if let Some(piece) = piece(call) {
                output.tool_call(piece);
            }
        }
    }

    /// Passes on the fields of the event whose values have changed.
    fn read_extra(&mut self, mut event: Map<String, Value>, output: &mut Output) {
        event.retain(|name, value| !EVENT_FIELDS.contains(&name.as_str()) && !value.is_null());
        let changed: Map<String, Value> = event
            .iter()
            .filter(|(name, value)| self.event_extra.get(*name) != Some(*value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !changed.is_empty() {
            self.event_extra.extend(changed.clone());
            output.extra(ExtraLevel::Chunk, changed);
        }
    }
}

fn has_content(content: Option<&Value>) -> bool {
    match content {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// A text, or a list of parts.
fn read_content(content: Option<Value>, output: &mut Output) {
    match content {
        Some(Value::String(text)) => output.text(text),
        Some(Value::Number(number)) => output.text(number.to_string()),
        Some(Value::Array(parts)) => parts.into_iter().for_each(|part| read_part(part, output)),
        Some(part @ Value::Object(_)) => read_part(part, output),
        _ => {}
    }
}

fn read_part(part: Value, output: &mut Output) {
    match part {
        Value::String(text) => output.text(text),
        Value::Object(mut part) => match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") | None => output.text(take_text(&mut part, "text")),
            Some("refusal") => output.refusal(take_text(&mut part, "refusal")),
            // Mistral: {"type": "thinking", "thinking": [{"type": "text", "text": "…"}]}.
            Some("thinking" | "reasoning") => {
                for text in texts(&Value::Object(part)) {
                    output.reasoning(text, ReasoningField::ReasoningContent);
                }
            }
            Some(_) => {
                let parts = Map::from_iter([(
                    "content_parts".to_owned(),
                    Value::Array(vec![Value::Object(part)]),
                )]);
                output.extra(ExtraLevel::Delta, parts);
            }
        },
        _ => {}
    }
}

/// The texts in a part of reasoning.
fn texts(part: &Value) -> Vec<String> {
    ["thinking", "reasoning", "text"]
        .iter()
        .filter_map(|name| part.get(name))
        .flat_map(|value| match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(parts) => parts.iter().flat_map(texts).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// A piece of a call, also in Workers AI's shape, which has the function's fields beside the id.
pub(crate) fn piece(call: Value) -> Option<Piece> {
    let index = call
        .get("index")
        .and_then(|_| count_in(&call, "index"))
        .map(u64::from);
    let Value::Object(mut call) = call else {
        return None;
    };
    call.remove("index");
    if call.get("type").and_then(Value::as_str) == Some("function") {
        call.remove("type");
    }
    let id = take_text(&mut call, "id");
    let mut function = match call.remove("function") {
        Some(Value::Object(function)) => function,
        _ => Map::new(),
    };
    if function.is_empty() {
        for name in ["name", "arguments"] {
            function.extend(call.remove(name).map(|value| (name.to_owned(), value)));
        }
    }
    let name = take_text(&mut function, "name");
    let arguments = match function.remove("arguments") {
        None => None,
        Some(Value::Null) => Some(String::new()),
        Some(Value::String(arguments)) => Some(arguments),
        // Some servers send the object itself.
        Some(arguments) => Some(arguments.to_string()),
    };
    function.retain(|_, value| !value.is_null());
    call.retain(|_, value| !value.is_null());
    if !function.is_empty() {
        call.insert("function".to_owned(), Value::Object(function));
    }
    Some(Piece {
        index,
        id,
        name,
        arguments,
        extra: call,
    })
}

/// The reason, as OpenAI names it or as servers do that translate other APIs.
pub(crate) fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "STOP" | "complete" => {
            FinishReason::Stop
        }
        "length" | "max_tokens" | "MAX_TOKENS" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        other => FinishReason::Other(other.chars().take(64).collect()),
    }
}

#[cfg(test)]
mod tests;

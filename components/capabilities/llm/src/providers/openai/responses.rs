//! The events of OpenAI's Responses API, for a client that uses this API.
//! Source: <https://platform.openai.com/docs/api-reference/responses-streaming>.

use crate::bindings::{FinishReason, ReasoningField};
use crate::failure::{Failure, ProviderError};
use crate::json::{count_in, text};
use crate::output::Output;
use crate::reply::Decode;
use crate::tool_calls::Piece;
use serde_json::{Map, Value};

/// Reads the events of one response, or the response as a whole. Unknown types are ignored.
#[derive(Debug, Default)]
pub(crate) struct Decoder;

impl Decode for Decoder {
    fn event(&mut self, value: Value, output: &mut Output) -> Result<(), Failure> {
        if text(&value, "object") == "response" {
            for (index, item) in (0..).zip(items(&value)) {
                read_item(index, item, output);
            }
            return end(&value, output);
        }
        let index = count_in(&value, "output_index").map_or(0, u64::from);
        let delta = || text(&value, "delta").to_owned();
        match text(&value, "type") {
            "response.output_item.added" => {
                output.start();
                if let Some(item) = value.get("item") {
                    begin_call(index, item, output);
                }
            }
            "response.output_text.delta" => output.text(delta()),
            "response.refusal.delta" => output.refusal(delta()),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                output.reasoning(delta(), ReasoningField::ReasoningContent);
            }
            "response.function_call_arguments.delta" => output.tool_call(Piece {
                index: Some(index),
                arguments: Some(delta()),
                ..Piece::default()
            }),
            "response.output_item.done" => {
                if let Some(item) = value.get("item") {
                    read_reasoning_data(item, output);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                return end(value.get("response").unwrap_or(&Value::Null), output);
            }
            _ => {}
        }
        Ok(())
    }
}

fn items(response: &Value) -> impl Iterator<Item = &Value> {
    let output = response.get("output").and_then(Value::as_array);
    output.into_iter().flatten()
}

fn begin_call(index: u64, item: &Value, output: &mut Output) {
    if text(item, "type") == "function_call" {
        output.tool_call(Piece {
            index: Some(index),
            id: text(item, "call_id").to_owned(),
            name: text(item, "name").to_owned(),
            ..Piece::default()
        });
    }
}

/// An item that is whole.
fn read_item(index: u64, item: &Value, output: &mut Output) {
    output.start();
    begin_call(index, item, output);
    let parts = |name: &str| {
        let parts = item.get(name).and_then(Value::as_array);
        parts.into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    match text(item, "type") {
        "function_call" => output.tool_call(Piece {
            index: Some(index),
            arguments: Some(text(item, "arguments").to_owned()),
            ..Piece::default()
        }),
        "message" => {
            for part in parts("content") {
                output.text(text(&part, "text").to_owned());
                output.refusal(text(&part, "refusal").to_owned());
            }
        }
        "reasoning" => {
            for part in parts("summary").into_iter().chain(parts("content")) {
                let text = text(&part, "text").to_owned();
                output.reasoning(text, ReasoningField::ReasoningContent);
            }
            read_reasoning_data(item, output);
        }
        _ => {}
    }
}

fn read_reasoning_data(item: &Value, output: &mut Output) {
    if text(item, "type") == "reasoning" {
        let mut data = item.as_object().cloned().unwrap_or_default();
        data.remove("summary");
        data.remove("content");
        output.reasoning_data(data);
    }
}

fn end(response: &Value, output: &mut Output) -> Result<(), Failure> {
    if text(response, "status") == "failed" {
        let error = response.get("error").unwrap_or(&Value::Null);
        return Err(Failure::Provider(ProviderError {
            code: text(error, "code").to_owned(),
            message: text(error, "message").to_owned(),
            ..ProviderError::default()
        }));
    }
    if let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) {
        read_usage(usage, output);
    }
    let details = response.get("incomplete_details").unwrap_or(&Value::Null);
    output.finish_reason = Some(match text(details, "reason") {
        "" => FinishReason::Stop,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Length,
    });
    output.is_done = true;
    Ok(())
}

fn read_usage(usage: &Value, output: &mut Output) {
    let none = Value::Object(Map::new());
    let input = usage.get("input_tokens_details").unwrap_or(&none);
    let generated = usage.get("output_tokens_details").unwrap_or(&none);
    let counts = &mut output.counts;
    counts.prompt = count_in(usage, "input_tokens");
    counts.completion = count_in(usage, "output_tokens");
    counts.cached = count_in(input, "cached_tokens");
    counts.cache_write = count_in(input, "cache_write_tokens");
    counts.reasoning = count_in(generated, "reasoning_tokens");
}

#[cfg(test)]
mod tests;

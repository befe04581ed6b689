//! The events of the Messages API.
//! Source: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use crate::bindings::{FinishReason, ReasoningField};
use crate::failure::Failure;
use crate::json::{count_in, take_text, text};
use crate::output::Output;
use crate::reply::Decode;
use crate::tool_calls::Piece;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Members of the usage that the contract defines.
const COUNTS: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation",
    "output_tokens_details",
];

/// Reads the events of one message. Unknown types of events are ignored: new ones may
/// come at any time.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The blocks that have begun and not ended, by their index.
    blocks: BTreeMap<u32, Block>,
    usage: Map<String, Value>,
}

/// A content block.
#[derive(Debug)]
enum Block {
    Thinking {
        signature: String,
    },
    ToolUse {
        /// The arguments if none arrive in pieces.
        input: String,
    },
    /// Text, or a call of a tool that the provider itself runs.
    Other,
}

impl Decode for Decoder {
    fn event(&mut self, value: Value, output: &mut Output) -> Result<(), Failure> {
        let index = count_in(&value, "index").unwrap_or(0);
        let kind = text(&value, "type").to_owned();
        let Value::Object(mut event) = value else {
            return Ok(());
        };
        let mut take = |name: &str| event.remove(name).unwrap_or_default();
        match kind.as_str() {
            "message_start" => {
                let mut message = take("message");
                if let Some(usage) = message.get_mut("usage") {
                    // Its count of output is that of the first tokens.
                    self.read_usage(usage.take(), false, output);
                }
            }
            "content_block_start" => self.begin(index, take("content_block"), output),
            "content_block_delta" => self.read_delta(index, take("delta"), output),
            "content_block_stop" => self.end(index, output),
            "message_delta" => {
                self.read_usage(take("usage"), true, output);
                self.stop(&take("delta"), output);
            }
            "message_stop" => output.is_done = true,
            // A whole message, though a stream was requested.
            "message" => {
                if let Value::Array(blocks) = take("content") {
                    for (index, block) in (0..).zip(blocks) {
                        self.begin(index, block, output);
                        self.end(index, output);
                    }
                }
                self.read_usage(take("usage"), true, output);
                self.stop(&Value::Object(event), output);
                output.is_done = true;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Decoder {
    fn begin(&mut self, index: u32, block: Value, output: &mut Output) {
        output.start();
        let Value::Object(mut block) = block else {
            return;
        };
        let kind = take_text(&mut block, "type");
        let begun = match kind.as_str() {
            "thinking" => {
                let text = take_text(&mut block, "thinking");
                output.reasoning(text, ReasoningField::ReasoningContent);
                Block::Thinking {
                    signature: take_text(&mut block, "signature"),
                }
            }
            "redacted_thinking" => {
                let data = take_text(&mut block, "data");
                output.reasoning_data(members(json!({"type": "redacted_thinking", "data": data})));
                Block::Other
            }
            "tool_use" => {
                output.tool_call(Piece {
                    index: Some(u64::from(index)),
                    id: take_text(&mut block, "id"),
                    name: take_text(&mut block, "name"),
                    ..Piece::default()
                });
                let input = block.remove("input").filter(Value::is_object);
                Block::ToolUse {
                    input: input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
                }
            }
            _ => {
                output.text(take_text(&mut block, "text"));
                Block::Other
            }
        };
        self.blocks.insert(index, begun);
    }

    fn read_delta(&mut self, index: u32, delta: Value, output: &mut Output) {
        output.start();
        let Value::Object(mut delta) = delta else {
            return;
        };
        let thinking = take_text(&mut delta, "thinking");
        output.reasoning(thinking, ReasoningField::ReasoningContent);
        output.text(take_text(&mut delta, "text"));
        let arguments = take_text(&mut delta, "partial_json");
        match self.blocks.get_mut(&index) {
            Some(Block::Thinking { signature }) => {
                let signed = take_text(&mut delta, "signature");
                if !signed.is_empty() {
                    *signature = signed;
                }
            }
            Some(Block::ToolUse { input }) if !arguments.is_empty() => {
                input.clear();
                output.tool_call(piece(index, arguments));
            }
            _ => {}
        }
    }

    fn end(&mut self, index: u32, output: &mut Output) {
        match self.blocks.remove(&index) {
            Some(Block::Thinking { signature }) if !signature.is_empty() => {
                let data = json!({"type": "thinking", "signature": signature});
                output.reasoning_data(members(data));
            }
            Some(Block::ToolUse { input }) if !input.is_empty() => {
                output.tool_call(piece(index, input));
            }
            _ => {}
        }
    }

    /// The counts are cumulative; later ones replace earlier ones.
    fn read_usage(&mut self, usage: Value, has_output: bool, output: &mut Output) {
        if let Value::Object(usage) = usage {
            self.usage
                .extend(usage.into_iter().filter(|(_, value)| !value.is_null()));
        }
        let usage = Value::Object(self.usage.clone());
        let counts = &mut output.counts;
        let read = count_in(&usage, "cache_read_input_tokens").unwrap_or(0);
        let written = count_in(&usage, "cache_creation_input_tokens");
        let by_time = usage.get("cache_creation").unwrap_or(&Value::Null);
        let hour = count_in(by_time, "ephemeral_1h_input_tokens").unwrap_or(0);
        let short = count_in(by_time, "ephemeral_5m_input_tokens").unwrap_or(0);
        let written = written.unwrap_or_else(|| hour.saturating_add(short));
        counts.cached = Some(read);
        counts.cache_write_hour = Some(hour);
        counts.cache_write = Some(written.saturating_sub(hour));
        counts.prompt = count_in(&usage, "input_tokens")
            .map(|input| input.saturating_add(read).saturating_add(written))
            .or(counts.prompt);
        if has_output {
            counts.completion = count_in(&usage, "output_tokens").or(counts.completion);
        }
        let details = usage.get("output_tokens_details").unwrap_or(&Value::Null);
        counts.reasoning = count_in(details, "thinking_tokens").or(counts.reasoning);
        output.usage_extra = self.usage.clone();
        output
            .usage_extra
            .retain(|name, _| !COUNTS.contains(&name.as_str()));
    }

    fn stop(&self, message: &Value, output: &mut Output) {
        let reason = text(message, "stop_reason");
        if !reason.is_empty() {
            output.finish_reason = Some(finish_reason(reason));
        }
        let sequence = text(message, "stop_sequence");
        if !sequence.is_empty() {
            output.stop_sequence = Some(sequence.to_owned());
        }
    }
}

fn piece(index: u32, arguments: String) -> Piece {
    Piece {
        index: Some(u64::from(index)),
        arguments: Some(arguments),
        ..Piece::default()
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// `pause_turn` and future reasons are passed on unchanged.
fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        "tool_use" => FinishReason::ToolCalls,
        other => FinishReason::Other(other.chars().take(64).collect()),
    }
}

#[cfg(test)]
mod tests;

//! The content blocks of a message, one after the other: clients read the last one only. Deltas of a
//! call that is not the open one wait for its end.

use contracts::llm::types::{Delta, ResolvedModel, ToolCallDelta};
use model_api::seal;
use serde_json::{Value, json};
use sse::Encoder;

use crate::events;

/// The blocks of one message.
#[derive(Default)]
pub(super) struct Blocks {
    /// The blocks that have ended, complete.
    content: Vec<Value>,
    open: Option<Open>,
    /// Deltas that came while a call was open and do not belong to it.
    waiting: Vec<Delta>,
    resolved: Option<ResolvedModel>,
}

enum Open {
    Text(String),
    Thinking(String),
    ToolUse {
        index: u32,
        id: String,
        name: String,
        arguments: String,
    },
}

impl Blocks {
    /// Writes a delta, or keeps it.
    pub(super) fn delta(
        &mut self,
        out: &mut Encoder,
        delta: &Delta,
        resolved: Option<&ResolvedModel>,
    ) {
        if self.resolved.is_none() {
            self.resolved = resolved.cloned();
        }
        let is_of_open_call = match (&self.open, delta) {
            (Some(Open::ToolUse { index, .. }), Delta::ToolCall(call)) => call.index == *index,
            (Some(Open::ToolUse { .. }), _) => false,
            _ => true,
        };
        if is_of_open_call {
            self.write(out, delta);
        } else {
            self.waiting.push(delta.clone());
        }
    }

    /// Writes what waits and ends the last block.
    pub(super) fn end(&mut self, out: &mut Encoder) {
        self.close(out, None);
        while !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            for delta in waiting {
                self.delta(out, &delta, None);
            }
            self.close(out, None);
        }
    }

    /// The blocks that have ended.
    pub(super) fn content(&self) -> Value {
        Value::Array(self.content.clone())
    }

    fn write(&mut self, out: &mut Encoder, delta: &Delta) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => {
                if !matches!(self.open, Some(Open::Text(_))) {
                    self.begin(out, Open::Text(String::new()));
                }
                if let Some(Open::Text(whole)) = &mut self.open {
                    whole.push_str(text);
                }
                self.write_delta(out, &json!({"type": "text_delta", "text": text}));
            }
            Delta::Reasoning(reasoning) => {
                if !matches!(self.open, Some(Open::Thinking(_))) {
                    self.begin(out, Open::Thinking(String::new()));
                }
                if let Some(Open::Thinking(whole)) = &mut self.open {
                    whole.push_str(&reasoning.text);
                }
                let delta = json!({"type": "thinking_delta", "thinking": reasoning.text});
                self.write_delta(out, &delta);
            }
            Delta::ReasoningData(data) => self.end_thinking(out, data),
            Delta::ToolCall(call) => self.call(out, call),
            Delta::ResolvedModel(_) | Delta::Extra(_) | Delta::Native(_) => {}
        }
    }

    fn call(&mut self, out: &mut Encoder, call: &ToolCallDelta) {
        if !matches!(self.open, Some(Open::ToolUse { .. })) {
            self.begin(
                out,
                Open::ToolUse {
                    index: call.index,
                    id: call.id.clone().unwrap_or_default(),
                    name: call.name.clone().unwrap_or_default(),
                    arguments: String::new(),
                },
            );
        }
        if let Some(Open::ToolUse { arguments, .. }) = &mut self.open {
            arguments.push_str(&call.arguments);
        }
        if !call.arguments.is_empty() {
            let delta = json!({"type": "input_json_delta", "partial_json": call.arguments});
            self.write_delta(out, &delta);
        }
    }

    /// Anthropic's own signature or block, or what we seal for another provider.
    fn end_thinking(&mut self, out: &mut Encoder, data: &str) {
        let own: Value = serde_json::from_str(data).unwrap_or_default();
        let is_anthropics = self
            .resolved
            .as_ref()
            .is_some_and(|resolved| resolved.provider == "anthropic");
        if is_anthropics && own.get("type") == Some(&json!("redacted_thinking")) {
            self.close(out, None);
            let index = self.content.len();
            let start =
                json!({"type": "content_block_start", "index": index, "content_block": own});
            events::write(out, &start);
            events::write(out, &json!({"type": "content_block_stop", "index": index}));
            return self.content.push(own);
        }
        if !matches!(self.open, Some(Open::Thinking(_))) {
            self.begin(out, Open::Thinking(String::new()));
        }
        let signature = if is_anthropics {
            let signature = own.get("signature").and_then(Value::as_str);
            signature.unwrap_or_default().to_owned()
        } else {
            self.sealed(Some(data))
        };
        self.close(out, Some(signature));
    }

    fn sealed(&self, data: Option<&str>) -> String {
        let resolved = self.resolved.as_ref();
        resolved.map_or_else(String::new, |resolved| seal(resolved, data))
    }

    fn begin(&mut self, out: &mut Encoder, block: Open) {
        self.close(out, None);
        let view = match &block {
            Open::Text(_) => json!({"type": "text", "text": ""}),
            Open::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Open::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        };
        let index = self.content.len();
        let start = json!({"type": "content_block_start", "index": index, "content_block": view});
        events::write(out, &start);
        self.open = Some(block);
    }

    fn write_delta(&self, out: &mut Encoder, delta: &Value) {
        let index = self.content.len();
        events::write(
            out,
            &json!({"type": "content_block_delta", "index": index, "delta": delta}),
        );
    }

    /// Ends the open block. A block of thinking gets a signature in any case: clients send it back.
    fn close(&mut self, out: &mut Encoder, signature: Option<String>) {
        let Some(open) = self.open.take() else { return };
        let block = match open {
            Open::Text(text) => json!({"type": "text", "text": text}),
            Open::Thinking(text) => {
                let signature = signature.unwrap_or_else(|| self.sealed(None));
                let delta = json!({"type": "signature_delta", "signature": signature});
                self.write_delta(out, &delta);
                json!({"type": "thinking", "thinking": text, "signature": signature})
            }
            Open::ToolUse {
                id,
                name,
                arguments,
                ..
            } => {
                let input: Value = serde_json::from_str(&arguments).unwrap_or_else(|_| json!({}));
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        };
        let index = self.content.len();
        events::write(out, &json!({"type": "content_block_stop", "index": index}));
        self.content.push(block);
    }
}

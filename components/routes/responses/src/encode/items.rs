//! The output items of a response. Reasoning and messages end when something else begins; calls end
//! with the response, because providers send the parts of several calls in any order.

use contracts::llm::types::{Delta, ResolvedModel, ToolCallDelta};
use model_api::seal;
use serde_json::{Value, json};
use sse::Encoder;
use uuid::Uuid;

use super::Writer;

/// The items of one response.
pub(super) struct Items {
    /// Whether reasoning gets `encrypted_content`.
    includes_reasoning: bool,
    items: Vec<Item>,
    resolved: Option<ResolvedModel>,
}

struct Item {
    id: String,
    is_open: bool,
    is_whole: bool,
    content: Content,
}

enum Content {
    Reasoning {
        text: String,
        encrypted: Option<String>,
    },
    Message {
        text: String,
        is_refusal: bool,
    },
    Call {
        index: u32,
        call_id: String,
        name: String,
        arguments: String,
    },
}

impl Items {
    pub(super) fn new(includes_reasoning: bool) -> Self {
        Self {
            includes_reasoning,
            items: Vec::new(),
            resolved: None,
        }
    }

    /// The items so far.
    pub(super) fn whole(&self) -> Vec<Value> {
        self.items.iter().map(|item| item.view(false)).collect()
    }

    /// Writes a delta.
    pub(super) fn delta(
        &mut self,
        out: &mut Encoder,
        writer: &mut Writer,
        delta: &Delta,
        resolved: Option<&ResolvedModel>,
    ) {
        if self.resolved.is_none() {
            self.resolved = resolved.cloned();
        }
        match delta {
            Delta::Text(text) => self.text(out, writer, text, false),
            Delta::Refusal(text) => self.text(out, writer, text, true),
            Delta::Reasoning(reasoning) => self.reasoning(out, writer, &reasoning.text),
            Delta::ReasoningData(data) => self.end_reasoning(out, writer, data),
            Delta::ToolCall(call) => self.call(out, writer, call),
            Delta::ResolvedModel(_) | Delta::Extra(_) | Delta::Native(_) => {}
        }
    }

    /// Ends all items. `is_whole`: whether the model came to its end.
    pub(super) fn end(&mut self, out: &mut Encoder, writer: &mut Writer, is_whole: bool) {
        for position in 0..self.items.len() {
            self.close(out, writer, position, is_whole);
        }
    }

    fn text(&mut self, out: &mut Encoder, writer: &mut Writer, delta: &str, is_refusal: bool) {
        let is_same = |item: &Item| matches!(&item.content, Content::Message { is_refusal: open, .. } if *open == is_refusal);
        let (kind, part) = if is_refusal {
            (
                "response.refusal.delta",
                json!({"type": "refusal", "refusal": ""}),
            )
        } else {
            let part =
                json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
            ("response.output_text.delta", part)
        };
        let position = match self.open(is_same) {
            Some(position) => position,
            None => {
                let content = Content::Message {
                    text: String::new(),
                    is_refusal,
                };
                let position = self.begin(out, writer, content);
                let id = self.id(position);
                let members = json!({"item_id": id, "output_index": position, "content_index": 0, "part": part});
                writer.write(out, "response.content_part.added", members);
                position
            }
        };
        if let Some(Content::Message { text, .. }) = self.content(position) {
            text.push_str(delta);
        }
        let mut members = json!({
            "item_id": self.id(position), "output_index": position, "content_index": 0, "delta": delta,
        });
        if let Some(members) = members.as_object_mut().filter(|_| !is_refusal) {
            members.insert("logprobs".to_owned(), json!([]));
        }
        writer.write(out, kind, members);
    }

    fn reasoning(&mut self, out: &mut Encoder, writer: &mut Writer, delta: &str) {
        let position = match self.open(|item| matches!(item.content, Content::Reasoning { .. })) {
            Some(position) => position,
            None => self.begin_reasoning(out, writer),
        };
        let mut is_first = false;
        if let Some(Content::Reasoning { text, .. }) = self.content(position) {
            is_first = text.is_empty();
            text.push_str(delta);
        }
        let id = self.id(position).to_owned();
        if is_first {
            let part = json!({"type": "summary_text", "text": ""});
            let members =
                json!({"item_id": id, "output_index": position, "summary_index": 0, "part": part});
            writer.write(out, "response.reasoning_summary_part.added", members);
        }
        let members =
            json!({"item_id": id, "output_index": position, "summary_index": 0, "delta": delta});
        writer.write(out, "response.reasoning_summary_text.delta", members);
    }

    fn begin_reasoning(&mut self, out: &mut Encoder, writer: &mut Writer) -> usize {
        let encrypted = self.sealed(None);
        let content = Content::Reasoning {
            text: String::new(),
            encrypted,
        };
        self.begin(out, writer, content)
    }

    fn end_reasoning(&mut self, out: &mut Encoder, writer: &mut Writer, data: &str) {
        let position = match self.open(|item| matches!(item.content, Content::Reasoning { .. })) {
            Some(position) => position,
            None => self.begin_reasoning(out, writer),
        };
        let sealed = self.sealed(Some(data));
        if let Some(Content::Reasoning { encrypted, .. }) = self.content(position) {
            *encrypted = sealed;
        }
        self.close(out, writer, position, true);
    }

    fn sealed(&self, data: Option<&str>) -> Option<String> {
        let resolved = self.resolved.as_ref().filter(|_| self.includes_reasoning)?;
        Some(seal(resolved, data))
    }

    fn call(&mut self, out: &mut Encoder, writer: &mut Writer, delta: &ToolCallDelta) {
        let is_same = |item: &Item| matches!(&item.content, Content::Call { index, .. } if *index == delta.index);
        let position = match self.open(is_same) {
            Some(position) => position,
            None => {
                let content = Content::Call {
                    index: delta.index,
                    call_id: delta.id.clone().unwrap_or_default(),
                    name: delta.name.clone().unwrap_or_default(),
                    arguments: String::new(),
                };
                self.begin(out, writer, content)
            }
        };
        if delta.arguments.is_empty() {
            return;
        }
        if let Some(Content::Call { arguments, .. }) = self.content(position) {
            arguments.push_str(&delta.arguments);
        }
        let members = json!({
            "item_id": self.id(position), "output_index": position, "delta": delta.arguments,
        });
        writer.write(out, "response.function_call_arguments.delta", members);
    }

    fn open(&self, is_wanted: impl Fn(&Item) -> bool) -> Option<usize> {
        self.items
            .iter()
            .position(|item| item.is_open && is_wanted(item))
    }

    fn id(&self, position: usize) -> &str {
        self.items.get(position).map_or("", |item| &item.id)
    }

    fn content(&mut self, position: usize) -> Option<&mut Content> {
        self.items.get_mut(position).map(|item| &mut item.content)
    }

    /// Begins an item, which ends the reasoning or message before it.
    fn begin(&mut self, out: &mut Encoder, writer: &mut Writer, content: Content) -> usize {
        for position in 0..self.items.len() {
            let is_call = self
                .items
                .get(position)
                .is_some_and(|item| matches!(item.content, Content::Call { .. }));
            if !is_call {
                self.close(out, writer, position, true);
            }
        }
        let prefix = match content {
            Content::Reasoning { .. } => "rs",
            Content::Message { .. } => "msg",
            Content::Call { .. } => "fc",
        };
        let item = Item {
            id: format!("{prefix}_{}", Uuid::new_v4().simple()),
            is_open: true,
            is_whole: true,
            content,
        };
        let position = self.items.len();
        let members = json!({"output_index": position, "item": item.view(true)});
        writer.write(out, "response.output_item.added", members);
        self.items.push(item);
        position
    }

    fn close(&mut self, out: &mut Encoder, writer: &mut Writer, position: usize, is_whole: bool) {
        let Some(item) = self.items.get_mut(position).filter(|item| item.is_open) else {
            return;
        };
        item.is_open = false;
        item.is_whole = is_whole;
        let view = item.view(false);
        let place = json!({"item_id": item.id, "output_index": position});
        let mut write = |kind: &str, members: Value| {
            let mut all = place.clone();
            if let (Some(all), Value::Object(members)) = (all.as_object_mut(), members) {
                all.extend(members);
            }
            writer.write(out, kind, all);
        };
        match &item.content {
            Content::Reasoning { text, .. } if text.is_empty() => {}
            Content::Reasoning { text, .. } => {
                let part = json!({"type": "summary_text", "text": text});
                write(
                    "response.reasoning_summary_text.done",
                    json!({"summary_index": 0, "text": text}),
                );
                write(
                    "response.reasoning_summary_part.done",
                    json!({"summary_index": 0, "part": part}),
                );
            }
            Content::Message { text, is_refusal } => {
                let (kind, members) = if *is_refusal {
                    (
                        "response.refusal.done",
                        json!({"content_index": 0, "refusal": text}),
                    )
                } else {
                    let members = json!({"content_index": 0, "text": text, "logprobs": []});
                    ("response.output_text.done", members)
                };
                write(kind, members);
                let part = view.pointer("/content/0").cloned().unwrap_or_default();
                write(
                    "response.content_part.done",
                    json!({"content_index": 0, "part": part}),
                );
            }
            Content::Call {
                name, arguments, ..
            } => write(
                "response.function_call_arguments.done",
                json!({"name": name, "arguments": arguments}),
            ),
        }
        let members = json!({"output_index": position, "item": view});
        writer.write(out, "response.output_item.done", members);
    }
}

impl Item {
    /// The item, empty if it has just begun.
    fn view(&self, is_new: bool) -> Value {
        let status = match (is_new || self.is_open, self.is_whole) {
            (true, _) => "in_progress",
            (false, true) => "completed",
            (false, false) => "incomplete",
        };
        match &self.content {
            Content::Reasoning { text, encrypted } => {
                let summary = if text.is_empty() {
                    json!([])
                } else {
                    json!([{"type": "summary_text", "text": text}])
                };
                let mut item = json!({"id": self.id, "type": "reasoning", "summary": summary});
                if let (Some(item), Some(encrypted)) = (item.as_object_mut(), encrypted) {
                    item.insert("encrypted_content".to_owned(), json!(encrypted));
                }
                item
            }
            Content::Message { text, is_refusal } => {
                let content = match (is_new, is_refusal) {
                    (true, _) => json!([]),
                    (false, true) => json!([{"type": "refusal", "refusal": text}]),
                    (false, false) => {
                        json!([{"type": "output_text", "text": text, "annotations": [], "logprobs": []}])
                    }
                };
                json!({"id": self.id, "type": "message", "role": "assistant", "status": status, "content": content})
            }
            Content::Call {
                call_id,
                name,
                arguments,
                ..
            } => json!({
                "id": self.id, "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": arguments,
            }),
        }
    }
}

//! The chunks of a streamed completion (`chat.completion.chunk`).

use contracts::llm::types::{
    Completion, Delta, Error, ExtraDelta, ExtraLevel, ReasoningField, ToolCallDelta,
};
use http_edge::ApiError;
use model_api::{StreamEncoder, openai_errors as errors};
use serde::Serialize;
use serde_json::{Map, Value};
use sse::Encoder;

use super::{
    extra,
    label::Label,
    thinking::ThinkingBlocks,
    tool_call::ToolCallView,
    usage::{finish_reason, usage},
};

/// Writes the chunks of one response.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    label: Label,
    /// Whether the last chunk reports the usage; then every chunk has the field.
    includes_usage: bool,
    has_begun: bool,
    thinking: ThinkingBlocks,
    /// Fields of the provider's current event that belong to its choice, if there are any.
    choice_extra: Option<Map<String, Value>>,
    /// The same for its delta.
    delta_extra: Option<Map<String, Value>>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Map<String, Value>>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: DeltaView<'a>,
    #[serde(flatten)]
    extra: Map<String, Value>,
    finish_reason: Option<&'a str>,
}

/// The fields that a chunk adds to the message. An outer none omits the field, an inner one sends `null`.
#[derive(Default, Serialize)]
struct DeltaView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_blocks: Option<[Value; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCallView<'a>; 1]>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl ChunkEncoder {
    pub(crate) fn new(label: Label, includes_usage: bool) -> Self {
        Self {
            label,
            includes_usage,
            has_begun: false,
            thinking: ThinkingBlocks::default(),
            choice_extra: None,
            delta_extra: None,
        }
    }
}

impl StreamEncoder for ChunkEncoder {
    fn model(&self) -> &str {
        &self.label.model
    }

    /// Extra fields wait for the delta of their event.
    fn delta(&mut self, out: &mut Encoder, delta: &Delta) {
        let block = self.thinking.push(delta);
        let mut view = DeltaView::default();
        match delta {
            Delta::ResolvedModel(resolved) => {
                return self.label.model.clone_from(&resolved.model);
            }
            Delta::Extra(extra) => return self.extra(out, extra),
            Delta::Native(_) => return,
            Delta::Text(text) => view.content = Some(Some(text)),
            Delta::Refusal(text) => view.refusal = Some(Some(text)),
            Delta::Reasoning(reasoning) => match reasoning.field {
                ReasoningField::ReasoningContent => view.reasoning_content = Some(&reasoning.text),
                ReasoningField::Reasoning => view.reasoning = Some(&reasoning.text),
            },
            Delta::ReasoningData(_) => view.thinking_blocks = block.map(|block| [block]),
            Delta::ToolCall(call) => view.tool_calls = Some([part_of(call)]),
        }
        self.begin(out, matches!(delta, Delta::Text(_)));
        self.choice(out, view, None);
    }

    fn is_waiting(&self) -> bool {
        self.choice_extra.is_some() || self.delta_extra.is_some()
    }

    fn flush(&mut self, out: &mut Encoder) {
        if self.is_waiting() {
            self.begin(out, false);
            self.choice(out, DeltaView::default(), None);
        }
    }

    /// A chunk that adds nothing: OpenAI's libraries read a comment as a chunk.
    fn keep_alive(&mut self, out: &mut Encoder) {
        self.choice(out, DeltaView::default(), None);
    }

    fn end(&mut self, out: &mut Encoder, completion: &Completion) {
        self.begin(out, true);
        if let Some(sequence) = &completion.stop_sequence {
            let fields = self.choice_extra.get_or_insert_default();
            fields.insert("stop_sequence".to_owned(), sequence.as_str().into());
        }
        let reason = finish_reason(&completion.finish_reason);
        self.choice(out, DeltaView::default(), Some(reason));
        if self.includes_usage {
            self.write(out, &[], Some(usage(completion)));
        }
        out.data("[DONE]");
    }

    fn error_of(&self, error: Error) -> ApiError {
        errors::llm(error)
    }

    fn fail(&mut self, out: &mut Encoder, error: &ApiError, request_id: &str) {
        self.flush(out);
        let data = errors::render(error, request_id);
        out.data(&String::from_utf8_lossy(&data));
    }
}

impl ChunkEncoder {
    /// Keeps fields of an event for its delta.
    fn extra(&mut self, out: &mut Encoder, extra: &ExtraDelta) {
        let kept = match extra.level {
            ExtraLevel::Chunk => return self.label.set_extra(&extra.fields),
            ExtraLevel::Choice => &self.choice_extra,
            ExtraLevel::Delta => &self.delta_extra,
        };
        // The event before had nothing else.
        if kept.is_some() {
            self.flush(out);
        }
        let fields = Some(extra::object(&extra.fields));
        match extra.level {
            ExtraLevel::Chunk => {}
            ExtraLevel::Choice => self.choice_extra = fields,
            ExtraLevel::Delta => self.delta_extra = fields,
        }
    }

    /// Writes the role, once. `content` is null if the message does not begin with text.
    fn begin(&mut self, out: &mut Encoder, with_text: bool) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let opening = DeltaView {
            role: Some("assistant"),
            content: Some(with_text.then_some("")),
            refusal: Some(None),
            ..DeltaView::default()
        };
        self.write(out, &[choice_of(opening, None, None)], None);
    }

    /// Writes a chunk with the extra fields that wait.
    fn choice(&mut self, out: &mut Encoder, mut delta: DeltaView<'_>, reason: Option<&str>) {
        delta.extra = self.delta_extra.take().unwrap_or_default();
        let extra = self.choice_extra.take();
        self.write(out, &[choice_of(delta, extra, reason)], None);
    }

    fn write(&self, out: &mut Encoder, choices: &[Choice<'_>], usage: Option<Map<String, Value>>) {
        let chunk = Chunk {
            id: &self.label.id,
            object: "chat.completion.chunk",
            created: self.label.created,
            model: &self.label.model,
            extra: &self.label.extra,
            choices,
            usage: self.includes_usage.then_some(usage),
        };
        // JSON values: this cannot fail, and a missing chunk is better than a panic.
        if let Ok(data) = serde_json::to_string(&chunk) {
            out.data(&data);
        }
    }
}

fn choice_of<'a>(
    delta: DeltaView<'a>,
    extra: Option<Map<String, Value>>,
    finish_reason: Option<&'a str>,
) -> Choice<'a> {
    let mut fields = extra.unwrap_or_default();
    if !fields.contains_key("logprobs") {
        fields.insert("logprobs".to_owned(), Value::Null);
    }
    Choice {
        index: 0,
        delta,
        extra: fields,
        finish_reason,
    }
}

fn part_of(call: &ToolCallDelta) -> ToolCallView<'_> {
    ToolCallView::new(
        Some(call.index),
        call.id.as_deref(),
        call.name.as_deref(),
        &call.arguments,
        extra::optional_object(call.extra.as_deref()),
    )
}

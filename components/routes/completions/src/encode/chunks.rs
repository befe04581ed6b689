//! The chunks of a streamed completion (`chat.completion.chunk`).

use contracts::llm::types::{Completion, Delta, ToolCallDelta};
use serde::Serialize;
use sse::Encoder;

use super::{
    label::Label,
    usage::{UsageView, finish_reason},
};

/// Writes the chunks of one response.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    label: Label,
    /// Whether the last chunk reports the usage; then every chunk has the field.
    includes_usage: bool,
    has_begun: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: Option<&'static str>,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageView>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: DeltaView<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

/// What a chunk adds to the message. An outer none omits the field, an inner one sends `null`.
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
    tool_calls: Option<[ToolCallView<'a>; 1]>,
}

#[derive(Serialize)]
struct ToolCallView<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionView<'a>,
}

#[derive(Serialize)]
struct FunctionView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl ChunkEncoder {
    pub(crate) fn new(label: Label, includes_usage: bool) -> Self {
        Self {
            label,
            includes_usage,
            has_begun: false,
        }
    }

    /// The model that answers, or the requested one as long as that is not known.
    pub(crate) fn model(&self) -> &str {
        &self.label.model
    }

    /// Writes a delta.
    pub(crate) fn delta(&mut self, out: &mut Encoder, delta: &Delta) {
        if let Delta::ResolvedModel(resolved) = delta {
            self.label.model.clone_from(&resolved.model);
            return;
        }
        self.begin(out, matches!(delta, Delta::Text(_)));
        let mut view = DeltaView::default();
        match delta {
            Delta::ResolvedModel(_) => {}
            Delta::Text(text) => view.content = Some(Some(text)),
            Delta::Refusal(text) => view.refusal = Some(Some(text)),
            Delta::Reasoning(text) => view.reasoning_content = Some(text),
            Delta::ToolCall(call) => view.tool_calls = Some([ToolCallView::from(call)]),
        }
        self.choice(out, view, None);
    }

    /// Writes a chunk that adds nothing, so that proxies and clients see that the stream is alive.
    pub(crate) fn keep_alive(&self, out: &mut Encoder) {
        self.choice(out, DeltaView::default(), None);
    }

    /// Writes the end of a completion, and that nothing follows.
    pub(crate) fn end(&mut self, out: &mut Encoder, completion: &Completion) {
        self.begin(out, true);
        let reason = finish_reason(completion.finish_reason);
        self.choice(out, DeltaView::default(), Some(reason));
        if self.includes_usage {
            self.write(out, &[], Some(completion.usage.into()));
        }
        out.data("[DONE]");
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
        self.choice(out, opening, None);
    }

    fn choice(&self, out: &mut Encoder, delta: DeltaView<'_>, finish_reason: Option<&'static str>) {
        let choice = Choice {
            index: 0,
            delta,
            logprobs: None,
            finish_reason,
        };
        self.write(out, &[choice], None);
    }

    fn write(&self, out: &mut Encoder, choices: &[Choice<'_>], usage: Option<UsageView>) {
        let chunk = Chunk {
            id: &self.label.id,
            object: "chat.completion.chunk",
            created: self.label.created,
            model: &self.label.model,
            system_fingerprint: None,
            choices,
            usage: self.includes_usage.then_some(usage),
        };
        // Strings and numbers: this cannot fail, and a missing chunk is better than a panic.
        if let Ok(data) = serde_json::to_string(&chunk) {
            out.data(&data);
        }
    }
}

impl<'a> From<&'a ToolCallDelta> for ToolCallView<'a> {
    fn from(call: &'a ToolCallDelta) -> Self {
        Self {
            index: call.index,
            id: call.id.as_deref(),
            kind: call.id.is_some().then_some("function"),
            function: FunctionView {
                name: call.name.as_deref(),
                arguments: &call.arguments,
            },
        }
    }
}

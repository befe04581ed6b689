//! An answer as OpenAI streams it.

use contracts::llm::types::{Completion, Delta, ToolCallDelta};
use serde::Serialize;
use sse::Encoder;

use super::{
    Label,
    words::{UsageView, finish_reason},
};

/// Writes the chunks of one answer.
#[derive(Debug)]
pub(crate) struct Chunks {
    label: Label,
    /// Whether the stream tells what the answer took; then every chunk has the field.
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
    delta: Piece<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

/// What a chunk adds to the message. Of the nested options, the inner one is what is sent.
#[derive(Default, Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallPiece<'a>; 1]>,
}

#[derive(Serialize)]
struct CallPiece<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionPiece<'a>,
}

#[derive(Serialize)]
struct FunctionPiece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl Chunks {
    pub(crate) fn new(label: Label, includes_usage: bool) -> Self {
        Self {
            label,
            includes_usage,
            has_begun: false,
        }
    }

    /// Who answers, as far as it is known.
    pub(crate) fn model(&self) -> &str {
        &self.label.model
    }

    /// Writes a piece.
    pub(crate) fn piece(&mut self, out: &mut Encoder, delta: &Delta) {
        if let Delta::ResolvedModel(served) = delta {
            self.label.model.clone_from(&served.model);
            return;
        }
        self.begin(out, matches!(delta, Delta::Text(_)));
        let mut piece = Piece::default();
        match delta {
            Delta::ResolvedModel(_) => {}
            Delta::Text(text) => piece.content = Some(Some(text)),
            Delta::Refusal(text) => piece.refusal = Some(Some(text)),
            Delta::Reasoning(text) => piece.reasoning_content = Some(text),
            Delta::ToolCall(call) => piece.tool_calls = Some([CallPiece::from(call)]),
        }
        self.choice(out, piece, None);
    }

    /// Writes the end of an answer that has one.
    pub(crate) fn end(&mut self, out: &mut Encoder, completion: &Completion) {
        self.begin(out, true);
        let reason = finish_reason(completion.finish_reason);
        self.choice(out, Piece::default(), Some(reason));
        if self.includes_usage {
            self.write(out, &[], Some(completion.usage.into()));
        }
        out.data("[DONE]");
    }

    /// Writes who speaks, once. A message that begins with something other than text may have none.
    fn begin(&mut self, out: &mut Encoder, with_text: bool) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let opening = Piece {
            role: Some("assistant"),
            content: Some(with_text.then_some("")),
            refusal: Some(None),
            ..Piece::default()
        };
        self.choice(out, opening, None);
    }

    fn choice(&self, out: &mut Encoder, delta: Piece<'_>, finish_reason: Option<&'static str>) {
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

impl<'a> From<&'a ToolCallDelta> for CallPiece<'a> {
    fn from(piece: &'a ToolCallDelta) -> Self {
        Self {
            index: piece.index,
            id: piece.id.as_deref(),
            kind: piece.id.is_some().then_some("function"),
            function: FunctionPiece {
                name: piece.name.as_deref(),
                arguments: &piece.arguments,
            },
        }
    }
}

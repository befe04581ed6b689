//! A whole completion as one object (`chat.completion`).

use std::collections::BTreeMap;

use completion::{Silence, Sink, Stop};
use contracts::llm::types::{Completion, Delta, ExtraLevel, ReasoningField};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    extra,
    label::Label,
    thinking::ThinkingBlocks,
    tool_call::ToolCallView,
    usage::{finish_reason, usage},
};

/// The message of a reply, as far as it has arrived.
#[derive(Debug, Default)]
pub(crate) struct ReplyMessage {
    text: Option<String>,
    refusal: Option<String>,
    /// By the field in which it is sent.
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    thinking: ThinkingBlocks,
    thinking_blocks: Vec<Value>,
    calls: BTreeMap<u32, CollectedCall>,
    /// The provider's other fields of the completion, its choice and its message.
    chunk_extra: Map<String, Value>,
    choice_extra: Map<String, Value>,
    delta_extra: Map<String, Value>,
}

#[derive(Debug, Default)]
struct CollectedCall {
    id: String,
    name: String,
    arguments: String,
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Map<String, Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: MessageView<'a>,
    #[serde(flatten)]
    extra: Map<String, Value>,
    finish_reason: String,
}

#[derive(Serialize)]
struct MessageView<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    thinking_blocks: &'a [Value],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCallView<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct ResponseView<'a> {
    response: &'a str,
}

impl Sink for ReplyMessage {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        deltas.into_iter().for_each(|delta| self.push(delta));
        Ok(())
    }

    /// A response that is not streamed is completed even if its client has disconnected.
    async fn silence(&mut self) -> Silence {
        std::future::pending().await
    }
}

impl ReplyMessage {
    /// Adds a delta.
    pub(crate) fn push(&mut self, delta: Delta) {
        self.thinking_blocks.extend(self.thinking.push(&delta));
        let (text, addition) = match delta {
            Delta::ResolvedModel(_) | Delta::ReasoningData(_) | Delta::Native(_) => return,
            Delta::Text(text) => (&mut self.text, text),
            Delta::Refusal(text) => (&mut self.refusal, text),
            Delta::Reasoning(reasoning) => match reasoning.field {
                ReasoningField::ReasoningContent => (&mut self.reasoning_content, reasoning.text),
                ReasoningField::Reasoning => (&mut self.reasoning, reasoning.text),
            },
            Delta::ToolCall(delta) => {
                let call = self.calls.entry(delta.index).or_default();
                call.id.push_str(&delta.id.unwrap_or_default());
                call.name.push_str(&delta.name.unwrap_or_default());
                call.arguments.push_str(&delta.arguments);
                let fields = extra::optional_object(delta.extra.as_deref());
                return extra::overwrite(&mut call.extra, fields);
            }
            Delta::Extra(delta) => {
                let fields = extra::object(&delta.fields);
                return match delta.level {
                    ExtraLevel::Chunk => extra::overwrite(&mut self.chunk_extra, fields),
                    ExtraLevel::Choice => extra::extend_choice(&mut self.choice_extra, fields),
                    ExtraLevel::Delta => extra::extend_delta(&mut self.delta_extra, fields),
                };
            }
        };
        match text {
            Some(text) => text.push_str(&addition),
            None => *text = Some(addition),
        }
    }

    /// OpenAI's response.
    pub(crate) fn object<'a>(
        &'a self,
        label: &'a Label,
        completion: &Completion,
    ) -> impl Serialize + use<'a> {
        let mut of_choice = Map::from_iter([("logprobs".to_owned(), Value::Null)]);
        of_choice.extend(self.choice_extra.clone());
        if let Some(sequence) = &completion.stop_sequence {
            of_choice.insert("stop_sequence".to_owned(), sequence.as_str().into());
        }
        let mut of_object = label.extra.clone();
        of_object.extend(self.chunk_extra.clone());
        Object {
            id: &label.id,
            object: "chat.completion",
            created: label.created,
            model: &label.model,
            choices: [Choice {
                index: 0,
                message: self.view(),
                extra: of_choice,
                finish_reason: finish_reason(&completion.finish_reason).to_owned(),
            }],
            usage: usage(completion),
            extra: of_object,
        }
    }

    /// worker-api's response.
    pub(crate) fn response(&self) -> impl Serialize {
        let response = self.text.as_deref().or(self.refusal.as_deref());
        ResponseView {
            response: response.unwrap_or_default(),
        }
    }

    /// Whether there is something in place of text.
    fn has_others(&self) -> bool {
        self.refusal.is_some()
            || self.reasoning_content.is_some()
            || self.reasoning.is_some()
            || !self.thinking_blocks.is_empty()
            || !self.calls.is_empty()
            || !self.delta_extra.is_empty()
    }

    fn view(&self) -> MessageView<'_> {
        MessageView {
            role: "assistant",
            // OpenAI sends `null` only if there is something in place of text.
            content: self.text.as_deref().or((!self.has_others()).then_some("")),
            refusal: self.refusal.as_deref(),
            reasoning_content: self.reasoning_content.as_deref(),
            reasoning: self.reasoning.as_deref(),
            thinking_blocks: &self.thinking_blocks,
            tool_calls: self
                .calls
                .values()
                .map(|call| {
                    let (id, name) = (Some(call.id.as_str()), Some(call.name.as_str()));
                    ToolCallView::new(None, id, name, &call.arguments, call.extra.clone())
                })
                .collect(),
            extra: &self.delta_extra,
        }
    }
}

//! The whole of an answer as one object.

use std::collections::BTreeMap;

use contracts::llm::types::{Completion, Delta};
use serde::Serialize;

use super::{
    Label,
    words::{UsageView, finish_reason},
};

/// What a model has said so far.
#[derive(Debug, Default)]
pub(crate) struct Message {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: Option<String>,
    calls: BTreeMap<u32, Call>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: UsageView,
    system_fingerprint: Option<&'static str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: MessageView<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageView<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallView<'a>>,
}

#[derive(Serialize)]
struct CallView<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionView<'a>,
}

#[derive(Serialize)]
struct FunctionView<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Response<'a> {
    response: &'a str,
}

impl Message {
    /// Adds a piece.
    pub(crate) fn push(&mut self, delta: Delta) {
        let (text, piece) = match delta {
            Delta::ResolvedModel(_) => return,
            Delta::Text(piece) => (&mut self.text, piece),
            Delta::Refusal(piece) => (&mut self.refusal, piece),
            Delta::Reasoning(piece) => (&mut self.reasoning, piece),
            Delta::ToolCall(piece) => {
                let call = self.calls.entry(piece.index).or_default();
                call.id.push_str(&piece.id.unwrap_or_default());
                call.name.push_str(&piece.name.unwrap_or_default());
                call.arguments.push_str(&piece.arguments);
                return;
            }
        };
        match text {
            Some(text) => text.push_str(&piece),
            None => *text = Some(piece),
        }
    }

    /// The object that OpenAI answers with.
    pub(crate) fn object<'a>(
        &'a self,
        label: &'a Label,
        completion: &Completion,
    ) -> impl Serialize + use<'a> {
        Object {
            id: &label.id,
            object: "chat.completion",
            created: label.created,
            model: &label.model,
            choices: [Choice {
                index: 0,
                message: self.view(),
                logprobs: None,
                finish_reason: finish_reason(completion.finish_reason),
            }],
            usage: completion.usage.into(),
            system_fingerprint: None,
        }
    }

    /// The object that worker-api answers with.
    pub(crate) fn response(&self) -> impl Serialize {
        let response = self.text.as_deref().or(self.refusal.as_deref());
        Response {
            response: response.unwrap_or_default(),
        }
    }

    fn view(&self) -> MessageView<'_> {
        let is_silent = self.refusal.is_none() && self.reasoning.is_none() && self.calls.is_empty();
        MessageView {
            role: "assistant",
            // A model that said nothing at all said an empty text.
            content: self.text.as_deref().or(is_silent.then_some("")),
            refusal: self.refusal.as_deref(),
            reasoning_content: self.reasoning.as_deref(),
            tool_calls: self
                .calls
                .values()
                .map(|call| CallView {
                    id: &call.id,
                    kind: "function",
                    function: FunctionView {
                        name: &call.name,
                        arguments: &call.arguments,
                    },
                })
                .collect(),
        }
    }
}

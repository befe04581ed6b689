//! A whole completion as one object (`chat.completion`).

use std::collections::BTreeMap;

use completion::{Silence, Sink, Stop};
use contracts::llm::types::{Completion, Delta};
use serde::Serialize;

use super::{
    label::Label,
    usage::{UsageView, finish_reason},
};

/// The message of a reply, as far as it has arrived.
#[derive(Debug, Default)]
pub(crate) struct ReplyMessage {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: Option<String>,
    calls: BTreeMap<u32, CollectedCall>,
}

#[derive(Debug, Default)]
struct CollectedCall {
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
struct ResponseView<'a> {
    response: &'a str,
}

impl Sink for ReplyMessage {
    async fn send(&mut self, deltas: Vec<Delta>) -> Result<(), Stop> {
        deltas.into_iter().for_each(|delta| self.push(delta));
        Ok(())
    }

    /// A response that is not streamed is completed even if its client is gone.
    async fn silence(&mut self) -> Silence {
        std::future::pending().await
    }
}

impl ReplyMessage {
    /// Adds a delta.
    pub(crate) fn push(&mut self, delta: Delta) {
        let (text, addition) = match delta {
            Delta::ResolvedModel(_) => return,
            Delta::Text(text) => (&mut self.text, text),
            Delta::Refusal(text) => (&mut self.refusal, text),
            Delta::Reasoning(text) => (&mut self.reasoning, text),
            Delta::ToolCall(delta) => {
                let call = self.calls.entry(delta.index).or_default();
                call.id.push_str(&delta.id.unwrap_or_default());
                call.name.push_str(&delta.name.unwrap_or_default());
                call.arguments.push_str(&delta.arguments);
                return;
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

    /// worker-api's response.
    pub(crate) fn response(&self) -> impl Serialize {
        let response = self.text.as_deref().or(self.refusal.as_deref());
        ResponseView {
            response: response.unwrap_or_default(),
        }
    }

    fn view(&self) -> MessageView<'_> {
        let is_empty = self.refusal.is_none() && self.reasoning.is_none() && self.calls.is_empty();
        MessageView {
            role: "assistant",
            // OpenAI sends `null` only if there is something in place of text.
            content: self.text.as_deref().or(is_empty.then_some("")),
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

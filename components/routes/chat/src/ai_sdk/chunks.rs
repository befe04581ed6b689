//! The chunks of a UI message stream (AI SDK 5 and later, "UI Message Stream Protocol"): parts of reasoning and one
//! text part in one step of one message.

use contracts::{
    conversations::{
        turns::{Outcome, ReplyInfo},
        types::EvictedConversation,
    },
    llm::types::FinishReason,
};
use serde::Serialize;
use sse::Encoder;

use crate::{
    evicted::{self, Evicted},
    json::json,
    reply_end::ReplyEnd,
};

/// Id of the text part within its message.
const TEXT: &str = "0";

#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
enum Chunk<'a> {
    Start {
        message_id: &'a str,
        message_metadata: Metadata<'a>,
    },
    StartStep,
    ReasoningStart {
        id: &'a str,
    },
    ReasoningDelta {
        id: &'a str,
        delta: &'a str,
    },
    ReasoningEnd {
        id: &'a str,
    },
    TextStart {
        id: &'a str,
    },
    TextDelta {
        id: &'a str,
        delta: &'a str,
    },
    TextEnd {
        id: &'a str,
    },
    Error {
        error_text: &'a str,
    },
    Abort {
        reason: &'a str,
    },
    MessageMetadata {
        message_metadata: Metadata<'a>,
    },
    FinishStep,
    Finish {
        finish_reason: &'a str,
    },
}

/// The message's `metadata`. The client merges later metadata into earlier ones.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evicted: Vec<Evicted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// The AI SDK's `LanguageModelUsage`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    input_tokens: u32,
    output_tokens: u32,
    total_tokens: u32,
}

/// The message, and the beginning of its text.
pub(crate) fn opening(info: &ReplyInfo, model: &str) -> Vec<u8> {
    let message_metadata = Metadata {
        conversation_id: Some(&info.conversation_id),
        title: Some(&info.title),
        model: Some(model),
        ..Metadata::default()
    };
    let start = Chunk::Start {
        message_id: &info.message_id,
        message_metadata,
    };
    let mut out = Encoder::new();
    write(&mut out, &[start, Chunk::StartStep]);
    out.take()
}

/// The parts of a message that have begun: a client shows them in the order of their beginnings.
#[derive(Default)]
pub(crate) struct Parts {
    has_text: bool,
    /// The id of the reasoning that has not ended.
    reasoning: Option<String>,
    /// How often there was reasoning.
    reasonings: u32,
}

impl Parts {
    /// A delta of the text. It has no number: the AI SDK resumes from the first delta.
    pub(crate) fn text(&mut self, out: &mut Encoder, text: &str) {
        self.end_reasoning(out);
        self.begin_text(out);
        out.data(&json(&Chunk::TextDelta {
            id: TEXT,
            delta: text,
        }));
    }

    /// A delta of what the model thinks before it replies, or goes on with its reply.
    pub(crate) fn reasoning(&mut self, out: &mut Encoder, text: &str) {
        let id = self.reasoning.get_or_insert_with(|| {
            self.reasonings = self.reasonings.saturating_add(1);
            let id = format!("reasoning-{}", self.reasonings);
            out.data(&json(&Chunk::ReasoningStart { id: &id }));
            id
        });
        out.data(&json(&Chunk::ReasoningDelta { id, delta: text }));
    }

    fn begin_text(&mut self, out: &mut Encoder) {
        if !self.has_text {
            self.has_text = true;
            out.data(&json(&Chunk::TextStart { id: TEXT }));
        }
    }

    fn end_reasoning(&mut self, out: &mut Encoder) {
        if let Some(id) = self.reasoning.take() {
            out.data(&json(&Chunk::ReasoningEnd { id: &id }));
        }
    }

    /// Ends all parts. A message without text has an empty one.
    fn end(&mut self, out: &mut Encoder) {
        self.end_reasoning(out);
        self.begin_text(out);
        out.data(&json(&Chunk::TextEnd { id: TEXT }));
    }
}

/// The conversations that were evicted for the reply.
pub(crate) fn evicted(out: &mut Encoder, evicted: &[EvictedConversation]) {
    let message_metadata = Metadata {
        evicted: evicted::views(evicted),
        ..Metadata::default()
    };
    out.data(&json(&Chunk::MessageMetadata { message_metadata }));
}

/// The end of the parts and of the message. The AI SDK ignores chunks after an error; other clients
/// read them.
pub(crate) fn end(parts: &mut Parts, end: &ReplyEnd<'_>) -> Vec<u8> {
    let mut out = Encoder::new();
    parts.end(&mut out);
    let mut chunks = Vec::new();
    if let Some((prompt, completion)) = end.usage {
        let usage = Some(Usage {
            input_tokens: prompt,
            output_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
        });
        let message_metadata = Metadata {
            model: Some(end.model),
            usage,
            ..Metadata::default()
        };
        chunks.push(Chunk::MessageMetadata { message_metadata });
    }
    let public = end.error.map(|(error, _)| error.public());
    match &public {
        Some(public) => chunks.extend([
            Chunk::Error {
                error_text: &public.sentence,
            },
            Chunk::FinishStep,
            Chunk::Finish {
                finish_reason: "error",
            },
        ]),
        None if end.outcome == Outcome::Stopped => chunks.push(Chunk::Abort {
            reason: "stopped by the user",
        }),
        None => chunks.extend([
            Chunk::FinishStep,
            Chunk::Finish {
                finish_reason: finish_reason(end.reason.as_ref()),
            },
        ]),
    }
    write(&mut out, &chunks);
    out.data("[DONE]").take()
}

/// The AI SDK's finish reason.
fn finish_reason(reason: Option<&FinishReason>) -> &'static str {
    match reason {
        Some(FinishReason::Stop) | None => "stop",
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "content-filter",
        Some(FinishReason::ToolCalls) => "tool-calls",
        Some(FinishReason::Other(_)) => "other",
    }
}

fn write(out: &mut Encoder, chunks: &[Chunk<'_>]) {
    for chunk in chunks {
        out.data(&json(chunk));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_edge::{ApiError, Cause};

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    fn encoded_end(outcome: Outcome, error: Option<&ApiError>) -> String {
        let mut parts = Parts::default();
        parts.text(&mut Encoder::new(), "ok");
        text(end(
            &mut parts,
            &ReplyEnd {
                outcome,
                reason: Some(FinishReason::Length),
                usage: Some((12, 2)),
                model: "gpt-4o-mini",
                error: error.map(|error| (error, "r")),
            },
        ))
    }

    #[test]
    fn opening_and_content_equal_the_documented_bytes() {
        let info = ReplyInfo {
            conversation_id: "c".into(),
            message_id: "m".into(),
            title: "Hi".into(),
        };
        assert_eq!(
            text(opening(&info, "gpt-4o")),
            "data: {\"type\":\"start\",\"messageId\":\"m\",\"messageMetadata\":\
             {\"conversationId\":\"c\",\"title\":\"Hi\",\"model\":\"gpt-4o\"}}\n\n\
             data: {\"type\":\"start-step\"}\n\n"
        );
        let mut out = Encoder::new();
        Parts::default().text(&mut out, "\"a\"\n");
        assert_eq!(
            text(out.take()),
            "data: {\"type\":\"text-start\",\"id\":\"0\"}\n\n\
             data: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"\\\"a\\\"\\n\"}\n\n"
        );
    }

    #[test]
    fn reasoning_is_in_parts_before_the_text() {
        let (mut parts, mut out) = (Parts::default(), Encoder::new());
        parts.reasoning(&mut out, "Hm");
        parts.reasoning(&mut out, ".");
        parts.text(&mut out, "Yes");
        parts.reasoning(&mut out, "No");
        parts.end(&mut out);
        let bytes = text(out.take());
        let kinds = bytes.split("\n\n").filter(|line| !line.is_empty());
        let kinds: Vec<_> = kinds
            .map(|line| line.trim_start_matches("data: {\"type\":"))
            .collect();
        assert_eq!(
            kinds,
            [
                r#""reasoning-start","id":"reasoning-1"}"#,
                r#""reasoning-delta","id":"reasoning-1","delta":"Hm"}"#,
                r#""reasoning-delta","id":"reasoning-1","delta":"."}"#,
                r#""reasoning-end","id":"reasoning-1"}"#,
                r#""text-start","id":"0"}"#,
                r#""text-delta","id":"0","delta":"Yes"}"#,
                r#""reasoning-start","id":"reasoning-2"}"#,
                r#""reasoning-delta","id":"reasoning-2","delta":"No"}"#,
                r#""reasoning-end","id":"reasoning-2"}"#,
                r#""text-end","id":"0"}"#,
            ]
        );
    }

    #[test]
    fn evicted_is_metadata_of_the_message() {
        let gone = EvictedConversation {
            id: "e".into(),
            title: "T".into(),
        };
        let mut out = Encoder::new();
        evicted(&mut out, &[gone]);
        assert_eq!(
            text(out.take()),
            "data: {\"type\":\"message-metadata\",\"messageMetadata\":\
             {\"evicted\":[{\"id\":\"e\",\"title\":\"T\"}]}}\n\n"
        );
    }

    #[test]
    fn end_of_each_outcome_has_its_chunks() {
        let usage = "data: {\"type\":\"text-end\",\"id\":\"0\"}\n\n\
             data: {\"type\":\"message-metadata\",\"messageMetadata\":{\"model\":\"gpt-4o-mini\",\
             \"usage\":{\"inputTokens\":12,\"outputTokens\":2,\"totalTokens\":14}}}\n\n";
        assert_eq!(
            encoded_end(Outcome::Complete, None),
            format!(
                "{usage}data: {{\"type\":\"finish-step\"}}\n\n\
                 data: {{\"type\":\"finish\",\"finishReason\":\"length\"}}\n\n\
                 data: [DONE]\n\n"
            )
        );
        assert_eq!(
            encoded_end(Outcome::Stopped, None),
            format!(
                "{usage}data: {{\"type\":\"abort\",\"reason\":\"stopped by the user\"}}\n\n\
                 data: [DONE]\n\n"
            )
        );
        let failed = encoded_end(
            Outcome::Incomplete,
            Some(&ApiError::ProviderTimeout(Cause::new("x"))),
        );
        assert!(
            failed.contains(
                "data: {\"type\":\"error\",\"errorText\":\
                 \"The AI provider did not respond in time. Try again later.\"}\n\n"
            ),
            "{failed}"
        );
        assert!(failed.ends_with("\"finishReason\":\"error\"}\n\ndata: [DONE]\n\n"));
    }
}

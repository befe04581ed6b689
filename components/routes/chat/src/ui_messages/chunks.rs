//! The chunks of a UI message stream (AI SDK 5 and later, "UI Message Stream Protocol"): one text
//! part in one step of one message.

use contracts::{
    conversations::turns::{Outcome, Started},
    llm::types::FinishReason,
};
use serde::Serialize;
use sse::Encoder;

use crate::{events::json, wire::Ending};

/// Names the text part within its message.
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

/// What the message has in `metadata`; the client adds what comes later to what came before.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// Named as in the AI SDK's `LanguageModelUsage`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    input_tokens: u32,
    output_tokens: u32,
    total_tokens: u32,
}

/// The message, and the beginning of its text.
pub(crate) fn opening(started: &Started, model: &str) -> Vec<u8> {
    let message_metadata = Metadata {
        conversation_id: Some(&started.conversation_id),
        title: Some(&started.title),
        model: Some(model),
        usage: None,
    };
    let start = Chunk::Start {
        message_id: &started.message_id,
        message_metadata,
    };
    write(&[start, Chunk::StartStep, Chunk::TextStart { id: TEXT }]).take()
}

/// A piece of the text; its length in JSON. The client resumes from the beginning, so that pieces
/// need no number.
pub(crate) fn content(out: &mut Encoder, content: &str) -> usize {
    let empty = json(&Chunk::TextDelta {
        id: TEXT,
        delta: "",
    });
    let data = json(&Chunk::TextDelta {
        id: TEXT,
        delta: content,
    });
    out.data(&data);
    data.len().saturating_sub(empty.len())
}

/// The end of the text and of the message. Chunks after an error are for other readers than the
/// AI SDK, which heeds none.
pub(crate) fn ending(ending: &Ending<'_>) -> Vec<u8> {
    let mut chunks = vec![Chunk::TextEnd { id: TEXT }];
    if let Some((prompt, completion)) = ending.usage {
        let usage = Some(Usage {
            input_tokens: prompt,
            output_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
        });
        let message_metadata = Metadata {
            model: Some(ending.model),
            usage,
            ..Metadata::default()
        };
        chunks.push(Chunk::MessageMetadata { message_metadata });
    }
    let public = ending.error.map(|(error, _)| error.public());
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
        None if ending.outcome == Outcome::Stopped => chunks.push(Chunk::Abort {
            reason: "stopped by the user",
        }),
        None => chunks.extend([
            Chunk::FinishStep,
            Chunk::Finish {
                finish_reason: finish_reason(ending.reason),
            },
        ]),
    }
    write(&chunks).data("[DONE]").take()
}

/// The AI SDK's word for it.
fn finish_reason(reason: Option<FinishReason>) -> &'static str {
    match reason {
        Some(FinishReason::Stop) | None => "stop",
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "content-filter",
        Some(FinishReason::ToolCalls) => "tool-calls",
        Some(FinishReason::Other) => "other",
    }
}

fn write(chunks: &[Chunk<'_>]) -> Encoder {
    let mut out = Encoder::new();
    for chunk in chunks {
        out.data(&json(chunk));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_edge::ApiError;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    fn end(outcome: Outcome, error: Option<&ApiError>) -> String {
        text(ending(&Ending {
            outcome,
            reason: Some(FinishReason::Length),
            usage: Some((12, 2)),
            model: "gpt-4o-mini",
            error: error.map(|error| (error, "r")),
        }))
    }

    #[test]
    fn chunks_are_as_the_protocol_has_them() {
        let started = Started {
            conversation_id: "c".into(),
            message_id: "m".into(),
            title: "Hi".into(),
        };
        assert_eq!(
            text(opening(&started, "gpt-4o")),
            "data: {\"type\":\"start\",\"messageId\":\"m\",\"messageMetadata\":\
             {\"conversationId\":\"c\",\"title\":\"Hi\",\"model\":\"gpt-4o\"}}\n\n\
             data: {\"type\":\"start-step\"}\n\n\
             data: {\"type\":\"text-start\",\"id\":\"0\"}\n\n"
        );
        let mut out = Encoder::new();
        assert_eq!(content(&mut out, "\"a\"\n"), 7);
        assert_eq!(
            text(out.take()),
            "data: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"\\\"a\\\"\\n\"}\n\n"
        );
    }

    #[test]
    fn every_end_is_an_end() {
        let usage = "data: {\"type\":\"text-end\",\"id\":\"0\"}\n\n\
             data: {\"type\":\"message-metadata\",\"messageMetadata\":{\"model\":\"gpt-4o-mini\",\
             \"usage\":{\"inputTokens\":12,\"outputTokens\":2,\"totalTokens\":14}}}\n\n";
        assert_eq!(
            end(Outcome::Complete, None),
            format!(
                "{usage}data: {{\"type\":\"finish-step\"}}\n\n\
                 data: {{\"type\":\"finish\",\"finishReason\":\"length\"}}\n\n\
                 data: [DONE]\n\n"
            )
        );
        assert_eq!(
            end(Outcome::Stopped, None),
            format!(
                "{usage}data: {{\"type\":\"abort\",\"reason\":\"stopped by the user\"}}\n\n\
                 data: [DONE]\n\n"
            )
        );
        let failed = end(Outcome::Incomplete, Some(&ApiError::ProviderTimeout));
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

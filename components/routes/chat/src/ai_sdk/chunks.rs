//! The chunks of a UI message stream (AI SDK 5 and later, "UI Message Stream Protocol"): one text
//! part in one step of one message.

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
    write(&[start, Chunk::StartStep, Chunk::TextStart { id: TEXT }]).take()
}

/// A delta of the text. It has no number: the AI SDK resumes from the first delta.
pub(crate) fn content(out: &mut Encoder, content: &str) {
    out.data(&json(&Chunk::TextDelta {
        id: TEXT,
        delta: content,
    }));
}

/// The conversations that were evicted for the reply.
pub(crate) fn evicted(out: &mut Encoder, evicted: &[EvictedConversation]) {
    let message_metadata = Metadata {
        evicted: evicted::views(evicted),
        ..Metadata::default()
    };
    out.data(&json(&Chunk::MessageMetadata { message_metadata }));
}

/// The end of the text and of the message. The AI SDK ignores chunks after an error; other clients
/// read them.
pub(crate) fn end(end: &ReplyEnd<'_>) -> Vec<u8> {
    let mut chunks = vec![Chunk::TextEnd { id: TEXT }];
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
    write(&chunks).data("[DONE]").take()
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
    use http_edge::{ApiError, Cause};

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    fn encoded_end(outcome: Outcome, error: Option<&ApiError>) -> String {
        text(end(&ReplyEnd {
            outcome,
            reason: Some(FinishReason::Length),
            usage: Some((12, 2)),
            model: "gpt-4o-mini",
            error: error.map(|error| (error, "r")),
        }))
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
             data: {\"type\":\"start-step\"}\n\n\
             data: {\"type\":\"text-start\",\"id\":\"0\"}\n\n"
        );
        let mut out = Encoder::new();
        content(&mut out, "\"a\"\n");
        assert_eq!(
            text(out.take()),
            "data: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"\\\"a\\\"\\n\"}\n\n"
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

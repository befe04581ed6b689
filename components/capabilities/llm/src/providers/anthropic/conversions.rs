//! What Anthropic's events and errors mean.
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/streaming>,
//! <https://platform.claude.com/docs/en/api/errors>.

use crate::bindings::{Error, StopReason};
use crate::failure::Head;
use crate::reply::{Decode, Progress, json};
use serde::Deserialize;
use sse::Event;

/// An event; new types may come at any time and are to be ignored.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Told {
    #[serde(rename = "message_start")]
    Start { message: Start },
    #[serde(rename = "content_block_start")]
    BlockStart { content_block: Block },
    #[serde(rename = "content_block_delta")]
    BlockDelta { delta: Block },
    #[serde(rename = "message_delta")]
    End { delta: End, usage: Option<Usage> },
    #[serde(rename = "message_stop")]
    Stop,
    #[serde(rename = "error")]
    Error { error: Refusal },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<Usage>,
}

/// A block's beginning or a piece of it; thoughts and tools have other fields.
#[derive(Deserialize)]
struct Block {
    text: Option<String>,
}

#[derive(Deserialize)]
struct End {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// Reads Messages events.
pub(crate) struct Decoder;

impl Decode for Decoder {
    fn event(&mut self, event: &Event, progress: &mut Progress) -> Result<(), Error> {
        match json(&event.data)? {
            Told::Start { message } => note_usage(message.usage, progress, false),
            Told::BlockStart {
                content_block: block,
            }
            | Told::BlockDelta { delta: block } => {
                progress.text(block.text.unwrap_or_default());
            }
            Told::End { delta, usage } => {
                note_usage(usage, progress, true);
                if let Some(reason) = delta.stop_reason {
                    progress.stop = Some(stop_reason(&reason));
                }
            }
            Told::Stop => progress.done = true,
            Told::Error { error } => {
                return Err(refusal(
                    &Head {
                        status: 500,
                        retry_after: None,
                    },
                    &error,
                ));
            }
            Told::Other => {}
        }
        Ok(())
    }
}

/// The first count has the prompt, and of the answer only its beginning; the last has all of it.
fn note_usage(usage: Option<Usage>, progress: &mut Progress, last: bool) {
    let Some(usage) = usage else { return };
    if let Some(input) = usage.input_tokens {
        let cached = [
            usage.cache_creation_input_tokens,
            usage.cache_read_input_tokens,
        ];
        progress.prompt_tokens = Some(
            cached
                .into_iter()
                .flatten()
                .fold(input, u32::saturating_add),
        );
    }
    if last {
        progress.completion_tokens = usage.output_tokens;
    }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "end_turn" | "stop_sequence" => StopReason::End,
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "refusal" => StopReason::ContentFilter,
        _ => StopReason::Other,
    }
}

/// A refusal with a body.
pub(crate) fn error(head: &Head<'_>, body: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Body {
        error: Refusal,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => refusal(head, &body.error),
        Err(_) => head.error(""),
    }
}

fn refusal(head: &Head<'_>, error: &Refusal) -> Error {
    let message = error.message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    match error.kind.as_str() {
        "authentication_error" | "permission_error" | "billing_error" => Error::Unauthorized,
        // The API has no code of its own for these three.
        "invalid_request_error"
            if says(&["prompt is too long", "context limit", "context window"]) =>
        {
            Error::ContextTooLong
        }
        "invalid_request_error" if says(&["content filtering policy"]) => Error::ContentFiltered,
        "invalid_request_error" if says(&["credit balance is too low"]) => Error::Unauthorized,
        "not_found_error" => Error::UnknownModel,
        "request_too_large" => Error::ContextTooLong,
        "rate_limit_error" => Error::RateLimited(head.wait()),
        "overloaded_error" | "api_error" => Error::Overloaded(head.wait()),
        "timeout_error" => Error::Timeout,
        kind if head.status == 200 => Error::Other(head.cause(kind)),
        kind => head.error(kind),
    }
}

#[cfg(test)]
mod tests;

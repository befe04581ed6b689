//! What Anthropic's events and errors mean.
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/streaming>,
//! <https://platform.claude.com/docs/en/api/errors>.

use crate::bindings::{Error, FinishReason};
use crate::failure::Head;
use crate::reply::{Decode, Progress, json};
use serde::Deserialize;
use serde_json::Value;
use sse::Event;

/// An event; new types may come at any time and are to be ignored.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Told {
    #[serde(rename = "message_start")]
    Start { message: Start },
    #[serde(rename = "content_block_start")]
    BlockStart {
        #[serde(default)]
        index: u64,
        content_block: Block,
    },
    #[serde(rename = "content_block_delta")]
    BlockDelta {
        #[serde(default)]
        index: u64,
        delta: Block,
    },
    #[serde(rename = "content_block_stop")]
    BlockStop {
        #[serde(default)]
        index: u64,
    },
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

/// A block's beginning or a piece of it.
#[derive(Deserialize)]
struct Block {
    #[serde(default, rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    /// Of a call's beginning.
    id: Option<String>,
    /// Of a call's beginning.
    name: Option<String>,
    /// Of a call's beginning; empty if its JSON comes in pieces.
    input: Option<Value>,
    /// A piece of a call's JSON.
    partial_json: Option<String>,
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
#[derive(Default)]
pub(crate) struct Decoder {
    /// The call that is being told.
    call: Option<Call>,
}

struct Call {
    /// The block's number.
    block: u64,
    /// The call's.
    index: u32,
    /// What its arguments are if no piece of them comes.
    input: String,
}

impl Decode for Decoder {
    fn event(&mut self, event: &Event, progress: &mut Progress) -> Result<(), Error> {
        match json(&event.data)? {
            Told::Start { message } => note_usage(message.usage, progress, false),
            Told::BlockStart {
                index,
                content_block: block,
            } => {
                progress.start();
                if block.kind == "tool_use" {
                    self.begin(index, block, progress)?;
                } else {
                    say(block, progress);
                }
            }
            Told::BlockDelta {
                index,
                delta: mut block,
            } => {
                progress.start();
                // The provider's own tools are told of too; those calls are not ours.
                let call = self.call.as_mut().filter(|call| call.block == index);
                if let (Some(call), Some(json)) = (call, block.partial_json.take())
                    && !json.is_empty()
                {
                    call.input.clear();
                    progress.arguments(call.index, json);
                }
                say(block, progress);
            }
            Told::BlockStop { index } => {
                if let Some(call) = self.call.take_if(|call| call.block == index) {
                    progress.arguments(call.index, call.input);
                }
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

impl Decoder {
    fn begin(&mut self, block: u64, told: Block, progress: &mut Progress) -> Result<(), Error> {
        let name = told
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Error::Protocol("a call has no name".to_owned()))?;
        let index = progress.begin_call(told.id.unwrap_or_default(), name)?;
        let input = told.input.filter(Value::is_object);
        self.call = Some(Call {
            block,
            index,
            input: input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
        });
        Ok(())
    }
}

fn say(block: Block, progress: &mut Progress) {
    progress.reasoning(block.thinking.unwrap_or_default());
    progress.text(block.text.unwrap_or_default());
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
        progress.cached_tokens = usage.cache_read_input_tokens.unwrap_or(0);
    }
    if last {
        progress.completion_tokens = usage.output_tokens;
    }
}

fn stop_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        "tool_use" => FinishReason::ToolCalls,
        _ => FinishReason::Other,
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

//! The events of the Messages API, each with its name.

use contracts::llm::types::{Completion, FinishReason, Usage};
use serde_json::{Value, json};
use sse::Encoder;

/// Writes an event, named after its `type`.
pub(crate) fn write(out: &mut Encoder, event: &Value) {
    let name = event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    out.event(name).data(&event.to_string());
}

/// All counts. Those of the cache are not part of `input_tokens`.
pub(crate) fn usage(usage: &Usage) -> Value {
    let written = usage
        .cache_write_tokens
        .saturating_add(usage.cache_write_hour_tokens);
    let input = usage
        .prompt_tokens
        .saturating_sub(usage.cached_tokens)
        .saturating_sub(written);
    json!({
        "input_tokens": input,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_hour_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "server_tool_use": null,
        "service_tier": null,
    })
}

/// Why the model stopped.
pub(crate) fn stop_reason(completion: &Completion) -> &str {
    match &completion.finish_reason {
        FinishReason::Stop if completion.stop_sequence.is_some() => "stop_sequence",
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "refusal",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Other(reason) if reason == "pause_turn" => reason,
        FinishReason::Stop | FinishReason::Other(_) => "end_turn",
    }
}

//! How a completion ended, in the terms that objects and chunks share.

use contracts::llm::types::{Completion, FinishReason};
use serde_json::{Map, Value, json};

use super::extra;

/// OpenAI's `usage`, with the provider's own members.
pub(super) fn usage(completion: &Completion) -> Map<String, Value> {
    let usage = completion.usage;
    let mut view = extra::object(
        &json!({
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens.saturating_add(usage.completion_tokens),
            "prompt_tokens_details": { "cached_tokens": usage.cached_tokens, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
        .to_string(),
    );
    let written = usage
        .cache_write_tokens
        .saturating_add(usage.cache_write_hour_tokens);
    if written > 0 {
        let details = json!({ "prompt_tokens_details": { "cache_write_tokens": written } });
        extra::overwrite(&mut view, extra::object(&details.to_string()));
    }
    extra::overwrite(
        &mut view,
        extra::optional_object(completion.usage_extra.as_deref()),
    );
    if usage.estimated {
        // Not OpenAI's: the provider sent no counts, so these are estimates.
        view.insert("estimated".to_owned(), true.into());
    }
    view
}

/// OpenAI's `finish_reason`; a reason that OpenAI does not have is the provider's word.
pub(super) fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Other(reason) => reason,
    }
}

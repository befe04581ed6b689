//! Token counts in OpenAI's shape.

use crate::json::count_in;
use crate::output::Output;
use serde_json::{Map, Value};

/// Notes the counts of a `usage` object. A count that is none is left as it was; what the contract
/// does not define is kept.
pub(crate) fn read_usage(usage: Value, output: &mut Output) {
    let counts = &mut output.counts;
    counts.prompt = count_in(&usage, "prompt_tokens").or(counts.prompt);
    counts.completion = count_in(&usage, "completion_tokens").or(counts.completion);
    let prompt = usage.get("prompt_tokens_details").unwrap_or(&Value::Null);
    // DeepSeek counts hits beside the details.
    let cached = count_in(prompt, "cached_tokens")
        .or_else(|| count_in(&usage, "prompt_cache_hit_tokens"))
        .or_else(|| count_in(&usage, "cache_read_input_tokens"));
    counts.cached = cached.or(counts.cached);
    let written = count_in(prompt, "cache_write_tokens")
        .or_else(|| count_in(prompt, "cache_creation_tokens"))
        .or_else(|| count_in(&usage, "cache_creation_input_tokens"));
    counts.cache_write = written.or(counts.cache_write);
    let completion = usage
        .get("completion_tokens_details")
        .unwrap_or(&Value::Null);
    let reasoning = count_in(completion, "reasoning_tokens");
    counts.reasoning = reasoning.or(counts.reasoning);
    if let Value::Object(usage) = usage {
        output.usage_extra.extend(rest(usage));
    }
}

/// The members that the contract does not define.
fn rest(mut usage: Map<String, Value>) -> Map<String, Value> {
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        usage.remove(name);
    }
    for (details, name) in [
        ("prompt_tokens_details", "cached_tokens"),
        ("completion_tokens_details", "reasoning_tokens"),
    ] {
        if let Some(Value::Object(details)) = usage.get_mut(details) {
            details.remove(name);
            details.retain(|_, value| !value.is_null());
        }
    }
    usage.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        _ => true,
    });
    usage
}

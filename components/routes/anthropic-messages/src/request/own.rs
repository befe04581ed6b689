//! Blocks of thinking that came from us, for models of other providers: Anthropic rejects them, because
//! they have no signature of its own.

use model_api::is_sealed;
use serde_json::{Value, json};

/// Removes them from the messages of the assistant.
pub(super) fn remove_foreign_reasoning(body: &mut Value) {
    let Some(Value::Array(messages)) = body.get_mut("messages") else {
        return;
    };
    for message in messages {
        if message.get("role") != Some(&json!("assistant")) {
            continue;
        }
        if let Some(Value::Array(blocks)) = message.get_mut("content") {
            blocks.retain(|block| !is_foreign(block));
        }
    }
}

fn is_foreign(block: &Value) -> bool {
    let field = match block.get("type").and_then(Value::as_str) {
        Some("thinking") => "signature",
        Some("redacted_thinking") => "data",
        _ => return false,
    };
    block
        .get(field)
        .and_then(Value::as_str)
        .is_some_and(is_sealed)
}

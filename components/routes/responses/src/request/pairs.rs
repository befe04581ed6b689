//! Calls of functions and their outputs come in pairs.

use contracts::llm::types::{Message, Role};
use http_edge::ApiError;

/// Checks that each call has its output and each output its call.
///
/// # Errors
/// 400 with OpenAI's sentence.
pub(super) fn check(messages: &[Message]) -> Result<(), ApiError> {
    let calls = || messages.iter().flat_map(|message| &message.tool_calls);
    let outputs = || {
        let results = messages.iter().filter(|message| message.role == Role::Tool);
        results.filter_map(|message| message.tool_call_id.as_deref())
    };
    if let Some(call) = calls().find(|call| !outputs().any(|id| id == call.id)) {
        return Err(ApiError::invalid(
            "input",
            format!("No tool output found for function call {}.", call.id),
        ));
    }
    if let Some(id) = outputs().find(|id| !calls().any(|call| call.id == *id)) {
        return Err(ApiError::invalid(
            "input",
            format!("No tool call found for function call output with call_id {id}."),
        ));
    }
    Ok(())
}

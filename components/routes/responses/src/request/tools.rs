//! The tools of a request.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;
use model_api::{Fields, read_tool_choice, read_tools};

/// Reads `tools`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    read_tools(fields, function)
}

fn function(mut fields: Fields) -> Result<FunctionTool, ApiError> {
    Ok(FunctionTool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        parameters: fields.json("parameters")?,
        // OpenAI changes the schema to a strict one. Other providers get the schema unchanged.
        strict: None,
        extra: None,
    })
}

/// Reads `tool_choice`.
pub(super) fn choice(fields: &mut Fields) -> Result<Option<ToolChoice>, ApiError> {
    read_tool_choice(fields, |chosen| chosen.required_text("name"))
}

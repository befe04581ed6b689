//! The tools of a request.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;

use model_api::{Fields, read_tool_choice, read_tools};

/// Reads `tools`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    read_tools(fields, function)
}

fn function(mut fields: Fields) -> Result<FunctionTool, ApiError> {
    let mut function = fields.required_object("function")?;
    let name = function.required_text("name")?;
    let description = function.text("description")?;
    let parameters = function.json("parameters")?;
    let strict = function.flag("strict")?;
    fields.put_rest("function", function);
    Ok(FunctionTool {
        name,
        description,
        parameters,
        strict,
        extra: fields.rest_given(),
    })
}

/// Reads `tool_choice`.
pub(super) fn choice(fields: &mut Fields) -> Result<Option<ToolChoice>, ApiError> {
    read_tool_choice(fields, |chosen| {
        chosen.required_object("function")?.required_text("name")
    })
}

//! Tools of requests in the shapes of OpenAI.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;
use serde_json::Value;

use crate::Fields;

/// Reads `tools`, the functions among them by `function`. Other tools are sent to the provider unchanged: only OpenAI knows
/// them.
///
/// # Errors
/// 400 with the path of what is not valid.
pub fn read_tools(
    fields: &mut Fields,
    function: fn(Fields) -> Result<FunctionTool, ApiError>,
) -> Result<Vec<Tool>, ApiError> {
    let tools = fields.list("tools")?.unwrap_or_default();
    let tools = tools.into_iter().enumerate();
    tools
        .map(|(index, value)| read_tool(value, format!("tools[{index}]"), function))
        .collect()
}

fn read_tool(
    value: Value,
    path: String,
    function: fn(Fields) -> Result<FunctionTool, ApiError>,
) -> Result<Tool, ApiError> {
    let whole = value.to_string();
    let mut fields = Fields::of(value, path)?;
    match fields.required_text("type")?.as_str() {
        "function" => function(fields).map(Tool::Function),
        _ => Ok(Tool::Other(whole)),
    }
}

/// Reads `tool_choice`. `name_of` reads the name out of an object that chooses a function.
///
/// # Errors
/// 400 with the path of what is not valid.
pub fn read_tool_choice(
    fields: &mut Fields,
    name_of: fn(&mut Fields) -> Result<String, ApiError>,
) -> Result<Option<ToolChoice>, ApiError> {
    let field = "tool_choice";
    match fields.take(field) {
        None => Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(fields.wrong(field, "must be auto, none, required or an object")),
        },
        Some(value) => {
            let whole = value.to_string();
            let mut chosen = Fields::of(value, fields.path(field))?;
            if chosen.required_text("type")? != "function" {
                return Ok(Some(ToolChoice::Other(whole)));
            }
            Ok(Some(ToolChoice::Function(name_of(&mut chosen)?)))
        }
    }
}

//! The tools of a request.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;
use model_api::{Fields, read_tools};
use serde_json::Value;

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
    let name = "tool_choice";
    match fields.take(name) {
        None => Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(fields.wrong(name, "must be auto, none, required or an object")),
        },
        Some(value) => {
            let whole = value.to_string();
            let mut named = Fields::of(value, fields.path(name))?;
            if named.required_text("type")? != "function" {
                return Ok(Some(ToolChoice::Other(whole)));
            }
            Ok(Some(ToolChoice::Function(named.required_text("name")?)))
        }
    }
}

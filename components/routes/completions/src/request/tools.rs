//! The tools of a request.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;
use serde_json::Value;

use model_api::{Fields, read_tools};

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
            let name = named.required_object("function")?.required_text("name")?;
            Ok(Some(ToolChoice::Function(name)))
        }
    }
}

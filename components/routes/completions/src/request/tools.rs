//! The tools of a request.

use contracts::llm::types::{Tool, ToolChoice};
use http_edge::ApiError;
use serde_json::Value;

use super::fields::Fields;

/// Reads `tools`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    fields
        .list("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, value)| tool(Fields::of(value, format!("tools[{index}]"))?))
        .collect()
}

fn tool(mut fields: Fields) -> Result<Tool, ApiError> {
    let mut function = function(&mut fields)?;
    Ok(Tool {
        name: function.required_text("name")?,
        description: function.text("description")?,
        parameters: function.json("parameters")?,
        strict: function.flag("strict")?,
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
            _ => Err(fields.wrong(name, "must be auto, none, required or a function")),
        },
        Some(value) => {
            let mut named = Fields::of(value, fields.path(name))?;
            let name = function(&mut named)?.required_text("name")?;
            Ok(Some(ToolChoice::Function(name)))
        }
    }
}

/// Only functions are supported: every provider has them.
fn function(fields: &mut Fields) -> Result<Fields, ApiError> {
    if fields.required_text("type")? != "function" {
        return Err(fields.wrong("type", "must be function"));
    }
    fields.required_object("function")
}

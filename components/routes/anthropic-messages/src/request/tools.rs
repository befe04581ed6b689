//! The tools of a request.

use contracts::llm::types::{FunctionTool, Tool, ToolChoice};
use http_edge::ApiError;
use model_api::Fields;
use serde_json::Value;

/// Reads `tools`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    fields
        .list("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, value)| tool(value, format!("tools[{index}]")))
        .collect()
}

fn tool(value: Value, path: String) -> Result<Tool, ApiError> {
    let whole = value.to_string();
    let mut fields = Fields::of(value, path)?;
    if fields.text("type")?.is_some_and(|kind| kind != "custom") {
        // A tool that Anthropic itself runs or defines.
        return Ok(Tool::Other(whole));
    }
    Ok(Tool::Function(FunctionTool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        parameters: fields.json("input_schema")?,
        strict: fields.flag("strict")?,
        extra: None,
    }))
}

/// Reads `tool_choice`: the choice, and whether several calls at once are allowed.
pub(super) fn choice(fields: &mut Fields) -> Result<(Option<ToolChoice>, Option<bool>), ApiError> {
    let Some(mut choice) = fields.object("tool_choice")? else {
        return Ok((None, None));
    };
    let is_single = choice.flag("disable_parallel_tool_use")? == Some(true);
    let kind = match choice.required_text("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Function(choice.required_text("name")?),
        _ => return Err(choice.wrong("type", "must be auto, any, tool or none")),
    };
    Ok((Some(kind), is_single.then_some(false)))
}

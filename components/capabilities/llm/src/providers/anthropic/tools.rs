//! Tools as the Messages API takes them.

use super::config::NAME;
use crate::bindings::{Error, FunctionTool, Options, Tool, ToolChoice};
use crate::json::object;
use crate::request::{Omitted, extra, is_nothing, unsupported};
use serde_json::{Map, Value, json};

/// Fields of the API's tools that are sent unchanged.
const OWN_FIELDS: [&str; 4] = [
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "input_examples",
];

/// The tools, in their order.
///
/// # Errors
/// `invalid-request` for a type of tool that the API does not have.
pub(super) fn tools(tools: &[Tool], omitted: &mut Omitted) -> Result<Value, Error> {
    tools
        .iter()
        .enumerate()
        .map(|(index, tool)| match tool {
            Tool::Function(function) => Ok(function_tool(function, index, omitted)),
            Tool::Other(json) => {
                own_tool(json).ok_or_else(|| unsupported(&format!("tools[{index}].type"), NAME))
            }
        })
        .collect()
}

fn function_tool(tool: &FunctionTool, index: usize, omitted: &mut Omitted) -> Value {
    let no_arguments = || Map::from_iter([("type".to_owned(), json!("object"))]);
    let schema = tool.parameters.as_deref().and_then(object);
    let schema = schema
        .filter(|schema| !schema.is_empty())
        .unwrap_or_else(no_arguments);
    let mut out = Map::new();
    for (name, value) in extra(tool.extra.as_deref()) {
        if OWN_FIELDS.contains(&name.as_str()) {
            out.insert(name, value);
        } else {
            omitted.unless(
                false,
                !is_nothing(&value),
                &format!("tools[{index}].{name}"),
            );
        }
    }
    out.insert("name".to_owned(), json!(tool.name));
    if let Some(description) = &tool.description {
        out.insert("description".to_owned(), json!(description));
    }
    out.insert("input_schema".to_owned(), Value::Object(schema));
    if tool.strict == Some(true) {
        out.insert("strict".to_owned(), json!(true));
    }
    Value::Object(out)
}

/// A tool of the API itself, whose type ends with a date: `web_search_20250305`.
fn own_tool(json: &str) -> Option<Value> {
    let tool = object(json)?;
    let (_, date) = tool.get("type")?.as_str()?.rsplit_once('_')?;
    let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    is_date.then_some(Value::Object(tool))
}

/// The choice; none where it is the API's default.
///
/// # Errors
/// `invalid-request` for a choice that the API does not have.
pub(super) fn tool_choice(options: &Options) -> Result<Option<Value>, Error> {
    let is_one_at_a_time = options.parallel_tool_calls == Some(false);
    let mut choice = match &options.tool_choice {
        None if !is_one_at_a_time => return Ok(None),
        None | Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Ok(Some(json!({"type": "none"}))),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Function(name)) => json!({"type": "tool", "name": name}),
        Some(ToolChoice::Other(_)) => return Err(unsupported("tool_choice", NAME)),
    };
    if let Some(choice) = choice.as_object_mut().filter(|_| is_one_at_a_time) {
        choice.insert("disable_parallel_tool_use".to_owned(), json!(true));
    }
    Ok(Some(choice))
}

//! A tool call, or a part of one, in OpenAI's JSON.

use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize)]
pub(super) struct ToolCallView<'a> {
    /// In chunks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// None for a call of another type.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionView<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct FunctionView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl<'a> ToolCallView<'a> {
    /// `extra` has fields of the call; those of its function are in the member `function`.
    pub(super) fn new(
        index: Option<u32>,
        id: Option<&'a str>,
        name: Option<&'a str>,
        arguments: &'a str,
        mut extra: Map<String, Value>,
    ) -> Self {
        let is_function = extra.get("type").is_none_or(|kind| kind == "function");
        if is_function {
            extra.shift_remove("type");
        }
        let function = match extra.shift_remove("function") {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        Self {
            index,
            id,
            kind: (id.is_some() && is_function).then_some("function"),
            function: is_function.then_some(FunctionView {
                name,
                arguments,
                extra: function,
            }),
            extra,
        }
    }
}

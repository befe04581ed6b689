//! The tokens of a prompt, estimated so that the estimate is not too low. Pure.

use super::ChatRequest;
use crate::bindings::{Message, Part, Tool};
use crate::json::object;
use token_estimate::tokens_at_most as of_text;

/// The most tokens of an image, at a provider that scales it down.
const IMAGE: u32 = 1_700;

/// The tokens of a message, a call or a tool in addition to its texts.
const FRAME: u32 = 8;

/// The most tokens that the prompt of a request has: messages and tools.
pub(crate) fn tokens_at_most(request: &ChatRequest) -> u32 {
    let messages = request.messages.iter().map(of_message);
    let tools = request.options().tools.iter().map(of_tool);
    messages.chain(tools).fold(FRAME, u32::saturating_add)
}

fn of_message(message: &Message) -> u32 {
    let parts = message.content.iter().map(|part| match part {
        Part::Text(text) => of_text(&text.text),
        Part::Image(_) => IMAGE,
        Part::Reasoning(reasoning) => {
            of_text(&reasoning.text).saturating_add(reasoning.data.as_deref().map_or(0, of_text))
        }
        Part::Other(json) => of_text(json),
    });
    let calls = message.tool_calls.iter().map(|call| {
        of_text(&call.name)
            .saturating_add(of_text(&call.arguments))
            .saturating_add(of_text(&call.id))
            .saturating_add(FRAME)
    });
    let id = message.tool_call_id.as_deref().map_or(0, of_text);
    parts
        .chain(calls)
        .fold(id.saturating_add(FRAME), u32::saturating_add)
}

fn of_tool(tool: &Tool) -> u32 {
    let texts = match tool {
        Tool::Function(tool) => {
            let parameters = tool.parameters.as_deref().and_then(object);
            let parameters = parameters.map(|object| serde_json::Value::Object(object).to_string());
            [
                Some(tool.name.clone()),
                tool.description.clone(),
                parameters,
            ]
        }
        Tool::Other(json) => [Some(json.clone()), None, None],
    };
    texts
        .iter()
        .flatten()
        .map(|text| of_text(text))
        .fold(FRAME, u32::saturating_add)
}

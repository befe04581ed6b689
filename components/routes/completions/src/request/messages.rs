//! The messages of a request. Unknown fields of a message are ignored: clients send back whole
//! messages of earlier responses.

use contracts::llm::types::{Image, ImageDetail, Message, Part, Role, ToolCall};
use http_edge::ApiError;
use serde_json::Value;

use super::fields::Fields;

/// Reads `messages`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Message>, ApiError> {
    let messages = fields
        .list("messages")?
        .ok_or_else(|| fields.wrong("messages", "is missing"))?;
    messages
        .into_iter()
        .enumerate()
        .map(|(index, value)| message(Fields::of(value, format!("messages[{index}]"))?))
        .collect()
}

fn message(mut fields: Fields) -> Result<Message, ApiError> {
    let role = match fields.required_text("role")?.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => {
            return Err(fields.wrong("role", "must be system, developer, user, assistant or tool"));
        }
    };
    for name in ["function_call", "audio"] {
        if fields.take(name).is_some() {
            return Err(fields.wrong(name, "is not supported here"));
        }
    }
    let mut content = content(&mut fields)?;
    let refusal = fields.text("refusal")?.filter(|text| !text.is_empty());
    content.extend(refusal.map(Part::Text));
    let tool_calls = tool_calls(&mut fields)?;
    if content.is_empty() && tool_calls.is_empty() {
        return Err(fields.wrong("content", "is missing"));
    }
    Ok(Message {
        role,
        content,
        name: fields.text("name")?,
        tool_calls,
        tool_call_id: fields.text("tool_call_id")?,
    })
}

/// A string, or a list of parts.
fn content(fields: &mut Fields) -> Result<Vec<Part>, ApiError> {
    match fields.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(parts)) => {
            let path = fields.path("content");
            parts
                .into_iter()
                .enumerate()
                .map(|(index, value)| part(Fields::of(value, format!("{path}[{index}]"))?))
                .collect()
        }
        Some(_) => Err(fields.wrong("content", "must be a string or a list of parts")),
    }
}

fn part(mut fields: Fields) -> Result<Part, ApiError> {
    match fields.required_text("type")?.as_str() {
        "text" => fields.required_text("text").map(Part::Text),
        "refusal" => fields.required_text("refusal").map(Part::Text),
        "image_url" => image(fields.required_object("image_url")?).map(Part::Image),
        "input_audio" | "file" => Err(fields.wrong("type", "is not supported here")),
        _ => Err(fields.wrong("type", "must be text or image_url")),
    }
}

fn image(mut fields: Fields) -> Result<Image, ApiError> {
    let url = fields.required_text("url")?;
    let detail = match fields.text("detail")?.as_deref() {
        None => None,
        Some("auto") => Some(ImageDetail::Auto),
        Some("low") => Some(ImageDetail::Low),
        Some("high") => Some(ImageDetail::High),
        Some(_) => return Err(fields.wrong("detail", "must be auto, low or high")),
    };
    Ok(Image { url, detail })
}

fn tool_calls(fields: &mut Fields) -> Result<Vec<ToolCall>, ApiError> {
    let path = fields.path("tool_calls");
    fields
        .list("tool_calls")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, value)| tool_call(Fields::of(value, format!("{path}[{index}]"))?))
        .collect()
}

fn tool_call(mut fields: Fields) -> Result<ToolCall, ApiError> {
    let id = fields.required_text("id")?;
    if fields
        .text("type")?
        .is_some_and(|given| given != "function")
    {
        return Err(fields.wrong("type", "must be function"));
    }
    let mut function = fields.required_object("function")?;
    Ok(ToolCall {
        id,
        name: function.required_text("name")?,
        arguments: function.required_text("arguments")?,
    })
}

//! The messages of a request. What is not OpenAI's is passed on to the provider: clients send back
//! what they received from it.

use contracts::llm::types::{Image, ImageDetail, Message, Part, Role, TextPart, ToolCall};
use http_edge::ApiError;
use serde_json::Value;

use model_api::Fields;

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
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => {
            return Err(fields.wrong("role", "must be system, developer, user, assistant or tool"));
        }
    };
    let mut content = content(&mut fields)?;
    let refusal = fields.text("refusal")?.filter(|text| !text.is_empty());
    content.extend(refusal.map(|text| Part::Text(TextPart { text, extra: None })));
    let tool_calls = tool_calls(&mut fields)?;
    let name = fields.text("name")?;
    let tool_call_id = fields.text("tool_call_id")?;
    let path = fields.path("content");
    let extra = fields.rest_given();
    // An empty assistant message comes from a failed reply. It is left out.
    if content.is_empty() && tool_calls.is_empty() && extra.is_none() && role != Role::Assistant {
        return Err(ApiError::invalid(path, "is missing"));
    }
    Ok(Message {
        role,
        content,
        name,
        tool_calls,
        tool_call_id,
        extra,
    })
}

/// A string, or a list of parts.
fn content(fields: &mut Fields) -> Result<Vec<Part>, ApiError> {
    match fields.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(TextPart { text, extra: None })]),
        Some(Value::Array(parts)) => {
            let path = fields.path("content");
            parts
                .into_iter()
                .enumerate()
                .map(|(index, value)| part(value, format!("{path}[{index}]")))
                .collect()
        }
        Some(_) => Err(fields.wrong("content", "must be a string or a list of parts")),
    }
}

fn part(value: Value, path: String) -> Result<Part, ApiError> {
    match value.get("type").and_then(Value::as_str) {
        None | Some("text" | "refusal" | "image_url") => {}
        // Only its provider knows such a part.
        Some(_) => return Ok(Part::Other(value.to_string())),
    }
    let mut fields = Fields::of(value, path)?;
    match fields.required_text("type")?.as_str() {
        "image_url" => image(fields).map(Part::Image),
        name => Ok(Part::Text(TextPart {
            text: fields.required_text(name)?,
            extra: fields.rest_given(),
        })),
    }
}

fn image(mut fields: Fields) -> Result<Image, ApiError> {
    let mut image = fields.required_object("image_url")?;
    let url = image.required_text("url")?;
    let detail = match image.text("detail")?.as_deref() {
        None => None,
        Some("auto") => Some(ImageDetail::Auto),
        Some("low") => Some(ImageDetail::Low),
        Some("high") => Some(ImageDetail::High),
        Some(other) => {
            image.put("detail", other.into());
            None
        }
    };
    fields.put_rest("image_url", image);
    Ok(Image {
        url,
        detail,
        extra: fields.rest_given(),
    })
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
    let kind = fields.text("type")?.unwrap_or_else(|| "function".into());
    if kind != "function" {
        fields.put("type", kind.into());
        return Ok(ToolCall {
            id,
            name: String::new(),
            arguments: String::new(),
            extra: fields.rest_given(),
        });
    }
    let mut function = fields.required_object("function")?;
    let name = function.required_text("name")?;
    let arguments = function.required_text("arguments")?;
    fields.put_rest("function", function);
    Ok(ToolCall {
        id,
        name,
        arguments,
        extra: fields.rest_given(),
    })
}

//! The items of `input`. Consecutive items of the assistant (reasoning, text, calls) are one message.

use contracts::llm::types::{
    Image, ImageDetail, Message, Part, Reasoning, Role, TextPart, ToolCall,
};
use http_edge::ApiError;
use model_api::{Fields, Origins, unseal};
use serde_json::{Value, json};

/// Reads `input`: a text, or a list of items.
pub(super) fn read(
    fields: &mut Fields,
    messages: &mut Vec<Message>,
    origins: &mut Origins,
) -> Result<(), ApiError> {
    let items = match fields.take("input") {
        None => return Err(ApiError::invalid("input", "is missing")),
        Some(Value::String(text)) => {
            messages.push(message(Role::User, vec![text_part(text)]));
            origins.0.push("input".to_owned());
            return Ok(());
        }
        Some(Value::Array(items)) => items,
        Some(_) => {
            return Err(ApiError::invalid(
                "input",
                "must be a string or a list of items",
            ));
        }
    };
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("input[{index}]");
        read_item(Fields::of(item, path.clone())?, messages)?;
        let added = messages.len().saturating_sub(origins.0.len());
        origins.0.extend(std::iter::repeat_n(path, added));
    }
    Ok(())
}

pub(super) fn message(role: Role, content: Vec<Part>) -> Message {
    Message {
        role,
        content,
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: None,
    }
}

fn text_part(text: String) -> Part {
    Part::Text(TextPart { text, extra: None })
}

fn read_item(mut fields: Fields, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let kind = fields.text("type")?.unwrap_or_else(|| "message".to_owned());
    match kind.as_str() {
        "message" => {
            let role = match fields.required_text("role")?.as_str() {
                "user" => Role::User,
                "assistant" => Role::Assistant,
                "system" => Role::System,
                "developer" => Role::Developer,
                _ => {
                    return Err(
                        fields.wrong("role", "must be user, assistant, system or developer")
                    );
                }
            };
            let parts = parts(&mut fields, "content")?;
            match role {
                Role::Assistant => {
                    add_to_assistant(messages, |assistant| assistant.content.extend(parts))
                }
                role => messages.push(message(role, parts)),
            }
        }
        "function_call" => {
            let call = ToolCall {
                id: fields.required_text("call_id")?,
                name: fields.required_text("name")?,
                arguments: fields.required_text("arguments")?,
                extra: None,
            };
            add_to_assistant(messages, |assistant| assistant.tool_calls.push(call));
        }
        "function_call_output" => {
            let id = fields.required_text("call_id")?;
            messages.push(Message {
                tool_call_id: Some(id),
                ..message(Role::Tool, parts(&mut fields, "output")?)
            });
        }
        "reasoning" => {
            let reasoning = reasoning(&mut fields)?;
            add_to_assistant(messages, |assistant| {
                assistant.content.push(Part::Reasoning(reasoning))
            });
        }
        "item_reference" => {
            return Err(fields.wrong(
                "type",
                "is not supported here: responses are not stored, send the item itself",
            ));
        }
        _ => {
            fields.put("type", kind.into());
            let json = fields.rest().unwrap_or_default();
            add_to_assistant(messages, |assistant| {
                assistant.content.push(Part::Other(json))
            });
        }
    }
    Ok(())
}

/// Adds to the message of the assistant that the next item is a part of.
fn add_to_assistant(messages: &mut Vec<Message>, add: impl FnOnce(&mut Message)) {
    match messages.last_mut() {
        Some(last) if last.role == Role::Assistant => add(last),
        _ => {
            let mut new = message(Role::Assistant, Vec::new());
            add(&mut new);
            messages.push(new);
        }
    }
}

/// A string, or a list of parts.
fn parts(fields: &mut Fields, name: &str) -> Result<Vec<Part>, ApiError> {
    let path = fields.path(name);
    match fields.take(name) {
        None => Err(ApiError::invalid(path, "is missing")),
        Some(Value::String(text)) => Ok(vec![text_part(text)]),
        Some(Value::Array(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(index, value)| part(value, format!("{path}[{index}]")))
            .collect(),
        Some(_) => Err(ApiError::invalid(
            path,
            "must be a string or a list of parts",
        )),
    }
}

fn part(value: Value, path: String) -> Result<Part, ApiError> {
    let kind = value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind {
        "input_text" | "output_text" | "text" => Fields::of(value, path)?
            .required_text("text")
            .map(text_part),
        "refusal" => Fields::of(value, path)?
            .required_text("refusal")
            .map(text_part),
        "input_image" => image(Fields::of(value, path)?),
        "input_file" => Ok(file(&value)),
        "" => Err(ApiError::invalid(format!("{path}.type"), "is missing")),
        _ => Ok(Part::Other(value.to_string())),
    }
}

fn image(mut fields: Fields) -> Result<Part, ApiError> {
    let Some(url) = fields.text("image_url")? else {
        return Err(fields.wrong(
            "image_url",
            "is missing: uploaded files are not supported here",
        ));
    };
    let detail = match fields.text("detail")?.as_deref() {
        Some("low") => Some(ImageDetail::Low),
        Some("high") => Some(ImageDetail::High),
        _ => None,
    };
    Ok(Part::Image(Image {
        url,
        detail,
        extra: None,
    }))
}

/// A file in the shape of Chat Completions.
fn file(value: &Value) -> Part {
    let Some(data) = value.get("file_data") else {
        return Part::Other(value.to_string());
    };
    let name = value
        .get("filename")
        .cloned()
        .unwrap_or_else(|| "file".into());
    Part::Other(json!({"type": "file", "file": {"filename": name, "file_data": data}}).to_string())
}

/// Reasoning with what its provider needs: what we sealed, or nothing, if OpenAI made it.
fn reasoning(fields: &mut Fields) -> Result<Reasoning, ApiError> {
    let mut text = String::new();
    for name in ["content", "summary"] {
        if !text.is_empty() {
            break;
        }
        for part in fields.list(name)?.unwrap_or_default() {
            text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default());
        }
    }
    let sealed = fields
        .text("encrypted_content")?
        .and_then(|text| unseal(&text));
    let (provider, model, data) = match sealed {
        Some(sealed) => (sealed.provider, Some(sealed.model), sealed.data),
        None => ("openai".to_owned(), None, None),
    };
    Ok(Reasoning {
        text,
        data,
        provider: Some(provider),
        model,
    })
}

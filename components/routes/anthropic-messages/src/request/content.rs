//! Messages and their content blocks.

use contracts::llm::types::{Image, Message, Part, Reasoning, Role, TextPart, ToolCall};
use http_edge::ApiError;
use model_api::{Fields, unseal};
use serde_json::{Value, json};

use super::message;

/// Reads a message. The results of tools in it become messages of their own.
pub(super) fn read_message(
    mut fields: Fields,
    messages: &mut Vec<Message>,
) -> Result<(), ApiError> {
    let role = match fields.required_text("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(fields.wrong("role", "must be user or assistant")),
    };
    let path = fields.path("content");
    let content = fields
        .take("content")
        .ok_or_else(|| fields.wrong("content", "is missing"))?;
    let blocks = match content {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        Value::Array(blocks) => blocks,
        _ => {
            return Err(ApiError::invalid(
                path,
                "must be a string or a list of blocks",
            ));
        }
    };
    let mut read = message(role, Vec::new());
    for (index, block) in blocks.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let kind = block
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match (role, kind) {
            (Role::Assistant, "tool_use") => read.tool_calls.push(call(Fields::of(block, path)?)?),
            (Role::User, "tool_result") => messages.push(result(Fields::of(block, path)?)?),
            (Role::Assistant, "thinking" | "redacted_thinking") => {
                read.content.push(Part::Reasoning(reasoning(&block)));
            }
            _ => read.content.push(part(block, path)?),
        }
    }
    if !read.content.is_empty() || !read.tool_calls.is_empty() {
        messages.push(read);
    }
    Ok(())
}

/// A string, or a list of blocks without calls and results.
pub(super) fn parts(content: Value, path: &str) -> Result<Vec<Part>, ApiError> {
    match content {
        Value::String(text) => Ok(vec![Part::Text(TextPart { text, extra: None })]),
        Value::Array(blocks) => blocks
            .into_iter()
            .enumerate()
            .map(|(index, block)| part(block, format!("{path}[{index}]")))
            .collect(),
        _ => Err(ApiError::invalid(
            path,
            "must be a string or a list of blocks",
        )),
    }
}

/// Marks for Anthropic's cache and citations are left out: other providers do not know them.
fn part(block: Value, path: String) -> Result<Part, ApiError> {
    let kind = block
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind {
        "text" => {
            let mut fields = Fields::of(block, path)?;
            let text = fields.required_text("text")?;
            Ok(Part::Text(TextPart { text, extra: None }))
        }
        "image" => Ok(image(&block).map_or_else(
            || Part::Other(block.to_string()),
            |url| {
                Part::Image(Image {
                    url,
                    detail: None,
                    extra: None,
                })
            },
        )),
        "document" => Ok(document(&block)),
        "" => Err(ApiError::invalid(format!("{path}.type"), "is missing")),
        _ => Ok(Part::Other(block.to_string())),
    }
}

fn image(block: &Value) -> Option<String> {
    let source = block.get("source")?;
    let text = |name: &str| source.get(name).and_then(Value::as_str);
    match text("type")? {
        "base64" => Some(format!(
            "data:{};base64,{}",
            text("media_type")?,
            text("data")?
        )),
        "url" => text("url").map(str::to_owned),
        _ => None,
    }
}

/// A text, a PDF in OpenAI's shape, or what only Anthropic knows.
fn document(block: &Value) -> Part {
    let source = block.get("source").unwrap_or(&Value::Null);
    let text = |name: &str| source.get(name).and_then(Value::as_str);
    let title = block.get("title").and_then(Value::as_str);
    match (text("type"), text("data")) {
        (Some("text"), Some(data)) => Part::Text(TextPart {
            text: title.map_or_else(|| data.to_owned(), |title| format!("{title}\n\n{data}")),
            extra: None,
        }),
        (Some("base64"), Some(data)) => {
            let media_type = text("media_type").unwrap_or("application/pdf");
            let data = format!("data:{media_type};base64,{data}");
            let name = title.unwrap_or("document.pdf");
            let file = json!({"type": "file", "file": {"filename": name, "file_data": data}});
            Part::Other(file.to_string())
        }
        _ => Part::Other(block.to_string()),
    }
}

fn call(mut fields: Fields) -> Result<ToolCall, ApiError> {
    Ok(ToolCall {
        id: fields.required_text("id")?,
        name: fields.required_text("name")?,
        arguments: fields.json("input")?.unwrap_or_else(|| "{}".to_owned()),
        extra: None,
    })
}

fn result(mut fields: Fields) -> Result<Message, ApiError> {
    let id = fields.required_text("tool_use_id")?;
    let path = fields.path("content");
    let mut content = match fields.take("content") {
        Some(content) => parts(content, &path)?,
        None => Vec::new(),
    };
    if fields.flag("is_error")? == Some(true) {
        // Other providers have no such mark.
        let text = "The tool failed.".to_owned();
        content.insert(0, Part::Text(TextPart { text, extra: None }));
    }
    Ok(Message {
        tool_call_id: Some(id),
        ..message(Role::Tool, content)
    })
}

/// Reasoning with what its provider needs: what we sealed, or Anthropic's own.
fn reasoning(block: &Value) -> Reasoning {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    let (kind, field) = match text("type") {
        Some("redacted_thinking") => ("redacted_thinking", "data"),
        _ => ("thinking", "signature"),
    };
    let opaque = text(field).unwrap_or_default();
    let (source, data) = match unseal(opaque) {
        Some(sealed) => (Some((sealed.provider, sealed.model)), sealed.data),
        None => (None, Some(json!({"type": kind, field: opaque}).to_string())),
    };
    let (provider, model) = source.unzip();
    Reasoning {
        text: text("thinking").unwrap_or_default().to_owned(),
        data,
        provider: Some(provider.unwrap_or_else(|| "anthropic".to_owned())),
        model,
    }
}

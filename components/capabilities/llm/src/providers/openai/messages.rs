//! Messages as Chat Completions takes them.

use super::reasoning_details::text_member;
use crate::bindings::{ImageDetail, Message, Part, ReasoningInput, Role, SystemRole, ToolCall};
use crate::catalogue::Entry;
use crate::json::object;
use crate::request::{Prompt, extra};
use serde_json::{Map, Value, json};

/// The messages, in the roles and with the reasoning that the model takes.
pub(crate) fn messages(prompt: &Prompt<'_>, entry: &Entry) -> Value {
    let mut out = Vec::new();
    let mut instructions = Vec::new();
    for next in prompt {
        let message = &next.message;
        let is_instruction = matches!(message.role, Role::System | Role::Developer);
        if is_instruction && entry.system_role == SystemRole::User {
            instructions.push(message.text().into_owned());
            continue;
        }
        let mut sent = message_object(message, entry);
        if message.role == Role::User && !instructions.is_empty() {
            let text = std::mem::take(&mut instructions).join("\n\n");
            prepend(&mut sent, &text);
        }
        out.push(Value::Object(sent));
    }
    if !instructions.is_empty() {
        let text = instructions.join("\n\n");
        out.push(json!({"role": "user", "content": text}));
    }
    Value::Array(out)
}

fn message_object(message: &Message, entry: &Entry) -> Map<String, Value> {
    let mut sent = message.extra();
    let mut set = |name: &str, value: Value| sent.insert(name.to_owned(), value);
    set("role", json!(role(message.role, entry.system_role)));
    set("content", content(message));
    if let Some(name) = &message.name {
        set("name", json!(name));
    }
    if !message.tool_calls.is_empty() {
        set(
            "tool_calls",
            message.tool_calls.iter().map(tool_call).collect(),
        );
    }
    if let Some(id) = &message.tool_call_id {
        set("tool_call_id", json!(id));
    }
    if let Some((name, value)) = reasoning(message, entry.reasoning_input) {
        // The client's own field is what it received.
        sent.entry(name).or_insert(value);
    }
    sent
}

fn role(role: Role, system_role: SystemRole) -> &'static str {
    match (role, system_role) {
        (Role::System | Role::Developer, SystemRole::System) => "system",
        (Role::System | Role::Developer, SystemRole::Developer) => "developer",
        (Role::System, _) => "system",
        (Role::Developer, _) => "developer",
        (Role::User, _) => "user",
        (Role::Assistant, _) => "assistant",
        (Role::Tool, _) => "tool",
    }
}

fn content(message: &Message) -> Value {
    let parts: Vec<&Part> = message
        .content
        .iter()
        .filter(|part| !matches!(part, Part::Reasoning(_)))
        .collect();
    match parts.as_slice() {
        [] if !message.tool_calls.is_empty() => Value::Null,
        [] => json!(""),
        [Part::Text(text)] if text.extra.is_none() => json!(text.text),
        parts => parts.iter().map(|part| content_part(part)).collect(),
    }
}

fn content_part(part: &Part) -> Value {
    match part {
        Part::Text(text) => {
            let mut sent = extra(text.extra.as_deref());
            sent.insert("type".to_owned(), json!("text"));
            sent.insert("text".to_owned(), json!(text.text));
            Value::Object(sent)
        }
        Part::Image(image) => {
            let detail = image.detail.map(|detail| match detail {
                ImageDetail::Auto => "auto",
                ImageDetail::Low => "low",
                ImageDetail::High => "high",
            });
            let mut sent = extra(image.extra.as_deref());
            let mut source = match sent.remove("image_url") {
                Some(Value::Object(members)) => members,
                _ => Map::new(),
            };
            source.insert("url".to_owned(), json!(image.url));
            source.extend(detail.map(|detail| ("detail".to_owned(), json!(detail))));
            sent.insert("type".to_owned(), json!("image_url"));
            sent.insert("image_url".to_owned(), Value::Object(source));
            Value::Object(sent)
        }
        Part::Other(json) => object(json).map_or(Value::Null, Value::Object),
        Part::Reasoning(_) => Value::Null,
    }
}

fn tool_call(call: &ToolCall) -> Value {
    let mut sent = extra(call.extra.as_deref());
    sent.insert("id".to_owned(), json!(call.id));
    let kind = sent.get("type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "function") {
        return Value::Object(sent);
    }
    let mut function = match sent.remove("function") {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    function.insert("name".to_owned(), json!(call.name));
    function.insert("arguments".to_owned(), json!(call.arguments));
    sent.insert("type".to_owned(), json!("function"));
    sent.insert("function".to_owned(), Value::Object(function));
    Value::Object(sent)
}

/// The field for reasoning, and its value.
fn reasoning(message: &Message, input: ReasoningInput) -> Option<(&'static str, Value)> {
    let parts = || {
        message.content.iter().filter_map(|part| match part {
            Part::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
    };
    parts().next()?;
    let text = || json!(parts().map(|part| part.text.as_str()).collect::<String>());
    match input {
        ReasoningInput::None | ReasoningInput::ThinkingBlocks => None,
        ReasoningInput::ReasoningContent => Some(("reasoning_content", text())),
        ReasoningInput::Reasoning => Some(("reasoning", text())),
        ReasoningInput::ReasoningDetails => {
            let details = parts().filter_map(|part| {
                let mut detail = part.data.as_deref().and_then(object)?;
                if let Some(member) = text_member(&detail).filter(|_| !part.text.is_empty()) {
                    detail.insert(member.to_owned(), json!(part.text));
                }
                Some(Value::Object(detail))
            });
            Some(("reasoning_details", details.collect()))
        }
    }
}

/// Puts a text before the content of a message.
fn prepend(message: &mut Map<String, Value>, text: &str) {
    match message.get_mut("content") {
        Some(Value::String(content)) => *content = format!("{text}\n\n{content}"),
        Some(Value::Array(parts)) => parts.insert(0, json!({"type": "text", "text": text})),
        _ => {
            message.insert("content".to_owned(), json!(text));
        }
    }
}

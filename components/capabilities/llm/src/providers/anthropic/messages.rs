//! The conversation as the Messages API takes it. Pure.
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/vision>,
//! <https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use>.

use super::config::NAME;
use crate::bindings::{Error, Image, ImageDetail, Message, Part, Role, ToolCall};
use crate::request::{inline_image, invalid, object, part_path, refuse};
use serde_json::{Value, json};

/// The messages, from the user's first on; the API refuses those without words.
///
/// # Errors
/// `invalid-request` for what cannot be told in the API's terms.
pub(super) fn messages(messages: &[Message]) -> Result<Value, Error> {
    let mut out: Vec<(&str, Value)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        // A call's id is name enough for its result.
        let is_named = message.name.is_some() && message.role != Role::Tool;
        refuse(is_named, &format!("messages[{index}].name"), NAME)?;
        if message.role == Role::System || (message.is_blank() && message.role != Role::Tool) {
            continue;
        }
        let role = match message.role {
            Role::Assistant => "assistant",
            _ => "user",
        };
        if out.is_empty() && role == "assistant" {
            if message.tool_calls.is_empty() {
                continue;
            }
            return Err(invalid("messages", "must begin with the user"));
        }
        let content = content(index, message)?;
        match out.last_mut() {
            // Results, and what the user says to them, are one message.
            Some((last_role, Value::Array(blocks))) if *last_role == role => {
                blocks.extend(into_blocks(content));
            }
            _ => out.push((role, content)),
        }
    }
    Ok(out
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect())
}

fn content(index: usize, message: &Message) -> Result<Value, Error> {
    if message.role == Role::Tool {
        let id = message.tool_call_id.as_deref().unwrap_or_default();
        let mut result = json!({"type": "tool_result", "tool_use_id": tool_id(id)});
        let text = message.text();
        if let Some(result) = result.as_object_mut().filter(|_| !text.is_empty()) {
            result.insert("content".to_owned(), json!(text));
        }
        return Ok(json!([result]));
    }
    if let ([Part::Text(text)], []) = (message.content.as_slice(), message.tool_calls.as_slice()) {
        return Ok(json!(text));
    }
    let mut blocks = Vec::new();
    for (part, content) in message.content.iter().enumerate() {
        match content {
            Part::Text(text) if text.trim().is_empty() => {}
            Part::Text(text) => blocks.push(json!({"type": "text", "text": text})),
            Part::Image(image) => {
                let path = format!("{}.image_url.detail", part_path(index, part));
                let detail = image.detail.unwrap_or(ImageDetail::Auto);
                refuse(detail != ImageDetail::Auto, &path, NAME)?;
                blocks.push(json!({"type": "image", "source": source(image)}));
            }
        }
    }
    for (call, asked) in message.tool_calls.iter().enumerate() {
        let input = input(asked).ok_or_else(|| {
            invalid(
                &format!("messages[{index}].tool_calls[{call}].function.arguments"),
                "is not a JSON object",
            )
        })?;
        blocks.push(json!({
            "type": "tool_use", "id": tool_id(&asked.id), "name": asked.name, "input": input,
        }));
    }
    Ok(Value::Array(blocks))
}

fn into_blocks(content: Value) -> Vec<Value> {
    match content {
        Value::Array(blocks) => blocks,
        text => vec![json!({"type": "text", "text": text})],
    }
}

fn source(image: &Image) -> Value {
    match inline_image(image) {
        Some((kind, data)) => json!({"type": "base64", "media_type": kind, "data": data}),
        None => json!({"type": "url", "url": image.url}),
    }
}

/// The arguments; a model that needed none may have written none.
fn input(call: &ToolCall) -> Option<Value> {
    if call.arguments.trim().is_empty() {
        return Some(json!({}));
    }
    object(&call.arguments).map(Value::Object)
}

/// The API's ids are letters, digits, `_` and `-`; those of other providers may hold more.
fn tool_id(id: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    id.chars()
        .map(|letter| if plain(letter) { letter } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::testing::{calling, field, message, result};

    #[test]
    fn calls_and_results_are_blocks() {
        let mut words = calling("functions.add:0", r#"{"a":1}"#);
        words.content = vec![Part::Text("Let me see.".into())];
        words.tool_calls.push(ToolCall {
            id: "toolu_2".into(),
            name: "now".into(),
            arguments: String::new(),
        });
        let conversation = [
            message(Role::User, "1 + 1?"),
            words,
            result("functions.add:0", "2"),
            result("toolu_2", ""),
            message(Role::User, "And?"),
        ];
        assert_eq!(
            messages(&conversation).unwrap(),
            json!([
                {"role": "user", "content": "1 + 1?"},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "functions_add_0", "name": "add", "input": {"a": 1}},
                    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "functions_add_0", "content": "2"},
                    {"type": "tool_result", "tool_use_id": "toolu_2"},
                    {"type": "text", "text": "And?"},
                ]},
            ])
        );
    }

    #[test]
    fn images_are_sources() {
        let image = |url: &str| {
            Part::Image(Image {
                url: url.into(),
                detail: Some(ImageDetail::Auto),
            })
        };
        let mut asked = message(Role::User, "Which?");
        asked.content.push(image("data:image/png;base64,AAAA"));
        asked.content.push(image("https://example.com/a.png"));
        assert_eq!(
            messages(&[asked]).unwrap()[0]["content"],
            json!([
                {"type": "text", "text": "Which?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            ])
        );
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        let mut named = message(Role::User, "Hi");
        named.name = Some("ann".into());
        assert_eq!(field(messages(&[named])), "messages[0].name");
        let mut close = message(Role::User, "");
        close.content = vec![Part::Image(Image {
            url: "https://example.com/a.png".into(),
            detail: Some(ImageDetail::High),
        })];
        assert_eq!(
            field(messages(&[close])),
            "messages[0].content[0].image_url.detail"
        );
        assert_eq!(
            field(messages(&[message(Role::User, "Hi"), calling("c", "[1]")])),
            "messages[1].tool_calls[0].function.arguments"
        );
        assert_eq!(field(messages(&[calling("c", "{}")])), "messages");
    }
}

//! Messages as the Messages API takes them. Pure.
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/vision>,
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>,
//! <https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use>.

use super::config::NAME;
use crate::bindings::{Error, Image, ImageDetail, Message, Part, Role, ToolCall};
use crate::json::object;
use crate::request::{
    Omitted, Prompt, PromptMessage, extra, inline_image, invalid, is_nothing, part_path,
    unsupported,
};
use serde_json::{Map, Value, json};

/// Content blocks of the API itself, which are sent unchanged.
const OWN_BLOCKS: [&str; 6] = [
    "container_upload",
    "document",
    "image",
    "redacted_thinking",
    "search_result",
    "thinking",
];

/// The messages without instructions, each side in turn. The API rejects messages without content.
///
/// # Errors
/// `invalid-request` for what the API has no counterpart of.
pub(super) fn messages(prompt: &Prompt<'_>, omitted: &mut Omitted) -> Result<Value, Error> {
    let mut out: Vec<(&str, Value)> = Vec::new();
    for next in prompt {
        let message = &next.message;
        let is_instruction = matches!(message.role, Role::System | Role::Developer);
        if is_instruction || (message.is_blank() && message.role != Role::Tool) {
            continue;
        }
        let role = match message.role {
            Role::Assistant => "assistant",
            _ => "user",
        };
        if out.is_empty() && role == "assistant" {
            return Err(invalid("messages", "must begin with a message of the user"));
        }
        let content = content(next, omitted)?;
        match out.last_mut() {
            // Results of tools and what the user says next are one message.
            Some((last_role, last)) if *last_role == role => {
                let mut blocks = into_blocks(std::mem::take(last));
                blocks.extend(into_blocks(content));
                *last = Value::Array(blocks);
            }
            _ => out.push((role, content)),
        }
    }
    Ok(out
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect())
}

/// The instructions, from any place in the conversation; as blocks if one of them has to be cached.
pub(super) fn system(prompt: &Prompt<'_>) -> Option<Value> {
    let parts: Vec<_> = prompt
        .iter()
        .filter(|next| matches!(next.message.role, Role::System | Role::Developer))
        .flat_map(|next| {
            let cache_control = next.message.extra().remove("cache_control");
            let last = next.message.content.len().saturating_sub(1);
            let parts = next.message.content.iter().enumerate();
            parts.filter_map(move |(index, part)| {
                let Part::Text(text) = part else { return None };
                let own = extra(text.extra.as_deref()).remove("cache_control");
                let of_message = cache_control.clone().filter(|_| index == last);
                (!text.text.trim().is_empty()).then(|| (&text.text, own.or(of_message)))
            })
        })
        .collect();
    if parts.is_empty() {
        return None;
    }
    if parts
        .iter()
        .all(|(_, cache_control)| cache_control.is_none())
    {
        let texts: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
        return Some(json!(texts.join("\n\n")));
    }
    let blocks = parts.into_iter().map(|(text, cache_control)| {
        with_cache_control(json!({"type": "text", "text": text}), cache_control)
    });
    Some(blocks.collect())
}

fn content(next: &PromptMessage<'_>, omitted: &mut Omitted) -> Result<Value, Error> {
    let (index, message) = (next.index, next.message.as_ref());
    // The id of a call is name enough for its result.
    let is_named = message.name.is_some() && message.role != Role::Tool;
    omitted.unless(false, is_named, &format!("messages[{index}].name"));
    let mut fields = message.extra();
    let cache_control = fields.remove("cache_control");
    let thinking = fields.remove("thinking_blocks");
    let is_error = fields.remove("is_error") == Some(Value::Bool(true));
    for (name, value) in &fields {
        omitted.unless(
            false,
            !is_nothing(value),
            &format!("messages[{index}].{name}"),
        );
    }
    if message.role == Role::Tool {
        let result = tool_result(next, is_error, omitted)?;
        return Ok(json!([with_cache_control(result, cache_control)]));
    }
    if let ([Part::Text(text)], [], None, None, None) = (
        message.content.as_slice(),
        message.tool_calls.as_slice(),
        &text_extra(message),
        &thinking,
        &cache_control,
    ) {
        return Ok(json!(text.text));
    }
    let mut blocks = thinking_blocks(thinking);
    blocks.extend(part_blocks(next, omitted)?);
    for (position, call) in message.tool_calls.iter().enumerate() {
        let path = format!("messages[{index}].tool_calls[{position}]");
        blocks.push(tool_use(call, &path)?);
    }
    if let Some(last) = blocks.pop() {
        blocks.push(with_cache_control(last, cache_control));
    }
    Ok(Value::Array(blocks))
}

/// The extra fields of a message's only text.
fn text_extra(message: &Message) -> Option<String> {
    match message.content.as_slice() {
        [Part::Text(text)] => text.extra.clone(),
        _ => None,
    }
}

/// Blocks of reasoning as the client received them. They come first, byte by byte as they were.
fn thinking_blocks(blocks: Option<Value>) -> Vec<Value> {
    let Some(Value::Array(blocks)) = blocks else {
        return Vec::new();
    };
    let is_thinking = |block: &Value| {
        let has = |name: &str| block.get(name).is_some_and(Value::is_string);
        match block.get("type").and_then(Value::as_str) {
            Some("thinking") => has("thinking") && has("signature"),
            Some("redacted_thinking") => has("data"),
            _ => false,
        }
    };
    blocks.into_iter().filter(is_thinking).collect()
}

/// The parts of a message as blocks, reasoning first.
fn part_blocks(next: &PromptMessage<'_>, omitted: &mut Omitted) -> Result<Vec<Value>, Error> {
    let mut blocks = Vec::new();
    let mut reasoning = Vec::new();
    for (position, part) in next.message.content.iter().enumerate() {
        let path = part_path(next.index, position);
        match part {
            Part::Text(text) if text.text.trim().is_empty() => {}
            Part::Text(text) => {
                let block = json!({"type": "text", "text": text.text});
                blocks.push(with_extra(block, text.extra.as_deref(), &path, omitted));
            }
            Part::Image(image) => {
                let detail = image.detail.unwrap_or(ImageDetail::Auto);
                let detail_path = format!("{path}.image_url.detail");
                omitted.unless(false, detail != ImageDetail::Auto, &detail_path);
                let block = json!({"type": "image", "source": source(image)});
                blocks.push(with_extra(block, image.extra.as_deref(), &path, omitted));
            }
            Part::Reasoning(part) => {
                let mut block = part.data.as_deref().and_then(object).unwrap_or_default();
                if block.get("type").and_then(Value::as_str) == Some("thinking") {
                    block.insert("thinking".to_owned(), json!(part.text));
                }
                reasoning.extend(thinking_blocks(Some(json!([block]))));
            }
            Part::Other(json) => blocks.push(other_block(json, &path)?),
        }
    }
    reasoning.append(&mut blocks);
    Ok(reasoning)
}

/// A part that the contract does not define: a block of the API, or a PDF in OpenAI's shape.
fn other_block(json: &str, path: &str) -> Result<Value, Error> {
    let part = object(json).unwrap_or_default();
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    if OWN_BLOCKS.contains(&kind) {
        return Ok(Value::Object(part));
    }
    let file = part.get("file").filter(|_| kind == "file");
    let data = file
        .and_then(|file| file.get("file_data")?.as_str())
        .and_then(|data| data.strip_prefix("data:application/pdf;base64,"));
    match data {
        Some(data) => Ok(json!({
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": data},
        })),
        None => Err(unsupported(&format!("{path}.type"), NAME)),
    }
}

fn tool_result(
    next: &PromptMessage<'_>,
    is_error: bool,
    omitted: &mut Omitted,
) -> Result<Value, Error> {
    let message = &next.message;
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    let mut result = Map::new();
    result.insert("type".to_owned(), json!("tool_result"));
    result.insert("tool_use_id".to_owned(), json!(tool_id(id)));
    let is_text = message
        .content
        .iter()
        .all(|part| matches!(part, Part::Text(text) if text.extra.is_none()));
    if !is_text {
        let blocks = part_blocks(next, omitted)?;
        result.insert("content".to_owned(), Value::Array(blocks));
    } else if !message.text().is_empty() {
        result.insert("content".to_owned(), json!(message.text()));
    }
    if is_error {
        result.insert("is_error".to_owned(), json!(true));
    }
    Ok(Value::Object(result))
}

fn tool_use(call: &ToolCall, path: &str) -> Result<Value, Error> {
    let fields = extra(call.extra.as_deref());
    let kind = fields.get("type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "function") {
        return Err(unsupported(&format!("{path}.type"), NAME));
    }
    // A model that needs no arguments may write none.
    let input = if call.arguments.trim().is_empty() {
        Some(Map::new())
    } else {
        object(&call.arguments)
    };
    let Some(input) = input else {
        return Err(invalid(
            &format!("{path}.function.arguments"),
            "is not a JSON object",
        ));
    };
    let id = tool_id(&call.id);
    Ok(json!({"type": "tool_use", "id": id, "name": call.name, "input": input}))
}

/// Adds the extra fields that the API has, and reports others.
fn with_extra(
    block: Value,
    extra_fields: Option<&str>,
    path: &str,
    omitted: &mut Omitted,
) -> Value {
    let mut fields = extra(extra_fields);
    let cache_control = fields.remove("cache_control");
    for (name, value) in &fields {
        omitted.unless(false, !is_nothing(value), &format!("{path}.{name}"));
    }
    with_cache_control(block, cache_control)
}

fn with_cache_control(mut block: Value, cache_control: Option<Value>) -> Value {
    if let (Some(block), Some(cache_control)) = (block.as_object_mut(), cache_control) {
        block.entry("cache_control").or_insert(cache_control);
    }
    block
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

/// The API's ids are letters, digits, `_` and `-`; those of other providers may contain more.
fn tool_id(id: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    id.chars()
        .map(|character| if is_plain(character) { character } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Reasoning, TextPart};
    use crate::request::prompt;
    use crate::request::testing::{calling, field, message, result, text};

    fn sent(conversation: &[Message]) -> Result<(Value, Vec<String>), Error> {
        let mut omitted = Omitted::default();
        let messages = messages(&prompt(conversation, true), &mut omitted)?;
        Ok((messages, omitted.into_names()))
    }

    #[test]
    fn calls_and_results_are_blocks() {
        let mut words = calling("functions.add:0", r#"{"a":1}"#);
        words.content = vec![text("Let me see.")];
        words.tool_calls.push(ToolCall {
            id: "toolu_2".into(),
            name: "now".into(),
            arguments: String::new(),
            extra: None,
        });
        let conversation = [
            message(Role::User, "1 + 1?"),
            words,
            result("functions.add:0", "2"),
            result("toolu_2", ""),
            message(Role::User, "And?"),
        ];
        assert_eq!(
            sent(&conversation).unwrap().0,
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
                extra: None,
            })
        };
        let mut request = message(Role::User, "Which?");
        request.content.push(image("data:image/png;base64,AAAA"));
        request.content.push(image("https://example.com/a.png"));
        assert_eq!(
            sent(&[request]).unwrap().0[0]["content"],
            json!([
                {"type": "text", "text": "Which?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            ])
        );
    }

    #[test]
    fn fields_without_a_counterpart_are_named() {
        let mut named = message(Role::User, "Hi");
        named.name = Some("ann".into());
        let mut reply = message(Role::Assistant, "Hello");
        reply.extra = Some(r#"{"annotations":[{}],"refusal":null,"audio":{"id":"a"}}"#.into());
        let mut close = message(Role::User, "");
        close.content = vec![Part::Image(Image {
            url: "https://example.com/a.png".into(),
            detail: Some(ImageDetail::High),
            extra: None,
        })];
        assert_eq!(
            sent(&[named, reply, close]).unwrap().1,
            [
                "messages[0].name",
                "messages[1].annotations",
                "messages[1].audio",
                "messages[2].content[0].image_url.detail",
            ]
        );
    }

    #[test]
    fn what_has_no_counterpart_is_rejected_with_its_path() {
        assert_eq!(
            field(sent(&[message(Role::User, "Hi"), calling("c", "[1]")])),
            "messages[1].tool_calls[0].function.arguments"
        );
        assert_eq!(field(sent(&[calling("c", "{}")])), "messages");
        let mut audio = message(Role::User, "");
        audio.content = vec![Part::Other(r#"{"type":"input_audio"}"#.into())];
        assert_eq!(field(sent(&[audio])), "messages[0].content[0].type");
    }

    #[test]
    fn reasoning_is_sent_first_and_with_its_signature() {
        let mut reply = calling("c", "{}");
        reply.content = vec![
            text("Let me see."),
            Part::Reasoning(Reasoning {
                text: "hm".into(),
                data: Some(r#"{"type":"thinking","signature":"EqQB"}"#.into()),
                provider: None,
                model: None,
            }),
            Part::Reasoning(Reasoning {
                text: "unsigned".into(),
                data: None,
                provider: None,
                model: None,
            }),
        ];
        reply.extra = Some(r#"{"thinking_blocks":[{"type":"redacted_thinking","data":"x"},{"type":"thinking","thinking":"no signature"}]}"#.into());
        let sent = sent(&[message(Role::User, "Hi"), reply]).unwrap();
        assert_eq!(
            sent.0[1]["content"],
            json!([
                {"type": "redacted_thinking", "data": "x"},
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "c", "name": "add", "input": {}},
            ])
        );
        assert!(sent.1.is_empty());
    }

    #[test]
    fn cache_control_is_kept_on_instructions_parts_and_messages() {
        let cached = |text: &str| {
            Part::Text(TextPart {
                text: text.into(),
                extra: Some(r#"{"cache_control":{"type":"ephemeral"}}"#.into()),
            })
        };
        let mut instructions = message(Role::System, "");
        instructions.content = vec![cached("Long."), text("Short.")];
        let mut user = message(Role::User, "Hi");
        user.extra = Some(r#"{"cache_control":{"type":"ephemeral","ttl":"1h"}}"#.into());
        let conversation = [instructions, user];
        assert_eq!(
            system(&prompt(&conversation, true)).unwrap(),
            json!([
                {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Short."},
            ])
        );
        assert_eq!(
            sent(&conversation).unwrap().0[0]["content"][0]["cache_control"]["ttl"],
            "1h"
        );
    }
}

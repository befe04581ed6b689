//! Validation of a request, before it is sent to a provider.

use super::{inline_image, invalid, part_path};
use crate::bindings::{
    ChatRequest, Error, Image, Message, Options, Part, ResponseFormat, Role, ToolChoice,
};
use crate::json::object;
use serde_json::Value;

/// More than any provider accepts.
const MOST_MESSAGES: usize = 16_384;
const MOST_PARTS: usize = 256;
const MOST_TOOLS: usize = 1_024;
const MOST_STOPS: usize = 64;

/// OpenAI's limit for names of tools.
const LONGEST_NAME: usize = 64;

/// Parameters that the contract defines.
const DEFINED: [&str; 15] = [
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "parallel_tool_calls",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "stream",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
];

/// Rejects requests that no provider accepts.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn check(request: &ChatRequest) -> Result<(), Error> {
    if request.messages.is_empty() || request.messages.len() > MOST_MESSAGES {
        return Err(invalid(
            "messages",
            format!("must be 1 to {MOST_MESSAGES} messages"),
        ));
    }
    within("temperature", request.temperature, 0.0, 2.0)?;
    for (index, message) in request.messages.iter().enumerate() {
        check_message(index, message)?;
    }
    match &request.options {
        Some(options) => check_options(options),
        None => Ok(()),
    }
}

fn check_message(index: usize, message: &Message) -> Result<(), Error> {
    let path = |field: &str| format!("messages[{index}].{field}");
    if message.content.len() > MOST_PARTS {
        return Err(invalid(&path("content"), "has too many parts"));
    }
    if message.role != Role::Assistant && !message.tool_calls.is_empty() {
        return Err(invalid(&path("tool_calls"), "belongs to the assistant"));
    }
    if message.tool_calls.len() > MOST_TOOLS {
        return Err(invalid(&path("tool_calls"), "has too many calls"));
    }
    for (call, request) in message.tool_calls.iter().enumerate() {
        // A call of another type has its name in its own fields.
        let is_named = !request.name.is_empty() || request.extra.is_some();
        if request.id.is_empty() || !is_named {
            return Err(invalid(
                &path(&format!("tool_calls[{call}]")),
                "needs an id and a name",
            ));
        }
    }
    let is_result = message
        .tool_call_id
        .as_ref()
        .is_some_and(|id| !id.is_empty());
    if (message.role == Role::Tool) != is_result {
        return Err(invalid(
            &path("tool_call_id"),
            "is required in messages of role tool, and not allowed in others",
        ));
    }
    check_extra(&path("extra"), message.extra.as_deref())?;
    for (part, content) in message.content.iter().enumerate() {
        let image = match content {
            Part::Text(text) => {
                check_extra(&part_path(index, part), text.extra.as_deref())?;
                continue;
            }
            Part::Reasoning(_) if message.role == Role::Assistant => continue,
            Part::Reasoning(_) => {
                return Err(invalid(&part_path(index, part), "belongs to the assistant"));
            }
            Part::Other(json) => {
                check_extra(&part_path(index, part), Some(json))?;
                continue;
            }
            Part::Image(image) => image,
        };
        if !matches!(message.role, Role::User | Role::Tool) {
            return Err(invalid(&part_path(index, part), "must be text"));
        }
        if !is_image(image) {
            return Err(invalid(
                &format!("{}.image_url.url", part_path(index, part)),
                "must be an https URL, or a data URL of a PNG, JPEG, GIF or WebP image in base64",
            ));
        }
    }
    Ok(())
}

fn is_image(image: &Image) -> bool {
    match inline_image(image) {
        Some((kind, bytes)) => {
            matches!(
                kind,
                "image/png" | "image/jpeg" | "image/gif" | "image/webp"
            ) && !bytes.is_empty()
                && bytes
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        }
        None => image.url.parse::<http::Uri>().is_ok_and(|url| {
            url.scheme_str() == Some("https") && url.host().is_some_and(|host| !host.is_empty())
        }),
    }
}

fn check_options(options: &Options) -> Result<(), Error> {
    within("top_p", options.top_p, 0.0, 1.0)?;
    within("presence_penalty", options.presence_penalty, -2.0, 2.0)?;
    within("frequency_penalty", options.frequency_penalty, -2.0, 2.0)?;
    if options.stop.len() > MOST_STOPS || options.stop.iter().any(String::is_empty) {
        return Err(invalid(
            "stop",
            format!("must be at most {MOST_STOPS} texts"),
        ));
    }
    if options.tools.len() > MOST_TOOLS {
        return Err(invalid(
            "tools",
            format!("must be at most {MOST_TOOLS} tools"),
        ));
    }
    for (index, tool) in options.functions() {
        let path = |field: &str| format!("tools[{index}].function.{field}");
        if !is_name(&tool.name) {
            return Err(invalid(
                &path("name"),
                format!("must be 1 to {LONGEST_NAME} letters, digits, _ or -"),
            ));
        }
        check_object(&path("parameters"), tool.parameters.as_deref())?;
        check_extra(&path("extra"), tool.extra.as_deref())?;
    }
    match &options.tool_choice {
        Some(ToolChoice::Required) if options.tools.is_empty() => {
            return Err(invalid("tool_choice", "needs tools"));
        }
        Some(ToolChoice::Function(name))
            if options.functions().all(|(_, tool)| tool.name != *name) =>
        {
            return Err(invalid("tool_choice", "names none of the tools"));
        }
        _ => {}
    }
    if let Some(ResponseFormat::JsonSchema(format)) = &options.response_format {
        if !is_name(&format.name) {
            return Err(invalid(
                "response_format.json_schema.name",
                format!("must be 1 to {LONGEST_NAME} letters, digits, _ or -"),
            ));
        }
        check_object(
            "response_format.json_schema.schema",
            format.schema.as_deref(),
        )?;
    }
    check_extra("extra", options.extra.as_deref())?;
    let fields = options.extra();
    match fields.iter().find(|(name, value)| is_defined(name, value)) {
        Some((name, _)) => Err(invalid(name, "cannot be set here")),
        None => Ok(()),
    }
}

/// Whether an extra parameter is one that the contract defines, or one whose results cannot be passed
/// on.
fn is_defined(name: &str, value: &Value) -> bool {
    match name {
        "n" => *value != 1,
        _ => DEFINED.contains(&name),
    }
}

fn check_extra(field: &str, json: Option<&str>) -> Result<(), Error> {
    check_object(field, json)
}

fn check_object(field: &str, json: Option<&str>) -> Result<(), Error> {
    match json {
        Some(json) if object(json).is_none() => Err(invalid(field, "is not a JSON object")),
        _ => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn within(field: &str, value: Option<f64>, least: f64, most: f64) -> Result<(), Error> {
    match value {
        Some(value) if !(least..=most).contains(&value) => Err(invalid(
            field,
            format!("must be a number from {least} to {most}"),
        )),
        _ => Ok(()),
    }
}

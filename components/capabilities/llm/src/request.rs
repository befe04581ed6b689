//! What a request may say, whoever is asked, and how what a provider cannot do is refused. Pure.

use crate::bindings::{
    ChatRequest, Error, Image, Invalid, Message, Options, Part, Role, ToolChoice,
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// More than any provider takes.
const MOST_MESSAGES: usize = 16_384;
const MOST_PARTS: usize = 256;

/// OpenAI's bounds.
const MOST_TOOLS: usize = 128;
const MOST_STOPS: usize = 4;
const LONGEST_NAME: usize = 64;

/// What a request without options asks for.
static NO_OPTIONS: Options = Options {
    top_p: None,
    stop: Vec::new(),
    seed: None,
    presence_penalty: None,
    frequency_penalty: None,
    end_user: None,
    tools: Vec::new(),
    tool_choice: None,
    parallel_tool_calls: None,
    response_format: None,
    extra: None,
};

/// Fields that are set elsewhere in a request, or whose answers cannot be passed on.
const NOT_EXTRA: [&str; 22] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

impl ChatRequest {
    /// The options, given or not.
    pub(crate) fn options(&self) -> &Options {
        self.options.as_ref().unwrap_or(&NO_OPTIONS)
    }
}

impl Options {
    /// The fields that go through as they are. Those that ask for nothing are left out.
    ///
    /// # Errors
    /// `invalid-request` when they are no object or set what is set elsewhere.
    pub(crate) fn extra(&self) -> Result<Map<String, Value>, Error> {
        let Some(extra) = &self.extra else {
            return Ok(Map::new());
        };
        let mut fields = object(extra).ok_or_else(|| invalid("extra", "is not a JSON object"))?;
        fields.retain(|name, value| match name.as_str() {
            _ if value.is_null() => false,
            "n" => *value != 1,
            "logprobs" => *value != false,
            _ => true,
        });
        match fields
            .keys()
            .find(|name| NOT_EXTRA.contains(&name.as_str()))
        {
            Some(name) => Err(invalid(name, "cannot be asked for here")),
            None => Ok(fields),
        }
    }

    /// Refuses what only OpenAI's protocol has. A field that is off says nothing.
    ///
    /// # Errors
    /// `invalid-request` with the first such field.
    pub(crate) fn refuse_extra(&self, provider: &str) -> Result<(), Error> {
        match self
            .extra()?
            .into_iter()
            .find(|(_, value)| *value != Value::Bool(false))
        {
            Some((name, _)) => Err(unsupported(&name, provider)),
            None => Ok(()),
        }
    }

    /// Refuses penalties; zero is none.
    ///
    /// # Errors
    /// `invalid-request` with the field.
    pub(crate) fn refuse_penalties(&self, provider: &str) -> Result<(), Error> {
        refuse(
            self.presence_penalty.is_some_and(|penalty| penalty != 0.0),
            "presence_penalty",
            provider,
        )?;
        refuse(
            self.frequency_penalty.is_some_and(|penalty| penalty != 0.0),
            "frequency_penalty",
            provider,
        )
    }
}

impl Message {
    /// The text of all parts, which are lines of their own.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        let mut texts = self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Image(_) => None,
        });
        let first = texts.next().unwrap_or_default();
        let rest: Vec<&str> = texts.collect();
        if rest.is_empty() {
            return Cow::Borrowed(first);
        }
        Cow::Owned(format!("{first}\n{}", rest.join("\n")))
    }

    /// Whether it says nothing at all.
    pub(crate) fn is_blank(&self) -> bool {
        self.tool_calls.is_empty()
            && self.content.iter().all(|part| match part {
                Part::Text(text) => text.trim().is_empty(),
                Part::Image(_) => false,
            })
    }

    /// Its size for an estimate of tokens, in bytes. An image counts as a thousand tokens.
    pub(crate) fn size(&self) -> usize {
        let content = self.content.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Image(_) => 4_000,
        });
        let calls = self
            .tool_calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len());
        content.chain(calls).fold(0, usize::saturating_add)
    }
}

/// The bytes of an image in a URL: its media type and base64.
pub(crate) fn inline_image(image: &Image) -> Option<(&str, &str)> {
    image.url.strip_prefix("data:")?.split_once(";base64,")
}

/// The object that a text is.
pub(crate) fn object(json: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(json).ok()
}

/// An error for a field; `cause` is read by the client.
pub(crate) fn invalid(field: &str, cause: impl Into<String>) -> Error {
    let fits = field.len() <= 128
        && field
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
    Error::InvalidRequest(Invalid {
        field: Some(if fits { field } else { "extra" }.to_owned()),
        cause: cause.into(),
    })
}

/// The error for what a provider cannot do.
pub(crate) fn unsupported(field: &str, provider: &str) -> Error {
    invalid(field, format!("is not supported by {provider}"))
}

/// Refuses `field` if it is asked for.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn refuse(asked: bool, field: &str, provider: &str) -> Result<(), Error> {
    if asked {
        return Err(unsupported(field, provider));
    }
    Ok(())
}

/// The path of a part of a message.
pub(crate) fn part_path(message: usize, part: usize) -> String {
    format!("messages[{message}].content[{part}]")
}

/// Finds what no provider would take, so that no request is made of it.
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
    for (call, asked) in message.tool_calls.iter().enumerate() {
        if asked.id.is_empty() || asked.name.is_empty() {
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
            "is needed in messages of a tool, and only there",
        ));
    }
    for (part, content) in message.content.iter().enumerate() {
        let Part::Image(image) = content else {
            continue;
        };
        if message.role != Role::User {
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
    for (index, tool) in options.tools.iter().enumerate() {
        let path = |field: &str| format!("tools[{index}].function.{field}");
        if !is_name(&tool.name) {
            return Err(invalid(
                &path("name"),
                format!("must be 1 to {LONGEST_NAME} letters, digits, _ or -"),
            ));
        }
        check_object(&path("parameters"), tool.parameters.as_deref())?;
    }
    match &options.tool_choice {
        Some(ToolChoice::Required) if options.tools.is_empty() => {
            return Err(invalid("tool_choice", "needs tools"));
        }
        Some(ToolChoice::Function(name)) if options.tools.iter().all(|tool| tool.name != *name) => {
            return Err(invalid("tool_choice", "names none of the tools"));
        }
        _ => {}
    }
    if let Some(crate::bindings::ResponseFormat::JsonSchema(format)) = &options.response_format {
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
    options.extra().map(drop)
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

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

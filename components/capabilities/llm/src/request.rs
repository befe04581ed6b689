//! The request, as all providers see it. Pure.

mod earlier_reasoning;
mod estimate;
mod native;
mod omission;
mod sequence;
mod validation;

#[cfg(target_family = "wasm")]
pub(crate) use earlier_reasoning::for_model;
#[cfg(target_family = "wasm")]
pub(crate) use estimate::tokens_at_most;
#[cfg(target_family = "wasm")]
pub(crate) use native::native;
pub(crate) use native::{is_native_stream, native_body};
pub(crate) use omission::{Omitted, invalid, is_nothing, reject, unsupported};
pub(crate) use sequence::{Prompt, PromptMessage, prompt};
#[cfg(any(target_family = "wasm", test))]
pub(crate) use validation::check;

use crate::bindings::{ChatRequest, FunctionTool, Image, Message, Options, Part, Tool};
use crate::json::object;
use serde_json::{Map, Value};
use std::borrow::Cow;
use token_estimate::tokens_of;

/// The size that an image counts in an estimate: a thousand tokens.
const IMAGE_BYTES: usize = 4_000;

/// The options of a request without options.
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
    include_extra: false,
    whole: false,
};

impl ChatRequest {
    /// The options, given or not.
    pub(crate) fn options(&self) -> &Options {
        self.options.as_ref().unwrap_or(&NO_OPTIONS)
    }

    /// The estimated tokens of the prompt.
    pub(crate) fn prompt_estimate(&self) -> u32 {
        let sizes = self.messages.iter().map(Message::size);
        tokens_of(sizes.fold(0, usize::saturating_add))
    }
}

impl Options {
    /// The extra fields, without those that are null.
    pub(crate) fn extra(&self) -> Map<String, Value> {
        extra(self.extra.as_deref())
    }

    /// The functions among the tools, with their positions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (usize, &FunctionTool)> {
        let tools = self.tools.iter().enumerate();
        tools.filter_map(|(index, tool)| match tool {
            Tool::Function(function) => Some((index, function)),
            Tool::Other(_) => None,
        })
    }
}

impl Message {
    /// The text of all parts, one a line.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        let mut texts = self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            Part::Image(_) | Part::Reasoning(_) | Part::Other(_) => None,
        });
        let first = texts.next().unwrap_or_default();
        let rest: Vec<&str> = texts.collect();
        if rest.is_empty() {
            return Cow::Borrowed(first);
        }
        Cow::Owned(format!("{first}\n{}", rest.join("\n")))
    }

    /// Whether it has neither content nor calls.
    pub(crate) fn is_blank(&self) -> bool {
        self.tool_calls.is_empty()
            && self.content.iter().all(|part| match part {
                Part::Text(text) => text.text.trim().is_empty(),
                Part::Reasoning(_) => true,
                Part::Image(_) | Part::Other(_) => false,
            })
    }

    /// The extra fields, without those that are null.
    pub(crate) fn extra(&self) -> Map<String, Value> {
        extra(self.extra.as_deref())
    }

    /// Its size for an estimate of tokens, in bytes.
    fn size(&self) -> usize {
        let content = self.content.iter().map(|part| match part {
            Part::Text(text) => text.text.len(),
            Part::Reasoning(reasoning) => reasoning.text.len(),
            Part::Image(_) | Part::Other(_) => IMAGE_BYTES,
        });
        let calls = self
            .tool_calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len());
        content.chain(calls).fold(0, usize::saturating_add)
    }
}

/// The members of extra fields, without those that are null.
pub(crate) fn extra(json: Option<&str>) -> Map<String, Value> {
    let mut fields = json.and_then(object).unwrap_or_default();
    fields.retain(|_, value| !value.is_null());
    fields
}

/// The media type and base64 of an image that is in its URL.
pub(crate) fn inline_image(image: &Image) -> Option<(&str, &str)> {
    image.url.strip_prefix("data:")?.split_once(";base64,")
}

/// The path of a part of a message.
pub(crate) fn part_path(message: usize, part: usize) -> String {
    format!("messages[{message}].content[{part}]")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

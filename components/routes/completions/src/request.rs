//! Parsing OpenAI's request. Values that only a provider can judge are passed on.

mod fields;
mod messages;
mod tools;

use contracts::llm::types::{ChatRequest, JsonSchema, Options, Part, ResponseFormat, Role};
use http_edge::ApiError;
use serde_json::{Map, Value};

use fields::{Fields, text};

/// A parsed request.
#[derive(Debug)]
pub(crate) struct CompletionRequest {
    /// Its model is empty if the client named none.
    pub(crate) request: ChatRequest,
    pub(crate) is_stream: bool,
    /// Whether the stream reports the usage.
    pub(crate) includes_usage: bool,
}

impl CompletionRequest {
    /// Reads a request. Unknown fields are passed on to the provider unchanged.
    pub(crate) fn read(fields: Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::root(fields);
        let model = fields.text("model")?.unwrap_or_default();
        let messages = messages::read(&mut fields)?;
        if fields.count("n")?.is_some_and(|n| n != 1) {
            return Err(ApiError::invalid("n", "must be 1"));
        }
        let is_stream = fields.flag("stream")?.unwrap_or(false);
        let includes_usage = includes_usage(&mut fields, is_stream)?;
        let temperature = fields.number("temperature")?;
        let max_tokens = max_tokens(&mut fields)?;
        let options = Options {
            top_p: fields.number("top_p")?,
            stop: stop(&mut fields)?,
            seed: fields.integer("seed")?,
            presence_penalty: fields.number("presence_penalty")?,
            frequency_penalty: fields.number("frequency_penalty")?,
            end_user: fields.text("user")?,
            tools: tools::read(&mut fields)?,
            tool_choice: tools::choice(&mut fields)?,
            parallel_tool_calls: fields.flag("parallel_tool_calls")?,
            response_format: response_format(&mut fields)?,
            extra: fields.rest(),
        };
        Ok(Self {
            request: ChatRequest {
                model,
                messages,
                temperature,
                max_tokens,
                options: Some(options),
            },
            is_stream,
            includes_usage,
        })
    }

    /// All texts that are not the model's own, each with its path. What a model said earlier has
    /// been moderated before, and the conversation must be able to go on.
    pub(crate) fn checked_texts(&mut self) -> Vec<(String, &mut String)> {
        let mut texts = Vec::new();
        for (index, message) in self.request.messages.iter_mut().enumerate() {
            if message.role == Role::Assistant {
                continue;
            }
            for part in &mut message.content {
                if let Part::Text(text) = part {
                    texts.push((format!("messages[{index}].content"), text));
                }
            }
        }
        texts
    }

    /// The size of the prompt in bytes of text. Tools are a part of it.
    pub(crate) fn prompt_bytes(&self) -> usize {
        let options = self.request.options.as_ref();
        let tools = options.map_or(&[][..], |options| options.tools.as_slice());
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        tools
            .iter()
            .map(|tool| tool.name.len() + length(&tool.description) + length(&tool.parameters))
            .fold(
                completion::prompt_bytes(&self.request.messages),
                usize::saturating_add,
            )
    }
}

fn includes_usage(fields: &mut Fields, is_stream: bool) -> Result<bool, ApiError> {
    let Some(mut options) = fields.object("stream_options")? else {
        return Ok(false);
    };
    if !is_stream {
        return Err(ApiError::invalid(
            "stream_options",
            "is only allowed when stream is true",
        ));
    }
    Ok(options.flag("include_usage")?.unwrap_or(false))
}

/// The new name wins where both are given.
fn max_tokens(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let mut limit = None;
    for name in ["max_completion_tokens", "max_tokens"] {
        let given = fields.count(name)?;
        if given == Some(0) {
            return Err(ApiError::invalid(name, "must be at least 1"));
        }
        limit = limit.or(given);
    }
    Ok(limit)
}

/// A string or a list of strings.
fn stop(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    match fields.take("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(several)) => several
            .into_iter()
            .enumerate()
            .map(|(index, one)| text(one, &format!("stop[{index}]")))
            .collect(),
        Some(_) => Err(ApiError::invalid(
            "stop",
            "must be a string or a list of strings",
        )),
    }
}

fn response_format(fields: &mut Fields) -> Result<Option<ResponseFormat>, ApiError> {
    let Some(mut format) = fields.object("response_format")? else {
        return Ok(None);
    };
    match format.required_text("type")?.as_str() {
        "text" => Ok(Some(ResponseFormat::Text)),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let mut schema = format.required_object("json_schema")?;
            Ok(Some(ResponseFormat::JsonSchema(JsonSchema {
                name: schema.required_text("name")?,
                description: schema.text("description")?,
                schema: schema.json("schema")?,
                strict: schema.flag("strict")?,
            })))
        }
        _ => Err(format.wrong("type", "must be text, json_object or json_schema")),
    }
}

#[cfg(test)]
mod tests;

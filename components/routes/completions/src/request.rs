//! What a client asks, from OpenAI's words into ours. What only a provider can judge is left to it.

mod fields;
mod messages;
mod tools;

use contracts::llm::types::{ChatRequest, JsonSchema, Options, ResponseFormat};
use http_edge::ApiError;
use serde_json::{Map, Value};

use fields::{Fields, text};

/// A request that is good as far as it can be by itself.
#[derive(Debug)]
pub(crate) struct Asked {
    /// With an empty model if the client named none.
    pub(crate) request: ChatRequest,
    pub(crate) is_stream: bool,
    /// Whether the stream tells what the answer took.
    pub(crate) includes_usage: bool,
}

impl Asked {
    /// Reads a request. Fields that are not known here go on to the provider as they are.
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

    /// What the prompt counts for, in bytes of text: tools are a part of it.
    pub(crate) fn size(&self) -> usize {
        let options = self.request.options.as_ref();
        let tools = options.map_or(&[][..], |options| options.tools.as_slice());
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        tools
            .iter()
            .map(|tool| tool.name.len() + length(&tool.description) + length(&tool.parameters))
            .fold(billing::size(&self.request.messages), usize::saturating_add)
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

/// The new name counts where the old one is there too.
fn max_tokens(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let mut found = None;
    for name in ["max_completion_tokens", "max_tokens"] {
        let bound = fields.count(name)?;
        if bound == Some(0) {
            return Err(ApiError::invalid(name, "must be at least 1"));
        }
        found = found.or(bound);
    }
    Ok(found)
}

/// One text or several.
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

//! Parsing OpenAI's request. Values that only a provider can judge are passed on.

mod messages;
mod tools;

use contracts::llm::types::{ChatRequest, JsonSchema, Options, ResponseFormat};
use http_edge::ApiError;
use serde_json::{Map, Value};

use model_api::{Fields, fields::text};

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
            include_extra: true,
            whole: !is_stream,
        };
        Ok(Self {
            request: ChatRequest {
                model,
                messages,
                temperature,
                max_tokens,
                options: Some(options),
                native: None,
            },
            is_stream,
            includes_usage,
        })
    }

    /// Moderates the texts of the prompt.
    ///
    /// # Errors
    /// `CONTENT_BLOCKED`, or an internal error if moderation fails.
    pub(crate) async fn moderate(&mut self) -> Result<(), ApiError> {
        model_api::moderate_messages(&mut self.request.messages).await
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
    let includes_usage = options.flag("include_usage")?.unwrap_or(false);
    fields.put_rest("stream_options", options);
    Ok(includes_usage)
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
    let Some(value) = fields.take("response_format") else {
        return Ok(None);
    };
    let whole = value.to_string();
    let mut format = Fields::of(value, fields.path("response_format"))?;
    let parsed = match format.required_text("type")?.as_str() {
        "text" => ResponseFormat::Text,
        "json_object" => ResponseFormat::JsonObject,
        "json_schema" => {
            let mut schema = format.required_object("json_schema")?;
            let json_schema = JsonSchema {
                name: schema.required_text("name")?,
                description: schema.text("description")?,
                schema: schema.json("schema")?,
                strict: schema.flag("strict")?,
            };
            format.put_rest("json_schema", schema);
            ResponseFormat::JsonSchema(json_schema)
        }
        // Only its provider knows such a format, or such fields of one.
        _ => return Ok(Some(ResponseFormat::Other(whole))),
    };
    let is_known = format.rest_given().is_none();
    Ok(Some(if is_known {
        parsed
    } else {
        ResponseFormat::Other(whole)
    }))
}

#[cfg(test)]
mod tests;

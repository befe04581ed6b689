//! Reading a request of the Responses API.
//! Source: <https://platform.openai.com/docs/api-reference/responses/create>.

mod echo;
mod items;
mod pairs;
mod tools;

pub(crate) use echo::Echo;

use contracts::llm::types::{
    ChatRequest, JsonSchema, NativeApi, NativeRequest, Options, Part, ResponseFormat, Role,
    TextPart,
};
use http_edge::ApiError;
use model_api::{Fields, Origins, Texts, is_sealed};
use serde_json::{Map, Value};

/// A parsed request.
pub(crate) struct ResponseRequest {
    pub(crate) request: ChatRequest,
    pub(crate) is_stream: bool,
    /// Where its messages were.
    pub(crate) origins: Origins,
    /// The fields that the response repeats.
    pub(crate) echo: Echo,
}

impl ResponseRequest {
    /// Moderates a request and reads it. `text` is the unchanged body.
    ///
    /// # Errors
    /// 400 with the path of what is wrong; what is blocked.
    pub(crate) async fn read(mut body: Value, text: &str) -> Result<Self, ApiError> {
        let original = body.clone();
        moderate(&mut body).await?;
        let mut own = body.clone();
        remove_foreign_reasoning(&mut own);
        let native = NativeRequest {
            api: NativeApi::Responses,
            body: if own == original {
                text.to_owned()
            } else {
                own.to_string()
            },
            version: None,
            betas: Vec::new(),
        };
        let mut parsed = decode(body)?;
        parsed.request.native = Some(native);
        Ok(parsed)
    }
}

/// Moderates the texts of users, tools and instructions.
async fn moderate(body: &mut Value) -> Result<(), ApiError> {
    let mut texts = Texts::default();
    let Some(fields) = body.as_object_mut() else {
        return Err(ApiError::invalid("body", "must be an object"));
    };
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("instructions", value) => texts.add("instructions", value),
            ("input", Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    add_item(&mut texts, &format!("input[{index}]"), item);
                }
            }
            ("input", value) => texts.add("input", value),
            _ => {}
        }
    }
    texts.moderate().await
}

fn add_item<'a>(texts: &mut Texts<'a>, path: &str, item: &'a mut Value) {
    let kind = item
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("message");
    let is_own = item.get("role").and_then(Value::as_str) == Some("assistant");
    let field = match kind {
        "message" if !is_own => "content",
        "message" => return,
        kind if kind.ends_with("_output") => "output",
        _ => return,
    };
    if let Some(value) = item.get_mut(field) {
        texts.add(&format!("{path}.{field}"), value);
    }
}

/// Removes reasoning that came from us, for models of other providers: OpenAI rejects it.
fn remove_foreign_reasoning(body: &mut Value) {
    if let Some(Value::Array(items)) = body.get_mut("input") {
        items.retain(|item| {
            let data = item.get("encrypted_content").and_then(Value::as_str);
            !data.is_some_and(is_sealed)
        });
    }
}

fn decode(body: Value) -> Result<ResponseRequest, ApiError> {
    let mut fields = Fields::of(body, String::new())?;
    reject_state(&mut fields)?;
    let echo = Echo::of(&mut fields);
    let model = fields.required_text("model")?;
    let mut messages = Vec::new();
    let mut origins = Origins::default();
    if let Some(text) = fields.text("instructions")?.filter(|text| !text.is_empty()) {
        let part = Part::Text(TextPart { text, extra: None });
        messages.push(items::message(Role::System, vec![part]));
        origins.0.push("instructions".to_owned());
    }
    items::read(&mut fields, &mut messages, &mut origins)?;
    pairs::check(&messages)?;
    let max_tokens = fields.count("max_output_tokens")?;
    if max_tokens == Some(0) {
        return Err(ApiError::invalid("max_output_tokens", "must be at least 1"));
    }
    let is_stream = fields.flag("stream")?.unwrap_or(false);
    let temperature = fields.number("temperature")?;
    let options = options(&mut fields, is_stream)?;
    Ok(ResponseRequest {
        request: ChatRequest {
            model,
            messages,
            temperature,
            max_tokens,
            options: Some(options),
            native: None,
        },
        is_stream,
        origins,
        echo,
    })
}

/// Fields that need stored responses.
fn reject_state(fields: &mut Fields) -> Result<(), ApiError> {
    for name in ["previous_response_id", "conversation", "prompt"] {
        if fields.take(name).is_some() {
            return Err(ApiError::invalid(
                name,
                "is not supported here: responses are not stored, send the whole conversation as input",
            ));
        }
    }
    if fields.flag("background")? == Some(true) {
        return Err(ApiError::invalid("background", "is not supported here"));
    }
    fields.flag("store")?;
    Ok(())
}

fn options(fields: &mut Fields, is_stream: bool) -> Result<Options, ApiError> {
    let mut extra = Map::new();
    let response_format = match fields.object("text")? {
        None => None,
        Some(mut text) => {
            if let Some(verbosity) = text.text("verbosity")? {
                extra.insert("verbosity".to_owned(), verbosity.into());
            }
            format(&mut text)?
        }
    };
    if let Some(mut reasoning) = fields.object("reasoning")?
        && let Some(effort) = reasoning.text("effort")?
    {
        extra.insert("reasoning_effort".to_owned(), effort.into());
    }
    Ok(Options {
        top_p: fields.number("top_p")?,
        stop: Vec::new(),
        seed: None,
        presence_penalty: None,
        frequency_penalty: None,
        end_user: fields.text("user")?,
        tools: tools::read(fields)?,
        tool_choice: tools::choice(fields)?,
        parallel_tool_calls: fields.flag("parallel_tool_calls")?,
        response_format,
        extra: (!extra.is_empty()).then(|| Value::Object(extra).to_string()),
        include_extra: false,
        whole: !is_stream,
    })
}

fn format(text: &mut Fields) -> Result<Option<ResponseFormat>, ApiError> {
    let Some(mut format) = text.object("format")? else {
        return Ok(None);
    };
    Ok(Some(match format.required_text("type")?.as_str() {
        "text" => ResponseFormat::Text,
        "json_object" => ResponseFormat::JsonObject,
        "json_schema" => ResponseFormat::JsonSchema(JsonSchema {
            name: format.required_text("name")?,
            description: format.text("description")?,
            schema: format.json("schema")?,
            strict: format.flag("strict")?,
        }),
        _ => return Err(format.wrong("type", "must be text, json_object or json_schema")),
    }))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

//! Reading a request of the Messages API.
//! Source: <https://platform.claude.com/docs/en/api/messages>.

mod content;
mod own;
mod tools;

use contracts::llm::types::{
    ChatRequest, JsonSchema, Message, NativeApi, NativeRequest, Options, Part, ResponseFormat, Role,
};
use http_edge::ApiError;
use model_api::{Fields, Origins, Texts, fields::text};
use serde_json::{Map, Value, json};

/// Headers that are forwarded with the body.
pub(crate) struct NativeHeaders {
    pub(crate) version: Option<String>,
    pub(crate) betas: Vec<String>,
}

/// A parsed request.
pub(crate) struct MessageRequest {
    pub(crate) request: ChatRequest,
    pub(crate) is_stream: bool,
    /// Where its messages were.
    pub(crate) origins: Origins,
}

impl MessageRequest {
    /// Moderates a request and reads it. `text` is the unchanged body.
    ///
    /// # Errors
    /// 400 with the path of what is wrong; what is blocked.
    pub(crate) async fn read(
        mut body: Value,
        text: &str,
        headers: NativeHeaders,
        needs_limit: bool,
    ) -> Result<Self, ApiError> {
        let original = body.clone();
        moderate(&mut body).await?;
        let mut own = body.clone();
        own::remove_foreign_reasoning(&mut own);
        let native = NativeRequest {
            api: NativeApi::Messages,
            body: if own == original {
                text.to_owned()
            } else {
                own.to_string()
            },
            version: headers.version,
            betas: headers.betas,
        };
        let mut parsed = decode(body, needs_limit)?;
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
            ("system", value) => texts.add("system", value),
            ("messages", Value::Array(messages)) => {
                for (index, message) in messages.iter_mut().enumerate() {
                    if message.get("role") == Some(&json!("assistant")) {
                        continue;
                    }
                    if let Some(content) = message.get_mut("content") {
                        texts.add(&format!("messages[{index}].content"), content);
                    }
                }
            }
            _ => {}
        }
    }
    texts.moderate().await
}

fn decode(body: Value, needs_limit: bool) -> Result<MessageRequest, ApiError> {
    let mut fields = Fields::of(body, String::new())?;
    let model = fields.required_text("model")?;
    let mut messages = Vec::new();
    let mut origins = Origins::default();
    if let Some(system) = fields.take("system") {
        let content = content::parts(system, "system")?;
        messages.push(message(Role::System, content));
        origins.0.push("system".to_owned());
    }
    let given = fields
        .list("messages")?
        .ok_or_else(|| ApiError::invalid("messages", "is missing"))?;
    if given.is_empty() {
        return Err(ApiError::invalid("messages", "must not be empty"));
    }
    for (index, value) in given.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let before = messages.len();
        content::read_message(Fields::of(value, path.clone())?, &mut messages)?;
        let added = messages.len().saturating_sub(before);
        origins.0.extend(std::iter::repeat_n(path, added));
    }
    let max_tokens = fields.count("max_tokens")?;
    if max_tokens == Some(0) || (max_tokens.is_none() && needs_limit) {
        return Err(ApiError::invalid("max_tokens", "must be at least 1"));
    }
    let is_stream = fields.flag("stream")?.unwrap_or(false);
    let temperature = fields.number("temperature")?;
    let options = options(&mut fields, is_stream)?;
    Ok(MessageRequest {
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
    })
}

fn message(role: Role, content: Vec<Part>) -> Message {
    Message {
        role,
        content,
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: None,
    }
}

fn options(fields: &mut Fields, is_stream: bool) -> Result<Options, ApiError> {
    let (tool_choice, parallel_tool_calls) = tools::choice(fields)?;
    let (response_format, effort) = output_config(fields)?;
    let effort = effort.or(thinking_effort(fields)?);
    let mut extra = Map::new();
    if let Some(effort) = effort {
        extra.insert("reasoning_effort".to_owned(), effort.into());
    }
    let stop = fields.list("stop_sequences")?.unwrap_or_default();
    let user = fields
        .object("metadata")?
        .map(|mut metadata| metadata.text("user_id"))
        .transpose()?
        .flatten();
    Ok(Options {
        top_p: fields.number("top_p")?,
        stop: stop
            .into_iter()
            .enumerate()
            .map(|(index, one)| text(one, &format!("stop_sequences[{index}]")))
            .collect::<Result<_, _>>()?,
        seed: None,
        presence_penalty: None,
        frequency_penalty: None,
        end_user: user,
        tools: tools::read(fields)?,
        tool_choice,
        parallel_tool_calls,
        response_format,
        extra: (!extra.is_empty()).then(|| Value::Object(extra).to_string()),
        include_extra: false,
        whole: !is_stream,
    })
}

/// The schema of the text, and the effort.
fn output_config(
    fields: &mut Fields,
) -> Result<(Option<ResponseFormat>, Option<String>), ApiError> {
    let Some(mut config) = fields.object("output_config")? else {
        return Ok((None, None));
    };
    let effort = config.text("effort")?.map(|effort| match effort.as_str() {
        "max" | "xhigh" => "high".to_owned(),
        _ => effort,
    });
    let Some(mut format) = config.object("format")? else {
        return Ok((None, effort));
    };
    let schema = format.json("schema")?;
    let format = ResponseFormat::JsonSchema(JsonSchema {
        name: "output".to_owned(),
        description: None,
        schema,
        strict: Some(true),
    });
    Ok((Some(format), effort))
}

/// The effort that a budget of thinking amounts to; none if the model decides.
fn thinking_effort(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let Some(mut thinking) = fields.object("thinking")? else {
        return Ok(None);
    };
    if thinking.required_text("type")? != "enabled" {
        return Ok(None);
    }
    let effort = match thinking.count("budget_tokens")?.unwrap_or(0) {
        0..4_096 => "low",
        4_096..16_384 => "medium",
        _ => "high",
    };
    Ok(Some(effort.to_owned()))
}

#[cfg(test)]
mod tests;

//! The request of the Messages API. Source: <https://platform.claude.com/docs/en/api/messages>.

use super::config::{Config, NAME};
use super::{messages, tools};
use crate::bindings::{ChatRequest, Error, NativeRequest, ResponseFormat};
use crate::catalogue::Entry;
use crate::json::object;
use crate::outbound::OutboundRequest;
use crate::providers::openai::request::is_streamed;
use crate::request::{
    Omitted, invalid, is_native_stream, native_body, prompt, reject, unsupported,
};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

const VERSION: &str = "2023-06-01";

/// The API requires a limit of the completion; this one leaves room for reasoning, which counts too.
const DEFAULT_MAX_TOKENS: u32 = 16_384;

/// The limit for models without one in the catalogue. Every model can generate as many tokens.
const CAUTIOUS_MAX_TOKENS: u32 = 4_096;

/// Parameters of the API itself, which are sent unchanged.
const OWN_PARAMETERS: [&str; 6] = [
    "cache_control",
    "container",
    "context_management",
    "output_config",
    "thinking",
    "top_k",
];

/// The request, and the parameters that are not in it.
///
/// # Errors
/// `misconfigured` if the base URL is none, `invalid-request` for what the API does not have.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(OutboundRequest, Omitted), Error> {
    let (body, omitted) = body(entry, request)?;
    let url = format!("{}/v1/messages", config.base_url);
    let request = OutboundRequest::post(&url, &body)?
        .header("x-api-key", key.expose())
        .header("anthropic-version", VERSION);
    Ok((request, omitted))
}

/// The client's own request.
///
/// # Errors
/// `misconfigured` if the base URL is none.
pub(crate) fn native(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    native: &NativeRequest,
    max_tokens: Option<u32>,
) -> Result<OutboundRequest, Error> {
    let url = format!("{}/v1/messages", config.base_url);
    let body = native_body(native, entry, max_tokens);
    let request = OutboundRequest::post_bytes(&url, body, is_native_stream(native))?;
    Ok(with_native_headers(request, key, native))
}

/// The question how many tokens the client's own request has.
///
/// # Errors
/// `misconfigured` if the base URL is none.
pub(crate) fn count_tokens(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    native: &NativeRequest,
) -> Result<OutboundRequest, Error> {
    let url = format!("{}/v1/messages/count_tokens", config.base_url);
    let body = native_body(native, entry, None);
    let request = OutboundRequest::post_bytes(&url, body, false)?;
    Ok(with_native_headers(request, key, native))
}

fn with_native_headers(
    request: OutboundRequest,
    key: &Secret,
    native: &NativeRequest,
) -> OutboundRequest {
    let version = native.version.as_deref().unwrap_or(VERSION);
    let request = request
        .header("x-api-key", key.expose())
        .header("anthropic-version", version);
    if native.betas.is_empty() {
        return request;
    }
    request.header("anthropic-beta", &native.betas.join(","))
}

fn body(entry: &Entry, request: &ChatRequest) -> Result<(Value, Omitted), Error> {
    reject(entry, request)?;
    let options = request.options();
    let mut omitted = Omitted::default();
    let mut body = Map::new();
    set_extra(entry, request, &mut body, &mut omitted)?;
    let prompt = prompt(&request.messages, true);
    let messages = messages::messages(&prompt, &mut omitted)?;
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("model", json!(entry.upstream));
    set("stream", json!(is_streamed(entry, options)));
    set("messages", messages);
    if let Some(system) = messages::system(&prompt) {
        set("system", system);
    }
    if !options.stop.is_empty() {
        set("stop_sequences", json!(options.stop));
    }
    if !options.tools.is_empty() {
        set("tools", tools::tools(&options.tools, &mut omitted)?);
        if let Some(choice) = tools::tool_choice(options)? {
            set("tool_choice", choice);
        }
    }
    set_user(request, &mut body);
    set_sampling(entry, request, &mut body, &mut omitted);
    set_format(request, &mut body)?;
    let max_tokens = max_tokens(entry, request, &body);
    body.insert("max_tokens".to_owned(), json!(max_tokens));
    Ok((Value::Object(body), omitted))
}

/// Sends the API's own parameters, translates `reasoning_effort`, and omits or rejects others.
fn set_extra(
    entry: &Entry,
    request: &ChatRequest,
    body: &mut Map<String, Value>,
    omitted: &mut Omitted,
) -> Result<(), Error> {
    let mut effort = None;
    for (name, value) in request.options().extra() {
        match name.as_str() {
            "n" | "stream_options" => {}
            "reasoning_effort" if entry.takes("reasoning_effort") => effort = Some(value),
            "service_tier" if value == "auto" || value == "standard_only" => {
                body.insert(name, value);
            }
            "metadata" if value.get("user_id").is_some_and(Value::is_string) => {
                let user = value.get("user_id").cloned().unwrap_or_default();
                body.insert(name, json!({ "user_id": user }));
            }
            own if OWN_PARAMETERS.contains(&own) => {
                body.insert(name, value);
            }
            other => omitted.extra(other, &value, NAME)?,
        }
    }
    if let Some(effort) = effort.as_ref().and_then(Value::as_str) {
        match effort {
            "none" => {
                body.entry("thinking")
                    .or_insert_with(|| json!({"type": "disabled"}));
            }
            effort => {
                let effort = if effort == "minimal" { "low" } else { effort };
                set_output_config(body, "effort", json!(effort));
            }
        }
    }
    Ok(())
}

/// Adds to `output_config` what the client did not set there itself.
fn set_output_config(body: &mut Map<String, Value>, name: &str, value: Value) {
    let config = body
        .entry("output_config")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(config) = config.as_object_mut() {
        config.entry(name).or_insert(value);
    }
}

fn set_user(request: &ChatRequest, body: &mut Map<String, Value>) {
    if let Some(user) = &request.options().end_user {
        body.entry("metadata")
            .or_insert_with(|| json!({ "user_id": user }));
    }
}

/// The range of the temperature ends at 1, ours at 2. With reasoning the API takes neither, and with
/// a temperature newer models take no `top_p`.
fn set_sampling(
    entry: &Entry,
    request: &ChatRequest,
    body: &mut Map<String, Value>,
    omitted: &mut Omitted,
) {
    let options = request.options();
    let thinking = body
        .get("thinking")
        .and_then(|thinking| thinking.get("type"));
    let is_thinking = thinking.is_some_and(|kind| kind != "disabled");
    let takes = |name: &str| entry.takes(name) && !is_thinking;
    let is_given = request.temperature.is_some();
    let has_temperature = omitted.unless(takes("temperature"), is_given, "temperature");
    if let Some(temperature) = request.temperature.filter(|_| has_temperature) {
        body.insert("temperature".to_owned(), json!(temperature.clamp(0.0, 1.0)));
    }
    let takes_top_p = takes("top_p") && !has_temperature;
    if let Some(top_p) = options.top_p
        && omitted.unless(takes_top_p, true, "top_p")
    {
        body.insert("top_p".to_owned(), json!(top_p));
    }
    if is_thinking && body.remove("top_k").is_some() {
        omitted.add("top_k");
    }
    omitted.unless(false, options.seed.is_some(), "seed");
    let is_set = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    omitted.unless(false, is_set(options.presence_penalty), "presence_penalty");
    omitted.unless(
        false,
        is_set(options.frequency_penalty),
        "frequency_penalty",
    );
}

/// The API has schemas, but nothing for JSON of any shape.
fn set_format(request: &ChatRequest, body: &mut Map<String, Value>) -> Result<(), Error> {
    let schema = match &request.options().response_format {
        None | Some(ResponseFormat::Text) => return Ok(()),
        Some(ResponseFormat::JsonObject | ResponseFormat::Other(_)) => {
            return Err(unsupported("response_format.type", NAME));
        }
        Some(ResponseFormat::JsonSchema(format)) => format.schema.as_deref().and_then(object),
    };
    let Some(schema) = schema else {
        return Err(invalid(
            "response_format.json_schema.schema",
            format!("is required by {NAME}"),
        ));
    };
    set_output_config(
        body,
        "format",
        json!({"type": "json_schema", "schema": schema}),
    );
    Ok(())
}

/// Reasoning with a budget needs a limit above it.
fn max_tokens(entry: &Entry, request: &ChatRequest, body: &Map<String, Value>) -> u32 {
    let budget = body
        .get("thinking")
        .and_then(|thinking| crate::json::count_in(thinking, "budget_tokens"))
        .unwrap_or(0);
    match (request.max_tokens, entry.max_output_tokens) {
        (Some(wanted), Some(most)) => wanted.min(most),
        (Some(wanted), None) => wanted,
        (None, Some(most)) => DEFAULT_MAX_TOKENS.saturating_add(budget).min(most),
        (None, None) => CAUTIOUS_MAX_TOKENS.saturating_add(budget),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{FunctionTool, JsonSchema, Options, Role, Tool, ToolChoice};
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, add_function, asking, field, message, request};

    fn sent_body(model: &str, request: &ChatRequest) -> Result<Value, Error> {
        let catalogue = Catalogue::new("").unwrap();
        Ok(body(catalogue.find(model).unwrap(), request)?.0)
    }

    fn omitted(model: &str, request: &ChatRequest) -> Vec<String> {
        let catalogue = Catalogue::new("").unwrap();
        let (_, omitted) = body(catalogue.find(model).unwrap(), request).unwrap();
        omitted.into_names()
    }

    fn conversation(messages: &[(Role, &str)]) -> ChatRequest {
        ChatRequest {
            temperature: Some(1.5),
            ..request(
                messages
                    .iter()
                    .map(|(role, text)| message(*role, text))
                    .collect(),
            )
        }
    }

    #[test]
    fn instructions_are_apart_and_the_user_begins() {
        let request = conversation(&[
            (Role::System, "Be kind."),
            (Role::Assistant, "Left over"),
            (Role::User, "Hi"),
            (Role::Assistant, ""),
            (Role::System, "Be brief."),
            (Role::User, "Again"),
        ]);
        assert_eq!(
            sent_body("claude-3-haiku", &request).unwrap(),
            json!({
                "model": "claude-3-haiku-20240307", "max_tokens": 4096, "system": "Be kind.\n\nBe brief.",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Again"}]}],
                "stream": true, "temperature": 1.0,
            })
        );
    }

    #[test]
    fn a_model_that_takes_no_temperature_gets_none() {
        let body = sent_body("claude-opus-5-5", &conversation(&[(Role::User, "Hi")])).unwrap();
        assert!(body.get("temperature").is_none());
        assert_eq!(body["max_tokens"], 16_384);
    }

    #[test]
    fn options_are_translated() {
        let request = asking(|options| {
            options.top_p = Some(0.5);
            options.stop = vec!["END".into()];
            options.end_user = Some("u1".into());
            options.presence_penalty = Some(0.0);
            options.tools = vec![Tool::Function(FunctionTool {
                strict: Some(true),
                ..add_function()
            })];
            options.parallel_tool_calls = Some(false);
            options.response_format = Some(ResponseFormat::JsonSchema(JsonSchema {
                name: "n".into(),
                description: None,
                schema: Some(r#"{"type":"object","additionalProperties":false}"#.into()),
                strict: Some(true),
            }));
            options.extra = Some(r#"{"store":false}"#.into());
        });
        let body = sent_body("claude-haiku-4-5", &request).unwrap();
        for (name, value) in [
            ("top_p", json!(0.5)),
            ("stop_sequences", json!(["END"])),
            ("metadata", json!({"user_id": "u1"})),
            (
                "tools",
                json!([{"name": "add", "description": "Adds.", "strict": true, "input_schema": {
                    "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
                }}]),
            ),
            (
                "tool_choice",
                json!({"type": "auto", "disable_parallel_tool_use": true}),
            ),
            (
                "output_config",
                json!({"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}}),
            ),
        ] {
            assert_eq!(body[name], value, "{name}");
        }
    }

    #[test]
    fn every_tool_choice_has_its_word() {
        let choice = |choice| {
            let request = asking(|options| {
                options.tools = vec![add()];
                options.tool_choice = Some(choice);
            });
            sent_body("claude-haiku-4-5", &request).unwrap()["tool_choice"].clone()
        };
        assert_eq!(choice(ToolChoice::Auto), json!({"type": "auto"}));
        assert_eq!(choice(ToolChoice::None), json!({"type": "none"}));
        assert_eq!(choice(ToolChoice::Required), json!({"type": "any"}));
        assert_eq!(
            choice(ToolChoice::Function("add".into())),
            json!({"type": "tool", "name": "add"})
        );
    }

    #[test]
    fn parameters_without_a_counterpart_are_omitted_or_rejected() {
        let request = ChatRequest {
            temperature: Some(0.5),
            ..asking(|options| {
                options.seed = Some(1);
                options.top_p = Some(0.5);
                options.presence_penalty = Some(0.1);
                options.frequency_penalty = Some(0.0);
                options.extra = Some(r#"{"store":true,"reasoning_effort":"low","n":1}"#.into());
            })
        };
        assert_eq!(
            omitted("claude-haiku-4-5", &request),
            [
                "store",
                "reasoning_effort",
                "top_p",
                "seed",
                "presence_penalty"
            ]
        );
        type Change = fn(&mut Options);
        let cases: [(Change, &str); 3] = [
            (
                |options| options.response_format = Some(ResponseFormat::JsonObject),
                "response_format.type",
            ),
            (
                |options| options.extra = Some(r#"{"logit_bias":{}}"#.into()),
                "logit_bias",
            ),
            (
                |options| options.extra = Some(r#"{"logprobs":true}"#.into()),
                "logprobs",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(sent_body("claude-haiku-4-5", &asking(change))), named);
        }
    }

    #[test]
    fn parameters_of_the_api_itself_are_sent() {
        let request = ChatRequest {
            temperature: Some(0.5),
            ..asking(|options| {
                options.end_user = Some("u1".into());
                options.extra = Some(
                    r#"{"thinking":{"type":"enabled","budget_tokens":20000},"top_k":5,
                        "metadata":{"user_id":"u2"},"cache_control":{"type":"ephemeral"}}"#
                        .into(),
                );
            })
        };
        let body = sent_body("claude-haiku-4-5", &request).unwrap();
        assert_eq!(body["thinking"]["budget_tokens"], 20_000);
        assert_eq!(body["max_tokens"], 36_384);
        assert_eq!(body["metadata"], json!({"user_id": "u2"}));
        assert_eq!(body["cache_control"], json!({"type": "ephemeral"}));
        assert_eq!(
            omitted("claude-haiku-4-5", &request),
            ["temperature", "top_k"]
        );
    }

    #[test]
    fn reasoning_effort_is_translated_where_the_model_takes_it() {
        let request = |effort: &str| {
            let extra = json!({"reasoning_effort": effort}).to_string();
            asking(|options| options.extra = Some(extra))
        };
        let body = sent_body("claude-opus-5-5", &request("minimal")).unwrap();
        assert_eq!(body["output_config"], json!({"effort": "low"}));
        let body = sent_body("claude-opus-5-5", &request("none")).unwrap();
        assert_eq!(body["thinking"], json!({"type": "disabled"}));
    }
}

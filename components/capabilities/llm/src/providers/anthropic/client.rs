//! The request of the Messages API. Source: <https://platform.claude.com/docs/en/api/messages>.

use super::config::{Config, NAME};
use super::messages;
use crate::bindings::{ChatRequest, Error, Options, ResponseFormat, Role, Tool, ToolChoice};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::request::{invalid, object, refuse, unsupported};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

const VERSION: &str = "2023-06-01";

/// The API wants a bound on the answer; this one leaves room for thoughts, which count too.
const DEFAULT_MAX_TOKENS: u32 = 16_384;

/// The bound where the catalogue does not say how much the model can do: every model can this.
const CAUTIOUS_MAX_TOKENS: u32 = 4_096;

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none, `invalid-request` for what the API does not have.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<Call, Error> {
    let call = Call::post(
        &format!("{}/v1/messages", config.base_url),
        &body(entry, request)?,
    )?;
    Ok(call
        .header("x-api-key", key.expose())
        .header("anthropic-version", VERSION))
}

fn body(entry: &Entry, request: &ChatRequest) -> Result<Value, Error> {
    let options = request.options();
    options.refuse_extra(NAME)?;
    options.refuse_penalties(NAME)?;
    refuse(options.seed.is_some(), "seed", NAME)?;

    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("model", json!(entry.upstream));
    set("max_tokens", json!(max_tokens(entry, request)));
    // Instructions are kept apart, wherever in the conversation they stand.
    let system: Vec<_> = request
        .messages
        .iter()
        .filter(|message| message.role == Role::System && !message.is_blank())
        .map(|message| message.text())
        .collect();
    if !system.is_empty() {
        set("system", json!(system.join("\n\n")));
    }
    set("messages", messages::messages(&request.messages)?);
    set("stream", json!(true));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        // Its range ends at 1, ours at 2.
        set("temperature", json!(temperature.clamp(0.0, 1.0)));
    }
    if let Some(top_p) = options.top_p {
        set("top_p", json!(top_p));
    }
    if !options.stop.is_empty() {
        set("stop_sequences", json!(options.stop));
    }
    if let Some(user) = &options.end_user {
        set("metadata", json!({"user_id": user}));
    }
    if !options.tools.is_empty() {
        set("tools", options.tools.iter().map(tool).collect());
        if let Some(choice) = tool_choice(options) {
            set("tool_choice", choice);
        }
    }
    if let Some(format) = &options.response_format
        && let Some(format) = output_format(format)?
    {
        set("output_config", json!({"format": format}));
    }
    Ok(Value::Object(body))
}

fn tool(tool: &Tool) -> Value {
    let no_arguments = || Map::from_iter([("type".to_owned(), json!("object"))]);
    let schema = tool.parameters.as_deref().and_then(object);
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(tool.name));
    if let Some(description) = &tool.description {
        out.insert("description".to_owned(), json!(description));
    }
    let schema = schema
        .filter(|schema| !schema.is_empty())
        .unwrap_or_else(no_arguments);
    out.insert("input_schema".to_owned(), Value::Object(schema));
    if tool.strict == Some(true) {
        out.insert("strict".to_owned(), json!(true));
    }
    Value::Object(out)
}

fn tool_choice(options: &Options) -> Option<Value> {
    let one_at_a_time = options.parallel_tool_calls == Some(false);
    let mut choice = match &options.tool_choice {
        None if !one_at_a_time => return None,
        None | Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Function(name)) => json!({"type": "tool", "name": name}),
    };
    if let Some(choice) = choice.as_object_mut().filter(|_| one_at_a_time) {
        choice.insert("disable_parallel_tool_use".to_owned(), json!(true));
    }
    Some(choice)
}

/// The API keeps to a schema, and has nothing for JSON of any shape.
fn output_format(format: &ResponseFormat) -> Result<Option<Value>, Error> {
    match format {
        ResponseFormat::Text => Ok(None),
        ResponseFormat::JsonObject => Err(unsupported("response_format.type", NAME)),
        ResponseFormat::JsonSchema(format) => match format.schema.as_deref().and_then(object) {
            Some(schema) => Ok(Some(json!({"type": "json_schema", "schema": schema}))),
            None => Err(invalid(
                "response_format.json_schema.schema",
                format!("is needed by {NAME}"),
            )),
        },
    }
}

fn max_tokens(entry: &Entry, request: &ChatRequest) -> u32 {
    match (request.max_tokens, entry.max_output_tokens) {
        (Some(wanted), Some(most)) => wanted.min(most),
        (Some(wanted), None) => wanted,
        (None, Some(most)) => most.min(DEFAULT_MAX_TOKENS),
        (None, None) => CAUTIOUS_MAX_TOKENS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::JsonSchema;
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, asking, field, message, request};

    fn asked(model: &str, request: &ChatRequest) -> Result<Value, Error> {
        let catalogue = Catalogue::new("").unwrap();
        body(catalogue.find(model).unwrap(), request)
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
            asked("claude-3-haiku", &request).unwrap(),
            json!({
                "model": "claude-3-haiku-20240307", "max_tokens": 4096, "system": "Be kind.\n\nBe brief.",
                "messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Again"}],
                "stream": true, "temperature": 1.0,
            })
        );
    }

    #[test]
    fn a_model_that_takes_no_temperature_gets_none() {
        let body = asked("claude-opus-5-5", &conversation(&[(Role::User, "Hi")])).unwrap();
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
            options.tools = vec![add()];
            options.tools[0].strict = Some(true);
            options.parallel_tool_calls = Some(false);
            options.response_format = Some(ResponseFormat::JsonSchema(JsonSchema {
                name: "n".into(),
                description: None,
                schema: Some(r#"{"type":"object","additionalProperties":false}"#.into()),
                strict: Some(true),
            }));
            options.extra = Some(r#"{"store":false}"#.into());
        });
        let body = asked("claude-haiku-4-5", &request).unwrap();
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
            asked("claude-haiku-4-5", &request).unwrap()["tool_choice"].clone()
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
    fn what_it_cannot_do_is_refused_by_name() {
        type Change = fn(&mut Options);
        let cases: [(Change, &str); 5] = [
            (|options| options.seed = Some(1), "seed"),
            (
                |options| options.presence_penalty = Some(0.1),
                "presence_penalty",
            ),
            (
                |options| options.frequency_penalty = Some(0.1),
                "frequency_penalty",
            ),
            (
                |options| options.response_format = Some(ResponseFormat::JsonObject),
                "response_format.type",
            ),
            (
                |options| options.extra = Some(r#"{"logit_bias":{}}"#.into()),
                "logit_bias",
            ),
        ];
        for (change, named) in cases {
            assert_eq!(field(asked("claude-haiku-4-5", &asking(change))), named);
        }
    }
}

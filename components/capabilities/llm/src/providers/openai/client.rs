//! The request of Chat Completions.
//! Source: <https://platform.openai.com/docs/api-reference/chat/create>.

use super::config::Config;
use crate::bindings::{
    ChatRequest, Error, ImageDetail, Message, Options, Part, ResponseFormat, Role, Tool, ToolChoice,
};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::request::object;
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// Asks for a streamed answer.
///
/// # Errors
/// `other` when the base URL is none, `invalid-request` for extra fields that set ours.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<Call, Error> {
    let body = body(entry, request, "max_completion_tokens")?;
    Ok(Call::post(&format!("{}/chat/completions", config.base_url), &body)?.bearer(key))
}

/// The body, with the bound on the answer's length under the name that the server knows.
///
/// # Errors
/// `invalid-request` for extra fields that set ours.
pub(crate) fn body(entry: &Entry, request: &ChatRequest, max_tokens: &str) -> Result<Value, Error> {
    let options = request.options();
    let mut body = options.extra()?;
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("model", json!(entry.upstream));
    set("messages", messages(&request.messages));
    set("stream", json!(true));
    set("stream_options", json!({"include_usage": true}));
    if let Some(temperature) = request.temperature.filter(|_| entry.temperature) {
        set("temperature", json!(temperature));
    }
    if let Some(tokens) = request.max_tokens {
        let tokens = entry
            .max_output_tokens
            .map_or(tokens, |most| tokens.min(most));
        set(max_tokens, json!(tokens));
    }
    sampling(options, &mut body);
    if !options.stop.is_empty() {
        body.insert("stop".to_owned(), json!(options.stop));
    }
    if let Some(user) = &options.end_user {
        body.insert("user".to_owned(), json!(user));
    }
    if !options.tools.is_empty() {
        body.insert("tools".to_owned(), tools(&options.tools));
        if let Some(choice) = &options.tool_choice {
            body.insert("tool_choice".to_owned(), tool_choice(choice));
        }
        if let Some(parallel) = options.parallel_tool_calls {
            body.insert("parallel_tool_calls".to_owned(), json!(parallel));
        }
    }
    if let Some(format) = &options.response_format {
        body.insert("response_format".to_owned(), response_format(format));
    }
    Ok(Value::Object(body))
}

/// How words are chosen, as OpenAI and Workers AI take it.
pub(crate) fn sampling(options: &Options, body: &mut Map<String, Value>) {
    let numbers = [
        ("top_p", options.top_p),
        ("presence_penalty", options.presence_penalty),
        ("frequency_penalty", options.frequency_penalty),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            body.insert(name.to_owned(), json!(number));
        }
    }
    if let Some(seed) = options.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
}

/// The messages.
pub(crate) fn messages(messages: &[Message]) -> Value {
    messages.iter().map(message).collect()
}

fn message(message: &Message) -> Value {
    let mut said = Map::new();
    said.insert("role".to_owned(), json!(role(message.role)));
    said.insert("content".to_owned(), content(message));
    if let Some(name) = &message.name {
        said.insert("name".to_owned(), json!(name));
    }
    if !message.tool_calls.is_empty() {
        let calls: Value = message
            .tool_calls
            .iter()
            .map(|call| {
                json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
            })
            .collect();
        said.insert("tool_calls".to_owned(), calls);
    }
    if let Some(id) = &message.tool_call_id {
        said.insert("tool_call_id".to_owned(), json!(id));
    }
    Value::Object(said)
}

fn content(message: &Message) -> Value {
    match message.content.as_slice() {
        [] if !message.tool_calls.is_empty() => Value::Null,
        [] => json!(""),
        [Part::Text(text)] => json!(text),
        parts => parts.iter().map(part).collect(),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(image) => {
            let detail = image.detail.map(|detail| match detail {
                ImageDetail::Auto => "auto",
                ImageDetail::Low => "low",
                ImageDetail::High => "high",
            });
            let mut source = Map::from_iter([("url".to_owned(), json!(image.url))]);
            source.extend(detail.map(|detail| ("detail".to_owned(), json!(detail))));
            json!({"type": "image_url", "image_url": source})
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// The tools, as OpenAI and Workers AI take them.
pub(crate) fn tools(tools: &[Tool]) -> Value {
    tools
        .iter()
        .map(|tool| {
            let parameters = tool.parameters.as_deref().and_then(object);
            let function = named(
                &tool.name,
                tool.description.as_deref(),
                ("parameters", parameters),
                tool.strict,
            );
            json!({"type": "function", "function": function})
        })
        .collect()
}

/// What has a name and a schema, without the fields that say nothing.
fn named(
    name: &str,
    description: Option<&str>,
    (schema_name, schema): (&str, Option<Map<String, Value>>),
    strict: Option<bool>,
) -> Map<String, Value> {
    [
        ("name", Some(json!(name))),
        ("description", description.map(|text| json!(text))),
        (schema_name, schema.map(Value::Object)),
        ("strict", strict.map(Value::Bool)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Function(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn response_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!({"type": "text"}),
        ResponseFormat::JsonObject => json!({"type": "json_object"}),
        ResponseFormat::JsonSchema(format) => {
            let schema = format.schema.as_deref().and_then(object);
            let schema = named(
                &format.name,
                format.description.as_deref(),
                ("schema", schema),
                format.strict,
            );
            json!({"type": "json_schema", "json_schema": schema})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Image, JsonSchema};
    use crate::catalogue::Catalogue;
    use crate::request::testing::{add, asking, calling, field, message, request, result};

    fn asked(request: &ChatRequest) -> Result<Value, Error> {
        let catalogue = Catalogue::new("").unwrap();
        body(catalogue.find("gpt-4o").unwrap(), request, "max_tokens")
    }

    #[test]
    fn an_ordinary_request_is_as_ever() {
        let request = ChatRequest {
            temperature: Some(0.5),
            max_tokens: Some(9),
            ..request(vec![
                message(Role::System, "Be kind."),
                message(Role::User, "Hi"),
            ])
        };
        assert_eq!(
            asked(&request).unwrap(),
            json!({
                "model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
                "temperature": 0.5, "max_tokens": 9,
            })
        );
    }

    #[test]
    fn tools_and_their_results() {
        let mut request = asking(|options| {
            options.tools = vec![add()];
            options.tool_choice = Some(ToolChoice::Function("add".into()));
            options.parallel_tool_calls = Some(false);
        });
        request.messages = vec![calling("call_1", "{\"a\":1}"), result("call_1", "2")];
        let body = asked(&request).unwrap();
        assert_eq!(
            body["messages"],
            json!([
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}},
                ]},
                {"role": "tool", "content": "2", "tool_call_id": "call_1"},
            ])
        );
        assert_eq!(
            body["tools"],
            json!([{"type": "function", "function": {
                "name": "add", "description": "Adds.",
                "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            }}])
        );
        assert_eq!(
            body["tool_choice"],
            json!({"type": "function", "function": {"name": "add"}})
        );
        assert_eq!(body["parallel_tool_calls"], false);
    }

    #[test]
    fn images_keep_their_detail() {
        let mut image = message(Role::User, "What is this?");
        image.content.push(Part::Image(Image {
            url: "https://example.com/a.png".into(),
            detail: Some(ImageDetail::Low),
        }));
        assert_eq!(
            asked(&request(vec![image])).unwrap()["messages"][0]["content"],
            json!([
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
            ])
        );
    }

    #[test]
    fn every_option_has_its_field() {
        let request = asking(|options| {
            options.top_p = Some(0.25);
            options.stop = vec!["END".into()];
            options.seed = Some(-7);
            options.presence_penalty = Some(0.5);
            options.frequency_penalty = Some(-0.5);
            options.end_user = Some("u1".into());
            options.response_format = Some(ResponseFormat::JsonSchema(JsonSchema {
                name: "answer".into(),
                description: None,
                schema: Some(r#"{"type":"object"}"#.into()),
                strict: Some(true),
            }));
            options.extra = Some(r#"{"service_tier":"flex","metadata":{"a":"b"}}"#.into());
        });
        let body = asked(&request).unwrap();
        for (name, value) in [
            ("top_p", json!(0.25)),
            ("stop", json!(["END"])),
            ("seed", json!(-7)),
            ("presence_penalty", json!(0.5)),
            ("frequency_penalty", json!(-0.5)),
            ("user", json!("u1")),
            ("service_tier", json!("flex")),
            ("metadata", json!({"a": "b"})),
            (
                "response_format",
                json!({"type": "json_schema", "json_schema": {
                    "name": "answer", "schema": {"type": "object"}, "strict": true,
                }}),
            ),
        ] {
            assert_eq!(body[name], value, "{name}");
        }
    }

    #[test]
    fn extra_fields_set_nothing_of_ours() {
        let extra = |json: &str| asking(|options| options.extra = Some(json.to_owned()));
        assert_eq!(field(asked(&extra(r#"{"model":"x"}"#))), "model");
        assert_eq!(field(asked(&extra(r#"{"n":2}"#))), "n");
    }
}

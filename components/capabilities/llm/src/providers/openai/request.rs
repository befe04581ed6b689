//! The request of Chat Completions.
//! Source: <https://platform.openai.com/docs/api-reference/chat/create>.

use super::config::Config;
use super::messages::messages;
use crate::bindings::{
    ChatRequest, Error, FunctionTool, NativeRequest, Options, ResponseFormat, StreamMode, Tool,
    ToolChoice,
};
use crate::catalogue::Entry;
use crate::json::object;
use crate::outbound::OutboundRequest;
use crate::request::{Omitted, extra, is_native_stream, native_body, prompt, reject};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// The request, and the parameters that are not in it.
///
/// # Errors
/// `misconfigured` if the base URL is none, `invalid-request` for what the model does not take.
pub(crate) fn chat(
    config: &Config,
    key: &Secret,
    entry: &Entry,
    request: &ChatRequest,
) -> Result<(OutboundRequest, Omitted), Error> {
    let (body, omitted) = body(entry, request)?;
    let url = format!("{}/chat/completions", config.base_url);
    Ok((OutboundRequest::post(&url, &body)?.bearer(key), omitted))
}

/// The client's own request of the Responses API.
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
    let url = format!("{}/responses", config.base_url);
    let body = native_body(native, entry, max_tokens);
    Ok(OutboundRequest::post_bytes(&url, body, is_native_stream(native))?.bearer(key))
}

/// The body, and the parameters that are not in it.
///
/// # Errors
/// `invalid-request` for what the model does not take.
pub(crate) fn body(entry: &Entry, request: &ChatRequest) -> Result<(Value, Omitted), Error> {
    reject(entry, request)?;
    let options = request.options();
    let mut omitted = Omitted::default();
    let mut body = options.extra();
    body.remove("n");
    let effort = body.contains_key("reasoning_effort");
    if !omitted.unless(entry.takes("reasoning_effort"), effort, "reasoning_effort") {
        body.remove("reasoning_effort");
    }
    let prompt = prompt(&request.messages, entry.alternating_roles);
    body.insert("model".to_owned(), json!(entry.upstream));
    body.insert("messages".to_owned(), messages(&prompt, entry));
    set_stream(entry, options, &mut body);
    set_max_tokens(entry, request, &mut body);
    set_sampling(entry, request, &mut body, &mut omitted);
    if !options.stop.is_empty() {
        body.insert("stop".to_owned(), json!(options.stop));
    }
    if let Some(user) = &options.end_user
        && omitted.unless(entry.takes("user"), true, "user")
    {
        body.insert("user".to_owned(), json!(user));
    }
    if !options.tools.is_empty() {
        body.insert("tools".to_owned(), tools(&options.tools));
        set_tool_choice(entry, options, &mut body, &mut omitted);
    }
    if let Some(format) = options
        .response_format
        .as_ref()
        .filter(|_| entry.takes("response_format"))
    {
        body.insert("response_format".to_owned(), response_format(format));
    }
    Ok((Value::Object(body), omitted))
}

/// Whether a stream is requested from a model.
pub(crate) fn is_streamed(entry: &Entry, options: &Options) -> bool {
    match entry.stream {
        StreamMode::Always => true,
        StreamMode::AsRequested => !options.whole,
        StreamMode::Never => false,
    }
}

fn set_stream(entry: &Entry, options: &Options, body: &mut Map<String, Value>) {
    let is_streamed = is_streamed(entry, options);
    body.insert("stream".to_owned(), json!(is_streamed));
    if !is_streamed || !entry.takes("stream_options") {
        body.remove("stream_options");
        return;
    }
    let stream_options = body.entry("stream_options").or_insert_with(|| json!({}));
    if !stream_options.is_object() {
        *stream_options = json!({});
    }
    if let Some(members) = stream_options.as_object_mut() {
        members.insert("include_usage".to_owned(), json!(true));
    }
}

/// The limit under the name that the model takes; if it takes none, we alone enforce it.
fn set_max_tokens(entry: &Entry, request: &ChatRequest, body: &mut Map<String, Value>) {
    let name = ["max_completion_tokens", "max_tokens"]
        .into_iter()
        .find(|name| entry.takes(name));
    if let (Some(name), Some(tokens)) = (name, request.max_tokens) {
        let most = entry.max_output_tokens.unwrap_or(u32::MAX);
        body.insert(name.to_owned(), json!(tokens.min(most)));
    }
}

/// The parameters that guide how tokens are chosen, as OpenAI and Workers AI take them.
pub(crate) fn set_sampling(
    entry: &Entry,
    request: &ChatRequest,
    body: &mut Map<String, Value>,
    omitted: &mut Omitted,
) {
    let options = request.options();
    for (name, value) in [
        ("temperature", request.temperature.map(Value::from)),
        ("top_p", options.top_p.map(Value::from)),
        (
            "presence_penalty",
            options.presence_penalty.map(Value::from),
        ),
        (
            "frequency_penalty",
            options.frequency_penalty.map(Value::from),
        ),
        ("seed", options.seed.map(Value::from)),
    ] {
        let Some(value) = value else { continue };
        if omitted.unless(entry.takes(name), true, name) {
            body.insert(name.to_owned(), value);
        }
    }
}

/// The tools, as OpenAI and Workers AI take them.
pub(crate) fn tools(tools: &[Tool]) -> Value {
    tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(function) => function_tool(function),
            Tool::Other(json) => object(json).map_or(Value::Null, Value::Object),
        })
        .collect()
}

fn function_tool(tool: &FunctionTool) -> Value {
    let mut out = extra(tool.extra.as_deref());
    let mut function = match out.remove("function") {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let parameters = tool.parameters.as_deref().and_then(object);
    function.extend(named(
        &tool.name,
        tool.description.as_deref(),
        ("parameters", parameters),
        tool.strict,
    ));
    out.insert("type".to_owned(), json!("function"));
    out.insert("function".to_owned(), Value::Object(function));
    Value::Object(out)
}

/// An object with a name and a schema, without empty fields.
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

fn set_tool_choice(
    entry: &Entry,
    options: &Options,
    body: &mut Map<String, Value>,
    omitted: &mut Omitted,
) {
    if let Some(choice) = &options.tool_choice
        && omitted.unless(entry.takes("tool_choice"), true, "tool_choice")
    {
        body.insert("tool_choice".to_owned(), tool_choice(choice));
    }
    if let Some(parallel) = options.parallel_tool_calls
        && omitted.unless(
            entry.takes("parallel_tool_calls"),
            true,
            "parallel_tool_calls",
        )
    {
        body.insert("parallel_tool_calls".to_owned(), json!(parallel));
    }
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Function(name) => json!({"type": "function", "function": {"name": name}}),
        ToolChoice::Other(json) => object(json).map_or(Value::Null, Value::Object),
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
        ResponseFormat::Other(json) => object(json).map_or(Value::Null, Value::Object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Image, ImageDetail, JsonSchema, Part, Reasoning, Role, TextPart};
    use crate::catalogue::Catalogue;
    use crate::request::testing::{
        add, add_function, asking, calling, field, message, request, result,
    };

    fn sent_body(request: &ChatRequest) -> Result<Value, Error> {
        sent_body_of("[]", request).map(|sent| sent.0)
    }

    /// The body and what is omitted, with rows of the variable `models`.
    fn sent_body_of(models: &str, request: &ChatRequest) -> Result<(Value, Vec<String>), Error> {
        let catalogue = Catalogue::new(models).unwrap();
        let (body, omitted) = body(catalogue.find("gpt-4o").unwrap(), request)?;
        Ok((body, omitted.into_names()))
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
            sent_body(&request).unwrap(),
            json!({
                "model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
                "temperature": 0.5, "max_completion_tokens": 9,
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
        let body = sent_body(&request).unwrap();
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
            extra: None,
        }));
        assert_eq!(
            sent_body(&request(vec![image])).unwrap()["messages"][0]["content"],
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
        let body = sent_body(&request).unwrap();
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
    fn unknown_fields_are_sent_as_they_came() {
        let mut request = asking(|options| {
            options.tools = vec![
                Tool::Function(FunctionTool {
                    extra: Some(
                        r#"{"cache_control":{"type":"ephemeral"},"function":{"x":1}}"#.into(),
                    ),
                    ..add_function()
                }),
                Tool::Other(r#"{"type":"custom","custom":{"name":"run"}}"#.into()),
            ];
            options.tool_choice = Some(ToolChoice::Other(r#"{"type":"allowed_tools"}"#.into()));
            options.extra =
                Some(r#"{"stream_options":{"include_obfuscation":false},"n":1,"new":[1]}"#.into());
        });
        let mut call = calling("call_1", "{}");
        call.tool_calls[0].extra = Some(
            r#"{"extra_content":{"google":{"thought_signature":"s"}},"function":{"y":2}}"#.into(),
        );
        call.extra = Some(r#"{"reasoning_details":[{"type":"reasoning.encrypted"}]}"#.into());
        let mut parts = message(Role::User, "");
        parts.content = vec![
            Part::Text(TextPart {
                text: "Hi".into(),
                extra: Some(r#"{"cache_control":{}}"#.into()),
            }),
            Part::Other(r#"{"type":"file","file":{"file_id":"f"}}"#.into()),
        ];
        request.messages = vec![parts, call, result("call_1", "2")];
        let body = sent_body(&request).unwrap();
        assert_eq!(body["new"], json!([1]));
        assert_eq!(
            body["stream_options"],
            json!({"include_obfuscation": false, "include_usage": true})
        );
        assert_eq!(
            body["tools"][0]["cache_control"],
            json!({"type": "ephemeral"})
        );
        assert_eq!(body["tools"][0]["function"]["x"], 1);
        assert_eq!(body["tools"][0]["function"]["name"], "add");
        assert_eq!(
            body["tools"][1],
            json!({"type": "custom", "custom": {"name": "run"}})
        );
        assert_eq!(body["tool_choice"], json!({"type": "allowed_tools"}));
        assert_eq!(
            body["messages"],
            json!([
                {"role": "user", "content": [
                    {"type": "text", "text": "Hi", "cache_control": {}},
                    {"type": "file", "file": {"file_id": "f"}},
                ]},
                {"role": "assistant", "content": null, "reasoning_details": [{"type": "reasoning.encrypted"}], "tool_calls": [
                    {"id": "call_1", "type": "function", "extra_content": {"google": {"thought_signature": "s"}},
                     "function": {"name": "add", "arguments": "{}", "y": 2}},
                ]},
                {"role": "tool", "content": "2", "tool_call_id": "call_1"},
            ])
        );
    }

    #[test]
    fn parameters_that_a_model_does_not_take_are_omitted_or_rejected() {
        let models = r#"[{"id":"gpt-4o","stream":"asRequested","systemRole":"developer","parameters":{
            "temperature":false,"top_p":false,"seed":false,"stop":false,"stream_options":false,
            "max_completion_tokens":false,"max_tokens":true,"user":false}}]"#;
        let mut request = ChatRequest {
            temperature: Some(0.2),
            max_tokens: Some(5),
            ..asking(|options| {
                options.seed = Some(1);
                options.end_user = Some("u".into());
                options.parallel_tool_calls = Some(true);
                options.whole = true;
            })
        };
        request
            .messages
            .insert(0, message(Role::System, "Be kind."));
        let (body, omitted) = sent_body_of(models, &request).unwrap();
        assert_eq!(omitted, ["temperature", "seed", "user"]);
        assert_eq!(
            body,
            json!({
                "model": "gpt-4o", "stream": false, "max_tokens": 5,
                "messages": [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
            })
        );
        request.options.as_mut().unwrap().stop = vec!["x".into()];
        assert_eq!(field(sent_body_of(models, &request)), "stop");
    }

    #[test]
    fn instructions_go_to_the_user_where_there_is_no_role_for_them() {
        let models = r#"[{"id":"gpt-4o","systemRole":"user","alternatingRoles":true}]"#;
        let request = request(vec![
            message(Role::System, "Be kind."),
            message(Role::User, "Hi"),
            message(Role::Assistant, ""),
            message(Role::User, "Hello?"),
        ]);
        assert_eq!(
            sent_body_of(models, &request).unwrap().0["messages"],
            json!([{"role": "user", "content": "Be kind.\n\nHi\n\nHello?"}])
        );
    }

    #[test]
    fn reasoning_is_sent_back_as_the_model_takes_it() {
        let mut reply = message(Role::Assistant, "Hello");
        reply.content.insert(
            0,
            Part::Reasoning(Reasoning {
                text: "hm".into(),
                data: Some(r#"{"type":"reasoning.text","signature":"s"}"#.into()),
                provider: None,
                model: None,
            }),
        );
        let request = request(vec![message(Role::User, "Hi"), reply]);
        for (input, name, value) in [
            ("none", "reasoning", Value::Null),
            ("reasoningContent", "reasoning_content", json!("hm")),
            ("reasoning", "reasoning", json!("hm")),
            (
                "reasoningDetails",
                "reasoning_details",
                json!([{"type": "reasoning.text", "text": "hm", "signature": "s"}]),
            ),
        ] {
            let models = format!(r#"[{{"id":"gpt-4o","reasoningInput":"{input}"}}]"#);
            let body = sent_body_of(&models, &request).unwrap().0;
            assert_eq!(body["messages"][1]["content"], "Hello");
            assert_eq!(body["messages"][1][name], value, "{input}");
        }
    }
}

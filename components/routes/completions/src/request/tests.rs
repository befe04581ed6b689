use super::*;
use contracts::llm::types::{ImageDetail, Part, Role, Tool, ToolChoice};
use proptest::prelude::*;
use serde_json::json;

fn read(body: Value) -> Result<CompletionRequest, ApiError> {
    match body {
        Value::Object(fields) => CompletionRequest::read(fields),
        _ => Err(ApiError::invalid("body", "must be a JSON object")),
    }
}

/// A body with these fields beside a message.
fn with(fields: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
        body.extend(fields);
    }
    body
}

fn wrong(body: Value) -> String {
    match read(body) {
        Err(ApiError::Validation(details)) => details[0].path.clone(),
        other => panic!("{other:?}"),
    }
}

fn text_of(part: &Part) -> &str {
    match part {
        Part::Text(part) => &part.text,
        Part::Image(image) => &image.url,
        Part::Reasoning(_) | Part::Other(_) => panic!("{part:?}"),
    }
}

#[test]
fn read_full_request_keeps_every_field() {
    let parsed = read(json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": "Be brief.", "name": "house"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://i.example/1.png", "detail": "low"}},
            ]},
            {"role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "A fish."},
        ],
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "n": 1, "temperature": 0.5, "max_tokens": 9, "max_completion_tokens": 7,
        "top_p": 1, "stop": "END", "seed": -3, "presence_penalty": 0.1, "frequency_penalty": -0.1,
        "user": "u-1", "parallel_tool_calls": false,
        "tools": [{"type": "function", "function": {
            "name": "look", "description": "Looks.", "strict": true,
            "parameters": {"type": "object", "properties": {"z": {}, "a": {}}},
        }}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"z": 1, "a": 2}}},
        "reasoning_effort": "low", "logit_bias": null, "metadata": {"b": 1, "a": 2},
    }))
    .unwrap();
    assert!(parsed.is_stream && parsed.includes_usage);
    let request = parsed.request;
    assert_eq!(request.model, "gpt-4o");
    assert_eq!(
        (request.temperature, request.max_tokens),
        (Some(0.5), Some(7))
    );
    let roles: Vec<Role> = request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    assert!(matches!(
        roles.as_slice(),
        [Role::Developer, Role::User, Role::Assistant, Role::Tool]
    ));
    assert_eq!(request.messages[0].name.as_deref(), Some("house"));
    let parts: Vec<_> = request.messages[1].content.iter().map(text_of).collect();
    assert_eq!(parts, ["What is this?", "https://i.example/1.png"]);
    assert!(matches!(
        &request.messages[1].content[1],
        Part::Image(image) if matches!(image.detail, Some(ImageDetail::Low))
    ));
    assert_eq!(request.messages[2].tool_calls[0].name, "look");
    assert_eq!(request.messages[3].tool_call_id.as_deref(), Some("call_1"));
    let options = request.options.unwrap();
    assert_eq!((options.top_p, options.seed), (Some(1.0), Some(-3)));
    assert_eq!(options.stop, ["END"]);
    assert_eq!(options.end_user.as_deref(), Some("u-1"));
    assert_eq!(options.parallel_tool_calls, Some(false));
    assert!(
        matches!(
            &options.tools[..],
            [Tool::Function(tool)] if tool.parameters.as_deref()
                == Some(r#"{"type":"object","properties":{"z":{},"a":{}}}"#)
        ),
        "in the client's order"
    );
    assert!(options.include_extra && !options.whole);
    assert!(matches!(options.tool_choice, Some(ToolChoice::Function(name)) if name == "look"));
    assert!(matches!(
        options.response_format,
        Some(ResponseFormat::JsonSchema(schema)) if schema.schema.as_deref() == Some(r#"{"z":1,"a":2}"#)
    ));
    assert_eq!(
        options.extra.as_deref(),
        Some(
            r#"{"reasoning_effort":"low","logit_bias":null,"metadata":{"b":1,"a":2},"stream_options":{"include_obfuscation":false}}"#
        )
    );
}

#[test]
fn read_unknown_fields_keeps_them_where_they_were() {
    let parsed = read(json!({
        "messages": [
            {"role": "user", "x": {"y": 1}, "content": [
                {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "https://i.example/1.png"}, "a": 1},
                {"type": "image_url", "image_url": {"url": "https://i.example/2.png", "detail": "original", "b": 2}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ]},
            {"role": "assistant", "content": null, "refusal": null, "reasoning_content": "Hm.", "tool_calls": [
                {"id": "c1", "type": "function", "extra_content": {"google": {"thought_signature": "s"}},
                 "function": {"name": "look", "arguments": "{}", "z": 1}},
                {"id": "c2", "type": "custom", "custom": {"name": "run", "input": "ls"}},
            ]},
            {"role": "assistant", "audio": {"id": "audio_1"}},
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "w": 1}, "cache_control": {"type": "ephemeral"}},
            {"type": "custom", "custom": {"name": "run"}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
        "response_format": {"type": "json_object", "schema": {"type": "object"}},
    }))
    .unwrap();
    let [user, assistant, audio] = &parsed.request.messages[..] else {
        panic!("{:?}", parsed.request.messages)
    };
    assert_eq!(user.extra.as_deref(), Some(r#"{"x":{"y":1}}"#));
    let [text, image, other_image, sound] = &user.content[..] else {
        panic!("{user:?}")
    };
    assert!(matches!(text, Part::Text(part)
        if part.extra.as_deref() == Some(r#"{"cache_control":{"type":"ephemeral"}}"#)));
    assert!(matches!(image, Part::Image(image) if image.extra.as_deref() == Some(r#"{"a":1}"#)));
    assert!(
        matches!(other_image, Part::Image(image) if image.extra.as_deref()
        == Some(r#"{"image_url":{"b":2,"detail":"original"}}"#))
    );
    assert!(matches!(sound, Part::Other(json) if json.contains("input_audio")));
    let extra_of = |index: usize| assistant.tool_calls[index].extra.as_deref();
    assert_eq!(
        assistant.extra.as_deref(),
        Some(r#"{"reasoning_content":"Hm."}"#)
    );
    assert_eq!(
        extra_of(0),
        Some(r#"{"extra_content":{"google":{"thought_signature":"s"}},"function":{"z":1}}"#)
    );
    assert_eq!(
        extra_of(1),
        Some(r#"{"custom":{"name":"run","input":"ls"},"type":"custom"}"#)
    );
    assert_eq!(
        audio.extra.as_deref(),
        Some(r#"{"audio":{"id":"audio_1"}}"#)
    );
    let options = parsed.request.options.unwrap();
    assert!(options.whole);
    assert!(
        matches!(&options.tools[..], [Tool::Function(tool), Tool::Other(other)]
        if tool.extra.as_deref()
            == Some(r#"{"cache_control":{"type":"ephemeral"},"function":{"w":1}}"#)
        && other.contains("custom"))
    );
    assert!(matches!(options.tool_choice, Some(ToolChoice::Other(json)) if json.contains("mode")));
    assert!(
        matches!(options.response_format, Some(ResponseFormat::Other(json)) if json.contains("schema"))
    );
}

#[test]
fn read_missing_or_null_fields_sets_nothing() {
    let parsed = read(json!({"messages": [{"role": "user", "content": "Hi"}], "stop": null, "n": null, "x": null})).unwrap();
    assert!(!parsed.is_stream && !parsed.includes_usage);
    assert_eq!(parsed.request.model, "");
    let options = parsed.request.options.unwrap();
    assert!(options.stop.is_empty() && options.tools.is_empty());
    assert!(options.extra.is_none() && options.response_format.is_none());
    assert_eq!(
        read(with(json!({"stop": ["a", "b"]})))
            .unwrap()
            .request
            .options
            .unwrap()
            .stop,
        ["a", "b"]
    );
}

#[test]
fn read_invalid_field_names_its_path() {
    for (fields, path) in [
        (json!({"messages": null}), "messages"),
        (json!({"messages": "Hi"}), "messages"),
        (json!({"messages": [7]}), "messages[0]"),
        (json!({"messages": [{"content": "Hi"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "king", "content": "Hi"}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": ["a"]}]}),
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://i.example"}]}]}),
            "messages[0].content[0].image_url",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "a"}}]}]}),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (json!({"model": 7}), "model"),
        (json!({"n": 2}), "n"),
        (json!({"stream": "yes"}), "stream"),
        (
            json!({"stream_options": {"include_usage": true}}),
            "stream_options",
        ),
        (
            json!({"stream": true, "stream_options": {"include_usage": 1}}),
            "stream_options.include_usage",
        ),
        (json!({"temperature": "warm"}), "temperature"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (
            json!({"max_completion_tokens": -1}),
            "max_completion_tokens",
        ),
        (json!({"seed": 1.5}), "seed"),
        (json!({"stop": [1]}), "stop[0]"),
        (json!({"stop": {}}), "stop"),
        (json!({"tools": [{"name": "a"}]}), "tools[0].type"),
        (
            json!({"tools": [{"type": "function"}]}),
            "tools[0].function",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]}),
            "tools[0].function.parameters",
        ),
        (json!({"tool_choice": "maybe"}), "tool_choice"),
        (
            json!({"tool_choice": {"type": "function"}}),
            "tool_choice.function",
        ),
        (
            json!({"response_format": {"schema": {}}}),
            "response_format.type",
        ),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
    ] {
        assert_eq!(wrong(with(fields.clone())), path, "{fields}");
    }
}

#[test]
fn prompt_bytes_includes_tools() {
    let bytes = |body| model_api::prompt_bytes(&read(body).unwrap().request);
    let plain = bytes(with(json!({})));
    let tools =
        json!({"tools": [{"type": "function", "function": {"name": "abc", "parameters": {}}}]});
    assert_eq!(bytes(with(tools)), plain + 5);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(user|assistant|tool|text|function|image_url|json_schema|auto|.{0,4})"
            .prop_map(Value::from),
    ];
    let name = "(model|messages|role|content|type|text|image_url|url|detail|tools|tool_calls|tool_choice|function|name|id|arguments|parameters|response_format|json_schema|schema|stop|stream|stream_options|n|seed|max_tokens|user|[a-z]{0,3})";
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn read_any_json_does_not_panic(body in any_json(), messages in any_json()) {
        let _ = read(body.clone());
        if let Value::Object(mut fields) = body {
            fields.insert("messages".into(), Value::Array(vec![messages]));
            let _ = CompletionRequest::read(fields);
        }
    }

    #[test]
    fn read_any_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(fields) = serde_json::from_slice(&bytes) {
            let _ = CompletionRequest::read(fields);
        }
    }
}

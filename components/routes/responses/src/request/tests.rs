use super::testing::echo;
use super::*;
use contracts::llm::types::{Tool, ToolChoice};
use serde_json::json;

fn read(body: Value) -> Result<ResponseRequest, ApiError> {
    decode(body)
}

fn wrong(body: Value) -> String {
    match read(body) {
        Err(ApiError::Validation(details)) => details[0].path.clone(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn consecutive_items_of_the_assistant_are_one_message() {
    let parsed = read(json!({
        "model": "m", "instructions": "Be kind.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "1+1?"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "auto"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "gf1.eyJwIjoibG9jYWwiLCJtIjoibSJ9"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "add", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c2", "output": "2"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "1"}]},
        ],
    }))
    .unwrap_or_else(|error| panic!("{error:?}"));
    let roles: Vec<_> = parsed
        .request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::Tool,
            Role::Tool
        ]
    );
    assert_eq!(
        parsed.origins.0,
        [
            "instructions",
            "input[0]",
            "input[1]",
            "input[5]",
            "input[6]"
        ]
    );
    let assistant = &parsed.request.messages[2];
    assert_eq!(assistant.tool_calls.len(), 2);
    assert!(matches!(
        assistant.content.as_slice(),
        [Part::Reasoning(reasoning), Part::Text(_)]
            if reasoning.text == "Hm." && reasoning.provider.as_deref() == Some("local")
    ));
    assert!(matches!(
        &parsed.request.messages[1].content[1],
        Part::Image(_)
    ));
}

#[test]
fn parameters_are_translated_and_repeated() {
    let parsed = read(json!({
        "model": "m", "input": "Hi", "stream": true, "max_output_tokens": 7, "temperature": 0.5,
        "reasoning": {"effort": "low", "summary": "auto"}, "user": "u1",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": true}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "add"}, "store": true, "metadata": {"a": "b"},
    }))
    .unwrap_or_else(|error| panic!("{error:?}"));
    assert!(parsed.is_stream);
    assert_eq!(parsed.request.max_tokens, Some(7));
    let options = parsed.request.options.unwrap();
    assert_eq!(
        options.extra.as_deref(),
        Some(r#"{"verbosity":"low","reasoning_effort":"low"}"#)
    );
    assert!(matches!(options.tool_choice, Some(ToolChoice::Function(name)) if name == "add"));
    assert!(matches!(
        options.tools.as_slice(),
        [Tool::Function(_), Tool::Other(_)]
    ));
    assert!(matches!(
        options.response_format,
        Some(ResponseFormat::JsonSchema(_))
    ));
    let echo = parsed.echo.fields();
    assert_eq!(echo["temperature"], 0.5);
    assert_eq!(echo["metadata"], json!({"a": "b"}));
    assert_eq!(echo["store"], false);
}

#[test]
fn what_is_wrong_is_named() {
    let hi = |members: Value| {
        let mut body = json!({"model": "m", "input": "Hi"});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        body
    };
    assert_eq!(wrong(json!({"input": "Hi"})), "model");
    assert_eq!(wrong(json!({"model": "m"})), "input");
    for (members, path) in [
        (
            json!({"previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"background": true}), "background"),
        (json!({"max_output_tokens": 0}), "max_output_tokens"),
        (json!({"input": 7}), "input"),
        (
            json!({"input": [{"type": "item_reference", "id": "x"}]}),
            "input[0].type",
        ),
        (
            json!({"input": [{"role": "bot", "content": "x"}]}),
            "input[0].role",
        ),
        (json!({"input": [{"role": "user"}]}), "input[0].content"),
        (
            json!({"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": ""}]}),
            "input",
        ),
        (
            json!({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}),
            "input",
        ),
        (
            json!({"text": {"format": {"type": "x"}}}),
            "text.format.type",
        ),
    ] {
        assert_eq!(wrong(hi(members)), path);
    }
}

#[test]
fn reasoning_is_included_only_if_it_is_requested() {
    assert!(echo(json!({"include": ["reasoning.encrypted_content"]})).includes_reasoning);
    assert!(!echo(json!({"include": ["file_search_call.results"]})).includes_reasoning);
    assert!(!echo(json!({})).includes_reasoning);
}

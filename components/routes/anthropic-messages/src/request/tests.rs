use super::*;
use contracts::llm::types::{Tool, ToolChoice};

fn read(body: Value) -> Result<MessageRequest, ApiError> {
    decode(body, true)
}

fn body(messages: Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": messages})
}

fn wrong(body: Value) -> String {
    match read(body) {
        Err(ApiError::Validation(details)) => details[0].path.clone(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn results_of_tools_become_messages_and_thinking_keeps_its_signature() {
    let sealed = "gf1.eyJwIjoibG9jYWwiLCJtIjoibSJ9";
    let parsed = read(json!({
        "model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "1+1?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "thinking", "thinking": "Hm?", "signature": sealed},
                {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "2"}], "is_error": false},
                {"type": "text", "text": "Well?"},
            ]},
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
            Role::User
        ]
    );
    assert_eq!(
        parsed.origins.0,
        [
            "system",
            "messages[0]",
            "messages[1]",
            "messages[2]",
            "messages[2]"
        ]
    );
    let assistant = &parsed.request.messages[2];
    let [Part::Reasoning(own), Part::Reasoning(other)] = assistant.content.as_slice() else {
        panic!("{assistant:?}")
    };
    assert_eq!(own.provider.as_deref(), Some("anthropic"));
    assert_eq!(
        own.data.as_deref(),
        Some(r#"{"type":"thinking","signature":"c2ln"}"#)
    );
    assert_eq!(
        (other.provider.as_deref(), other.model.as_deref()),
        (Some("local"), Some("m"))
    );
    assert_eq!(assistant.tool_calls[0].arguments, r#"{"a":1}"#);
    assert_eq!(
        parsed.request.messages[3].tool_call_id.as_deref(),
        Some("t1")
    );
}

#[test]
fn parameters_are_translated() {
    let mut given = body(json!([{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        {"type": "search_result"},
    ]}]));
    given.as_object_mut().unwrap().extend(
        json!({
            "stop_sequences": ["END"], "thinking": {"type": "enabled", "budget_tokens": 5000},
            "metadata": {"user_id": "u1"}, "stream": true, "top_k": 3,
            "tools": [{"name": "add", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "web_search"}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    let parsed = read(given).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(parsed.is_stream);
    let content = &parsed.request.messages[0].content;
    assert!(matches!(&content[0], Part::Image(image) if image.url == "data:image/png;base64,iVBO"));
    assert!(
        matches!(&content[1], Part::Other(json) if json.contains("data:application/pdf;base64,JVBE"))
    );
    assert!(matches!(&content[2], Part::Other(json) if json.contains("search_result")));
    let options = parsed.request.options.unwrap();
    assert_eq!(options.stop, ["END"]);
    assert_eq!(options.end_user.as_deref(), Some("u1"));
    assert_eq!(
        options.extra.as_deref(),
        Some(r#"{"reasoning_effort":"medium"}"#)
    );
    assert_eq!(options.parallel_tool_calls, Some(false));
    assert!(matches!(options.tool_choice, Some(ToolChoice::Required)));
    assert!(matches!(
        options.tools.as_slice(),
        [Tool::Function(_), Tool::Other(_)]
    ));
    assert!(matches!(
        options.response_format,
        Some(ResponseFormat::JsonSchema(_))
    ));
}

#[test]
fn what_is_wrong_is_named() {
    let hi = json!([{"role": "user", "content": "Hi"}]);
    assert_eq!(wrong(json!([])), "");
    assert_eq!(wrong(json!({"messages": hi, "max_tokens": 1})), "model");
    assert_eq!(wrong(json!({"model": "m", "max_tokens": 1})), "messages");
    assert_eq!(wrong(json!({"model": "m", "messages": hi})), "max_tokens");
    assert_eq!(
        wrong(json!({"model": "m", "messages": hi, "max_tokens": 0})),
        "max_tokens"
    );
    assert_eq!(wrong(body(json!([]))), "messages");
    assert_eq!(
        wrong(body(json!([{"role": "bot", "content": "x"}]))),
        "messages[0].role"
    );
    assert_eq!(
        wrong(body(json!([{"role": "user", "content": 7}]))),
        "messages[0].content"
    );
    assert_eq!(
        wrong(body(json!([{"role": "user", "content": [{"text": "x"}]}]))),
        "messages[0].content[0].type"
    );
    assert_eq!(
        wrong(body(
            json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}])
        )),
        "messages[0].content[0].name"
    );
}

#[test]
fn foreign_reasoning_is_removed_and_anthropics_own_is_not() {
    let own = json!({"type": "thinking", "thinking": "a", "signature": "c2ln"});
    let foreign = json!({"type": "thinking", "thinking": "b", "signature": "gf1.e30"});
    let mut given = body(json!([{"role": "assistant", "content": [foreign, own]}]));
    own::remove_foreign_reasoning(&mut given);
    assert_eq!(given["messages"][0]["content"], json!([own]));
}

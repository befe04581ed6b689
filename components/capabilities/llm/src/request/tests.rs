use super::testing::{add, add_function, asking, calling, field, message, request, result, text};
use super::*;
use crate::bindings::{FunctionTool, Image, JsonSchema, ResponseFormat, Role, Tool, ToolChoice};

fn image(url: &str) -> Message {
    Message {
        content: vec![Part::Image(Image {
            url: url.to_owned(),
            detail: None,
            extra: None,
        })],
        ..message(Role::User, "")
    }
}

#[test]
fn an_ordinary_conversation_passes() {
    let messages = vec![
        message(Role::System, "Be kind."),
        image("data:image/png;base64,iVBORw0KGgo="),
        image("https://example.com/a.png?b=c"),
        calling("call_1", "{}"),
        result("call_1", "3"),
    ];
    assert_eq!(check(&request(messages)), Ok(()));
}

#[test]
fn what_belongs_elsewhere_is_named() {
    let mut with_call = calling("c", "{}");
    with_call.role = Role::User;
    let mut nameless = calling("", "{}");
    nameless.content = vec![text("x")];
    let mut no_result = result("", "x");
    no_result.tool_call_id = None;
    let mut not_users = image("https://example.com/a.png");
    not_users.role = Role::System;
    for (bad, named) in [
        (with_call, "messages[0].tool_calls"),
        (nameless, "messages[0].tool_calls[0]"),
        (no_result, "messages[0].tool_call_id"),
        (not_users, "messages[0].content[0]"),
        (
            image("http://example.com/a.png"),
            "messages[0].content[0].image_url.url",
        ),
        (
            image("data:image/svg+xml;base64,AAAA"),
            "messages[0].content[0].image_url.url",
        ),
        (
            image("data:image/png;base64,<script>"),
            "messages[0].content[0].image_url.url",
        ),
        (
            image("file:///etc/passwd"),
            "messages[0].content[0].image_url.url",
        ),
    ] {
        assert_eq!(field(check(&request(vec![bad]))), named);
    }
    assert_eq!(field(check(&request(Vec::new()))), "messages");
}

#[test]
fn options_out_of_bounds_are_named() {
    type Change = fn(&mut Options);
    let cases: [(Change, &str); 14] = [
        (|options| options.top_p = Some(1.1), "top_p"),
        (|options| options.top_p = Some(f64::NAN), "top_p"),
        (
            |options| options.presence_penalty = Some(-3.0),
            "presence_penalty",
        ),
        (
            |options| options.frequency_penalty = Some(f64::INFINITY),
            "frequency_penalty",
        ),
        (|options| options.stop = vec![String::new()], "stop"),
        (|options| options.stop = vec!["x".into(); 65], "stop"),
        (|options| options.tools = vec![add(); 1_025], "tools"),
        (
            |options| {
                options.tools = vec![Tool::Function(FunctionTool {
                    name: "a b".into(),
                    ..add_function()
                })];
            },
            "tools[0].function.name",
        ),
        (
            |options| {
                options.tools = vec![Tool::Function(FunctionTool {
                    parameters: Some("[]".into()),
                    ..add_function()
                })];
            },
            "tools[0].function.parameters",
        ),
        (
            |options| options.tool_choice = Some(ToolChoice::Required),
            "tool_choice",
        ),
        (
            |options| options.tool_choice = Some(ToolChoice::Function("x".into())),
            "tool_choice",
        ),
        (
            |options| {
                options.response_format = Some(ResponseFormat::JsonSchema(JsonSchema {
                    name: "n".into(),
                    description: None,
                    schema: Some("true".into()),
                    strict: None,
                }));
            },
            "response_format.json_schema.schema",
        ),
        (|options| options.extra = Some("7".into()), "extra"),
        (
            |options| options.extra = Some(r#"{"x":1,"n":2}"#.into()),
            "n",
        ),
    ];
    for (change, named) in cases {
        assert_eq!(field(check(&asking(change))), named);
    }
}

#[test]
fn extra_fields_without_a_value_are_left_out() {
    let request = asking(|options| {
        options.extra = Some(r#"{"service_tier":"flex","x":null,"n":1}"#.to_owned());
    });
    assert_eq!(check(&request), Ok(()));
    let names: Vec<String> = request
        .options()
        .extra()
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(names, ["service_tier", "n"]);
    let bad = asking(|options| options.extra = Some(r#"{"a b":1,"model":"x"}"#.to_owned()));
    assert_eq!(field(check(&bad)), "model");
}

#[test]
fn a_text_is_its_parts() {
    let mut several = message(Role::User, "one");
    assert_eq!(several.text(), "one");
    several.content.push(text("two"));
    assert_eq!(several.text(), "one\ntwo");
    assert!(message(Role::User, " \n").is_blank());
    assert!(!calling("c", "").is_blank());
}

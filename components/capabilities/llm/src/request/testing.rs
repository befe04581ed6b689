//! Requests for tests.

use super::NO_OPTIONS;
use crate::bindings::{
    ChatRequest, Error, FunctionTool, Message, Options, Part, Role, TextPart, Tool, ToolCall,
};

/// A message of text.
pub(crate) fn message(role: Role, text: &str) -> Message {
    Message {
        role,
        content: vec![self::text(text)],
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: (role == Role::Tool).then(|| "call_1".to_owned()),
        extra: None,
    }
}

/// A text without extra fields.
pub(crate) fn text(text: &str) -> Part {
    Part::Text(TextPart {
        text: text.to_owned(),
        extra: None,
    })
}

/// A message of the assistant that calls `add`, without text.
pub(crate) fn calling(id: &str, arguments: &str) -> Message {
    Message {
        content: Vec::new(),
        tool_calls: vec![ToolCall {
            id: id.to_owned(),
            name: "add".to_owned(),
            arguments: arguments.to_owned(),
            extra: None,
        }],
        ..message(Role::Assistant, "")
    }
}

/// The result of a call.
pub(crate) fn result(id: &str, text: &str) -> Message {
    Message {
        tool_call_id: Some(id.to_owned()),
        ..message(Role::Tool, text)
    }
}

/// A tool that adds.
pub(crate) fn add() -> Tool {
    Tool::Function(add_function())
}

/// The function of [`add`].
pub(crate) fn add_function() -> FunctionTool {
    FunctionTool {
        name: "add".to_owned(),
        description: Some("Adds.".to_owned()),
        parameters: Some(
            r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#
                .to_owned(),
        ),
        strict: None,
        extra: None,
    }
}

/// A request of these messages.
pub(crate) fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        model: String::new(),
        messages,
        temperature: None,
        max_tokens: None,
        options: None,
        native: None,
    }
}

/// A request of one message, with options.
pub(crate) fn asking(change: impl FnOnce(&mut Options)) -> ChatRequest {
    let mut options = NO_OPTIONS.clone();
    change(&mut options);
    ChatRequest {
        options: Some(options),
        ..request(vec![message(Role::User, "Hi")])
    }
}

/// The field that was refused.
pub(crate) fn field<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::InvalidRequest(invalid)) => invalid.field.unwrap_or_default(),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("accepted"),
    }
}

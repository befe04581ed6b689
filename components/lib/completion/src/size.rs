//! Sizes of prompts and deltas, in bytes of text. Tokens are estimated from them.

use contracts::llm::types::{Delta, Message, Part};

/// What an image counts for: about a thousand tokens.
const IMAGE_BYTES: usize = 4_000;

/// The size of a prompt.
pub fn prompt_bytes(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(message_bytes)
        .fold(0, usize::saturating_add)
}

fn message_bytes(message: &Message) -> usize {
    let content = message.content.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Image(_) => IMAGE_BYTES,
    });
    let calls = message
        .tool_calls
        .iter()
        .map(|call| call.name.len().saturating_add(call.arguments.len()));
    content.chain(calls).fold(0, usize::saturating_add)
}

/// The size of a delta.
pub(crate) fn delta_bytes(delta: &Delta) -> usize {
    match delta {
        Delta::ResolvedModel(_) => 0,
        Delta::Text(text) | Delta::Reasoning(text) | Delta::Refusal(text) => text.len(),
        Delta::ToolCall(call) => call
            .arguments
            .len()
            .saturating_add(call.name.as_ref().map_or(0, String::len)),
    }
}

/// The text of a delta, if it is one of the reply's text.
pub fn text_of(delta: &Delta) -> Option<&str> {
    match delta {
        Delta::Text(text) => Some(text),
        Delta::ResolvedModel(_) | Delta::Reasoning(_) | Delta::Refusal(_) | Delta::ToolCall(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{Image, Role, ToolCall};

    #[test]
    fn prompt_bytes_counts_images_and_tool_calls() {
        let message = Message {
            role: Role::Assistant,
            content: vec![
                Part::Text("1234".into()),
                Part::Image(Image {
                    url: "https://images.example/1.png".into(),
                    detail: None,
                }),
            ],
            name: None,
            tool_calls: vec![ToolCall {
                id: "call_1".into(),
                name: "add".into(),
                arguments: "{}".into(),
            }],
            tool_call_id: None,
        };
        assert_eq!(
            prompt_bytes(&[message.clone(), message]),
            2 * (4 + IMAGE_BYTES + 5)
        );
        assert_eq!(prompt_bytes(&[]), 0);
    }
}

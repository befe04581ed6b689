//! Sizes of prompts and deltas, in bytes of text. Tokens are estimated from them.

use contracts::llm::types::{Delta, Message, Part};

/// What an image counts for: about a thousand tokens. Other parts that are no text count for no more.
const IMAGE_BYTES: usize = 4_000;

/// The size of a prompt.
pub fn prompt_bytes(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(message_bytes)
        .fold(0, usize::saturating_add)
}

fn message_bytes(message: &Message) -> usize {
    let content = message.content.iter().map(part_bytes);
    let calls = message
        .tool_calls
        .iter()
        .map(|call| call.name.len().saturating_add(call.arguments.len()));
    content.chain(calls).fold(0, usize::saturating_add)
}

/// The size of a part of a message.
pub fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Text(part) => part.text.len(),
        Part::Image(_) => IMAGE_BYTES,
        Part::Reasoning(reasoning) => reasoning.text.len(),
        Part::Other(json) => json.len().min(IMAGE_BYTES),
    }
}

/// The size of a delta.
pub(crate) fn delta_bytes(delta: &Delta) -> usize {
    match delta {
        Delta::ResolvedModel(_) | Delta::ReasoningData(_) | Delta::Extra(_) | Delta::Native(_) => 0,
        Delta::Text(text) | Delta::Refusal(text) => text.len(),
        Delta::Reasoning(reasoning) => reasoning.text.len(),
        Delta::ToolCall(call) => call
            .arguments
            .len()
            .saturating_add(call.name.as_ref().map_or(0, String::len)),
    }
}

/// What a delta holds besides text, in bytes: images, audio, log probabilities.
pub(crate) fn extra_bytes(delta: &Delta) -> usize {
    match delta {
        Delta::ReasoningData(json) => json.len(),
        Delta::Extra(extra) => extra.fields.len(),
        Delta::Native(event) => event.data.len(),
        Delta::ToolCall(call) => call.extra.as_ref().map_or(0, String::len),
        Delta::ResolvedModel(_) | Delta::Text(_) | Delta::Reasoning(_) | Delta::Refusal(_) => 0,
    }
}

/// The text of a delta, if it is one of the reply's text.
pub fn text_of(delta: &Delta) -> Option<&str> {
    match delta {
        Delta::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{Image, Role, TextPart, ToolCall};

    #[test]
    fn prompt_bytes_counts_images_and_tool_calls() {
        let message = Message {
            role: Role::Assistant,
            content: vec![
                Part::Text(TextPart {
                    text: "1234".into(),
                    extra: None,
                }),
                Part::Other("x".repeat(2 * IMAGE_BYTES)),
                Part::Image(Image {
                    url: "https://images.example/1.png".into(),
                    detail: None,
                    extra: None,
                }),
            ],
            name: None,
            tool_calls: vec![ToolCall {
                id: "call_1".into(),
                name: "add".into(),
                arguments: "{}".into(),
                extra: None,
            }],
            tool_call_id: None,
            extra: None,
        };
        assert_eq!(
            prompt_bytes(&[message.clone(), message]),
            2 * (4 + 2 * IMAGE_BYTES + 5)
        );
        assert_eq!(prompt_bytes(&[]), 0);
    }
}

//! Messages of a prompt.

use contracts::llm::types::{Message, Part, Role, TextPart};

/// A message that consists of one text.
pub fn text_message(role: Role, text: String) -> Message {
    Message {
        role,
        content: vec![Part::Text(TextPart { text, extra: None })],
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: None,
    }
}

//! The field `reasoning_details` of servers that want it back as they sent it.
//! Source: <https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks>.

use crate::bindings::ReasoningField;
use crate::json::{count_in, take_text};
use crate::output::Output;
use serde_json::{Map, Value, json};

/// The member of a detail that has its text.
pub(super) fn text_member(detail: &Map<String, Value>) -> Option<&'static str> {
    match detail.get("type").and_then(Value::as_str) {
        Some("reasoning.encrypted") => None,
        Some("reasoning.summary") => Some("summary"),
        _ => Some("text"),
    }
}

/// Puts the pieces of a detail together: each detail is a block of reasoning.
#[derive(Debug, Default)]
pub(super) struct ReasoningDetails {
    /// The detail that has not ended, without its text.
    open: Option<(u32, Map<String, Value>)>,
}

impl ReasoningDetails {
    /// Reads the field of an event; false if it has no text.
    pub(super) fn read(&mut self, details: Value, output: &mut Output) -> bool {
        let Value::Array(details) = details else {
            return false;
        };
        let mut has_text = false;
        for (place, detail) in details.into_iter().enumerate() {
            let index = count_in(&detail, "index");
            let index = index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX));
            let Value::Object(mut detail) = detail else {
                continue;
            };
            if self.open.as_ref().is_some_and(|(open, _)| *open != index) {
                self.end(output);
            }
            let text = text_member(&detail).map(|member| take_text(&mut detail, member));
            let text = text.unwrap_or_default();
            has_text |= !text.is_empty();
            output.reasoning(text, ReasoningField::Reasoning);
            let (_, open) = self.open.get_or_insert_with(|| (index, Map::new()));
            merge(open, detail);
        }
        has_text
    }

    /// Ends the open block.
    pub(super) fn end(&mut self, output: &mut Output) {
        if let Some((_, detail)) = self.open.take() {
            output.reasoning_data(detail);
        }
    }
}

/// Adds the next piece of a detail. What is encrypted comes in pieces; other members replace earlier ones.
fn merge(detail: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (name, value) in piece {
        let value = match (detail.get(&name), value) {
            (Some(Value::String(earlier)), Value::String(later)) if name == "data" => {
                json!(format!("{earlier}{later}"))
            }
            (Some(_), Value::Null) => continue,
            (_, value) => value,
        };
        detail.insert(name, value);
    }
}

//! Blocks of reasoning with what their provider needs to accept them again (`thinking_blocks`): a
//! client sends them back in the message.

use contracts::llm::types::Delta;
use serde_json::{Map, Value};

use super::extra;

/// Collects the text of the current block.
#[derive(Debug, Default)]
pub(super) struct ThinkingBlocks {
    text: String,
}

impl ThinkingBlocks {
    /// The block that ends with this delta; none if it ends none.
    pub(super) fn push(&mut self, delta: &Delta) -> Option<Value> {
        match delta {
            Delta::Reasoning(reasoning) => {
                self.text.push_str(&reasoning.text);
                None
            }
            Delta::ReasoningData(data) => Some(self.end(data)),
            _ => None,
        }
    }

    fn end(&mut self, data: &str) -> Value {
        let text = std::mem::take(&mut self.text);
        let data = extra::object(data);
        let mut block = Map::new();
        let kind = data.get("type").cloned();
        let is_redacted = kind
            .as_ref()
            .is_some_and(|kind| kind == "redacted_thinking");
        block.insert("type".to_owned(), kind.unwrap_or_else(|| "thinking".into()));
        if !is_redacted {
            block.insert("thinking".to_owned(), text.into());
        }
        extra::overwrite(&mut block, data);
        Value::Object(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::{ReasoningDelta, ReasoningField};
    use serde_json::json;

    #[test]
    fn push_returns_each_block_at_its_end() {
        let mut blocks = ThinkingBlocks::default();
        let text = |text: &str| {
            Delta::Reasoning(ReasoningDelta {
                text: text.into(),
                field: ReasoningField::ReasoningContent,
            })
        };
        assert_eq!(blocks.push(&text("Let ")), None);
        assert_eq!(blocks.push(&text("me.")), None);
        let data = json!({"type": "thinking", "signature": "s1"}).to_string();
        assert_eq!(
            blocks.push(&Delta::ReasoningData(data)),
            Some(json!({"type": "thinking", "thinking": "Let me.", "signature": "s1"}))
        );
        let data = json!({"type": "redacted_thinking", "data": "x"}).to_string();
        assert_eq!(
            blocks.push(&Delta::ReasoningData(data)),
            Some(json!({"type": "redacted_thinking", "data": "x"}))
        );
    }
}

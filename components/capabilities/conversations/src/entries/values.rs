//! Values that entries have, and that the state keeps.

use serde::{Deserialize, Serialize};

use crate::text;

/// Bytes of reasoning beside its blocks, and of a block beside its text and data, in their JSON form.
const REASONING_OVERHEAD: usize = 64;
const BLOCK_OVERHEAD: usize = 32;

/// A file that came with a message: a reference, and what is known of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) media_type: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Complete,
    Stopped,
    Incomplete,
}

/// Why a reply is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// A stable code of the API.
    pub(crate) code: String,
    /// A sentence for the user.
    pub(crate) message: String,
}

/// What a model thought before it replied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredReasoning")]
pub(crate) struct Reasoning {
    /// The provider whose model it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    pub(crate) blocks: Vec<ReasoningBlock>,
}

/// A block of reasoning, as its provider divides it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReasoningBlock {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// What the provider needs to accept it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
}

/// Its stored forms: the first version of this program that stored reasoning stored its text alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredReasoning {
    Text(String),
    Blocks {
        #[serde(default)]
        provider: Option<String>,
        blocks: Vec<ReasoningBlock>,
    },
}

impl From<StoredReasoning> for Reasoning {
    fn from(stored: StoredReasoning) -> Self {
        match stored {
            StoredReasoning::Text(text) => Self::of_text(text),
            StoredReasoning::Blocks { provider, blocks } => Self { provider, blocks },
        }
    }
}

impl Reasoning {
    /// Reasoning of which the text alone is known.
    pub(crate) fn of_text(text: String) -> Self {
        let block = (!text.is_empty()).then_some(ReasoningBlock { text, data: None });
        Self {
            provider: None,
            blocks: block.into_iter().collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The text of all blocks.
    pub(crate) fn text(&self) -> String {
        self.blocks
            .iter()
            .map(|block| block.text.as_str())
            .collect()
    }

    /// What it costs in the store, in bytes.
    pub(crate) fn json_len(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| {
            let data = block.data.as_deref().map_or(0, text::json_len);
            text::json_len(&block.text)
                .saturating_add(data)
                .saturating_add(BLOCK_OVERHEAD)
        });
        let overhead = if self.is_empty() {
            0
        } else {
            REASONING_OVERHEAD
        };
        blocks.fold(overhead, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_of_earlier_versions_is_read() {
        let text: Reasoning = serde_json::from_str(r#""Hm.""#).unwrap();
        assert_eq!(text, Reasoning::of_text("Hm.".to_owned()));
        let blocks = Reasoning {
            provider: Some("anthropic".to_owned()),
            blocks: vec![ReasoningBlock {
                text: "Hm.".to_owned(),
                data: Some("{}".to_owned()),
            }],
        };
        let json = serde_json::to_string(&blocks).unwrap();
        assert!(json.len() <= blocks.json_len(), "{json}");
        assert_eq!(serde_json::from_str::<Reasoning>(&json).unwrap(), blocks);
    }
}

//! What a model thinks before it replies, while the reply is written.

use crate::entries::{Reasoning, ReasoningBlock};
use crate::text;

/// How much of the text is stored, in bytes of its JSON form.
const TEXT_MAX: usize = 32 * 1024;

/// How many bytes of data of all blocks are stored, in their JSON form.
const DATA_MAX: usize = 64 * 1024;

/// How many blocks are stored.
const BLOCKS_MAX: usize = 256;

/// All blocks so far, and how much of their text is stored.
#[derive(Debug, Default)]
pub(super) struct ReasoningText {
    ended: Vec<ReasoningBlock>,
    /// The text of the block that has not ended.
    open: String,
    /// The length of all text and of all data as JSON.
    text_len: usize,
    data_len: usize,
    /// Whether some was dropped; then the rest is.
    is_cut: bool,
    /// The text that is not stored in chunks.
    pending: String,
}

impl ReasoningText {
    /// Appends a text. Beyond the most that is stored, the rest is dropped.
    pub(super) fn push(&mut self, delta: &str) {
        if self.is_cut {
            return;
        }
        let kept = text::fitting(delta, TEXT_MAX.saturating_sub(self.text_len));
        self.is_cut = kept.len() < delta.len();
        self.text_len = self.text_len.saturating_add(text::json_len(kept));
        self.open.push_str(kept);
        self.pending.push_str(kept);
    }

    /// Ends a block. A block of which some was dropped has no data: they prove the whole text.
    pub(super) fn end_block(&mut self, data: String) {
        self.is_cut |= self.ended.len() >= BLOCKS_MAX;
        if self.is_cut {
            return;
        }
        let data_len = self.data_len.saturating_add(text::json_len(&data));
        let is_kept = data_len <= DATA_MAX;
        if is_kept {
            self.data_len = data_len;
        }
        let block = ReasoningBlock {
            text: std::mem::take(&mut self.open),
            data: is_kept.then_some(data),
        };
        if !block.text.is_empty() || block.data.is_some() {
            self.ended.push(block);
        }
    }

    /// How many bytes of text are not stored yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Takes the text that is not stored yet, which counts as stored from then on.
    pub(super) fn take_pending(&mut self) -> String {
        std::mem::take(&mut self.pending)
    }

    /// All of it, by a model of this provider.
    pub(super) fn into_stored(self, provider: Option<String>) -> Reasoning {
        let rest = Reasoning::of_text(self.open).blocks;
        let blocks: Vec<ReasoningBlock> = self.ended.into_iter().chain(rest).collect();
        Reasoning {
            provider: provider.filter(|_| !blocks.is_empty()),
            blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str, data: Option<&str>) -> ReasoningBlock {
        ReasoningBlock {
            text: text.to_owned(),
            data: data.map(str::to_owned),
        }
    }

    #[test]
    fn blocks_are_as_the_provider_divides_them() {
        let mut reasoning = ReasoningText::default();
        reasoning.push("a");
        reasoning.push("b");
        assert_eq!(reasoning.take_pending(), "ab");
        reasoning.end_block("1".to_owned());
        reasoning.end_block("2".to_owned());
        reasoning.push("c");
        assert_eq!(reasoning.pending_bytes(), 1);
        let stored = reasoning.into_stored(Some("anthropic".to_owned()));
        assert_eq!(stored.provider.as_deref(), Some("anthropic"));
        assert_eq!(
            stored.blocks,
            [
                block("ab", Some("1")),
                block("", Some("2")),
                block("c", None)
            ]
        );
        let nothing = ReasoningText::default().into_stored(Some("anthropic".to_owned()));
        assert_eq!(nothing, Reasoning::default());
    }

    #[test]
    fn a_block_that_is_cut_has_no_data_and_nothing_follows_it() {
        let mut reasoning = ReasoningText::default();
        reasoning.push("a");
        reasoning.end_block("1".to_owned());
        reasoning.push(&"b".repeat(TEXT_MAX));
        reasoning.end_block("2".to_owned());
        reasoning.push("c");
        reasoning.end_block("3".to_owned());
        let stored = reasoning.into_stored(None).blocks;
        assert_eq!(stored.len(), 2);
        assert_eq!(stored[0], block("a", Some("1")));
        assert_eq!(stored[1], block(&"b".repeat(TEXT_MAX - 1), None));
    }

    #[test]
    fn data_that_are_too_long_are_left_out() {
        let mut reasoning = ReasoningText::default();
        reasoning.push("a");
        reasoning.end_block("x".repeat(DATA_MAX + 1));
        reasoning.push("b");
        reasoning.end_block("1".to_owned());
        let stored = reasoning.into_stored(None).blocks;
        assert_eq!(stored, [block("a", None), block("b", Some("1"))]);
        let mut reasoning = ReasoningText::default();
        for _ in 0..1_000 {
            reasoning.end_block("{}".to_owned());
        }
        assert_eq!(reasoning.into_stored(None).blocks.len(), BLOCKS_MAX);
    }
}

//! The text of a reply while it is written.

use crate::text;

/// All deltas so far, and how much of them is stored.
#[derive(Debug, Default)]
pub(super) struct ReplyText {
    whole: String,
    /// The length of each delta, in bytes.
    lengths: Vec<u32>,
    /// The length of `whole` as JSON.
    json_len: usize,
    /// How many bytes and deltas are stored in chunks.
    stored_bytes: usize,
    stored_deltas: usize,
}

impl ReplyText {
    /// Appends a delta. Beyond the longest text that can be stored, the rest is dropped.
    pub(super) fn push(&mut self, delta: &str) {
        if self.is_full() {
            return;
        }
        let room = text::REPLY_MAX.saturating_sub(self.json_len);
        let kept = text::fitting(delta, room);
        self.json_len = if kept.len() < delta.len() {
            text::REPLY_MAX.saturating_add(1)
        } else {
            self.json_len.saturating_add(text::json_len(kept))
        };
        if !kept.is_empty() {
            self.whole.push_str(kept);
            self.lengths.push(text::length(kept));
        }
    }

    /// Whether some of the reply could not be kept.
    pub(super) fn is_full(&self) -> bool {
        self.json_len > text::REPLY_MAX
    }

    /// How many bytes are not stored yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.whole.len().saturating_sub(self.stored_bytes)
    }

    /// Whether some text is stored.
    pub(super) fn has_stored(&self) -> bool {
        self.stored_bytes > 0
    }

    /// What is not stored yet: the text, and the lengths of its deltas.
    pub(super) fn pending(&self) -> (&str, &[u32]) {
        let text = self.whole.get(self.stored_bytes..).unwrap_or_default();
        let lengths = self.lengths.get(self.stored_deltas..).unwrap_or_default();
        (text, lengths)
    }

    /// Counts everything so far as stored.
    pub(super) fn mark_stored(&mut self) {
        self.stored_bytes = self.whole.len();
        self.stored_deltas = self.lengths.len();
    }

    /// The whole text and the lengths of its deltas, none if they are too many to be stored.
    pub(super) fn into_parts(self) -> (String, Vec<u32>) {
        (self.whole, text::bounded(self.lengths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_beyond_the_longest_reply_keeps_what_fits_and_reports_full() {
        let mut text = ReplyText::default();
        for delta in [&"a".repeat(text::REPLY_MAX - 1), "é", "b"] {
            text.push(delta);
        }
        assert!(text.is_full());
        let (whole, lengths) = text.into_parts();
        assert_eq!(whole.len(), text::REPLY_MAX - 1);
        assert_eq!(lengths, [text::length(&whole)]);
    }

    #[test]
    fn push_of_exactly_the_longest_reply_is_not_full() {
        let mut text = ReplyText::default();
        text.push(&"a".repeat(text::REPLY_MAX));
        assert!(!text.is_full());
        text.push("b");
        assert!(text.is_full());
    }

    #[test]
    fn pending_after_mark_stored_is_what_was_pushed_since() {
        let mut text = ReplyText::default();
        text.push("ab");
        text.push("c");
        assert_eq!(text.pending(), ("abc", &[2, 1][..]));
        text.mark_stored();
        text.push("d");
        assert_eq!((text.pending(), text.pending_bytes()), (("d", &[1][..]), 1));
    }
}

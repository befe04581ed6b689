//! Bytes of a file until there are enough for a request.

use bytes::Bytes;

/// Bytes of a part. S3 takes 10,000 parts of at least 5 MiB.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// Bytes in the pieces in which they arrived, at most [`PART_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct Part {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Part {
    /// Adds bytes. If the part is full, returns what did not fit.
    pub(crate) fn add(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let room = PART_BYTES.saturating_sub(self.length);
        let taken = bytes.split_to(bytes.len().min(room));
        self.length = self.length.saturating_add(taken.len());
        if !taken.is_empty() {
            self.pieces.push(taken);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The pieces.
    pub(crate) fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_to_a_full_part_returns_what_did_not_fit() {
        let mut part = Part::default();
        assert_eq!(part.add(Bytes::from(vec![1; PART_BYTES - 1])), None);
        assert_eq!(
            part.add(Bytes::from_static(b"ab")),
            Some(Bytes::from_static(b"b"))
        );
        assert_eq!((part.length, part.pieces().len()), (PART_BYTES, 2));
        assert_eq!(
            part.add(Bytes::from_static(b"c")),
            Some(Bytes::from_static(b"c"))
        );
        assert_eq!(part.pieces().len(), 2);
    }
}

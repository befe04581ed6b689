//! Estimates the tokens of a text: for the credits that are reserved before a model is asked, and
//! for the charge where a provider sends no counts.
//!
//! May not import anything.

/// About four characters of English. Bytes are counted, because other scripts have more bytes and
/// more tokens per character.
const BYTES_PER_TOKEN: usize = 4;

/// The estimated tokens of a text with this many bytes of UTF-8.
pub fn tokens_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::tokens_of;

    #[test]
    fn tokens_of_rounds_up() {
        assert_eq!([0, 1, 4, 5].map(tokens_of), [0, 1, 1, 2]);
        assert_eq!(tokens_of(usize::MAX), u32::MAX);
    }
}

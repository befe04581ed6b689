//! How many tokens a text is, where nobody counted: one rule for what is reserved before a model
//! is asked and for what is charged where a provider sent no count.
//!
//! May not import anything.

/// Four characters of English a token, which is four bytes. Bytes are what is counted: other
/// scripts take more bytes a character, and more tokens too.
const BYTES_PER_TOKEN: usize = 4;

/// Tokens of so many bytes of UTF-8.
pub fn tokens_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::tokens_of;

    #[test]
    fn what_is_begun_counts() {
        assert_eq!([0, 1, 4, 5].map(tokens_of), [0, 1, 1, 2]);
        assert_eq!(tokens_of(usize::MAX), u32::MAX);
    }
}

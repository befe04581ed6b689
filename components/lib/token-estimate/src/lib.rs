//! Estimates the tokens of a text: for the credits that are reserved before a model is called, for
//! the charge where a provider sends no counts, and for the limit of a reply that streams.
//!
//! May not import anything.

/// About four characters of English. Bytes are counted, because other scripts have more bytes and
/// more tokens per character.
const BYTES_PER_TOKEN: usize = 4;

/// More than the average token of any text that is not mostly white space.
const MOST_BYTES_PER_TOKEN: usize = 8;

/// Less than the average token of any text.
const LEAST_BYTES_PER_TOKEN: usize = 2;

/// The estimated tokens of a text with this many bytes of UTF-8.
pub fn tokens_of(bytes: usize) -> u32 {
    saturating(bytes.div_ceil(BYTES_PER_TOKEN))
}

/// An upper bound of the tokens that today's tokenizers make of a text: a token for two small letters of a word,
/// for each other letter, digit and sign of ASCII, for two blanks, and for each byte of other scripts,
/// of which no tokenizer makes more than one.
pub fn tokens_at_most(text: &str) -> u32 {
    let mut tokens = 0_usize;
    let mut letters = 0_usize;
    let mut blanks = 0_usize;
    for byte in text.bytes().chain([b'\n']) {
        if byte.is_ascii_lowercase() {
            letters += 1;
        } else {
            tokens += letters.div_ceil(2);
            letters = 0;
        }
        if byte == b' ' {
            blanks += 1;
            continue;
        }
        // A single blank belongs to the word that follows it.
        tokens += blanks / 2;
        blanks = 0;
        tokens += usize::from(!byte.is_ascii_lowercase());
    }
    saturating(tokens)
}

/// A number of tokens that a model has generated at least, from the deltas and the bytes that
/// arrived. A delta is at least one token, unless a server sends parts of tokens; that is seen by the
/// bytes.
pub fn generated_at_least(deltas: usize, bytes: usize) -> u32 {
    let by_deltas = deltas.min(bytes.div_ceil(LEAST_BYTES_PER_TOKEN));
    saturating(by_deltas.max(bytes / MOST_BYTES_PER_TOKEN))
}

/// The bytes of text from which on [`generated_at_least`] exceeds `tokens`, whatever the deltas.
pub fn bytes_at_most(tokens: u32) -> usize {
    usize::try_from(tokens)
        .unwrap_or(usize::MAX)
        .saturating_mul(MOST_BYTES_PER_TOKEN)
        .saturating_add(MOST_BYTES_PER_TOKEN - 1)
}

fn saturating(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_rounds_up() {
        assert_eq!([0, 1, 4, 5].map(tokens_of), [0, 1, 1, 2]);
        assert_eq!(
            tokens_of(usize::MAX),
            u32::try_from(usize::MAX.div_ceil(4)).unwrap_or(u32::MAX)
        );
    }

    #[test]
    fn generated_at_least_counts_deltas_within_the_bounds_of_their_bytes() {
        // Words, one a delta.
        assert_eq!(generated_at_least(5, 25), 5);
        // Single letters.
        assert_eq!(generated_at_least(20, 20), 10);
        // Many words in one delta.
        assert_eq!(generated_at_least(1, 80), 10);
        assert_eq!(generated_at_least(0, 0), 0);
    }

    #[test]
    fn tokens_at_most_is_above_the_counts_of_tokenizers() {
        // Counted with o200k_base.
        for (text, counted) in [
            ("", 0),
            ("Hello, world!", 4),
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("        return response.json()[\"error\"]", 9),
            ("0123456789", 4),
            ("größer", 2),
            ("日本語のテキスト", 5),
            ("🐟🐠", 4),
            ("sk-proj-9fK2mQ7xVb", 12),
        ] {
            assert!(tokens_at_most(text) >= counted, "{text}");
        }
        let prose = "The estimate is not far from what it must exceed. ".repeat(40);
        assert!(tokens_at_most(&prose) < tokens_of(prose.len()) * 3);
    }

    #[test]
    fn bytes_at_most_is_where_the_count_ends() {
        for tokens in [1, 7, 1_000] {
            let bytes = bytes_at_most(tokens);
            assert_eq!(generated_at_least(1, bytes), tokens);
            assert_eq!(generated_at_least(1, bytes + 1), tokens + 1);
        }
    }
}

//! Titles, and how much text is stored.

/// Characters of the first message that make the title.
const TITLE_CHARS: usize = 50;

/// The longest message of a user, in characters.
pub(crate) const MESSAGE_CHARS_MAX: usize = 10_000;

/// The most attachments of a message.
pub(crate) const ATTACHMENTS_MAX: usize = 10;

/// The longest name and the longest media type of an attachment, in bytes.
pub(crate) const ATTACHMENT_NAME_MAX: usize = 255;

/// The longest title, in characters.
pub(crate) const RENAME_CHARS_MAX: usize = 200;

/// The longest reply that is stored, in bytes of its JSON form. A longer one is cut there and
/// marked incomplete. With a segment's other turns it stays below what a value may have.
pub(crate) const REPLY_MAX: usize = 512 * 1024;

/// The most that the lengths of a reply's deltas may take, in bytes of their JSON form: with the
/// reply they stay below what a value may have.
const LENGTHS_MAX: usize = 256 * 1024;

/// The length of a delta, in bytes.
pub(crate) fn length(delta: &str) -> u32 {
    u32::try_from(delta.len()).unwrap_or(u32::MAX)
}

/// The lengths of deltas whose text was cut to `len` bytes.
pub(crate) fn fitting_lengths(lengths: impl IntoIterator<Item = u32>, len: usize) -> Vec<u32> {
    let mut left = u32::try_from(len).unwrap_or(u32::MAX);
    let mut fitting = Vec::new();
    for length in lengths {
        if left == 0 {
            break;
        }
        let length = length.min(left);
        left = left.saturating_sub(length);
        fitting.push(length);
    }
    fitting
}

/// The lengths, unless they are too many to be stored beside their text.
pub(crate) fn bounded(lengths: Vec<u32>) -> Vec<u32> {
    let digits = |length: &u32| {
        length
            .checked_ilog10()
            .map_or(1, |log| log.saturating_add(1))
    };
    let json = lengths.iter().map(|length| {
        let digits = usize::try_from(digits(length)).unwrap_or(usize::MAX);
        digits.saturating_add(1)
    });
    if json.sum::<usize>() <= LENGTHS_MAX {
        lengths
    } else {
        Vec::new()
    }
}

/// A title from a conversation's first message: its first fifty characters, on one line.
pub(crate) fn title(message: &str) -> String {
    let line = one_line(message);
    match line.char_indices().nth(TITLE_CHARS) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default().trim_end()),
        None => line,
    }
}

/// The words of a text with single spaces between them.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(256));
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// How long a text is as JSON, without the quotes.
pub(crate) fn json_len(text: &str) -> usize {
    text.bytes().map(byte_cost).sum()
}

/// The longest beginning of `text` whose JSON form has at most `max` bytes.
pub(crate) fn fitting(text: &str, max: usize) -> &str {
    let mut used = 0_usize;
    for (at, character) in text.char_indices() {
        let cost = if character.is_ascii() {
            character.len_utf8().max(json_cost(character))
        } else {
            character.len_utf8()
        };
        used = used.saturating_add(cost);
        if used > max {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

fn json_cost(character: char) -> usize {
    u8::try_from(character).map_or(character.len_utf8(), byte_cost)
}

fn byte_cost(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..=31 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_fifty_whole_characters() {
        assert_eq!(title("Hello,\n  world "), "Hello, world");
        let long = "é".repeat(60);
        assert_eq!(title(&long), format!("{}...", "é".repeat(50)));
        assert_eq!(title(&"x".repeat(50)), "x".repeat(50));
    }

    #[test]
    fn lengths_are_those_of_serde() {
        for text in ["", "plain", "\"\\\n\t\u{1}\u{8}\u{c}", "é🐟\u{7f}"] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(json_len(text), json.len() - 2, "{text:?}");
            assert_eq!(fitting(text, json.len() - 2), text);
        }
        assert_eq!(fitting("aé🐟", 6), "aé");
        assert_eq!(fitting("\n\n\n", 5), "\n\n");
    }
}

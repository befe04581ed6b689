//! Reading the JSON of providers leniently: a field of the wrong type is read as missing.

mod splice;

pub(crate) use splice::splice;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Half of a character outside the basic plane is a code unit from U+D800 to U+DFFF. JSON of UTF-16
/// programs can contain one alone, which no Rust string can. [`parse`] puts this many code points
/// into their place, from [`MARK`] on.
const SURROGATES: std::ops::Range<u32> = 0xD800..0xE000;

/// Private-use code points that replace single surrogates.
const MARK: u32 = 0x10_F000;

/// A parsed event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) value: Value,
    /// Whether texts may contain marks of single surrogates; see [`Utf16Joiner`].
    pub(crate) has_marks: bool,
}

/// Parses JSON; none if it is none. Single surrogates are replaced by marks.
pub(crate) fn parse(json: &str) -> Option<Parsed> {
    if let Ok(value) = serde_json::from_str(json) {
        return Some(Parsed {
            value,
            has_marks: false,
        });
    }
    let marked = mark_single_surrogates(json)?;
    let value = serde_json::from_str(&marked).ok()?;
    Some(Parsed {
        value,
        has_marks: true,
    })
}

/// Whether the bytes are one JSON value.
pub(crate) fn is_complete(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// The object that a text is.
pub(crate) fn object(json: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(json).ok()
}

/// The member as text; empty if it is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The member taken out as text; empty if it is none.
pub(crate) fn take_text(object: &mut Map<String, Value>, name: &str) -> String {
    match object.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// A count: an integer or a float from 0 on, also as text.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is cast saturating"
)]
pub(crate) fn count(value: &Value) -> Option<u32> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }?;
    (number.is_finite() && number >= 0.0).then_some(number as u32)
}

/// The member as a count.
pub(crate) fn count_in(value: &Value, name: &str) -> Option<u32> {
    count(value.get(name)?)
}

/// Replaces escapes of single surrogates; none if there is none.
fn mark_single_surrogates(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut is_changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at)?;
        out.push_str(before);
        let Some(unit) = escaped_unit(escape) else {
            // Another escape: the character after the backslash belongs to it.
            let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
            let (escape, after) = escape.split_at_checked(length)?;
            out.push_str(escape);
            rest = after;
            continue;
        };
        let (this, after) = escape.split_at_checked(6)?;
        let is_high = (0xD800..0xDC00).contains(&unit);
        let next = escaped_unit(after).filter(|next| is_high && (0xDC00..0xE000).contains(next));
        if next.is_some() {
            let (pair, after) = escape.split_at_checked(12)?;
            out.push_str(pair);
            rest = after;
            continue;
        }
        if SURROGATES.contains(&unit) {
            out.extend(char::from_u32(MARK + (unit - SURROGATES.start)));
            is_changed = true;
        } else {
            out.push_str(this);
        }
        rest = after;
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

/// The code unit of an escape `\uXXXX` at the beginning of the text.
fn escaped_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// The surrogate that a mark replaces.
fn marked(character: char) -> Option<u32> {
    let unit = u32::from(character).checked_sub(MARK)?;
    let unit = unit.checked_add(SURROGATES.start)?;
    SURROGATES.contains(&unit).then_some(unit)
}

/// Joins the halves of a character that arrive in two events. A half without the other is U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Utf16Joiner {
    /// A first half.
    pending: Option<u32>,
}

impl Utf16Joiner {
    /// The text with halves joined; a first half at its end is held back.
    pub(crate) fn join(&mut self, text: String, has_marks: bool) -> String {
        if text.is_empty() || (!has_marks && self.pending.is_none()) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            match (self.pending.take(), marked(character).filter(|_| has_marks)) {
                (None, None) => out.push(character),
                (Some(_), None) => out.extend([char::REPLACEMENT_CHARACTER, character]),
                (high, Some(unit)) if unit < 0xDC00 => {
                    out.extend(high.map(|_| char::REPLACEMENT_CHARACTER));
                    self.pending = Some(unit);
                }
                (Some(high), Some(low)) => {
                    let scalar = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    out.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                (None, Some(_)) => out.push(char::REPLACEMENT_CHARACTER),
            }
        }
        out
    }

    /// Returns the text that was held back, at the end.
    pub(crate) fn finish(&mut self) -> Option<char> {
        self.pending.take().map(|_| char::REPLACEMENT_CHARACTER)
    }
}

/// Replaces marks in all texts of a value by U+FFFD.
pub(crate) fn replace_marks(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().any(|character| marked(character).is_some()) => {
            *text = text
                .chars()
                .map(|character| match marked(character) {
                    Some(_) => char::REPLACEMENT_CHARACTER,
                    None => character,
                })
                .collect();
        }
        Value::Array(items) => items.iter_mut().for_each(replace_marks),
        Value::Object(members) => members.values_mut().for_each(replace_marks),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(texts: &[&str]) -> String {
        let mut joiner = Utf16Joiner::default();
        let mut out: String = texts
            .iter()
            .map(|text| {
                let parsed = parse(&format!("\"{text}\"")).unwrap();
                joiner.join(parsed.value.as_str().unwrap().to_owned(), parsed.has_marks)
            })
            .collect();
        out.extend(joiner.finish());
        out
    }

    #[test]
    fn join_surrogates_of_two_events_are_one_character() {
        assert_eq!(joined(&[r"a\ud83d", r"\ude00b"]), "a😀b");
        assert_eq!(joined(&[r"\ud83d\ude00"]), "😀");
        assert_eq!(joined(&[r"\ud83d", "", r"\ude00"]), "😀");
    }

    #[test]
    fn join_single_surrogates_are_replaced() {
        assert_eq!(joined(&[r"a\ud83d", "b"]), "a\u{FFFD}b");
        assert_eq!(joined(&[r"\ude00"]), "\u{FFFD}");
        assert_eq!(joined(&[r"\ud83d\ud83d", r"\ude00"]), "\u{FFFD}😀");
        assert_eq!(joined(&[r"x\ud83d"]), "x\u{FFFD}");
        // An escaped backslash before a `u` does not begin an escape of a unit.
        assert_eq!(joined(&[r"\\ud83d"]), r"\ud83d");
    }

    #[test]
    fn count_reads_any_number_that_counts() {
        let read = |json: &str| count(&serde_json::from_str(json).unwrap());
        assert_eq!(read("12.0"), Some(12));
        assert_eq!(read("\"7\""), Some(7));
        assert_eq!(read("1e99"), Some(u32::MAX));
        for none in ["-1", "null", "{}", "\"x\"", "true"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn parse_any_text_does_not_panic(text in "(?s).{0,40}", units in proptest::collection::vec(any::<u16>(), 0..8)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            drop(parse(&text));
            let parsed = parse(&format!("\"{escapes}\"")).unwrap();
            let mut joiner = Utf16Joiner::default();
            let mut read = joiner.join(parsed.value.as_str().unwrap().to_owned(), parsed.has_marks);
            read.extend(joiner.finish());
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}

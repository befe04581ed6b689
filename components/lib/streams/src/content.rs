//! The content of appends: JSON streams, and how bytes are stored as text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::IgnoredAny;

use crate::types::Error;

/// The media type of a content type: without parameters, in lower case (RFC 9110, section 8.3.1).
pub(crate) fn media_type(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

/// Whether the content of streams with this media type is a sequence of JSON values.
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
}

/// The stored form of an append: an array of JSON values without its brackets. None for an empty array.
pub(crate) fn normalize(media_type: &str, content: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
    if !is_json(media_type) {
        return Ok(Some(content));
    }
    let is_valid = serde_json::from_slice::<IgnoredAny>(&content).is_ok();
    let text = match String::from_utf8(content) {
        Ok(text) if is_valid => text,
        _ => return Err(Error::InvalidContent("is not valid JSON".to_owned())),
    };
    let value = text.trim();
    let array = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let values = array.unwrap_or(value).trim();
    Ok((!values.is_empty()).then(|| values.as_bytes().to_vec()))
}

/// The first `count` units of an append: JSON values in a stream of JSON, otherwise bytes. None if it
/// has fewer.
pub(crate) fn prefix(media_type: &str, content: &[u8], count: u64) -> Option<Vec<u8>> {
    let count = usize::try_from(count).ok()?;
    if !is_json(media_type) {
        return content.get(..count).map(<[u8]>::to_vec);
    }
    let end = match count.checked_sub(1) {
        None => 0,
        Some(last) => value_ends(content).nth(last)?,
    };
    content.get(..end).map(<[u8]>::to_vec)
}

/// The ends of the values in a list of valid JSON values that are separated by commas.
fn value_ends(values: &[u8]) -> impl Iterator<Item = usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let separators = values.iter().enumerate().filter_map(move |(index, byte)| {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return Some(index),
            _ => {}
        }
        None
    });
    separators.chain(std::iter::once(values.len()))
}

/// Joins two contents of one stream.
pub(crate) fn join(media_type: &str, first: Vec<u8>, second: &[u8]) -> Vec<u8> {
    let mut joined = first;
    if is_json(media_type) && !joined.is_empty() && !second.is_empty() {
        joined.push(b',');
    }
    joined.extend_from_slice(second);
    joined
}

/// The text that is stored for bytes, and whether it is base64. Databases store text without U+0000
/// only.
pub(crate) fn encode(bytes: Vec<u8>) -> (String, bool) {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => (text, false),
        Ok(text) => (STANDARD.encode(text), true),
        Err(error) => (STANDARD.encode(error.as_bytes()), true),
    }
}

/// The bytes of a stored text. None if it is not what [`encode`] makes.
pub(crate) fn decode(text: String, encoded: bool) -> Option<Vec<u8>> {
    if encoded {
        return STANDARD.decode(text).ok();
    }
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> Result<Option<String>, Error> {
        let stored = normalize("application/json", text.as_bytes().to_vec())?;
        Ok(stored.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn normalize_of_json_removes_one_level_of_brackets() {
        assert_eq!(normalized(" {\"a\": 1} ").unwrap().unwrap(), "{\"a\": 1}");
        assert_eq!(
            normalized("[1, [2], \"]\"]").unwrap().unwrap(),
            "1, [2], \"]\""
        );
        assert_eq!(normalized("[[1]]").unwrap().unwrap(), "[1]");
        assert_eq!(normalized(" [ ] ").unwrap(), None);
        for invalid in ["", "{", "1 2", "[1,]", "{}{}"] {
            assert!(normalized(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn normalize_of_other_types_keeps_the_bytes() {
        let kept = normalize("text/plain", b"[]".to_vec()).unwrap();
        assert_eq!(kept.as_deref(), Some(&b"[]"[..]));
    }

    #[test]
    fn prefix_of_json_counts_values_and_of_other_types_bytes() {
        let values = br#"{"a":[1,2]},"x,\"y",3"#;
        let first = |count| prefix("application/json", values, count);
        assert_eq!(first(0).as_deref(), Some(&b""[..]));
        assert_eq!(first(1).as_deref(), Some(&br#"{"a":[1,2]}"#[..]));
        assert_eq!(first(2).as_deref(), Some(&br#"{"a":[1,2]},"x,\"y""#[..]));
        assert_eq!(first(3).as_deref(), Some(&values[..]));
        assert_eq!(first(4), None);
        assert_eq!(prefix("text/plain", b"abc", 2).as_deref(), Some(&b"ab"[..]));
        assert_eq!(prefix("text/plain", b"abc", 4), None);
    }

    #[test]
    fn encode_and_decode_keep_all_bytes() {
        for bytes in [
            b"text".to_vec(),
            b"\0".to_vec(),
            vec![0xff, 0x00],
            Vec::new(),
        ] {
            let (text, encoded) = encode(bytes.clone());
            assert!(!text.contains('\0'));
            assert_eq!(decode(text, encoded), Some(bytes));
        }
        assert_eq!(decode("é".to_owned(), true), None);
    }
}

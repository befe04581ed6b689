//! The content of appends.

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

/// What is between two appends in a content.
pub(crate) fn separator(media_type: &str) -> &'static str {
    if is_json(media_type) { "," } else { "" }
}

/// What is before and after the content of a part.
pub(crate) fn brackets(media_type: &str) -> (&'static str, &'static str) {
    if is_json(media_type) {
        ("[", "]")
    } else {
        ("", "")
    }
}

/// Joins two contents of one stream.
pub(crate) fn join(media_type: &str, first: Vec<u8>, second: &[u8]) -> Vec<u8> {
    let mut joined = first;
    if !joined.is_empty() && !second.is_empty() {
        joined.extend_from_slice(separator(media_type).as_bytes());
    }
    joined.extend_from_slice(second);
    joined
}

/// The content of a row. Earlier versions stored bytes that are not text in base64.
pub(crate) fn decode(content: Vec<u8>, is_base64: bool) -> Option<Vec<u8>> {
    match is_base64 {
        true => STANDARD.decode(content).ok(),
        false => Some(content),
    }
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
    fn decode_reads_what_earlier_versions_stored() {
        let stored = b"\xff\x00".to_vec();
        assert_eq!(decode(stored.clone(), false), Some(stored.clone()));
        assert_eq!(decode(b"/wA=".to_vec(), true), Some(stored));
        assert_eq!(decode("é".into(), true), None);
    }
}

//! Range requests (RFC 9110, section 14) for a representation with a strong entity tag.

use std::ops::Range;

/// The requested part of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it: no range, one in another unit, several ranges, or a malformed one.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// None of the bytes that there are.
    Unsatisfiable,
}

/// The part that the values of `Range` and `If-Range` request, of a representation of `size` bytes with the
/// entity tag `tag` (without quotes).
pub fn requested(range: Option<&str>, if_range: Option<&str>, tag: &str, size: u64) -> Requested {
    let is_current = |value: &str| value == format!("\"{tag}\"");
    if !if_range.is_none_or(is_current) {
        return Requested::All;
    }
    let Some(spec) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Requested::All;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Requested::All;
    };
    // Digits only: `parse` takes a sign too.
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (start, end) = match (first, last) {
        ("", length) => match number(length) {
            Some(length) => (size.saturating_sub(length), size),
            None => return Requested::All,
        },
        (first, "") => match number(first) {
            Some(first) => (first, size),
            None => return Requested::All,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
            _ => return Requested::All,
        },
    };
    if start >= end {
        return Requested::Unsatisfiable;
    }
    Requested::Part(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str) -> Requested {
        requested(Some(range), None, "a", 10)
    }

    #[test]
    fn requested_of_each_form_is_its_bytes() {
        for (range, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=2-99999999999999999999999", 2..10),
            ("bytes=9-", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
        ] {
            assert_eq!(of(range), Requested::Part(expected), "{range}");
        }
        for range in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of(range), Requested::Unsatisfiable, "{range}");
        }
        for range in [
            "",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=+1-2",
            "bytes=a-",
        ] {
            assert_eq!(of(range), Requested::All, "{range}");
        }
        assert_eq!(
            requested(Some("bytes=0-"), None, "a", 0),
            Requested::Unsatisfiable
        );
    }

    #[test]
    fn requested_with_another_tag_in_if_range_is_all() {
        let with = |if_range| requested(Some("bytes=0-1"), Some(if_range), "a", 10);
        assert_eq!(with("\"a\""), Requested::Part(0..2));
        for other in ["\"b\"", "W/\"a\"", "a", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(with(other), Requested::All, "{other}");
        }
    }
}

//! Where a part of a stream is in it.

use contracts::streams::types::Part;

/// Whether the content of a stream is a list of JSON values.
pub(crate) fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Whether there is nothing after a part now.
pub(crate) fn is_at_tail(part: &Part) -> bool {
    part.next.appends >= part.metadata.tail.appends
}

/// Whether there will never be anything after a part.
pub(crate) fn is_at_end(part: &Part) -> bool {
    part.metadata.closed && is_at_tail(part)
}

//! The content of a page of a stream, and where it is in the stream.

use contracts::streams::types::Page;

/// The content of a page as a body.
pub(crate) fn body_of(page: &Page) -> Vec<u8> {
    let parts: Vec<&[u8]> = page
        .entries
        .iter()
        .map(|entry| entry.bytes.as_slice())
        .collect();
    if is_json(&page.metadata.content_type) {
        return [b"[".to_vec(), parts.join(&b","[..]), b"]".to_vec()].concat();
    }
    parts.concat()
}

/// Whether the content of a stream is a list of JSON values.
pub(crate) fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Whether there is nothing after a page now.
pub(crate) fn is_at_tail(page: &Page) -> bool {
    page.next.appends >= page.metadata.tail.appends
}

/// Whether there will never be anything after a page.
pub(crate) fn is_at_end(page: &Page) -> bool {
    page.metadata.closed && is_at_tail(page)
}

//! The media type of a file by its first bytes. Neither its name nor the client's word changes that a
//! file is an image, a web page or a program; they only choose among kinds of text.

use crate::name;

/// Bytes from the beginning of a file by which it is judged.
pub const HEAD_BYTES: usize = 8 * 1024;

/// Binary, or unknown.
pub const UNKNOWN: &str = "application/octet-stream";
/// Scalable Vector Graphics, which can contain scripts.
pub const SVG: &str = "image/svg+xml";
/// A web page.
pub const HTML: &str = "text/html";
/// Other XML.
pub const XML: &str = "application/xml";

/// Kinds of text, by the extension of the name or as declared.
const TEXTS: [(&str, &[&str]); 4] = [
    ("text/markdown", &["md", "markdown"]),
    ("text/csv", &["csv"]),
    ("application/json", &["json"]),
    ("text/calendar", &["ics"]),
];

/// Beginnings of web pages, after white space, in lower case.
const HTML_BEGINNINGS: [&str; 19] = [
    "<!doctype html",
    "<html",
    "<head",
    "<script",
    "<iframe",
    "<h1",
    "<div",
    "<font",
    "<table",
    "<a ",
    "<style",
    "<title",
    "<b>",
    "<body",
    "<br",
    "<p>",
    "<img",
    "<meta",
    "<link",
];

/// Formats whose beginning is text although they are not.
const BEGIN_AS_TEXT: [&str; 3] = [
    "application/pdf",
    "application/postscript",
    "application/rtf",
];

/// The media type of a file that begins with `head` ([`HEAD_BYTES`], or all of it if that is shorter).
/// `name` and `declared` (a media type, or empty) choose among kinds of text.
pub fn detect(head: &[u8], name: &str, declared: &str) -> &'static str {
    if let Some(markup) = markup(head) {
        return markup;
    }
    let known = infer::get(head).map(|kind| kind.mime_type());
    if is_text(head) {
        return match known {
            Some(kind) if BEGIN_AS_TEXT.contains(&kind) => kind,
            _ => text(name, declared),
        };
    }
    match known {
        // What has control characters is no text, whatever it begins with.
        Some(kind) if !kind.starts_with("text/") => kind,
        _ => UNKNOWN,
    }
}

/// A media type without parameters, in lower case.
pub fn essence(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn text(name: &str, declared: &str) -> &'static str {
    let (extension, declared) = (name::extension(name), essence(declared));
    TEXTS
        .into_iter()
        .find(|(kind, extensions)| *kind == declared || extensions.contains(&extension.as_str()))
        .map_or("text/plain", |(kind, _)| kind)
}

/// HTML, SVG or other XML, which browsers would run.
fn markup(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut rest = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let is_xml = rest.starts_with("<?xml");
    // Comments, declarations and processing instructions may come before what decides.
    loop {
        let end = match rest {
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<?") => ">",
            _ if rest.starts_with("<!doctype") && !rest.starts_with("<!doctype html") => ">",
            _ => break,
        };
        match rest.split_once(end) {
            Some((_, after)) => rest = after.trim_start(),
            // A comment that does not end in the head: a page may follow.
            None => return Some(if is_xml { XML } else { HTML }),
        }
    }
    let is_svg = |text: &str| text.starts_with("<svg") || text.starts_with("<!doctype svg");
    if is_svg(rest) || is_xml && text.contains("<svg") {
        return Some(SVG);
    }
    if HTML_BEGINNINGS.iter().any(|begin| rest.starts_with(begin)) {
        return Some(HTML);
    }
    is_xml.then_some(XML)
}

/// UTF-8 without control characters other than those of text.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            let valid = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars()
        .all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn detect_by_content_ignores_name_and_declaration() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (content, expected) in [
            (&png[..], "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0\x80\0\0<script>", "image/gif"),
            (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
            (b"%PDF-1.4\nonly text", "application/pdf"),
            (b"PK\x03\x04\x14\0\0\0", "application/zip"),
            (b"<svg xmlns='x'>", SVG),
            (b"<?xml version='1.0'?>\n<!-- a -->\n<svg>", SVG),
            (b"\xef\xbb\xbf <!DOCTYPE html><p>", HTML),
            (b"\n<script>alert(1)</script>", HTML),
            (b"<!-- a comment --><body onload=x>", HTML),
            (b"<!-- an open comment", HTML),
            (b"<?xml version='1.0'?><feed/>", XML),
            (b"\0\x01\x02\x03", UNKNOWN),
            (b"caf\xe9 in Latin-1", UNKNOWN),
        ] {
            for (name, declared) in [("a.txt", "text/plain"), ("a.png", "image/png"), ("", "")] {
                let shown = String::from_utf8_lossy(content);
                assert_eq!(detect(content, name, declared), expected, "{shown}");
            }
        }
    }

    #[test]
    fn detect_of_text_takes_the_kind_of_the_name_or_the_declaration() {
        for (content, name, declared, expected) in [
            ("BMW is a car.", "a.bmp", "image/bmp", "text/plain"),
            ("# Title", "README.md", "", "text/markdown"),
            ("a,b", "x", "text/csv; header=present", "text/csv"),
            (
                "{}",
                "x.json",
                "application/octet-stream",
                "application/json",
            ),
            ("alert(1)", "x.js", "text/javascript", "text/plain"),
            ("", "empty.png", "image/png", "text/plain"),
            ("1 < 2 and 3 > 2", "", "", "text/plain"),
        ] {
            assert_eq!(
                detect(content.as_bytes(), name, declared),
                expected,
                "{content}"
            );
        }
        let split = "é".repeat(4).into_bytes();
        assert_eq!(detect(&split[..7], "", ""), "text/plain");
    }

    proptest! {
        #[test]
        fn detect_of_any_bytes_ends(content in prop::collection::vec(any::<u8>(), 0..600), name in ".*") {
            prop_assert!(detect(&content, &name, "a/b").contains('/'));
        }
    }
}

//! `Content-Disposition`: of the parts of a form (RFC 7578) and of responses (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The characters that a percent-encoded parameter must encode (RFC 8187, section 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// How a client should present a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Show it.
    Inline,
    /// Save it.
    Attachment,
}

/// The value of the field for a response with that file name. A name that is not plain ASCII is also given
/// as `filename*`.
pub fn format(disposition: Disposition, name: &str) -> String {
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ';
    let plain: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    if plain == name {
        return format!("{kind}; filename=\"{plain}\"");
    }
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A parameter of the field of a part, such as `name` or `filename`. The form with `*` (RFC 8187) is
/// preferred, although forms should not use it (RFC 7578, section 4.2). `%22`, which browsers write for a
/// quotation mark, is decoded.
pub fn parameter(field: &str, name: &str) -> Option<String> {
    let mut plain = None;
    for (key, value) in parameters(field) {
        if key.eq_ignore_ascii_case(name) {
            plain.get_or_insert(value);
        } else if key
            .strip_suffix('*')
            .is_some_and(|key| key.eq_ignore_ascii_case(name))
            && let Some(decoded) = extended(&value)
        {
            return Some(decoded);
        }
    }
    plain.map(|value| value.replace("%22", "\""))
}

/// Keys and values, without their quotation marks.
fn parameters(field: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = field.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = value(after.trim_start());
        // A parameter without a value ends before a semicolon.
        let key = key.rsplit(';').next().unwrap_or_default().trim();
        fields.push((key.to_owned(), value));
        rest = after.split_once(';').map_or("", |(_, rest)| rest);
    }
    fields
}

/// A value, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at..).unwrap_or_default()),
            // Old browsers send paths of Windows, whose backslashes escape nothing.
            '\\' => match chars.clone().next() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    value.push(escaped);
                    chars.next();
                }
                _ => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    (value, "")
}

/// `UTF-8''…` as text.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let is_utf8 = charset.eq_ignore_ascii_case("utf-8");
    let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
    is_utf8.then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_of_a_name_beyond_ascii_has_both_forms() {
        assert_eq!(
            format(Disposition::Inline, "my photo.jpg"),
            "inline; filename=\"my photo.jpg\""
        );
        assert_eq!(
            format(Disposition::Attachment, "naïve \"€\".txt"),
            "attachment; filename=\"na_ve ___.txt\"; filename*=UTF-8''na%C3%AFve%20%22%E2%82%AC%22.txt"
        );
        assert_eq!(
            format(Disposition::Attachment, "a\r\nb"),
            "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"
        );
    }

    #[test]
    fn parameter_of_fields_as_clients_write_them() {
        for (field, name, filename) in [
            (
                "form-data; name=\"file\"; filename=\"a b.txt\"",
                Some("file"),
                Some("a b.txt"),
            ),
            (
                "form-data; filename=plain.txt; name=file",
                Some("file"),
                Some("plain.txt"),
            ),
            (
                "form-data; name=\"a;b\"; filename=\"x=1;y\"",
                Some("a;b"),
                Some("x=1;y"),
            ),
            (
                "form-data; name=\"q\"; filename=\"say \\\"hi\\\".txt\"",
                Some("q"),
                Some("say \"hi\".txt"),
            ),
            (
                "form-data; name=\"q\"; filename=\"say %22hi%22.txt\"",
                Some("q"),
                Some("say \"hi\".txt"),
            ),
            (
                "form-data; name=f; filename=\"x\"; filename*=UTF-8''%e2%82%ac",
                Some("f"),
                Some("€"),
            ),
            (
                "form-data; name=f; filename*=utf-8'en'a%20b",
                Some("f"),
                Some("a b"),
            ),
            (
                "form-data; name=f; filename*=latin1''a; filename=b",
                Some("f"),
                Some("b"),
            ),
            (
                "form-data; NAME=f; FileName=\"C:\\dir\\a.txt\"",
                Some("f"),
                Some("C:\\dir\\a.txt"),
            ),
            ("form-data; name=\"open", Some("open"), None),
            ("form-data; name=", Some(""), None),
            ("form-data", None, None),
            ("", None, None),
        ] {
            assert_eq!(parameter(field, "name").as_deref(), name, "{field}");
            assert_eq!(parameter(field, "filename").as_deref(), filename, "{field}");
        }
    }
}

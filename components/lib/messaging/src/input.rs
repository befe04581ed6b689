//! Checks of the input.

use crate::types::{Attachment, Error, Problem, TextChange};

/// Characters of a message.
const CONTENT_MAX: usize = 10_000;
/// Attachments of a message.
const ATTACHMENTS_MAX: usize = 10;
/// Bytes of a URL.
const URL_BYTES_MAX: usize = 2_048;
/// Bytes of a user id, as `goldfish:identity` makes them.
const USER_ID_BYTES_MAX: usize = 128;

/// An error about one field.
pub(crate) fn invalid(field: &str, message: &str) -> Error {
    Error::Invalid(vec![problem(field, message)])
}

fn problem(field: &str, message: impl Into<String>) -> Problem {
    Problem {
        field: field.to_owned(),
        message: message.into(),
    }
}

/// A UUID of a client in canonical form, or the error for one that does not exist.
pub(crate) fn id(text: &str, not_found: Error) -> Result<String, Error> {
    ids::parse_uuid(text).ok_or(not_found)
}

/// Whether a text can be a user's id.
pub(crate) fn is_user_id(text: &str) -> bool {
    (1..=USER_ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A user id that can be compared with those in the database. For an invalid user id, an id that no user has.
pub(crate) fn comparable(user: &str) -> &str {
    if is_user_id(user) { user } else { "" }
}

/// Collects what is wrong with an input.
#[derive(Default)]
pub(crate) struct Checks(Vec<Problem>);

impl Checks {
    /// Everything that is wrong, as one error.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid(self.0))
    }

    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(problem(field, message));
    }

    /// A text with `min` to `max` characters.
    pub(crate) fn text(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let count = text.chars().count();
        if text.contains('\0') {
            self.add(field, "It contains the character U+0000.");
        } else if count > max {
            self.add(field, format!("It has more than {max} characters."));
        } else if count < min || (min > 0 && text.trim().is_empty()) {
            self.add(field, "It is empty.");
        }
    }

    pub(crate) fn optional_text(
        &mut self,
        field: &str,
        text: Option<&str>,
        min: usize,
        max: usize,
    ) {
        if let Some(text) = text {
            self.text(field, text, min, max);
        }
    }

    pub(crate) fn text_change(&mut self, field: &str, change: &TextChange, min: usize, max: usize) {
        if let TextChange::Set(text) = change {
            self.text(field, text, min, max);
        }
    }

    pub(crate) fn url(&mut self, field: &str, url: &str) {
        if !is_url(url) {
            self.add(
                field,
                "It is neither an http or https URL nor a path that begins with /, of at most 2,048 bytes.",
            );
        }
    }

    pub(crate) fn optional_url(&mut self, field: &str, url: Option<&str>) {
        if let Some(url) = url {
            self.url(field, url);
        }
    }

    pub(crate) fn url_change(&mut self, field: &str, change: &TextChange) {
        if let TextChange::Set(url) = change {
            self.url(field, url);
        }
    }

    /// The text of a message, which may be empty if there is something else.
    pub(crate) fn content(&mut self, content: &str, has_attachments: bool) {
        let min = usize::from(!has_attachments);
        self.text("content", content, min, CONTENT_MAX);
    }

    pub(crate) fn attachments(&mut self, attachments: &[Attachment]) {
        if attachments.len() > ATTACHMENTS_MAX {
            self.add("attachments", "There are more than 10.");
            return;
        }
        for (index, attachment) in attachments.iter().enumerate() {
            let field = |name: &str| format!("attachments.{index}.{name}");
            if ids::parse_uuid(&attachment.id).is_none() {
                self.add(&field("id"), "It is not a UUID.");
            }
            self.url(&field("url"), &attachment.url);
            self.text(&field("filename"), &attachment.filename, 1, 255);
            self.text(&field("mimeType"), &attachment.mime_type, 1, 255);
            if !attachment.mime_type.contains('/') {
                self.add(&field("mimeType"), "It is not a media type.");
            }
            if i64::try_from(attachment.size).is_err() {
                self.add(&field("size"), "It is too large.");
            }
        }
    }
}

/// Whether a text is an absolute http or https URL, or a path.
pub(crate) fn is_url(text: &str) -> bool {
    let is_absolute = ["https://", "http://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.get(scheme.len()..).is_some_and(|rest| {
                rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            })
    });
    // `//host` and `/\host` are hosts to a browser.
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    text.len() <= URL_BYTES_MAX
        && (is_absolute || is_path)
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_url_accepts_http_and_paths_only() {
        for url in [
            "https://a.example/b.png",
            "http://localhost:3000/x",
            "HTTPS://[::1]/",
            "/api/v1/files/1",
        ] {
            assert!(is_url(url), "{url}");
        }
        let long = format!("/{}", "x".repeat(2_048));
        for text in [
            "",
            "javascript:alert(1)",
            "data:image/png;base64,",
            "//evil.example",
            "/\\evil.example",
            "https://",
            "https:// a",
            "https://a\n",
            "é",
            &long,
        ] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn text_is_counted_in_characters_and_without_u0000() {
        let problems = |text: &str, min, max| {
            let mut checks = Checks::default();
            checks.text("name", text, min, max);
            checks.0.len()
        };
        assert_eq!(problems("éé", 1, 2), 0);
        assert_eq!(problems("ééé", 1, 2), 1);
        assert_eq!(problems("", 0, 2), 0);
        assert_eq!(problems(" ", 1, 2), 1);
        assert_eq!(problems("a\0", 1, 2), 1);
    }

    #[test]
    fn is_user_id_refuses_empty_long_and_invisible_text() {
        assert!(is_user_id("user_1") && is_user_id("clerk|a.b"));
        for text in ["", "a b", "a\0", "é", &"x".repeat(129)] {
            assert!(!is_user_id(text), "{text}");
        }
    }
}

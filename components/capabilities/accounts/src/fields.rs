//! What a person may type into the fields of an account.

use email_address::{EmailAddress, Options};
use http::Uri;

use crate::types::{Error, FieldError};

/// Longest email address, in bytes (RFC 5321, section 4.5.3.1, and its erratum 1690).
const EMAIL_BYTES_MAX: usize = 254;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Longest URL of a picture, in bytes.
const IMAGE_BYTES_MAX: usize = 2_048;

/// Collects what is wrong, so that a person learns all of it at once.
#[derive(Default)]
pub(crate) struct Problems(Vec<FieldError>);

impl Problems {
    pub(crate) fn add(&mut self, field: &str, message: &str) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        });
    }

    /// # Errors
    /// `invalid` if there are any.
    pub(crate) fn into_result(self) -> Result<(), Error> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid(self.0)),
        }
    }
}

/// An address as it is kept: as it was typed, without surrounding blanks. None if nobody could have
/// it: no quoted local parts, no IP addresses, and a domain with a dot.
pub(crate) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let options = Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    let plain = !text.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control());
    let good = text.len() <= EMAIL_BYTES_MAX
        && plain
        && EmailAddress::parse_with_options(text, options).is_ok();
    good.then(|| text.to_owned())
}

/// A name as it is kept; none for a blank one.
pub(crate) fn name(text: Option<&str>, problems: &mut Problems) -> Option<String> {
    let text = text?.trim();
    if text.chars().count() > NAME_CHARS_MAX {
        problems.add("name", "must be at most 100 characters");
    } else if text.chars().any(char::is_control) {
        problems.add("name", "must not contain control characters");
    } else if !text.is_empty() {
        return Some(text.to_owned());
    }
    None
}

/// A picture's URL as it is kept; none for a blank one.
pub(crate) fn image(text: Option<&str>, problems: &mut Problems) -> Option<String> {
    let text = text?.trim();
    if text.is_empty() {
        return None;
    }
    let good = text.len() <= IMAGE_BYTES_MAX
        && text.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
    if !good {
        problems.add(
            "image",
            "must be an http or https URL of at most 2048 bytes",
        );
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_checked() {
        for good in [
            "ada@example.com",
            " Ada.Lovelace+x@sub.example.co.uk ",
            "o'neil@example.com",
            "jürgen@bücher.example",
        ] {
            assert_eq!(email(good).as_deref(), Some(good.trim()), "{good}");
        }
        let long = format!("{}@{}.example.com", "a".repeat(64), "b".repeat(200));
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "ada@@example.com",
            "a b@example.com",
            "\"a b\"@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: all@example.com",
            "ada@example..com",
            "ada@exam\0ple.com",
            &long,
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_hold_no_control_characters() {
        let mut problems = Problems::default();
        assert_eq!(name(Some("  "), &mut problems), None);
        assert_eq!(name(None, &mut problems), None);
        let kept = name(Some(" Ada 👩‍💻 "), &mut problems);
        assert_eq!(kept.as_deref(), Some("Ada 👩‍💻"));
        assert!(problems.into_result().is_ok());
        for bad in ["a\nb", "a\u{7f}", "\u{1b}[31m", &"x".repeat(101)] {
            let mut problems = Problems::default();
            assert_eq!(name(Some(bad), &mut problems), None);
            assert!(problems.into_result().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pictures_are_on_the_web() {
        let mut problems = Problems::default();
        let good = "https://example.com/a.png?x=1";
        assert_eq!(image(Some(good), &mut problems).as_deref(), Some(good));
        assert!(problems.into_result().is_ok());
        for bad in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "/a.png",
            "https://",
            "http:// x",
        ] {
            let mut problems = Problems::default();
            assert_eq!(image(Some(bad), &mut problems), None);
            assert!(problems.into_result().is_err(), "{bad:?}");
        }
    }
}

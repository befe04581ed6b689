//! Validation of the fields of an account.

use email_address::{EmailAddress, Options};
use http::Uri;

use crate::types::{Error, FieldError};

/// Maximum length of an email address, in bytes (RFC 5321, section 4.5.3.1, and its erratum 1690).
const EMAIL_BYTES_MAX: usize = 254;

/// Maximum length of a name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Maximum length of a picture's URL, in bytes.
const IMAGE_BYTES_MAX: usize = 2_048;

/// Collects errors, so that a response contains all of them.
#[derive(Default)]
pub(crate) struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
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

/// A valid email address, without surrounding white space. Quoted local parts, IP addresses and
/// domains without a dot are not valid.
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

/// A valid name, trimmed. None for a blank one.
pub(crate) fn name(text: Option<&str>, errors: &mut FieldErrors) -> Option<String> {
    let text = text?.trim();
    if text.chars().count() > NAME_CHARS_MAX {
        errors.add("name", "must be at most 100 characters");
    } else if text.chars().any(char::is_control) {
        errors.add("name", "must not contain control characters");
    } else if !text.is_empty() {
        return Some(text.to_owned());
    }
    None
}

/// A valid URL of a picture, trimmed. None for a blank one.
pub(crate) fn image(text: Option<&str>, errors: &mut FieldErrors) -> Option<String> {
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
        errors.add(
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
    fn email_is_trimmed_and_validated() {
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
    fn name_with_control_characters_is_invalid() {
        let mut errors = FieldErrors::default();
        assert_eq!(name(Some("  "), &mut errors), None);
        assert_eq!(name(None, &mut errors), None);
        let kept = name(Some(" Ada 👩‍💻 "), &mut errors);
        assert_eq!(kept.as_deref(), Some("Ada 👩‍💻"));
        assert!(errors.into_result().is_ok());
        for bad in ["a\nb", "a\u{7f}", "\u{1b}[31m", &"x".repeat(101)] {
            let mut errors = FieldErrors::default();
            assert_eq!(name(Some(bad), &mut errors), None);
            assert!(errors.into_result().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn image_must_be_http_url() {
        let mut errors = FieldErrors::default();
        let good = "https://example.com/a.png?x=1";
        assert_eq!(image(Some(good), &mut errors).as_deref(), Some(good));
        assert!(errors.into_result().is_ok());
        for bad in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "/a.png",
            "https://",
            "http:// x",
        ] {
            let mut errors = FieldErrors::default();
            assert_eq!(image(Some(bad), &mut errors), None);
            assert!(errors.into_result().is_err(), "{bad:?}");
        }
    }
}

//! What the responses of all providers have in common.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use crate::Error;

/// Maximum size of a response, in bytes. GitHub's profile has some 3 KB, a hundred
/// addresses 10 KB.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// Maximum length of a name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Maximum length of an email address (RFC 5321, section 4.5.3.1.3, less the angle brackets), in bytes.
const EMAIL_BYTES_MAX: usize = 254;

/// Maximum length of a picture's URL, in bytes.
const IMAGE_BYTES_MAX: usize = 2048;

/// A complete response.
pub(crate) struct ProviderResponse {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// An OAuth error (RFC 6749, section 5.2). GitHub sends it with status 200.
#[derive(Deserialize)]
struct OAuthError {
    error: String,
}

impl ProviderResponse {
    /// The body of a success as JSON.
    ///
    /// # Errors
    /// `unavailable` for 5xx and 429, else `protocol`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self.status {
            200 => serde_json::from_slice(&self.body)
                .map_err(|_| Error::Protocol("the response is not valid".to_owned())),
            429 | 500.. => Err(Error::Unavailable(format!(
                "the provider answered {}",
                self.status
            ))),
            status => Err(Error::Protocol(format!("the provider answered {status}"))),
        }
    }

    /// The response of a token endpoint.
    ///
    /// # Errors
    /// `code-refused` for the error codes in `refusals`, else as `json`.
    pub(crate) fn token<T: DeserializeOwned>(&self, refusals: &[&str]) -> Result<T, Error> {
        let response = self.form_as_json();
        let response = response.as_ref().unwrap_or(self);
        if matches!(response.status, 200..=499)
            && response.status != 429
            && let Ok(OAuthError { error }) = serde_json::from_slice(&response.body)
        {
            let word = printable(&error);
            return Err(match refusals.contains(&error.as_str()) {
                true => Error::CodeRefused(word),
                false => Error::Protocol(format!("the provider refuses us: {word}")),
            });
        }
        response.json()
    }

    /// A form-encoded body as a JSON object of strings. Some servers send that whatever `Accept` says.
    /// None if the body is JSON or has no fields.
    fn form_as_json(&self) -> Option<Self> {
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if *first == b'{' || !self.body.contains(&b'=') {
            return None;
        }
        let fields: BTreeMap<String, String> = form_urlencoded::parse(self.body.trim_ascii())
            .into_owned()
            .collect();
        Some(Self {
            status: self.status,
            body: serde_json::to_vec(&fields).ok()?,
        })
    }
}

/// An error code, if it has the form of one (RFC 6749).
fn printable(error: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    match error.len() {
        1..=40 if error.bytes().all(is_word) => error.to_owned(),
        _ => "in words of its own".to_owned(),
    }
}

/// A name without control characters. None if nothing is left.
pub(crate) fn name(text: Option<String>) -> Option<String> {
    let text = text?;
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let name: String = clean.trim().chars().take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

/// An email address, if it is plausible.
pub(crate) fn email(text: Option<String>) -> Option<String> {
    let text = text?;
    let odd = |c: char| c.is_control() || c.is_whitespace();
    let (local, domain) = text.rsplit_once('@')?;
    let fits = text.len() <= EMAIL_BYTES_MAX && !local.is_empty() && !domain.is_empty();
    (fits && !text.contains(odd)).then_some(text)
}

/// A picture's URL, if it is http(s).
pub(crate) fn image(text: Option<String>) -> Option<String> {
    let text = text?;
    let url = Url::parse(&text).ok()?;
    let fits = text.len() <= IMAGE_BYTES_MAX && matches!(url.scheme(), "http" | "https");
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn response(status: u16, body: &str) -> ProviderResponse {
        ProviderResponse {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    fn token(status: u16, body: &str) -> Result<Value, Error> {
        response(status, body).token(&["invalid_grant"])
    }

    #[test]
    fn token_with_oauth_error_is_code_refused_or_protocol() {
        let refused = token(400, r#"{"error":"invalid_grant"}"#);
        assert_eq!(refused, Err(Error::CodeRefused("invalid_grant".to_owned())));
        for (status, body, text) in [
            (
                401,
                r#"{"error":"invalid_client"}"#,
                "the provider refuses us: invalid_client",
            ),
            (
                200,
                r#"{"error":"Secret s3\n"}"#,
                "the provider refuses us: in words of its own",
            ),
            (404, "<html>", "the provider answered 404"),
            (200, "<html>", "the response is not valid"),
        ] {
            assert_eq!(token(status, body), Err(Error::Protocol(text.to_owned())));
        }
        for status in [429, 500, 503] {
            let error = token(status, r#"{"error":"invalid_grant"}"#);
            assert!(matches!(error, Err(Error::Unavailable(_))), "{status}");
        }
        assert!(token(200, r#"{"access_token":"x"}"#).is_ok());
    }

    #[test]
    fn profile_texts_beyond_limits_are_cut_or_omitted() {
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(name(own(" Ada\u{0}\n ")), own("Ada"));
        assert_eq!(name(own("  ")), None);
        assert_eq!(name(own(&"é".repeat(300))), own(&"é".repeat(100)));
        assert_eq!(email(own("ada@example.com")), own("ada@example.com"));
        for odd in ["", "ada", "@x", "ada@", "a b@x", "a@x\r\nbcc: y"] {
            assert_eq!(email(own(odd)), None, "{odd}");
        }
        assert_eq!(email(own(&format!("{}@x.de", "a".repeat(250)))), None);
        assert_eq!(image(own("https://x/y?z")), own("https://x/y?z"));
        assert_eq!(image(own("javascript:alert(1)")), None);
        assert_eq!(image(own("/relative")), None);
    }

    #[test]
    fn token_of_form_encoded_response_is_read() {
        let body = "access_token=gho_1%2B2&scope=user%3Aemail&token_type=bearer\n";
        assert_eq!(token(200, body).unwrap()["access_token"], "gho_1+2");
        let refused = "error=invalid_grant&error_description=expired";
        assert_eq!(
            token(200, refused),
            Err(Error::CodeRefused("invalid_grant".to_owned()))
        );
        for other in ["<html lang=\"en\">", "error", "", "  "] {
            assert!(
                token(200, other).is_err() || token(200, other).unwrap()["access_token"].is_null()
            );
        }
    }
}

//! The context of a request, which is passed to its handler.

use std::{borrow::Cow, rc::Rc};

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use spin_sdk::wasip3::{http::types, wit_bindgen::StreamResult, wit_future};
use url::Url;
use uuid::Uuid;

use crate::{
    body::{BodyReader, drain},
    cors,
    error::ApiError,
    form,
    head::Head,
    json,
    log::LogRecord,
    origins::OriginPattern,
    settings::Settings,
};

/// Initial size of the buffer for a body without a declared length, in bytes.
const FIRST_BUFFER: usize = 8 * 1024;

/// A request, and what handlers add to its response and log record.
pub struct Context {
    /// Method, path and header fields.
    pub head: Head,
    /// The log record of the request.
    pub log: LogRecord,
    /// Values of the variables that every route reads.
    pub settings: Rc<Settings>,
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) response_headers: Vec<(&'static str, String)>,
    pub(crate) cookies: Vec<(String, String)>,
    body: Option<types::Request>,
}

/// A body that is declared as JSON.
pub struct JsonText(Vec<u8>);

impl JsonText {
    /// Parses it. 400 with the path of an error.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json::from_slice(&self.0)
    }

    /// The unchanged text. 400 if it is not UTF-8.
    pub fn as_str(&self) -> Result<&str, ApiError> {
        std::str::from_utf8(&self.0).map_err(|_| ApiError::invalid("body", "is not UTF-8"))
    }
}

impl From<Vec<u8>> for JsonText {
    fn from(text: Vec<u8>) -> Self {
        Self(text)
    }
}

impl Context {
    pub(crate) fn new(
        head: Head,
        log: LogRecord,
        settings: Rc<Settings>,
        body: Option<types::Request>,
    ) -> Self {
        Self {
            head,
            log,
            settings,
            params: Vec::new(),
            response_headers: Vec::new(),
            cookies: Vec::new(),
            body,
        }
    }

    /// The id of this request.
    pub fn request_id(&self) -> &str {
        &self.log.request_id
    }

    /// Sets a header field of the response, also of an error. Replaces a field of the same name.
    pub fn set_header(&mut self, name: &'static str, value: impl Into<String>) {
        self.response_headers.retain(|(taken, _)| *taken != name);
        self.response_headers.push((name, value.into()));
    }

    /// Sets a cookie with the response, also with an error; `line` is the value of `Set-Cookie`.
    /// Replaces a cookie of the same name.
    pub fn set_cookie(&mut self, name: &str, line: String) {
        self.cookies.retain(|(taken, _)| taken != name);
        self.cookies.push((name.to_owned(), line));
    }

    /// The path's `:name`, decoded. 404 that says that `what` was not found, if it is not text of 1
    /// to `longest` bytes.
    pub fn param(
        &self,
        name: &str,
        longest: usize,
        what: &'static str,
    ) -> Result<String, ApiError> {
        self.params
            .iter()
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| percent_decode_str(value).decode_utf8().ok())
            .filter(|value| (1..=longest).contains(&value.len()))
            .map(Cow::into_owned)
            .ok_or(ApiError::NotFound(what))
    }

    /// The query parameters. 400 with the name of an invalid one.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        form::from_text(self.head.query.as_bytes())
    }

    /// The path's `:name`, which must be a UUID; in its usual form. An id that is not a UUID does not
    /// exist: 404 that says that `what` was not found.
    pub fn uuid(&self, name: &str, what: &'static str) -> Result<String, ApiError> {
        self.params
            .iter()
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| parse_uuid(value))
            .ok_or(ApiError::NotFound(what))
    }

    /// Whether scripts of that origin may send requests with the user's cookies.
    pub fn is_allowed_origin(&self, origin: &str) -> bool {
        cors::is_allowed(origin, &self.head, &self.settings)
    }

    /// Whether that origin is a trusted frontend: an allowed origin, or one of `trusted_origins`.
    pub fn is_own_site(&self, origin: &str) -> bool {
        self.is_allowed_origin(origin) || self.is_named_origin(origin)
    }

    /// Whether the operator has configured that origin. Unlike [`Self::is_own_site`] this does not
    /// trust `Host`, which a client other than a browser can choose. For what other people receive,
    /// such as a link in an email.
    pub fn is_named_origin(&self, origin: &str) -> bool {
        let settings = &self.settings;
        let is_pattern = |pattern: &OriginPattern| pattern.matches_origin(origin);
        let mut exact = settings.origins.iter().chain(&settings.public_origin);
        exact.any(|named| named == origin) || settings.trusted_origins.iter().any(is_pattern)
    }

    /// Whether the operator has named the scheme of an app (`myapp://` in `trusted_origins`).
    pub fn is_named_scheme(&self, scheme: &str) -> bool {
        let mut patterns = self.settings.trusted_origins.iter();
        patterns.any(|pattern| pattern.matches_scheme(scheme))
    }

    /// The origin of this server for the client: `public_url`, or the host that the request was sent
    /// to. None if the request has no host.
    pub fn own_origin(&self, https: bool) -> Option<String> {
        if let Some(origin) = &self.settings.public_origin {
            return Some(origin.clone());
        }
        let host = self.head.host()?;
        let scheme = if https { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
        url.has_host().then(|| url.origin().ascii_serialization())
    }

    /// Parses the body as JSON, or as a form if it is declared as one.
    pub async fn json_or_form<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        if !self.head.is_form() {
            return self.json().await;
        }
        let declared = self.declared_length()?;
        let text = self.read(declared).await?;
        form::from_text(&text)
    }

    /// Parses the body as JSON. 415 if it is not declared as JSON, 413 if it is too large, 400 with the
    /// path of an error.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        self.json_text().await?.read()
    }

    /// The body, declared as JSON, for handlers that choose the type by its content.
    pub async fn json_text(&mut self) -> Result<JsonText, ApiError> {
        let declared = self.declared_length()?;
        if !self.head.is_json() {
            return Err(ApiError::UnsupportedMediaType);
        }
        Ok(JsonText(self.read(declared).await?))
    }

    /// Parses the body as JSON; an empty body is the default value.
    pub async fn json_or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, ApiError> {
        let declared = self.declared_length()?;
        let text = self.read(declared).await?;
        if text.is_empty() {
            return Ok(T::default());
        }
        if !self.head.is_json() {
            return Err(ApiError::UnsupportedMediaType);
        }
        json::from_slice(&text)
    }

    /// The body, of any media type. 413 if it is too large; some of it is read then, so that clients that send before
    /// they listen get the response.
    pub async fn bytes(&mut self) -> Result<Vec<u8>, ApiError> {
        match self.declared_length() {
            Ok(declared) => self.read(declared).await,
            Err(error) => {
                self.body().drain().await;
                Err(error)
            }
        }
    }

    /// The body as it arrives, for handlers that have their own limits. Empty if it was read before.
    pub fn body(&mut self) -> BodyReader {
        BodyReader::new(self.body.take())
    }

    /// The declared length. 413 before the body is read if that is too large.
    fn declared_length(&self) -> Result<Option<u64>, ApiError> {
        let declared = self
            .head
            .content_length()
            .map_err(|wrong| ApiError::invalid("body", wrong))?;
        let limit = self.settings.max_body_bytes;
        if declared.is_some_and(|length| length > limit) {
            return Err(ApiError::PayloadTooLarge(limit));
        }
        Ok(declared)
    }

    async fn read(&mut self, declared: Option<u64>) -> Result<Vec<u8>, ApiError> {
        let Some(request) = self.body.take() else {
            return Ok(Vec::new());
        };
        // The value reports that the body was handled without an error; it is sent when the writer is
        // dropped.
        let (_verdict, reader) = wit_future::new(|| Ok(()));
        let (mut stream, _trailers) = types::Request::consume_body(request, reader);
        let limit = usize::try_from(self.settings.max_body_bytes).unwrap_or(usize::MAX);
        let declared = declared.and_then(|length| usize::try_from(length).ok());
        let mut text = Vec::with_capacity(declared.unwrap_or(FIRST_BUFFER).saturating_add(1));
        loop {
            if text.len() == text.capacity() {
                text.reserve(FIRST_BUFFER);
            }
            let (result, filled) = stream.read(text).await;
            text = filled;
            if text.len() > limit {
                drain(&mut stream).await;
                return Err(ApiError::PayloadTooLarge(self.settings.max_body_bytes));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                return Ok(text);
            }
        }
    }
}

/// A UUID in lower case with hyphens (RFC 9562, section 4), or none. Other forms that parsers accept
/// (braces, URNs, no hyphens) are not valid ids here.
pub fn parse_uuid(text: &str) -> Option<String> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    Uuid::try_parse(text).ok().map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(host: &str, settings: Settings) -> Context {
        let head = Head {
            authority: Some(host.to_owned()),
            ..Head::default()
        };
        let log = LogRecord::new("r".to_owned(), "GET");
        Context::new(head, log, Rc::new(settings), None)
    }

    #[test]
    fn is_own_site_trusts_the_host_and_is_named_origin_does_not() {
        let settings = Settings {
            origins: vec!["http://localhost:3000".into()],
            trusted_origins: vec![OriginPattern::Exact("https://app.example".into())],
            ..Settings::default()
        };
        let context = sent_to("evil.example", settings);
        assert!(context.is_own_site("https://evil.example"));
        assert!(!context.is_named_origin("https://evil.example"));
        for trusted in ["https://app.example", "http://localhost:3000"] {
            assert!(context.is_own_site(trusted) && context.is_named_origin(trusted));
        }
        assert!(!context.is_own_site("https://app.example.evil.example"));
        assert!(!context.is_allowed_origin("https://app.example"));
    }

    #[test]
    fn own_origin_is_public_url_or_that_of_the_host() {
        let context = sent_to("Chat.example:443", Settings::default());
        assert_eq!(
            context.own_origin(true).as_deref(),
            Some("https://chat.example")
        );
        assert_eq!(
            context.own_origin(false).as_deref(),
            Some("http://chat.example:443")
        );
        let named = Settings {
            public_origin: Some("https://api.example".into()),
            ..Settings::default()
        };
        let context = sent_to("chat.example", named);
        assert_eq!(
            context.own_origin(false).as_deref(),
            Some("https://api.example")
        );
        assert_eq!(sent_to("", Settings::default()).own_origin(true), None);
    }

    #[test]
    fn param_decodes_and_rejects_long_or_invalid_text() {
        let mut context = sent_to("a", Settings::default());
        context.params = vec![("id", "a%2Fb".to_owned()), ("odd", "%ff".to_owned())];
        assert_eq!(context.param("id", 3, "Thing").as_deref(), Ok("a/b"));
        assert_eq!(
            context.param("id", 2, "Thing"),
            Err(ApiError::NotFound("Thing"))
        );
        assert_eq!(
            context.param("odd", 9, "Thing"),
            Err(ApiError::NotFound("Thing"))
        );
        assert_eq!(
            context.param("none", 9, "Thing"),
            Err(ApiError::NotFound("Thing"))
        );
    }

    #[test]
    fn set_cookie_and_set_header_replace_the_same_name() {
        let mut context = sent_to("a", Settings::default());
        context.set_cookie("a", "a=1".into());
        context.set_cookie("b", "b=1".into());
        context.set_cookie("a", "a=2".into());
        let lines: Vec<_> = context.cookies.iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["b=1", "a=2"]);
        context.set_header("x", "1");
        context.set_header("x", "2");
        assert_eq!(context.response_headers, [("x", "2".to_owned())]);
    }

    #[test]
    fn parse_uuid_accepts_only_the_hyphenated_form() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(parse_uuid(id).as_deref(), Some(id));
        assert_eq!(parse_uuid(&id.to_uppercase()).as_deref(), Some(id));
        for bad in [
            "",
            "550e8400e29b41d4a716446655440000",
            "../../etc/passwd",
            "550e8400-e29b-41d4-a716-44665544000g",
        ] {
            assert_eq!(parse_uuid(bad), None, "{bad}");
        }
    }
}

//! Checks every request and response of the suite against the API description: accepted requests are
//! allowed by it, and responses are described by it, field by field. A new field, status or header
//! fails some test until it is described.

use std::sync::LazyLock;

use api_description::{Operation, Validator};
use http::HeaderMap;

use super::{Event, manifest};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let routes = manifest().parent().unwrap().join("components/routes");
    let text = api_description::render(&routes).unwrap();
    Validator::new(&serde_json::from_str(&text).unwrap()).unwrap()
});

/// The check of one request and its response.
pub(crate) struct DescriptionCheck {
    /// `None` for pages, unknown paths and unknown methods, which are not described.
    operation: Option<&'static Operation>,
    method: String,
    query: String,
    media_type: Option<String>,
    sent: Vec<u8>,
    status: u16,
    /// The declared length of the body; 0 if none is declared.
    length: usize,
    is_json: bool,
    is_events: bool,
}

impl DescriptionCheck {
    pub(crate) fn new(
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&[u8]>,
    ) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let media_type = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.clone());
        Self {
            operation: VALIDATOR.operation(method, path),
            method: method.to_owned(),
            query: query.to_owned(),
            media_type,
            sent: body.unwrap_or_default().to_vec(),
            status: 0,
            length: 0,
            is_json: false,
            is_events: false,
        }
    }

    /// Switches the check off.
    pub(crate) fn disable(&mut self) {
        self.operation = None;
    }

    /// Checks the head of the response, and the request if it was accepted.
    pub(crate) fn check_head(&mut self, status: u16, headers: &HeaderMap) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.status = status;
        self.is_json = header("content-type") == Some("application/json");
        self.is_events = header("content-type") == Some("text/event-stream");
        let length = header("content-length").and_then(|length| length.parse().ok());
        self.length = length.unwrap_or_default();
        let Some(operation) = self.operation else {
            return;
        };
        if (200..300).contains(&status) {
            let kind = self.media_type.as_deref();
            let checked = VALIDATOR.check_request(operation, &self.query, kind, &self.sent);
            checked.unwrap_or_else(|error| panic!("not as openapi.json says: {error}"));
        }
        VALIDATOR
            .check_head(operation, status, header)
            .unwrap_or_else(|error| panic!("not as openapi.json says: {error}"));
    }

    /// Whether the response is an event stream.
    pub(crate) fn is_events(&self) -> bool {
        self.is_events
    }

    /// Checks the body of the response if it is complete.
    pub(crate) fn check_body(&self, body: &[u8]) {
        let is_whole = body.len() >= self.length;
        let Some(operation) = self.operation else {
            return;
        };
        if self.is_json && is_whole && self.method != "HEAD" {
            VALIDATOR
                .check_body(operation, self.status, body)
                .unwrap_or_else(|error| panic!("not as openapi.json says: {error}"));
        }
    }

    /// Checks an event of the response.
    pub(crate) fn check_event(&self, event: &Event) {
        if let (Some(operation), Event::Message { event, data, .. }) = (self.operation, event) {
            VALIDATOR
                .check_event(operation, event, data)
                .unwrap_or_else(|error| panic!("not as openapi.json says: {error}"));
        }
    }
}

/// Checks the examples of the description and returns their number.
pub(crate) fn check_examples() -> usize {
    VALIDATOR.check_examples().unwrap()
}

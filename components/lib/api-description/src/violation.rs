//! A difference from the description.

use std::fmt;

use serde_json::Value;

/// A request, a response or the document itself does not match the description. The text is a
/// sentence for the developer.
#[derive(Debug)]
pub struct Violation(String);

impl Violation {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Parses JSON. The error contains the text.
pub(crate) fn parse_json(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| {
        format!(
            "{:?}, which is not JSON: {error}",
            String::from_utf8_lossy(text)
        )
    })
}

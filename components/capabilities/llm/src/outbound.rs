//! A request to a provider, ready to be sent.

use crate::bindings::Error;
use crate::secret::Secret;

/// A request to a provider. No `Debug`: it holds a key and content.
pub(crate) struct OutboundRequest {
    /// `http` or `https`, with a host.
    pub(crate) url: http::Uri,
    /// The method is POST with a body, GET without.
    pub(crate) body: Option<Vec<u8>>,
    /// The media type that is expected.
    pub(crate) accept: &'static str,
    /// Besides those of the body.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl OutboundRequest {
    /// A POST of JSON.
    ///
    /// # Errors
    /// `misconfigured` if the URL is none: the operator must correct the variable.
    pub(crate) fn post(url: &str, body: &serde_json::Value) -> Result<Self, Error> {
        let is_streamed = body.get("stream") == Some(&serde_json::Value::Bool(true));
        Self::post_bytes(url, body.to_string().into_bytes(), is_streamed)
    }

    /// A POST of JSON as the client wrote it.
    ///
    /// # Errors
    /// As [`OutboundRequest::post`].
    pub(crate) fn post_bytes(url: &str, body: Vec<u8>, is_streamed: bool) -> Result<Self, Error> {
        Ok(Self {
            body: Some(body),
            accept: if is_streamed {
                "text/event-stream"
            } else {
                "application/json"
            },
            ..Self::get(url)?
        })
    }

    /// A GET.
    ///
    /// # Errors
    /// As [`OutboundRequest::post`].
    pub(crate) fn get(url: &str) -> Result<Self, Error> {
        let url: http::Uri = url.parse().map_err(|_| bad_base_url())?;
        if !matches!(url.scheme_str(), Some("http" | "https"))
            || url.host().is_none_or(str::is_empty)
        {
            return Err(bad_base_url());
        }
        Ok(Self {
            url,
            body: None,
            accept: "application/json",
            headers: Vec::new(),
        })
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Adds a key as a bearer token.
    pub(crate) fn bearer(self, key: &Secret) -> Self {
        let value = format!("Bearer {}", key.expose());
        self.header("authorization", &value)
    }
}

fn bad_base_url() -> Error {
    Error::Misconfigured("the provider's base URL is not an http or https URL".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_takes_http_urls_only() {
        assert!(OutboundRequest::get("https://api.openai.com/v1/models").is_ok());
        assert!(OutboundRequest::get("http://127.0.0.1:11434/v1/models").is_ok());
        for url in [
            "",
            "api.openai.com/v1",
            "file:///etc/passwd",
            "https:///v1",
            "/v1",
        ] {
            assert!(OutboundRequest::get(url).is_err(), "{url}");
        }
    }
}

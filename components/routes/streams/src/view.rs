//! How streams look in JSON.

use contracts::streams::types::{Expiry, Metadata};
use http_edge::Context;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::position;

/// The characters that are percent-encoded in a segment of a path (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamView {
    /// The name in its URL.
    id: String,
    url: String,
    content_type: String,
    visibility: &'static str,
    closed: bool,
    next_offset: String,
    ttl_seconds: Option<u64>,
    /// Milliseconds since the epoch.
    expires_at: Option<u64>,
    created_at: u64,
    /// A URL for reading that needs no credential. Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// The token in `link`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl StreamView {
    /// The stream for the client of that request. `token` is a new one for reading.
    pub(crate) fn new(context: &Context, stream: &Metadata, token: Option<String>) -> Self {
        let (ttl_seconds, expires_at) = match stream.expiry {
            Expiry::Never => (None, None),
            Expiry::Idle(seconds) => (Some(seconds), None),
            Expiry::At(time) => (None, Some(time)),
        };
        let link = token
            .as_ref()
            .map(|token| format!("{}?token={token}", url(context, &stream.id)));
        Self {
            id: stream.name.clone(),
            url: url(context, &stream.name),
            content_type: stream.content_type.clone(),
            visibility: if stream.shared || token.is_some() {
                "link"
            } else {
                "private"
            },
            closed: stream.closed,
            next_offset: position::format(stream.tail),
            ttl_seconds,
            expires_at,
            created_at: stream.created_at,
            link,
            token,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn url(context: &Context, name: &str) -> String {
    let name = utf8_percent_encode(name, SEGMENT);
    absolute(context, &format!("/api/v1/streams/{name}"))
}

/// A path of this server as a URL.
pub(crate) fn absolute(context: &Context, path: &str) -> String {
    let origin = context.own_origin(access::is_https(context));
    format!("{}{path}", origin.unwrap_or_default())
}

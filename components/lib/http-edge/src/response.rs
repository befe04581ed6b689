//! HTTP responses.

use std::pin::Pin;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use spin_sdk::wasip3::{
    http::types,
    wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn},
    wit_future, wit_stream,
};

use crate::{error::ApiError, log::LogRecord, serialize::to_json};

type Producer = Box<dyn FnOnce(BodyWriter, LogRecord) -> Pin<Box<dyn Future<Output = LogRecord>>>>;

/// The response to a request.
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    None,
    Bytes(Vec<u8>),
    Stream(Producer),
    Forwarded(StreamReader<u8>),
}

/// Writes the bytes of a streamed body.
pub struct BodyWriter(StreamWriter<u8>);

impl BodyWriter {
    /// Waits until the host has taken all bytes; false if the client has disconnected.
    pub async fn write(&mut self, bytes: Vec<u8>) -> bool {
        self.0.write_all(bytes).await.is_empty()
    }

    /// Waits until the host can take more bytes; false if the client has disconnected.
    pub async fn is_open(&mut self) -> bool {
        // An empty write completes when the reader is ready (Component Model, stream readiness).
        let (result, _) = self.0.write(Vec::new()).await;
        !matches!(result, StreamResult::Dropped)
    }
}

impl Response {
    /// 200 with JSON.
    pub fn json(value: &impl Serialize) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: Body::Bytes(to_json(value)),
        }
    }

    /// 200 with bytes of this media type.
    pub fn bytes(content_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", content_type.into())],
            body: Body::Bytes(bytes),
        }
    }

    /// A status and no body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// 302 to a URL or a path. Characters that are not allowed in a header field are percent-encoded,
    /// so that no text can end the field.
    pub fn redirect(location: &str) -> Self {
        Self::empty(302).header("location", field_safe(location))
    }

    /// 200 with server-sent events, which `produce` writes after the response has begun. It runs to its
    /// end even if the client disconnects, and returns the log record, which is written then.
    pub fn events<P, F>(produce: P) -> Self
    where
        P: FnOnce(BodyWriter, LogRecord) -> F + 'static,
        F: Future<Output = LogRecord> + 'static,
    {
        Self {
            status: 200,
            headers: vec![
                ("content-type", "text/event-stream".to_owned()),
                ("cache-control", "no-cache".to_owned()),
                // Tells nginx and similar proxies not to buffer the events.
                ("x-accel-buffering", "no".to_owned()),
            ],
            body: Body::Stream(Box::new(move |body, log| Box::pin(produce(body, log)))),
        }
    }

    /// 200 with bytes of this media type and number, which `produce` writes after the response has begun. If
    /// it writes fewer, the client sees that the response is incomplete.
    pub fn streamed<P, F>(content_type: impl Into<String>, length: u64, produce: P) -> Self
    where
        P: FnOnce(BodyWriter, LogRecord) -> F + 'static,
        F: Future<Output = LogRecord> + 'static,
    {
        Self {
            status: 200,
            headers: vec![
                ("content-type", content_type.into()),
                ("content-length", length.to_string()),
            ],
            body: Body::Stream(Box::new(move |body, log| Box::pin(produce(body, log)))),
        }
    }

    /// 200 with bytes of this media type and number, which another component writes. They do not pass through this
    /// one. If there are fewer, the client sees that the response is incomplete.
    pub fn forwarded(
        content_type: impl Into<String>,
        length: u64,
        content: StreamReader<u8>,
    ) -> Self {
        Self {
            status: 200,
            headers: vec![
                ("content-type", content_type.into()),
                ("content-length", length.to_string()),
            ],
            body: Body::Forwarded(content),
        }
    }

    /// The response of an error, with the body that `render` makes.
    pub(crate) fn error(
        error: &ApiError,
        request_id: &str,
        render: fn(&ApiError, &str) -> Vec<u8>,
    ) -> Self {
        let mut headers = error.headers();
        headers.push(("content-type", "application/json".to_owned()));
        Self {
            status: error.public().status,
            headers,
            body: Body::Bytes(render(error, request_id)),
        }
    }

    /// Sets the status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header field.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Begins to send the response; `log` is written when everything is sent.
    pub(crate) fn send(
        mut self,
        edge: Vec<(&'static str, String)>,
        head_only: bool,
        mut log: LogRecord,
    ) -> types::Response {
        if head_only {
            self.body = Body::None;
        }
        if let Body::Bytes(bytes) = &self.body {
            // With a length, the host does not use chunked encoding.
            self.headers
                .push(("content-length", bytes.len().to_string()));
        }
        let fields = merge(self.headers, edge);
        let fields = types::Fields::from_list(&fields).unwrap_or_else(|_| types::Fields::new());
        // Dropping the writer sends its default value: no trailers.
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (contents, write) = match self.body {
            Body::None => (None, None),
            Body::Forwarded(content) => (Some(content), None),
            body => {
                let (writer, reader) = wit_stream::new();
                (Some(reader), Some((BodyWriter(writer), body)))
            }
        };
        let (response, _sent) = types::Response::new(fields, contents, trailers);
        let _ = response.set_status_code(self.status);
        log.status = self.status;
        match write {
            None => log.write(),
            Some((writer, body)) => spawn(send_body(writer, body, log)),
        }
        response
    }
}

async fn send_body(mut writer: BodyWriter, body: Body, log: LogRecord) {
    let log = match body {
        Body::None | Body::Forwarded(_) => log,
        Body::Bytes(bytes) => {
            writer.write(bytes).await;
            drop(writer);
            log
        }
        Body::Stream(produce) => produce(writer, log).await,
    };
    log.write();
}

/// Percent-encodes everything except visible ASCII.
fn field_safe(text: &str) -> String {
    const UNSAFE: &AsciiSet = &CONTROLS.add(b' ');
    utf8_percent_encode(text, UNSAFE).to_string()
}

/// Whether the value is valid in a header field (RFC 9110, section 5.5). An invalid field is dropped,
/// because the host would reject all fields.
fn is_field_value(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Fields of the response replace common fields of the same name, except those that are lists.
fn merge(
    own: Vec<(&'static str, String)>,
    edge: Vec<(&'static str, String)>,
) -> Vec<(String, Vec<u8>)> {
    let kept: Vec<_> = edge
        .into_iter()
        .filter(|(name, _)| {
            matches!(*name, "vary" | "set-cookie") || !own.iter().any(|(taken, _)| taken == name)
        })
        .collect();
    own.into_iter()
        .chain(kept)
        .filter(|(_, value)| is_field_value(value))
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_prefers_the_fields_of_the_response() {
        let merged = merge(
            vec![("cache-control", "no-cache".into()), ("vary", "A".into())],
            vec![
                ("cache-control", "no-store".into()),
                ("vary", "Origin".into()),
            ],
        );
        let named = |name: &str| {
            merged
                .iter()
                .filter(|(field, _)| field == name)
                .map(|(_, value)| String::from_utf8(value.clone()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(named("cache-control"), ["no-cache"]);
        assert_eq!(named("vary"), ["A", "Origin"]);
    }

    #[test]
    fn merge_keeps_all_cookies_and_drops_invalid_values() {
        let merged = merge(
            vec![
                ("set-cookie", "a=1".into()),
                ("x-one", "1\r\nx-two: 2".into()),
            ],
            vec![("set-cookie", "b=2".into())],
        );
        assert_eq!(merged.len(), 2);
        assert!(merged.iter().all(|(name, _)| name == "set-cookie"));
    }

    #[test]
    fn field_safe_encodes_line_breaks_and_non_ascii() {
        assert_eq!(field_safe("/a?b=c%20d#e"), "/a?b=c%20d#e");
        assert_eq!(
            field_safe("/a\r\nset-cookie: é"),
            "/a%0D%0Aset-cookie:%20%C3%A9"
        );
    }
}

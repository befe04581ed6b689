//! A response of exact bytes.

use crate::connection::{Connection, Gone};
use crate::gate::Gate;
use std::time::Duration;

/// A response of which every byte is given: recorded ones, or what a server might send. It is sent with
/// `transfer-encoding: chunked`, each part in a chunk of its own.
#[derive(Debug, Clone)]
pub struct RawResponse {
    status: u16,
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    parts: Vec<Part>,
    split: Option<usize>,
    end: End,
}

#[derive(Debug, Clone)]
enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
    Gate(Gate),
}

/// What follows the last part.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The end of the body, as HTTP wants it.
    Clean,
    /// The end of the connection.
    Cut,
    /// Nothing: the connection stays open.
    Hang,
}

impl RawResponse {
    /// 200 and `text/event-stream`, with a body of no parts yet.
    pub fn new() -> Self {
        Self {
            status: 200,
            content_type: Some("text/event-stream".to_owned()),
            headers: Vec::new(),
            parts: Vec::new(),
            split: None,
            end: End::Clean,
        }
    }

    /// An event stream of these `data:` payloads.
    pub fn events(payloads: impl IntoIterator<Item = impl ToString>) -> Self {
        payloads.into_iter().fold(Self::new(), |response, payload| {
            response.then(format!("data: {}\n\n", payload.to_string()))
        })
    }

    /// The same in Anthropic's form: each event is named after the `type` in its payload.
    pub fn named_events(payloads: impl IntoIterator<Item = serde_json::Value>) -> Self {
        payloads.into_iter().fold(Self::new(), |response, payload| {
            let name = payload
                .get("type")
                .and_then(serde_json::Value::as_str)
                .unwrap_or("unnamed")
                .to_owned();
            response.then(format!("event: {name}\ndata: {payload}\n\n"))
        })
    }

    /// A body that is JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::new()
            .content_type(Some("application/json"))
            .then(body.to_string())
    }

    /// Another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Another content type, or none at all.
    pub fn content_type(mut self, value: Option<&str>) -> Self {
        self.content_type = value.map(str::to_owned);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends these bytes next.
    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Part::Bytes(bytes.into()));
        self
    }

    /// Waits before the next part.
    pub fn pause(mut self, time: Duration) -> Self {
        self.parts.push(Part::Pause(time));
        self
    }

    /// Waits before the next part until the gate is opened.
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.parts.push(Part::Gate(gate.clone()));
        self
    }

    /// Cuts the parts into chunks of so many bytes.
    pub fn split(mut self, bytes: usize) -> Self {
        self.split = Some(bytes.max(1));
        self
    }

    /// Closes the connection after the last part, without the end of the body.
    pub fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    /// Sends nothing after the last part and leaves the connection open.
    pub fn hang(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    /// Sends the response; true if the connection can serve another request.
    pub(crate) async fn send(&self, connection: &mut Connection) -> Result<bool, Gone> {
        connection.write(self.head().as_bytes()).await?;
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => self.send_bytes(connection, bytes).await?,
                Part::Pause(time) => connection.pause(*time).await?,
                Part::Gate(gate) => connection.wait(gate.opened()).await?,
            }
        }
        match self.end {
            End::Clean => {
                connection.write(b"0\r\n\r\n").await?;
                Ok(true)
            }
            End::Cut => Ok(false),
            End::Hang => Err(connection.until_gone().await),
        }
    }

    fn head(&self) -> String {
        let mut head = format!(
            "HTTP/1.1 {} Status\r\ntransfer-encoding: chunked\r\n",
            self.status
        );
        if let Some(value) = &self.content_type {
            head += &format!("content-type: {value}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    async fn send_bytes(&self, connection: &mut Connection, bytes: &[u8]) -> Result<(), Gone> {
        let size = self.split.unwrap_or(bytes.len()).max(1);
        for piece in bytes.chunks(size) {
            connection.chunk(piece).await?;
            // Lets the client see each piece on its own.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Default for RawResponse {
    fn default() -> Self {
        Self::new()
    }
}

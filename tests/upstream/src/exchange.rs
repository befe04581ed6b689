//! Answering one request as its script says.

use crate::connection::{Connection, Gone};
use crate::script::{Failure, Fault, Script};
use crate::wire::Format;

/// A response that is no stream.
pub(crate) async fn send_response(
    connection: &mut Connection,
    status: u16,
    retry_after: Option<&str>,
    content_type: &str,
    body: &[u8],
) -> Result<(), Gone> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n",
        body.len()
    );
    if let Some(after) = retry_after {
        bytes += &format!("retry-after: {after}\r\n");
    }
    bytes += "\r\n";
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    connection.write(&bytes).await
}

/// One chat request being answered.
pub(crate) struct Exchange<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) format: Format,
    pub(crate) script: Script,
    pub(crate) model: String,
    /// Is told how many tokens have been sent.
    pub(crate) sent: Box<dyn FnMut(usize) + Send + 'a>,
}

impl Exchange<'_> {
    /// Plays the script; true if the connection can serve another request.
    pub(crate) async fn play(&mut self) -> Result<bool, Gone> {
        match self.script.fault.clone() {
            Some(Fault::Refuse(failure)) => {
                let (status, after, body) = self.format.refusal(&failure, &self.model);
                send_response(
                    self.connection,
                    status,
                    after.as_deref(),
                    "application/json",
                    body.to_string().as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::Raw(status, content_type, body)) => {
                send_response(
                    self.connection,
                    status,
                    None,
                    &content_type,
                    body.as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::JsonError) => {
                let (_, _, body) = self.format.refusal(&Failure::Overloaded(None), &self.model);
                send_response(
                    self.connection,
                    200,
                    None,
                    "application/json",
                    body.to_string().as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::Html) => {
                send_response(
                    self.connection,
                    200,
                    None,
                    "text/html; charset=utf-8",
                    b"<!doctype html><title>Sign in to the network</title>",
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::Exact(response)) => return response.send(self.connection).await,
            Some(Fault::HangBeforeHeaders) => return Err(self.connection.until_gone().await),
            _ => {}
        }
        self.connection
            .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n")
            .await?;
        let clean = self.stream().await?;
        if clean {
            self.connection.write(b"0\r\n\r\n").await?;
        }
        Ok(clean)
    }

    /// Sends the events; true if the response ends as HTTP wants.
    async fn stream(&mut self) -> Result<bool, Gone> {
        if matches!(self.script.fault, Some(Fault::Garbage)) {
            self.send_bytes(
                b"\xff\xfe\x00\x01data:\x80{{{\n\ndata: {\"choices\": 7}\n\ndata: not json\n\n",
            )
            .await?;
            return Ok(true);
        }
        let opening = self.format.opening(&self.script, &self.model);
        let bom = if self.script.bom { "\u{feff}" } else { "" };
        let mut waiting = format!("{bom}{}", self.with_comment(opening));
        if !self.script.whole {
            self.send(&waiting).await?;
            waiting.clear();
        }
        let gate = self.script.gate.take();
        let tokens = std::mem::take(&mut self.script.tokens);
        for (number, token) in tokens.iter().enumerate() {
            if let Some((_, gate)) = gate.as_ref().filter(|(at, _)| *at == number) {
                self.connection.wait(gate.opened()).await?;
            }
            let pause = if number == 0 {
                self.script.first_delay
            } else {
                self.script.delay
            };
            self.connection.pause(pause).await?;
            if let Some(clean) = self.fault_at(number).await? {
                return Ok(clean);
            }
            let event =
                self.with_comment(self.format.token(&self.script, &self.model, token, number));
            if self.script.whole {
                waiting += &event;
            } else {
                self.send(&event).await?;
            }
            (self.sent)(number + 1);
        }
        if let Some(clean) = self.fault_at(tokens.len()).await? {
            return Ok(clean);
        }
        // Some formats repeat the whole text at the end.
        self.script.tokens = tokens;
        waiting += &self.format.closing(&self.script, &self.model);
        self.send(&waiting).await?;
        Ok(true)
    }

    /// What goes wrong after so many tokens, if anything; then whether the end is clean.
    async fn fault_at(&mut self, sent: usize) -> Result<Option<bool>, Gone> {
        match self.script.fault {
            Some(Fault::HangAfter(count)) if count == sent => {
                Err(self.connection.until_gone().await)
            }
            Some(Fault::CutAfter(count)) if count == sent => {
                self.send("data: {\"id\":\"chatcmpl-BzNQ1lP8bOE3aKuVRDLx5vUt2yQmw\",\"obj")
                    .await?;
                Ok(Some(false))
            }
            Some(Fault::ErrorAfter(count)) if count == sent => {
                let event = self.format.error_event();
                self.send(&event).await?;
                Ok(Some(true))
            }
            Some(Fault::Oversized(bytes)) if sent == 1 => {
                self.connection.chunk(b"data: ").await?;
                let piece = vec![b'x'; 65_536.min(bytes.max(1))];
                let mut left = bytes;
                while left > 0 {
                    let now = left.min(piece.len());
                    self.connection
                        .chunk(piece.get(..now).unwrap_or_default())
                        .await?;
                    left -= now;
                }
                self.connection.chunk(b"\n\n").await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn with_comment(&self, event: String) -> String {
        if self.script.comments {
            format!(": keep-alive\n:\n\n{event}")
        } else {
            event
        }
    }

    async fn send(&mut self, text: &str) -> Result<(), Gone> {
        if self.script.line_end == "\n" {
            self.send_bytes(text.as_bytes()).await
        } else {
            let text = text.replace('\n', self.script.line_end);
            self.send_bytes(text.as_bytes()).await
        }
    }

    async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(size) = self.script.split else {
            return self.connection.chunk(bytes).await;
        };
        for piece in bytes.chunks(size) {
            self.connection.chunk(piece).await?;
            // Lets the client see each piece on its own.
            tokio::task::yield_now().await;
            self.connection.pause(self.script.split_delay).await?;
        }
        Ok(())
    }
}

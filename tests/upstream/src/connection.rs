//! One HTTP/1.1 connection: reads requests, writes responses, notices that the client disconnects.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An unchanged request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The client closed its side, or the socket failed.
#[derive(Debug)]
pub(crate) struct Gone;

/// A served socket with the bytes read ahead.
pub(crate) struct Connection {
    socket: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream) -> Self {
        // Without it every small chunk waits for the peer's delayed acknowledgement.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            ahead: Vec::new(),
        }
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        match self.socket.read_buf(&mut self.ahead).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(_) => Ok(()),
        }
    }

    async fn line(&mut self) -> Result<String, Gone> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.fill().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Gone> {
        while self.ahead.len() < length {
            self.fill().await?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// The next request of this connection.
    pub(crate) async fn request(&mut self) -> Result<Request, Gone> {
        let first = self.line().await?;
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let path = words.next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let mut body = Vec::new();
        if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let size =
                    usize::from_str_radix(self.line().await?.trim(), 16).map_err(|_| Gone)?;
                body.extend(self.exactly(size).await?);
                self.line().await?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = header("content-length").and_then(|value| value.parse().ok()) {
            body = self.exactly(length).await?;
        }
        Ok(Request {
            method,
            path,
            headers,
            body,
        })
    }

    /// Writes, unless the client left meanwhile.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.socket.write_all(bytes).await.map_err(|_| Gone)
    }

    /// Writes one HTTP chunk in one write.
    pub(crate) async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.write(&framed).await
    }

    /// Waits, and learns at once if the client leaves.
    pub(crate) async fn pause(&mut self, time: Duration) -> Result<(), Gone> {
        if time.is_zero() {
            return Ok(());
        }
        self.wait(tokio::time::sleep(time)).await
    }

    /// Waits for something else, and learns at once if the client leaves.
    pub(crate) async fn wait(&mut self, something: impl Future<Output = ()>) -> Result<(), Gone> {
        tokio::pin!(something);
        loop {
            tokio::select! {
                () = &mut something => return Ok(()),
                read = self.socket.read_buf(&mut self.ahead) => {
                    if !matches!(read, Ok(count) if count > 0) {
                        return Err(Gone);
                    }
                }
            }
        }
    }

    /// Waits until the client leaves.
    pub(crate) async fn until_gone(&mut self) -> Gone {
        while self.fill().await.is_ok() {}
        Gone
    }
}

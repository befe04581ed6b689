//! A client that costs little: one kept connection, and no more parsing than is needed.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A kept connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends a request, whatever the answer.
    pub(crate) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    /// Sends a request and gives the body of a good answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Incoming {
        let answer = self.exchange(request).await;
        if !answer.status().is_success() {
            let (head, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            panic!("{}: {}", head.status, String::from_utf8_lossy(&body));
        }
        answer.into_body()
    }
}

/// Reads on until these bytes have come, or the end; whether they have come.
pub(crate) async fn read_until(body: &mut Incoming, wanted: &[u8]) -> bool {
    let mut seen = Vec::new();
    while let Some(bytes) = next(body).await {
        seen.extend_from_slice(&bytes);
        if seen.windows(wanted.len()).any(|window| window == wanted) {
            return true;
        }
        // Enough to find what two pieces hold together.
        let rest = seen.len().saturating_sub(wanted.len());
        seen.drain(..rest);
    }
    false
}

/// Reads to the end.
pub(crate) async fn drain(body: &mut Incoming) {
    while next(body).await.is_some() {}
}

async fn next(body: &mut Incoming) -> Option<Bytes> {
    loop {
        if let Ok(data) = body.frame().await?.unwrap().into_data() {
            return Some(data);
        }
    }
}

//! An HTTP client with little overhead: one persistent connection and minimal parsing.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A persistent connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends a request and returns the response, whatever its status.
    pub(crate) async fn response(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    /// Sends a request and returns the body of the response. Panics unless its status is 2xx.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Incoming {
        let response = self.response(request).await;
        if !response.status().is_success() {
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            panic!("{}: {}", head.status, String::from_utf8_lossy(&body));
        }
        response.into_body()
    }
}

/// Reads until these bytes have been received. Returns false if the body ends without them.
pub(crate) async fn read_until(body: &mut Incoming, expected: &[u8]) -> bool {
    let mut received = Vec::new();
    while let Some(bytes) = next(body).await {
        received.extend_from_slice(&bytes);
        if received
            .windows(expected.len())
            .any(|window| window == expected)
        {
            return true;
        }
        // The end is kept, because the bytes may be split over two frames.
        let start_of_end = received.len().saturating_sub(expected.len());
        received.drain(..start_of_end);
    }
    false
}

/// Reads to the end.
pub(crate) async fn drain(body: &mut Incoming) {
    while next(body).await.is_some() {}
}

/// The next bytes; none at the end.
pub(crate) async fn next(body: &mut Incoming) -> Option<Bytes> {
    loop {
        if let Ok(data) = body.frame().await?.unwrap().into_data() {
            return Some(data);
        }
    }
}

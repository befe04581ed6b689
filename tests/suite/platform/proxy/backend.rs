//! The application behind the proxies: an HTTP server that records requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;

use crate::harness::eventually;

#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(super) struct BackendResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: BoxBody<Bytes, Infallible>,
}

impl BackendResponse {
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Full::new(body.into()).boxed(),
        }
    }

    /// A body of parts that come one after the other.
    pub(super) fn parts(parts: mpsc::UnboundedReceiver<Bytes>) -> Self {
        let frames = futures::stream::unfold(parts, |mut parts| async {
            let part = parts.recv().await?;
            Some((Ok(Frame::data(part)), parts))
        });
        let body = BoxBody::new(StreamBody::new(frames));
        Self {
            body,
            ..Self::new("")
        }
    }

    /// Events of a WebSocket.
    pub(super) fn events(events: impl Into<Bytes>) -> Self {
        Self::new(events).header("Content-Type", "application/websocket-events")
    }

    /// Events that begin with `OPEN` for a connection that uses GRIP, without a message prefix.
    pub(super) fn open(events: &str) -> Self {
        Self::events(format!("OPEN\r\n{events}"))
            .header("Sec-WebSocket-Extensions", "grip; message-prefix=\"\"")
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// An event with content.
pub(super) fn event(kind: &str, content: &str) -> String {
    format!("{kind} {:x}\r\n{content}\r\n", content.len())
}

/// A control message.
pub(super) fn control(message: &serde_json::Value) -> String {
    event("TEXT", &format!("c:{message}"))
}

pub(super) struct Backend {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Backend {
    pub(super) async fn start(
        respond: impl Fn(&Received) -> BackendResponse + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (respond, all) = (Arc::new(respond), received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (respond, all) = (respond.clone(), all.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (respond, all) = (respond.clone(), all.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let received = Received {
                            method: parts.method,
                            target: parts.uri.to_string(),
                            headers: parts.headers,
                            body,
                        };
                        let response = respond(&received);
                        all.lock().unwrap().push(received);
                        let mut builder = Response::builder().status(response.status);
                        for (name, value) in &response.headers {
                            builder = builder.header(name, value);
                        }
                        Ok::<_, Infallible>(builder.body(response.body).unwrap())
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { address, received }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for a request that satisfies a condition.
    pub(super) async fn wait_for(&self, condition: impl Fn(&Received) -> bool) -> Received {
        eventually("a request", || async {
            self.received().into_iter().find(|one| condition(one))
        })
        .await
    }
}

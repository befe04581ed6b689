//! GRIP proxies in front of a small application that uses GRIP: the same tests for the local proxy and
//! for Pushpin.

mod backend;
mod conformance;
mod passing_on;
mod streams;
mod websockets;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::harness::{GripProxy, ProxyKind, in_time};
use backend::{Backend, BackendResponse, Received};

/// A proxy with its application.
struct Setup {
    kind: ProxyKind,
    backend: Backend,
    proxy: GripProxy,
}

/// Runs a test on each proxy.
async fn on_each<F, T>(
    name: &str,
    respond: impl Fn(&Received) -> BackendResponse + Clone + Send + Sync + 'static,
    test: F,
) where
    F: Fn(Setup) -> T,
    T: Future<Output = ()>,
{
    for kind in ProxyKind::each(&format!("platform::proxy::{name}")) {
        let backend = Backend::start(respond.clone()).await;
        let proxy = GripProxy::bind(kind).await;
        let proxy = proxy.serve(backend.address()).await;
        let setup = Setup {
            kind,
            backend,
            proxy,
        };
        // Shown if the test fails.
        eprintln!("{name} on {kind:?}");
        in_time(name, test(setup)).await;
    }
}

impl Setup {
    /// Waits until the subscriptions that the application has requested are active. Pushpin's processes notify each
    /// other about them, without a signal when they are done.
    async fn settled(&self) {
        if self.kind == ProxyKind::Pushpin {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Publishes items and returns the status of the response.
    async fn publish(&self, items: Value) -> u16 {
        let body = json!({ "items": items }).to_string();
        self.control("POST", body).await
    }

    async fn control(&self, method: &str, body: String) -> u16 {
        let url = self.proxy.control_url();
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let request = Request::builder().method(method).uri("/publish/");
        let response = send(address, request.body(body.into()).unwrap()).await;
        response.status().as_u16()
    }

    async fn send(&self, request: Request<Bytes>) -> Response<Incoming> {
        send(self.proxy.address(), request).await
    }
}

/// Sends a request on a connection of its own.
async fn send(address: SocketAddr, request: Request<Bytes>) -> Response<Incoming> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = request.map(Full::new);
    let host = "app.example".parse().unwrap();
    request.headers_mut().insert("host", host);
    sender.send_request(request).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Reads a body until it ends with this text.
async fn read_until(body: &mut Incoming, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let frame = body
            .frame()
            .await
            .unwrap_or_else(|| panic!("ended: {text:?}"));
        let data = frame.unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
    text
}

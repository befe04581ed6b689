//! The HTTP server: accepts connections and routes requests to components.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wasmtime_wasi_http::WasiBody;

use crate::instances::Handler;
use crate::logs::Sink;
use crate::proxy::PEER_HEADER;
use crate::request_headers;
use crate::router::Router;

/// How long a client may take to send the head of a request, including the next request on a
/// connection that is kept alive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// A response body of at most this many bytes is sent together with the head, if it is complete within
/// [`COALESCE_TIME`].
const COALESCE_MAX: usize = 64 * 1024;

/// How long the head of a response waits for the body.
const COALESCE_TIME: Duration = Duration::from_millis(2);

pub(crate) struct Server {
    pub(crate) router: Router<Arc<Handler>>,
    pub(crate) logs: Sink,
    /// The secret by which the proxy in front of this host authenticates.
    pub(crate) peer_secret: Option<String>,
}

impl Server {
    /// Serves until `stop` becomes true, then waits for all connections and returns.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.clone().connection(stream, peer, &graceful),
                // Such as too many open files, or a client that closed already: try again.
                Err(error) => {
                    self.logs
                        .line(format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        graceful.shutdown().await;
    }

    fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        graceful: &GracefulShutdown,
    ) {
        // Without this, a small response waits for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(Duration::from_secs(30)));
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { server.respond(request, peer).await }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // An error means that the client or `respond` closed the connection.
            let _ = connection.await;
        });
    }

    /// Handles a request. An error means that Spin would close the connection without a response.
    async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<WasiBody>> {
        let peer = self.client_of(request.headers_mut()).unwrap_or(peer);
        request_headers::strip(request.headers_mut());
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix("/.well-known/spin/") {
            return Ok(match name {
                "health" => Response::new(full("OK".into())),
                _ => empty(StatusCode::NOT_FOUND),
            });
        }
        let Some(matched) = self.router.find(&path) else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        let component = &matched.target.component;
        set_uri(&mut request)?;
        let (mut parts, body) = request.into_parts();
        match request_headers::with_spin_headers(&parts, &matched, peer) {
            Ok(headers) => parts.headers = headers,
            Err(error) => {
                self.logs
                    .line(format!("request to component {component}: {error:#}"));
                return Ok(empty(StatusCode::INTERNAL_SERVER_ERROR));
            }
        }
        let body = body.map_err(wasmtime_wasi_http::Error::from).boxed_unsync();
        match matched
            .target
            .handle(Request::from_parts(parts, body))
            .await
        {
            Ok(response) => Ok(coalesce(response).await),
            Err(error) => {
                self.logs
                    .line(format!("request to component {component} failed: {error}"));
                Ok(empty(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }
}

impl Server {
    /// The address that a request came from, if the proxy passed it on.
    fn client_of(&self, headers: &mut HeaderMap) -> Option<SocketAddr> {
        let secret = self.peer_secret.as_ref()?;
        let value = headers.remove(PEER_HEADER)?;
        let (sent_secret, address) = value.to_str().ok()?.split_once(' ')?;
        (sent_secret == secret)
            .then(|| address.parse().ok())
            .flatten()
    }
}

/// Sets scheme and authority of the request's URI. Fails if there is no authority, or if `Host` and the
/// URI name different ones.
fn set_uri<T>(request: &mut Request<T>) -> Result<()> {
    let host = match request.headers().get(header::HOST) {
        Some(host) => Some(host.to_str()?.parse::<Authority>()?),
        None => None,
    };
    let mut parts = request.uri().clone().into_parts();
    let authority = match (host, parts.authority) {
        (None, None) => bail!("the request has no Host header"),
        (Some(host), Some(authority)) if host != authority => {
            bail!("the Host header differs from the authority of the URI")
        }
        (_, Some(authority)) | (Some(authority), None) => authority,
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// Waits up to [`COALESCE_TIME`] for the whole of a small response, so that head and body are sent in
/// one segment. A component writes the body after it returned the head.
async fn coalesce(response: Response<WasiBody>) -> Response<WasiBody> {
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|r#type| r#type.as_bytes().starts_with(b"text/event-stream"));
    if is_stream || response.body().is_end_stream() {
        return response;
    }
    let (parts, mut body) = response.into_parts();
    let mut frames = Vec::new();
    let mut size = 0;
    let mut only_data = true;
    let complete = tokio::time::timeout(COALESCE_TIME, async {
        while size <= COALESCE_MAX && only_data {
            match body.frame().await {
                None => return true,
                Some(frame) => {
                    if let Ok(frame) = &frame {
                        size += frame.data_ref().map_or(0, Bytes::len);
                    }
                    only_data = frame.as_ref().is_ok_and(Frame::is_data);
                    frames.push(frame);
                }
            }
        }
        false
    })
    .await
    .unwrap_or(false);
    let body = if complete {
        let mut data: Vec<Bytes> = frames
            .into_iter()
            .filter_map(|frame| frame.ok()?.into_data().ok())
            .collect();
        let whole = match data.len() {
            0 | 1 => data.pop().unwrap_or_default(),
            _ => data.concat().into(),
        };
        full(whole)
    } else {
        PartlyRead {
            frames: frames.into_iter(),
            rest: body,
        }
        .boxed_unsync()
    };
    Response::from_parts(parts, body)
}

/// A body from which some frames were read.
struct PartlyRead {
    frames: std::vec::IntoIter<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>,
    rest: WasiBody,
}

impl Body for PartlyRead {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.frames.next() {
            Some(frame) => std::task::Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}

fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A response of the host itself, which has no body, as Spin's.
fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Binds `address`.
///
/// # Errors
/// If the address is in use or does not belong to this machine; the message says what to do.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen")
    })
}

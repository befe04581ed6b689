//! The HTTP server: accepts connections and routes requests to components.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
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
use crate::router::{Match, Router};

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
            async move { Ok::<_, Infallible>(server.respond(request, peer).await) }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // An error means that the client closed the connection.
            let _ = connection.await;
        });
    }

    async fn respond(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<WasiBody> {
        let id = request_id(request.headers());
        let path = request.uri().path().to_owned();
        let Some(found) = self.router.find(&path) else {
            return failure(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found.", &id);
        };
        let request = match prepare(request, &found, peer) {
            Ok(request) => request,
            Err(_) => {
                return failure(
                    StatusCode::BAD_REQUEST,
                    "VALIDATION_ERROR",
                    "The Host header is not valid.",
                    &id,
                );
            }
        };
        match found.target.handle(request).await {
            Ok(response) => coalesce(response).await,
            Err(error) => {
                self.logs.line(format!(
                    "request {id} to component {} failed: {error}",
                    found.target.component
                ));
                failure(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "INTERNAL",
                    "Internal server error.",
                    &id,
                )
            }
        }
    }
}

/// What a component is given: the whole URL, and Spin's headers instead of any the client sent.
fn prepare<T>(
    request: Request<Incoming>,
    found: &Match<'_, T>,
    peer: SocketAddr,
) -> Result<Request<WasiBody>> {
    let (mut parts, body) = request.into_parts();
    let authority = match parts.uri.authority() {
        Some(authority) => authority.clone(),
        None => match parts.headers.get(header::HOST) {
            Some(host) => Authority::try_from(host.as_bytes())?,
            None => Authority::from_static("localhost"),
        },
    };
    let mut uri = parts.uri.into_parts();
    let path = uri
        .path_and_query
        .as_ref()
        .map_or("/", |path| path.as_str());
    let full_url = format!("http://{authority}{path}");
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    parts.uri = Uri::from_parts(uri)?;

    let headers = &mut parts.headers;
    // About this connection, and so nothing that a component could use.
    headers.remove(header::CONNECTION);
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    let component_route = found.route.strip_suffix("/...").unwrap_or(found.route);
    let mut set = |name: &'static str, value: &str| -> Result<()> {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        Ok(())
    };
    set("spin-path-info", &found.trailing)?;
    set("spin-full-url", &full_url)?;
    set("spin-matched-route", found.route)?;
    set("spin-base-path", "/")?;
    set("spin-raw-component-route", found.route)?;
    set("spin-component-route", component_route)?;
    set("spin-client-addr", &peer.to_string())?;
    for (name, value) in &found.parameters {
        let name = format!(
            "spin-path-match-{}",
            name.to_ascii_lowercase().replace('_', "-")
        );
        headers.insert(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value)?,
        );
    }
    let body = body.map_err(wasmtime_wasi_http::Error::from).boxed_unsync();
    Ok(Request::from_parts(parts, body))
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

/// An error of the host itself, in the application's error format.
fn failure(status: StatusCode, code: &str, error: &str, id: &str) -> Response<WasiBody> {
    let body = serde_json::json!({ "error": error, "code": code, "requestId": id });
    let mut response = Response::new(full(body.to_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// The request id of the client if it is valid; otherwise a new one, to find the request in the log.
fn request_id(headers: &HeaderMap) -> String {
    let is_valid = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    if let Some(id) = given.filter(is_valid) {
        return id.to_owned();
    }
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("host-{:x}-{count:x}", now.as_micros())
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

//! Outgoing HTTP: one pooled client a host, and the check whether a component may use it.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Sleep, sleep, sleep_until, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::guest::Grants;

/// How long anything may take that a component set no limit for.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// The client of a host. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(legacy::Client<Connector, WasiBody>);

impl Client {
    pub(crate) fn new() -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(256)
            .build(Connector(https));
        Ok(Self(client))
    }

    async fn send(
        self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        // The version of the request that came in says nothing about the one that goes out.
        *request.version_mut() = Version::HTTP_11;
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let attempt = Arc::new(Attempt {
            connect_timeout: options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            progress: Mutex::new(Progress {
                connecting: false,
                since: Instant::now(),
            }),
        });
        let mut response = Box::pin(ATTEMPT.scope(attempt.clone(), self.0.request(request)));
        let response = loop {
            // The limit for the first byte begins when there is a connection.
            let deadline = {
                let progress = attempt.progress();
                let start = match progress.connecting {
                    true => Instant::now(),
                    false => progress.since,
                };
                start + first_byte
            };
            tokio::select! {
                response = &mut response => break response.map_err(error)?,
                () = sleep_until(deadline.into()) => {
                    let progress = attempt.progress();
                    if !progress.connecting && progress.since + first_byte <= Instant::now() {
                        return Err(Error::ConnectionReadTimeout);
                    }
                }
            }
        };
        Ok(response.map(|body| TimedBody::new(body, between_bytes).boxed_unsync()))
    }
}

tokio::task_local! {
    /// The request that a connection is being made for.
    static ATTEMPT: Arc<Attempt>;
}

struct Attempt {
    connect_timeout: Duration,
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy)]
struct Progress {
    connecting: bool,
    since: Instant,
}

impl Attempt {
    fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, connecting: bool) {
        let since = Instant::now();
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) =
            Progress { connecting, since };
    }
}

/// Connects within the time that the request allows.
#[derive(Clone)]
struct Connector(HttpsConnector<HttpConnector>);

type Connection = <HttpsConnector<HttpConnector> as tower_service::Service<Uri>>::Response;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl tower_service::Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let attempt = ATTEMPT.try_with(Arc::clone).ok();
        let limit = attempt
            .as_ref()
            .map_or(DEFAULT_TIMEOUT, |a| a.connect_timeout);
        if let Some(attempt) = &attempt {
            attempt.set(true);
        }
        let connection = self.0.call(uri);
        Box::pin(async move {
            let result = match timeout(limit, connection).await {
                Ok(result) => result,
                Err(_) => Err(ConnectTimedOut.into()),
            };
            if let Some(attempt) = attempt {
                attempt.set(false);
            }
            result
        })
    }
}

#[derive(Debug)]
struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl std::error::Error for ConnectTimedOut {}

/// A failed request in the words of `wasi:http`.
fn error(error: legacy::Error) -> Error {
    let connect = error.is_connect();
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<ConnectTimedOut>() {
            return Error::ConnectionTimeout;
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            // rustls' errors come inside of those of I/O, and not as their source.
            let tls = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match (tls, io.kind()) {
                (Some(rustls::Error::InvalidCertificate(_)), _) => {
                    return Error::TlsCertificateError;
                }
                (Some(_), _) => return Error::TlsProtocolError,
                (None, io::ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
                (None, io::ErrorKind::TimedOut) => return Error::ConnectionTimeout,
                (None, io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                    return Error::DestinationUnavailable;
                }
                _ => {}
            }
        }
        if connect && cause.to_string().starts_with("dns error") {
            return Error::DnsError {
                rcode: None,
                info_code: None,
            };
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
                return Error::ConnectionTerminated;
            }
            if hyper.is_parse() {
                return Error::HttpProtocolError;
            }
        }
        source = cause.source();
    }
    match connect {
        true => Error::ConnectionRefused,
        false => Error::ConnectionTerminated,
    }
}

/// A response body that fails when too long nothing came. Dropping it ends the exchange: the
/// connection is closed (HTTP/1.1) or the stream reset (HTTP/2).
struct TimedBody {
    body: Incoming,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl TimedBody {
    fn new(body: Incoming, limit: Duration) -> Self {
        Self {
            body,
            limit,
            timer: Box::pin(sleep(limit)),
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let deadline = tokio::time::Instant::now() + self.limit;
                self.timer.as_mut().reset(deadline);
                Poll::Ready(frame.map(|frame| frame.map_err(body_error)))
            }
            Poll::Pending => {
                ready!(self.timer.as_mut().poll(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn body_error(error: hyper::Error) -> Error {
    // The connection ended in mid-body: that is an error of I/O where the length was to be told.
    let broke_off = error.source().is_some_and(|cause| cause.is::<io::Error>());
    if broke_off || error.is_incomplete_message() || error.is_closed() {
        Error::HttpResponseIncomplete
    } else {
        Error::Hyper(error)
    }
}

/// What `wasi:http/client` asks of the host.
pub(crate) struct Hooks {
    grants: Arc<Grants>,
}

impl Hooks {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self { grants }
    }

    fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let allowed = self
            .grants
            .allowed_hosts
            .allows(scheme, host, uri.port_u16());
        if !allowed {
            self.grants.logs.line(format!(
                "a component asked for {scheme}://{} which allowed_outbound_hosts does not allow",
                uri.authority().map_or(host, |authority| authority.as_str())
            ));
        }
        allowed
    }
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// The client sets it, where the protocol has it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: IoResult,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, IoResult), Error>> + Send> {
        let allowed = self.allows(request.uri());
        let client = self.grants.client.clone();
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The client drives its connections itself.
            Ok((response, Box::new(async { Ok(()) }) as IoResult))
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A server whose every connection is handled by `serve`, after the request's headers came.
    async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                tokio::spawn(serve(stream));
            }
        });
        url
    }

    async fn send(url: &str, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        let body = Empty::new().map_err(|never| match never {});
        let request = Request::get(url).body(body.boxed_unsync()).unwrap();
        Client::new().unwrap().send(request, options).await
    }

    const SHORT: Option<Duration> = Some(Duration::from_millis(50));

    const CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n";

    #[tokio::test]
    async fn a_silent_server_times_out() {
        let url = server(|stream| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        })
        .await;
        let options = RequestOptions {
            first_byte_timeout: SHORT,
            ..Default::default()
        };
        let error = send(&url, options).await.unwrap_err();
        assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_stops_times_out() {
        let url = server(|mut stream| async move {
            stream.write_all(CHUNK).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
        .await;
        let options = RequestOptions {
            between_bytes_timeout: SHORT,
            ..Default::default()
        };
        let mut body = send(&url, options).await.unwrap().into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "hi");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
    }

    #[tokio::test]
    async fn dropping_the_body_closes_the_connection() {
        let (sender, closed) = tokio::sync::oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let url = server(move |mut stream| {
            let sender = sender.clone();
            async move {
                stream.write_all(CHUNK).await.unwrap();
                let end = stream.read(&mut [0; 16]).await;
                assert!(end.is_err() || end.is_ok_and(|length| length == 0));
                sender.lock().unwrap().take().unwrap().send(()).unwrap();
            }
        })
        .await;
        let mut body = send(&url, RequestOptions::default())
            .await
            .unwrap()
            .into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
        let closed = timeout(Duration::from_secs(5), closed).await;
        closed.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_incomplete() {
        let url = server(|mut stream| async move { stream.write_all(CHUNK).await.unwrap() }).await;
        let response = send(&url, RequestOptions::default()).await.unwrap();
        let error = response.into_body().collect().await.unwrap_err();
        assert!(matches!(error, Error::HttpResponseIncomplete), "{error}");
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = send(&url, RequestOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::ConnectionRefused), "{error}");
    }
}

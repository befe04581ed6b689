//! The pooled HTTP client that all components of a host share.

mod body;
mod error;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anyhow::Result;
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{sleep_until, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use body::TimedBody;
use error::{ConnectTimedOut, error_code};

/// The timeout of each step for which a component sets none: Spin's default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// The HTTP client of a host. Clones share the connection pool.
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

    /// Sends a request within the timeouts of `options`.
    pub(crate) async fn send(
        self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        // A component may pass on a request that came in by HTTP/2.
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
            // The timeout of the first byte starts when the connection is made.
            let deadline = {
                let progress = attempt.progress();
                let start = match progress.connecting {
                    true => Instant::now(),
                    false => progress.since,
                };
                start + first_byte
            };
            tokio::select! {
                response = &mut response => break response.map_err(error_code)?,
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
    /// The request that the connector makes a connection for.
    static ATTEMPT: Arc<Attempt>;
}

/// The progress of one request.
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

/// Connects within the connect timeout of the request.
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

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Starts a server that reads a request and then calls `serve` for each connection.
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
    async fn send_to_a_silent_server_times_out() {
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
    async fn reading_a_body_that_stops_times_out() {
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
    async fn dropping_a_body_closes_the_connection() {
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
    async fn reading_a_body_that_is_cut_fails_as_incomplete() {
        let url = server(|mut stream| async move { stream.write_all(CHUNK).await.unwrap() }).await;
        let response = send(&url, RequestOptions::default()).await.unwrap();
        let error = response.into_body().collect().await.unwrap_err();
        assert!(matches!(error, Error::HttpResponseIncomplete), "{error}");
    }

    #[tokio::test]
    async fn send_to_a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = send(&url, RequestOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::ConnectionRefused), "{error}");
    }
}

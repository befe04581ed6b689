//! Outgoing HTTP: a pooled client, and the check of `allowed_outbound_hosts`.

mod body;
mod client;
mod error;

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::guest::Grants;

pub(crate) use client::Client;

/// Sends the requests of `wasi:http/client` for one component.
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
                "a component called {scheme}://{}, which allowed_outbound_hosts does not allow",
                uri.authority().map_or(host, |authority| authority.as_str())
            ));
        }
        allowed
    }
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// The HTTP client sets the header where the protocol needs it.
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
            // The HTTP client drives its connections in tasks of its own.
            Ok((response, Box::new(async { Ok(()) }) as IoResult))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use http_body_util::{BodyExt as _, Empty};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

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

//! HTTP to a provider, on `wasi:http` itself: its streams can be read into one buffer and dropped to
//! close the connection.

use super::deadlines::Deadlines;
use crate::bindings::Error;
use crate::failure::{ErrorContext, Failure, Head};
use crate::outbound::OutboundRequest;
use futures::future::{Either, select};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme, Trailers,
};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};
use std::pin::pin;
use std::time::Duration;

/// Room for one read; a burst of events fits.
const BUFFER: usize = 16 * 1024;

/// The most that is read of a response that is not a reply.
const MAX_ERROR_BYTES: usize = 256 * 1024;

/// The error text if the head of a response does not arrive in time.
const NO_RESPONSE: &str = "no response in time (llm_first_token_timeout_seconds)";

/// The longest response that is read as a whole: 2,048 vectors of 3,072 numbers, written out.
const MAX_WHOLE_BYTES: usize = 160 * 1024 * 1024;

/// How long the body of such a response may take.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// A response whose body has not been read.
pub(super) struct ProviderResponse {
    status: u16,
    retry_after: Option<String>,
    body: Body,
}

/// A body being read. Dropping it closes the connection, unless it has been read to its end.
pub(super) struct Body {
    stream: StreamReader<u8>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
    /// Tells the host, when dropped, that we found no error.
    _taken: FutureWriter<Result<(), ErrorCode>>,
}

/// Sends a request and waits for the response's head.
///
/// # Errors
/// If the connection or the head take too long, or there is no response.
pub(super) async fn send(
    request: OutboundRequest,
    connect: Duration,
    head: Duration,
) -> Result<ProviderResponse, Failure> {
    let (request, sending) = host_request(request, connect)?;
    // The body is offered before the request is sent, so that the host finds it ready and need not
    // flush the head on its own.
    let mut sending = Box::pin(sending);
    let response = pin!(client::send(request));
    let timeout = pin!(sleep(head));
    let mut exchange = select(response, timeout);
    let outcome = match select(sending.as_mut(), &mut exchange).await {
        Either::Left(((), _)) => exchange.await,
        Either::Right((outcome, _)) => {
            spawn(sending);
            outcome
        }
    };
    match outcome {
        Either::Left((Ok(response), _)) => Ok(ProviderResponse::new(response)),
        Either::Left((Err(code), _)) => Err(connection_failure(&code)),
        Either::Right(_) => Err(Failure::Timeout(NO_RESPONSE)),
    }
}

/// The request, and the task that writes its body.
fn host_request(
    outbound: OutboundRequest,
    connect: Duration,
) -> Result<(Request, impl Future<Output = ()> + 'static), Failure> {
    let mut headers: Vec<(String, Vec<u8>)> = outbound
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    headers.push((
        "user-agent".to_owned(),
        concat!("goldfish/", env!("CARGO_PKG_VERSION"))
            .as_bytes()
            .to_vec(),
    ));
    headers.push(("accept".to_owned(), outbound.accept.as_bytes().to_vec()));
    if let Some(body) = &outbound.body {
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        headers.push((
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ));
    }
    let headers = Fields::from_list(&headers).map_err(|_| {
        Failure::Configuration("the key has characters that a header cannot contain")
    })?;

    let options = RequestOptions::new();
    // A host without this timeout still has ours for the head.
    let _ =
        options.set_connect_timeout(Some(u64::try_from(connect.as_nanos()).unwrap_or(u64::MAX)));

    let method = if outbound.body.is_some() {
        Method::Post
    } else {
        Method::Get
    };
    let (contents, body) = match outbound.body {
        Some(body) => {
            let (writer, reader) = wit_stream::new();
            (Some(reader), Some((writer, body)))
        }
        None => (None, None),
    };
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _transmitted) = Request::new(headers, contents, no_trailers, Some(options));
    let scheme = if outbound.url.scheme_str() == Some("http") {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let bad_url = |()| Failure::Configuration("the base URL cannot be requested");
    request.set_method(&method).map_err(bad_url)?;
    request.set_scheme(Some(&scheme)).map_err(bad_url)?;
    request
        .set_authority(outbound.url.authority().map(http::uri::Authority::as_str))
        .map_err(bad_url)?;
    request
        .set_path_with_query(
            outbound
                .url
                .path_and_query()
                .map(http::uri::PathAndQuery::as_str),
        )
        .map_err(bad_url)?;

    let sending = async move {
        if let Some((mut writer, body)) = body {
            writer.write_all(body).await;
        }
        // A provider that responds early may have stopped reading.
        let _ = trailers.write(Ok(None)).await;
    };
    Ok((request, sending))
}

/// Sends a request and reads the body of the response as a whole.
///
/// # Errors
/// As `send` and [`ProviderResponse::into_whole`], and whatever a response says that is no success.
pub(super) async fn send_for_whole(
    request: OutboundRequest,
    deadlines: &Deadlines,
    context: &ErrorContext,
) -> Result<Vec<u8>, Error> {
    let response = send(request, deadlines.connect, deadlines.first_token)
        .await
        .map_err(|failure| context.error(&failure))?;
    if !response.is_success() {
        let (status, retry_after, body) = response.into_error().await;
        let head = Head {
            status: Some(status),
            retry_after: retry_after.as_deref(),
        };
        return Err(context.response(&head, &body));
    }
    let body = response.into_whole(deadlines.idle).await;
    body.map_err(|failure| context.error(&failure))
}

impl ProviderResponse {
    fn new(response: Response) -> Self {
        let headers = response.get_headers();
        let header = |name: &str| {
            headers
                .get(name)
                .into_iter()
                .next()
                .and_then(|value| String::from_utf8(value).ok())
        };
        let retry_after = header("retry-after");
        let status = response.get_status_code();
        let (taken, outcome) = wit_future::new(|| Ok(()));
        let (stream, trailers) = Response::consume_body(response, outcome);
        Self {
            status,
            retry_after,
            body: Body {
                stream,
                trailers,
                _taken: taken,
            },
        }
    }

    /// Whether the status is that of a success. The content type is not considered: servers send
    /// streams under any.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success.
    pub(super) fn into_body(self) -> Body {
        self.body
    }

    /// The whole body of a success. `idle` is the longest time between two reads.
    ///
    /// # Errors
    /// If the connection fails, falls silent, or the body is too long.
    pub(super) async fn into_whole(self, idle: Duration) -> Result<Vec<u8>, Failure> {
        let mut body = self.body;
        let mut bytes = Vec::new();
        loop {
            match select(pin!(body.read(Vec::new())), pin!(sleep(idle))).await {
                Either::Left((Ok(Some(chunk)), _)) => bytes.extend_from_slice(&chunk),
                Either::Left((Ok(None), _)) => return Ok(bytes),
                Either::Left((Err(failure), _)) => return Err(failure),
                Either::Right(_) => {
                    return Err(Failure::Timeout(
                        "the rest of the response did not arrive in time (llm_idle_timeout_seconds)",
                    ));
                }
            }
            if bytes.len() > MAX_WHOLE_BYTES {
                return Err(Failure::Protocol("the response is too long"));
            }
        }
    }

    /// The status, `Retry-After` and as much of the body as arrives in time.
    pub(super) async fn into_error(self) -> (u16, Option<String>, Vec<u8>) {
        let Self {
            status,
            retry_after,
            mut body,
            ..
        } = self;
        let mut bytes = Vec::new();
        let mut timeout = pin!(sleep(ERROR_TIMEOUT));
        while bytes.len() < MAX_ERROR_BYTES {
            let chunk = match select(pin!(body.read(Vec::new())), timeout.as_mut()).await {
                Either::Left((Ok(Some(chunk)), _)) => chunk,
                Either::Left(_) | Either::Right(_) => break,
            };
            bytes.extend_from_slice(&chunk);
        }
        (status, retry_after, bytes)
    }
}

impl Body {
    /// The next bytes, in `buffer` if it has room for them; `None` at the end.
    ///
    /// # Errors
    /// If the connection fails.
    pub(super) async fn read(&mut self, mut buffer: Vec<u8>) -> Result<Option<Vec<u8>>, Failure> {
        buffer.clear();
        buffer.reserve(BUFFER);
        match self.stream.read(buffer).await {
            (StreamResult::Complete(_), bytes) => Ok(Some(bytes)),
            (StreamResult::Dropped | StreamResult::Cancelled, _) => {
                self.finish().await.map(|()| None)
            }
        }
    }

    /// Whether the body ended without an error; repeated calls give none.
    async fn finish(&mut self) -> Result<(), Failure> {
        let (_, settled) = wit_future::new(|| Ok(None));
        match std::mem::replace(&mut self.trailers, settled).await {
            Ok(_) => Ok(()),
            Err(code) => Err(connection_failure(&code)),
        }
    }
}

/// A transport error. Its own texts are left out: some hosts put addresses into them.
fn connection_failure(code: &ErrorCode) -> Failure {
    match code {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => Failure::Timeout("the connection timed out"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            Failure::Connection("the host name of the base URL cannot be resolved")
        }
        ErrorCode::ConnectionRefused => Failure::Connection("the connection was refused"),
        ErrorCode::HttpRequestDenied => Failure::Configuration(
            "allowed_outbound_hosts in spin.toml does not allow the base URL",
        ),
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => Failure::Connection("TLS failed"),
        _ => Failure::Connection("the connection was closed"),
    }
}

//! Requests sent.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use file_store::Error;
use futures::future::{Either, select};
use rusty_s3::Method;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields, RequestOptions, Scheme, Trailers};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};

use crate::requests::Request;

/// Timeout of connecting.
const CONNECT: Duration = Duration::from_secs(10);
/// Timeout of the response, after the request has begun.
const RESPONSE: Duration = Duration::from_secs(60);
/// Timeout of the next bytes of a response.
const IDLE: Duration = Duration::from_secs(30);
/// Most bytes of a response that is read whole: a list of 1,000 objects has less.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;
/// How often a request is sent if the store fails.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// A response whose body has not been read.
pub(super) struct Response {
    pub(super) status: u16,
    headers: Fields,
    body: Body,
}

/// A body that is being read. Dropping it closes the connection.
pub(super) struct Body {
    stream: StreamReader<u8>,
    trailers: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// Reports, when it is dropped, that the body was handled without an error.
    _verdict: FutureWriter<Result<(), ErrorCode>>,
}

/// Sends a request, again if the store cannot be reached or fails.
pub(super) async fn send(request: &Request, body: &[Bytes]) -> Result<Response, Error> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match send_once(request, body).await {
            Ok(response) if response.status < 500 => return Ok(response),
            Ok(_) | Err(_) => sleep(pause).await,
        }
        pause = pause.saturating_mul(2);
    }
    send_once(request, body).await
}

async fn send_once(request: &Request, body: &[Bytes]) -> Result<Response, Error> {
    let (outgoing, sending) = outgoing(request, body.to_vec())?;
    let response = pin!(client::send(outgoing));
    let timeout = pin!(sleep(RESPONSE));
    let mut exchange = select(response, timeout);
    let mut sending = Box::pin(sending);
    let outcome = match select(sending.as_mut(), &mut exchange).await {
        Either::Left(((), _)) => exchange.await,
        Either::Right((outcome, _)) => {
            spawn(sending);
            outcome
        }
    };
    match outcome {
        Either::Left((Ok(response), _)) => Ok(Response::new(response)),
        Either::Left((Err(code), _)) => Err(unreachable(&code)),
        Either::Right(_) => Err(unavailable("did not respond in time")),
    }
}

/// The request, and the task that writes its body.
fn outgoing(
    request: &Request,
    body: Vec<Bytes>,
) -> Result<(types::Request, impl Future<Output = ()> + 'static), Error> {
    let length: usize = body.iter().map(Bytes::len).sum();
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
        .collect();
    if matches!(request.method, Method::Put | Method::Post) {
        let length = length.to_string().into_bytes();
        headers.push(("content-length".to_owned(), length));
    }
    let headers = Fields::from_list(&headers).map_err(|_| unavailable("takes no such header"))?;
    let options = RequestOptions::new();
    let connect = u64::try_from(CONNECT.as_nanos()).unwrap_or(u64::MAX);
    // A host without this timeout still has ours for the response.
    let _ = options.set_connect_timeout(Some(connect));
    let (contents, writer) = if length > 0 {
        let (writer, reader) = wit_stream::new();
        (Some(reader), Some(writer))
    } else {
        (None, None)
    };
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (outgoing, _sent) = types::Request::new(headers, contents, no_trailers, Some(options));
    let scheme = match request.url.scheme() {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let method = match request.method {
        Method::Head => types::Method::Head,
        Method::Get => types::Method::Get,
        Method::Post => types::Method::Post,
        Method::Put => types::Method::Put,
        Method::Delete => types::Method::Delete,
    };
    let path = request.url.path();
    let target = format!("{path}?{}", request.url.query().unwrap_or_default());
    let bad = |()| unavailable("has a URL that cannot be requested");
    outgoing.set_method(&method).map_err(bad)?;
    outgoing.set_scheme(Some(&scheme)).map_err(bad)?;
    outgoing
        .set_authority(Some(request.url.authority()))
        .map_err(bad)?;
    outgoing.set_path_with_query(Some(&target)).map_err(bad)?;
    let sending = async move {
        if let Some(mut writer) = writer {
            for piece in body {
                // The rest was not read: the store has responded early.
                if !writer.write_all(piece.to_vec()).await.is_empty() {
                    break;
                }
            }
        }
        let _ = trailers.write(Ok(None)).await;
    };
    Ok((outgoing, sending))
}

impl Response {
    fn new(response: types::Response) -> Self {
        let status = response.get_status_code();
        let headers = response.get_headers();
        let (verdict, outcome) = wit_future::new(|| Ok(()));
        let (stream, trailers) = types::Response::consume_body(response, outcome);
        Self {
            status,
            headers,
            body: Body {
                stream,
                trailers: Some(trailers),
                _verdict: verdict,
            },
        }
    }

    /// The value of a header field.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get(name);
        values
            .into_iter()
            .next()
            .and_then(|value| String::from_utf8(value).ok())
    }

    /// The body, if the status says that the request succeeded.
    pub(super) fn accepted(self) -> Result<Self, Error> {
        match self.status {
            200..300 => Ok(self),
            404 => Err(Error::NotFound),
            401 | 403 => Err(unavailable("refuses the access key")),
            status => Err(unavailable(&format!("responds with status {status}"))),
        }
    }

    pub(super) fn into_body(self) -> Body {
        self.body
    }

    /// The whole body as text.
    pub(super) async fn text(self) -> Result<String, Error> {
        let mut body = self.body;
        let mut bytes = Vec::new();
        while let Some(some) = body.next().await? {
            bytes.extend(some);
            if bytes.len() > MAX_TEXT {
                return Err(unavailable("sends too much"));
            }
        }
        String::from_utf8(bytes).map_err(|_| unavailable("sends no text"))
    }
}

impl Body {
    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let reading = pin!(self.stream.read(Vec::with_capacity(BUFFER)));
            let (result, bytes) = match select(reading, pin!(sleep(IDLE))).await {
                Either::Left((read, _)) => read,
                Either::Right(_) => return Err(unavailable("stopped sending")),
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        match self.trailers.take() {
            Some(trailers) => match trailers.await {
                Ok(_) => Ok(None),
                Err(code) => Err(unreachable(&code)),
            },
            None => Ok(None),
        }
    }
}

/// The error for what the store does; a predicate without URLs.
pub(super) fn unavailable(what: &str) -> Error {
    Error::Unavailable(format!("the S3 store {what}"))
}

/// The host's own texts are left out: some contain addresses.
fn unreachable(code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => {
            unavailable("is not allowed: s3_endpoint must be an origin without a path")
        }
        ErrorCode::ConnectionRefused => unavailable("refused the connection"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => unavailable("has no address"),
        _ => unavailable("cannot be reached"),
    }
}

//! HTTP to a provider, on `wasi:http` itself: its streams can be read into one buffer and dropped to
//! close the connection.

use crate::bindings::Error;
use crate::call::Call;
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

/// The most that is read of an answer that is no stream.
const MOST_REFUSAL: usize = 256 * 1024;

/// How long the body of such an answer may take.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);

/// A response whose body has not been read.
pub(super) struct Answer {
    status: u16,
    content_type: String,
    retry_after: Option<String>,
    body: Body,
}

/// A body being read. Dropping it closes the connection, unless it has been read to its end.
pub(super) struct Body {
    stream: StreamReader<u8>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
    /// Tells the host, when dropped, that we took no offence.
    _taken: FutureWriter<Result<(), ErrorCode>>,
}

/// Sends a request and waits for the response's head.
///
/// # Errors
/// `timeout` when the connection or the head take too long, `unreachable` when there is no answer.
pub(super) async fn send(call: Call, connect: Duration, head: Duration) -> Result<Answer, Error> {
    let (request, sending) = request(call, connect)?;
    // The body is offered before the request is sent, so that the host finds it ready and need not
    // flush the head on its own.
    let mut sending = Box::pin(sending);
    let response = pin!(client::send(request));
    let patience = pin!(sleep(head));
    let mut exchange = select(response, patience);
    let outcome = match select(sending.as_mut(), &mut exchange).await {
        Either::Left(((), _)) => exchange.await,
        Either::Right((outcome, _)) => {
            spawn(sending);
            outcome
        }
    };
    match outcome {
        Either::Left((Ok(response), _)) => Ok(Answer::new(response)),
        Either::Left((Err(code), _)) => Err(unreachable(&code)),
        Either::Right(_) => Err(Error::Timeout),
    }
}

/// The request, and the task that writes its body.
fn request(
    call: Call,
    connect: Duration,
) -> Result<(Request, impl Future<Output = ()> + 'static), Error> {
    let mut headers: Vec<(String, Vec<u8>)> = call
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
    let accept: &[u8] = if call.body.is_some() {
        b"text/event-stream"
    } else {
        b"application/json"
    };
    headers.push(("accept".to_owned(), accept.to_vec()));
    if let Some(body) = &call.body {
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        headers.push((
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ));
    }
    // What fails here is a key with characters no header can have.
    let headers = Fields::from_list(&headers).map_err(|_| Error::Unauthorized)?;

    let options = RequestOptions::new();
    // A host without this timeout still has ours for the head.
    let _ =
        options.set_connect_timeout(Some(u64::try_from(connect.as_nanos()).unwrap_or(u64::MAX)));

    let method = if call.body.is_some() {
        Method::Post
    } else {
        Method::Get
    };
    let (contents, body) = match call.body {
        Some(body) => {
            let (writer, reader) = wit_stream::new();
            (Some(reader), Some((writer, body)))
        }
        None => (None, None),
    };
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _transmitted) = Request::new(headers, contents, no_trailers, Some(options));
    let scheme = if call.url.scheme_str() == Some("http") {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let bad_url = |()| Error::Other("the provider's base URL cannot be requested".to_owned());
    request.set_method(&method).map_err(bad_url)?;
    request.set_scheme(Some(&scheme)).map_err(bad_url)?;
    request
        .set_authority(call.url.authority().map(http::uri::Authority::as_str))
        .map_err(bad_url)?;
    request
        .set_path_with_query(
            call.url
                .path_and_query()
                .map(http::uri::PathAndQuery::as_str),
        )
        .map_err(bad_url)?;

    let sending = async move {
        if let Some((mut writer, body)) = body {
            writer.write_all(body).await;
        }
        // A provider that answers early may have stopped listening.
        let _ = trailers.write(Ok(None)).await;
    };
    Ok((request, sending))
}

impl Answer {
    fn new(response: Response) -> Self {
        let headers = response.get_headers();
        let header = |name: &str| {
            headers
                .get(name)
                .into_iter()
                .next()
                .and_then(|value| String::from_utf8(value).ok())
        };
        let (content_type, retry_after) = (
            header("content-type").unwrap_or_default(),
            header("retry-after"),
        );
        let status = response.get_status_code();
        let (taken, outcome) = wit_future::new(|| Ok(()));
        let (stream, trailers) = Response::consume_body(response, outcome);
        Self {
            status,
            content_type,
            retry_after,
            body: Body {
                stream,
                trailers,
                _taken: taken,
            },
        }
    }

    /// A success whose body is a stream of events.
    pub(super) fn is_event_stream(&self) -> bool {
        let essence = self
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        (200..300).contains(&self.status) && essence.eq_ignore_ascii_case("text/event-stream")
    }

    /// The body of a success.
    pub(super) fn into_body(self) -> Body {
        self.body
    }

    /// Status, `Retry-After` and what comes of the body in time.
    pub(super) async fn into_refusal(self) -> (u16, Option<String>, Vec<u8>) {
        let Self {
            status,
            retry_after,
            mut body,
            ..
        } = self;
        let mut bytes = Vec::new();
        let mut patience = pin!(sleep(REFUSAL_PATIENCE));
        while bytes.len() < MOST_REFUSAL {
            let chunk = match select(pin!(body.read(Vec::new())), patience.as_mut()).await {
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
    /// When the answer broke off.
    pub(super) async fn read(&mut self, mut buffer: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        buffer.clear();
        buffer.reserve(BUFFER);
        match self.stream.read(buffer).await {
            (StreamResult::Complete(_), bytes) => Ok(Some(bytes)),
            (StreamResult::Dropped | StreamResult::Cancelled, _) => {
                self.finish().await.map(|()| None)
            }
        }
    }

    /// Whether the end was a clean one. Asked again, it stays clean.
    async fn finish(&mut self) -> Result<(), Error> {
        let (_, settled) = wit_future::new(|| Ok(None));
        match std::mem::replace(&mut self.trailers, settled).await {
            Ok(_) => Ok(()),
            Err(code) => Err(unreachable(&code)),
        }
    }
}

/// A transport error as ours. Its own texts are left out: some hosts put addresses into them.
fn unreachable(code: &ErrorCode) -> Error {
    match code {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => Error::Timeout,
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            Error::Unreachable("the provider's name is not known".to_owned())
        }
        ErrorCode::ConnectionRefused => {
            Error::Unreachable("the provider refused the connection".to_owned())
        }
        ErrorCode::HttpRequestDenied => Error::Unreachable(
            "allowed_outbound_hosts in spin.toml does not hold the provider".to_owned(),
        ),
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => {
            Error::Unreachable("no secure connection to the provider".to_owned())
        }
        _ => Error::Unreachable("the connection to the provider broke".to_owned()),
    }
}

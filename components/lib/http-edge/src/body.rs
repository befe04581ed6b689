//! A request body as it arrives.

use std::{pin::pin, time::Duration};

use futures::future::select;
use spin_sdk::wasip3::{
    http::types::{self, ErrorCode, Trailers},
    wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult},
    wit_future,
};

use crate::error::ApiError;

/// How much of a body that is not read to its end is read and dropped, in bytes. Without this the
/// connection closes on unread data, and the client may not get the response.
const DRAIN_MAX: usize = 16 * 1024 * 1024;

/// How long a body is drained.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;

/// Reads a request body in pieces, as fast as the caller takes them.
pub struct BodyReader(Option<Open>);

struct Open {
    stream: StreamReader<u8>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
    /// Reports, when it is dropped, that the body was handled without an error.
    _verdict: FutureWriter<Result<(), ErrorCode>>,
}

impl BodyReader {
    pub(crate) fn new(request: Option<types::Request>) -> Self {
        Self(request.map(|request| {
            let (verdict, reader) = wit_future::new(|| Ok(()));
            let (stream, trailers) = types::Request::consume_body(request, reader);
            Open {
                stream,
                trailers,
                _verdict: verdict,
            }
        }))
    }

    /// The next bytes; none at the end. 400 if the client disconnected before the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            let Some(open) = &mut self.0 else {
                return Ok(None);
            };
            let (result, bytes) = open.stream.read(Vec::with_capacity(BUFFER)).await;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        let ended = match self.0.take() {
            Some(open) => open.trailers.await.map(drop),
            None => Ok(()),
        };
        ended.map(|()| None).map_err(|_| {
            ApiError::invalid("body", "The request body ended before it was complete.")
        })
    }

    /// Reads and drops some of the rest, so that the client gets a response that is sent before it has sent
    /// everything.
    pub async fn drain(mut self) {
        if let Some(open) = &mut self.0 {
            drain(&mut open.stream).await;
        }
    }
}

/// Reads and drops the rest of a body, within [`DRAIN_MAX`] and [`DRAIN_TIME`].
pub(crate) async fn drain(stream: &mut StreamReader<u8>) {
    let reading = async {
        let mut left = DRAIN_MAX;
        while left > 0 {
            let (result, bytes) = stream.read(Vec::with_capacity(BUFFER)).await;
            left = left.saturating_sub(bytes.len());
            if !matches!(result, StreamResult::Complete(_)) {
                return;
            }
        }
    };
    let timeout = spin_sdk::time::sleep(DRAIN_TIME);
    select(pin!(reading), pin!(timeout)).await;
}

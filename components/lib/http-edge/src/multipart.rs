//! Bodies of forms with files (`multipart/form-data`, RFC 7578), read as they arrive.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::poll_fn;
use futures::{SinkExt as _, StreamExt as _};

use crate::body::BodyReader;
use crate::content_disposition;
use crate::context::Context;
use crate::error::ApiError;

/// Most bytes before a part and of its header fields.
const MAX_HEAD: u64 = 64 * 1024;
/// Longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// Most parts of a form.
const MAX_PARTS: usize = 1000;

type Piece = Result<Bytes, ApiError>;

/// Reads the parts of a form one after the other. Between two calls nothing is read, so memory is bounded:
/// a few pieces of the body, and the header fields of a part.
pub struct Multipart {
    form: multer::Multipart<'static>,
    /// The part that is being read.
    field: Option<multer::Field<'static>>,
    pump: Pump,
    parts: usize,
}

/// The header fields of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name of the field; empty if it has none.
    pub name: String,
    /// The name of the file; none if the field is not a file.
    pub file_name: Option<String>,
    /// The declared media type.
    pub content_type: Option<String>,
}

/// Moves the body into the parser, which takes only what can be sent to other threads.
struct Pump {
    moving: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Bytes that were moved.
    moved: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Context {
    /// The body as a form with files. 415 if it is not declared as one.
    pub fn multipart(&mut self) -> Result<Multipart, ApiError> {
        let content_type = self.head.header("content-type").unwrap_or_default();
        let boundary = multer::parse_boundary(content_type)
            .ok()
            .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
            .ok_or(ApiError::UnsupportedMediaType)?;
        Ok(Multipart::new(self.body(), boundary))
    }

    /// Whether the body is declared as a form with files.
    pub fn is_multipart(&self) -> bool {
        self.head
            .header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
    }
}

impl Multipart {
    fn new(body: BodyReader, boundary: String) -> Self {
        // One piece waits in the channel, and another waits for the channel.
        let (pieces, received) = mpsc::channel::<Piece>(0);
        let moved = std::rc::Rc::default();
        let pump = Pump {
            moving: Some(Box::pin(carry(body, pieces, std::rc::Rc::clone(&moved)))),
            moved,
        };
        let stream = received.map(|piece| piece.map_err(|_| "the body ended early"));
        Self {
            form: multer::Multipart::new(stream, boundary),
            field: None,
            pump,
            parts: 0,
        }
    }

    /// The next part; none after the last one. What is left of the part before is dropped. 400 if the form
    /// is malformed or ends early.
    pub async fn next(&mut self) -> Result<Option<Part>, ApiError> {
        while self.chunk().await?.is_some() {}
        self.field = None;
        let end = self.pump.moved.get().saturating_add(MAX_HEAD);
        let next = self.form.next_field();
        let Some(field) = self.pump.run(next, Some(end)).await? else {
            return Ok(None);
        };
        self.parts = self.parts.saturating_add(1);
        if self.parts > MAX_PARTS {
            return Err(malformed("has more than 1000 parts"));
        }
        let text = |name: &str| {
            let value = field.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let disposition = text("content-disposition").unwrap_or_default();
        let parameter = |name| content_disposition::parameter(&disposition, name);
        let part = Part {
            name: parameter("name").unwrap_or_default(),
            file_name: parameter("filename"),
            content_type: text("content-type"),
        };
        self.field = Some(field);
        Ok(Some(part))
    }

    /// The next bytes of the part; none at its end. 400 if the form is malformed or ends early.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        match &mut self.field {
            Some(field) => self.pump.run(field.chunk(), None).await,
            None => Ok(None),
        }
    }

    /// Reads and drops the rest of the part, at most `max_bytes` (413).
    pub async fn skip(&mut self, max_bytes: u64) -> Result<(), ApiError> {
        let mut read = 0_u64;
        while let Some(bytes) = self.chunk().await? {
            read = read.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if read > max_bytes {
                return Err(ApiError::PayloadTooLarge(max_bytes));
            }
        }
        Ok(())
    }

    /// Reads and drops some of the rest, so that the client gets a response that is sent before it has sent
    /// everything.
    pub async fn drain(self) {
        let Self {
            form, field, pump, ..
        } = self;
        // Without its receiver the pump drops what it reads.
        drop((field, form));
        if let Some(moving) = pump.moving {
            moving.await;
        }
    }
}

impl Pump {
    /// Parses while the body is moved; stops if more than `end` bytes were moved.
    async fn run<T>(
        &mut self,
        parsing: impl Future<Output = multer::Result<T>>,
        end: Option<u64>,
    ) -> Result<T, ApiError> {
        let mut parsing = pin!(parsing);
        poll_fn(|context| {
            loop {
                if let Poll::Ready(parsed) = parsing.as_mut().poll(context) {
                    return Poll::Ready(
                        parsed.map_err(|_| malformed("is malformed or incomplete")),
                    );
                }
                if end.is_some_and(|end| self.moved.get() > end) {
                    return Poll::Ready(Err(malformed("has too long a beginning of a part")));
                }
                let before = self.moved.get();
                if let Some(moving) = &mut self.moving
                    && moving.as_mut().poll(context).is_ready()
                {
                    self.moving = None;
                    continue;
                }
                if self.moved.get() == before {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

async fn carry(
    mut body: BodyReader,
    mut pieces: mpsc::Sender<Piece>,
    moved: std::rc::Rc<std::cell::Cell<u64>>,
) {
    loop {
        let piece = match body.next().await {
            Ok(Some(bytes)) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                moved.set(moved.get().saturating_add(length));
                Ok(Bytes::from(bytes))
            }
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_last = piece.is_err();
        if pieces.send(piece).await.is_err() {
            return body.drain().await;
        }
        if is_last {
            return;
        }
    }
}

fn malformed(what: &str) -> ApiError {
    ApiError::invalid("body", what)
}

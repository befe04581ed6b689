//! The source that a request reads: a stream, or a reply to a chat message, which is read like a stream.

use std::time::{Duration, Instant};

use contracts::{
    conversations::{
        replies::{Reader, ReaderEvent, ReaderState},
        types::Error as ReplyError,
    },
    streams::{
        streams,
        types::{Error, Expiry, Metadata, Page, Part, Position, Start},
    },
};
use http_edge::parse_uuid;
use spin_sdk::wit_bindgen::StreamReader;

use crate::target::{Access, Target};

/// Most bytes of a page, about. It is held whole.
const PAGE_BYTES_MAX: u32 = 1024 * 1024;

/// Most bytes of a response that is not held whole, about.
const PART_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// Replies are text.
const REPLY_TYPE: &str = "text/plain; charset=utf-8";

/// Where content is read from.
pub(crate) enum Source {
    Stream(Target),
    /// A reply by its id. Its deltas are the appends; it is closed when it has ended.
    Reply {
        user: String,
        id: String,
    },
}

/// The content of a part of a source.
pub(crate) enum Content {
    Whole(Vec<u8>),
    Stream(StreamReader<u8>),
}

impl Source {
    /// Reads the first page of the stream, or of the user's reply of that id if there is no such stream.
    pub(crate) async fn open(
        target: Target,
        access: Access,
        from: Start,
    ) -> Result<(Self, Page), Error> {
        let source = Self::Stream(target);
        match source.read(from, 0).await {
            Err(Error::NotFound) => {}
            page => return Ok((source, page?)),
        }
        let Self::Stream(Target { owner, name }) = source else {
            return Err(Error::NotFound);
        };
        let id = parse_uuid(&name).filter(|_| access == Access::Owner);
        let reply = Self::Reply {
            user: owner,
            id: id.ok_or(Error::NotFound)?,
        };
        let page = reply.read(from, 0).await?;
        Ok((reply, page))
    }

    /// Reads as much as one response may have.
    pub(crate) async fn read_part(
        target: Target,
        access: Access,
        from: Start,
    ) -> Result<(Part, Content), Error> {
        let Target { owner, name } = &target;
        match streams::open(owner.clone(), name.clone(), from, PART_BYTES_MAX).await {
            Ok((part, content)) => Ok((part, Content::Stream(content))),
            Err(Error::NotFound) => {
                let (_, page) = Self::open(target, access, from).await?;
                Ok((page.part, Content::Whole(page.content)))
            }
            Err(error) => Err(error),
        }
    }

    /// The user whose quota of readers is used.
    pub(crate) fn owner(&self) -> &str {
        match self {
            Self::Stream(target) => &target.owner,
            Self::Reply { user, .. } => user,
        }
    }

    /// Reads what follows a position; waits if there is nothing yet.
    pub(crate) async fn read(&self, from: Start, wait_ms: u32) -> Result<Page, Error> {
        match self {
            Self::Stream(Target { owner, name }) => {
                streams::read(owner.clone(), name.clone(), from, PAGE_BYTES_MAX, wait_ms).await
            }
            Self::Reply { user, id } => read_reply(user, id, from, wait_ms).await,
        }
    }
}

async fn read_reply(user: &str, id: &str, from: Start, wait_ms: u32) -> Result<Page, Error> {
    let start = match from {
        Start::Position(position) => position,
        Start::Beginning | Start::Tail => Position {
            appends: 0,
            bytes: 0,
        },
    };
    let begun = Instant::now();
    let reader = Reader::find(user.to_owned(), id.to_owned(), start.appends)
        .await
        .map_err(failed)?;
    let mut page = ReplyPage {
        content: Vec::new(),
        appends: 0,
        next: start,
        is_whole: false,
        is_closed: false,
    };
    let to_the_tail = matches!(from, Start::Tail);
    loop {
        let has_ended = reader.state() != ReaderState::Streaming;
        match reader.next().await.map_err(failed)? {
            ReaderEvent::Deltas(deltas) if !deltas.is_empty() => {
                page.add(deltas, !to_the_tail);
                // The next request reads later deltas, unless the reply has ended.
                if !has_ended && !to_the_tail {
                    break;
                }
            }
            // The stream is of the text alone.
            ReaderEvent::Reasoning(_) => {}
            ReaderEvent::Deltas(_) => {
                page.is_whole = true;
                let has_waited = begun.elapsed() >= Duration::from_millis(wait_ms.into());
                if to_the_tail || has_waited {
                    break;
                }
            }
            ReaderEvent::End(_) => {
                page.is_whole = true;
                page.is_closed = true;
                break;
            }
        }
    }
    Ok(page.finish(id))
}

/// A part of a reply.
struct ReplyPage {
    content: Vec<u8>,
    appends: u64,
    next: Position,
    /// Whether there is nothing after it now.
    is_whole: bool,
    is_closed: bool,
}

impl ReplyPage {
    fn add(&mut self, deltas: Vec<String>, are_read: bool) {
        for delta in deltas {
            self.next.appends = self.next.appends.saturating_add(1);
            self.next.bytes = self.next.bytes.saturating_add(delta.len() as u64);
            if are_read {
                self.appends = self.appends.saturating_add(1);
                self.content.extend_from_slice(delta.as_bytes());
            }
        }
    }

    fn finish(self, id: &str) -> Page {
        let mut tail = self.next;
        // The number of the deltas that follow is not known.
        tail.appends = tail.appends.saturating_add(u64::from(!self.is_whole));
        let metadata = Metadata {
            id: id.to_owned(),
            name: id.to_owned(),
            content_type: REPLY_TYPE.to_owned(),
            expiry: Expiry::Never,
            tail,
            closed: self.is_closed,
            shared: false,
            created_at: 0,
        };
        Page {
            part: Part {
                metadata,
                next: self.next,
                appends: self.appends,
                length: self.content.len() as u64,
            },
            content: self.content,
        }
    }
}

fn failed(error: ReplyError) -> Error {
    match error {
        ReplyError::NotFound => Error::NotFound,
        ReplyError::Invalid(why) => Error::InvalidContent(why),
        ReplyError::Conflict(why) | ReplyError::Unavailable(why) => Error::Unavailable(why),
    }
}

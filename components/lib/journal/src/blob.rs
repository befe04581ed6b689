//! Blobs: byte sequences of any length, in chunks of at most [`CHUNK_BYTES`] each. A blob is written
//! once, by one writer, from its beginning to its end, and never changed afterwards.
//!
//! Blob `B` keeps its chunks at `B:0`, `B:1`, … and its header at `B:h`. The header is written last, so a
//! blob that has one is complete. `B:x` is its tombstone.
//!
//! The store cannot list keys. So the creator of a blob must first record its name somewhere (in an
//! entry of an aggregate), or the chunks of a writer that died are never found again.
//!
//! # Invariants
//! 1. After [`Writer::finish`] returned, and until a [`Blob::erase`] begins, [`Blob::open`] returns the
//!    blob with all of its bytes. Before, it returns none, so no reader gets a part of a blob.
//! 2. After [`Blob::erase`] returned, and until a purge, `open` returns none, even if the writer continues.
//!    The tombstone says so, and a writer that was under way fails.
//! 3. After [`Blob::purge`] returned, the store has no key of the blob. It may only be called when no
//!    writer is alive: its `finish` returned, or it is dead. (A request whose deadline has passed is.)

use std::ops::Range;

use futures::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};

use crate::{Error, Platform, batch};

/// Bytes of a chunk. Stores take values of 1 MB, and this much is in memory several times over while a
/// chunk is written.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// The same as the lengths of blobs are counted.
const CHUNK_LENGTH: u64 = CHUNK_BYTES as u64;

/// Chunks that are read at the same time.
const READS_AT_ONCE: usize = 4;

/// A blob by its name, whether or not it exists.
#[derive(Debug, Clone)]
pub struct Blob<P> {
    platform: P,
    name: String,
}

/// A complete blob.
#[derive(Debug, Clone)]
pub struct Reader<P> {
    blob: Blob<P>,
    header: Header,
}

/// A blob that is being written.
#[derive(Debug)]
pub struct Writer<P> {
    blob: Blob<P>,
    /// Bytes that do not make a whole chunk yet.
    buffer: Vec<u8>,
    chunks: u64,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    v: u32,
    bytes: u64,
}

const VERSION: u32 = 1;

const TOMBSTONE: &[u8] = b"erased";

impl<P: Platform + Clone> Blob<P> {
    /// A blob by its name, which is the prefix of its keys. A name must not be used for two blobs.
    pub fn new(platform: P, name: impl Into<String>) -> Self {
        Self {
            platform,
            name: name.into(),
        }
    }

    /// Begins to write.
    pub fn writer(&self) -> Writer<P> {
        Writer {
            blob: self.clone(),
            buffer: Vec::new(),
            chunks: 0,
            bytes: 0,
        }
    }

    /// The blob, if it is complete and not erased.
    ///
    /// # Errors
    /// Those of the store; [`Error::Newer`].
    pub async fn open(&self) -> Result<Option<Reader<P>>, Error> {
        let (header_key, tombstone_key) = (self.header_key(), self.tombstone_key());
        let header = self.platform.get(&header_key);
        let tombstone = self.platform.get(&tombstone_key);
        let (Some(header), None) = try_join(header, tombstone).await? else {
            return Ok(None);
        };
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| Error::Corrupt("a blob's header"))?;
        if header.v > VERSION {
            return Err(Error::Newer);
        }
        Ok(Some(Reader {
            blob: self.clone(),
            header,
        }))
    }

    /// Erases the blob, whether or not it is complete. A writer that is under way fails in the end.
    /// Leaves the tombstone, and if the writer died, perhaps some of its chunks; [`Blob::purge`] deletes
    /// those.
    ///
    /// # Errors
    /// Those of the store. May be repeated, and must be until it succeeds.
    pub async fn erase(&self) -> Result<(), Error> {
        self.platform.set(&self.tombstone_key(), TOMBSTONE).await?;
        let header = self.platform.get(&self.header_key()).await?;
        let header = header.and_then(|bytes| serde_json::from_slice::<Header>(&bytes).ok());
        let chunks = match header {
            Some(header) => header.chunks(),
            None => self.count_chunks().await?,
        };
        self.delete(chunks).await
    }

    /// Erases the blob and everything that [`Blob::erase`] leaves. No writer may be alive; see the
    /// invariants. `bytes_max` is the greatest length that the blob can have.
    ///
    /// # Errors
    /// Those of the store. May be repeated, and must be until it succeeds.
    pub async fn purge(&self, bytes_max: u64) -> Result<(), Error> {
        // Until all chunks are deleted, no reader may get some of them.
        self.platform.set(&self.tombstone_key(), TOMBSTONE).await?;
        self.delete(chunks_of(bytes_max)).await?;
        self.platform.delete_many(vec![self.tombstone_key()]).await
    }

    /// Deletes the first chunks and then the header, which says how many there are if this is
    /// interrupted. The last chunk is deleted first, so that those that are left can be counted.
    async fn delete(&self, chunks: u64) -> Result<(), Error> {
        let mut keys: Vec<String> = (0..chunks).rev().map(|k| self.chunk_key(k)).collect();
        keys.push(self.header_key());
        batch::delete_all(&self.platform, &keys).await
    }

    async fn count_chunks(&self) -> Result<u64, Error> {
        let mut count = 0_u64;
        while self.platform.get(&self.chunk_key(count)).await?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    fn chunk_key(&self, index: u64) -> String {
        format!("{}:{index}", self.name)
    }

    fn header_key(&self) -> String {
        format!("{}:h", self.name)
    }

    fn tombstone_key(&self) -> String {
        format!("{}:x", self.name)
    }
}

impl<P: Platform + Clone> Writer<P> {
    /// Appends bytes. They are stored a chunk at a time.
    ///
    /// # Errors
    /// Those of the store. The writer can then no longer be used, and the blob has to be erased.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() >= CHUNK_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        let buffered = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        self.bytes.saturating_add(buffered)
    }

    /// Whether the blob was erased while it was being written. The writer is then of no more use.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_erased(&self) -> Result<bool, Error> {
        let tombstone = self.blob.platform.get(&self.blob.tombstone_key()).await?;
        Ok(tombstone.is_some())
    }

    /// Whether nothing was written so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Completes the blob and returns its length in bytes.
    ///
    /// # Errors
    /// Those of the store; [`Error::Erased`] if the blob was erased while it was being written.
    pub async fn finish(mut self) -> Result<u64, Error> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        let header = Header {
            v: VERSION,
            bytes: self.bytes,
        };
        let blob = &self.blob;
        let bytes = serde_json::to_vec(&header).unwrap_or_default();
        blob.platform.set(&blob.header_key(), &bytes).await?;
        // Whoever erases from now on finds all chunks. Who did before may have missed some.
        if blob.platform.get(&blob.tombstone_key()).await?.is_some() {
            blob.delete(self.chunks).await?;
            return Err(Error::Erased);
        }
        Ok(self.bytes)
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let key = self.blob.chunk_key(self.chunks);
        self.blob.platform.set(&key, &self.buffer).await?;
        let written = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(written);
        self.chunks = self.chunks.saturating_add(1);
        self.buffer.clear();
        Ok(())
    }
}

impl<P: Platform + Clone> Reader<P> {
    /// The blob's length in bytes.
    pub fn len(&self) -> u64 {
        self.header.bytes
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.header.bytes == 0
    }

    /// How many chunks it has.
    pub fn chunks(&self) -> u64 {
        self.header.chunks()
    }

    /// A chunk by its index, for streaming a blob in bounded memory. None beyond the last one.
    ///
    /// # Errors
    /// Those of the store; [`Error::Erased`] if the blob was erased meanwhile.
    pub async fn chunk(&self, index: u64) -> Result<Option<Vec<u8>>, Error> {
        if index >= self.chunks() {
            return Ok(None);
        }
        let begin = index.saturating_mul(CHUNK_LENGTH);
        let expected = self.header.bytes.saturating_sub(begin).min(CHUNK_LENGTH);
        match self.blob.platform.get(&self.blob.chunk_key(index)).await? {
            Some(bytes) if u64::try_from(bytes.len()) == Ok(expected) => Ok(Some(bytes)),
            Some(_) => Err(Error::Corrupt("a chunk of a blob")),
            None => match self.blob.open().await? {
                Some(_) => Err(Error::Corrupt("a blob lacks a chunk")),
                None => Err(Error::Erased),
            },
        }
    }

    /// The bytes of a range, as far as the blob has them. They are in memory at once, so the caller bounds
    /// the range.
    ///
    /// # Errors
    /// As [`Reader::chunk`].
    pub async fn range(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let end = range.end.min(self.header.bytes);
        if range.start >= end {
            return Ok(Vec::new());
        }
        let first = range.start / CHUNK_LENGTH;
        let indexes: Vec<u64> = (first..end.div_ceil(CHUNK_LENGTH)).collect();
        let mut bytes = Vec::new();
        for some in indexes.chunks(READS_AT_ONCE) {
            let chunks = try_join_all(some.iter().map(|index| self.chunk(*index))).await?;
            chunks
                .into_iter()
                .flatten()
                .for_each(|chunk| bytes.extend(chunk));
        }
        let skipped = range
            .start
            .saturating_sub(first.saturating_mul(CHUNK_LENGTH));
        bytes.drain(
            ..usize::try_from(skipped)
                .unwrap_or(usize::MAX)
                .min(bytes.len()),
        );
        bytes.truncate(usize::try_from(end.saturating_sub(range.start)).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

impl Header {
    fn chunks(&self) -> u64 {
        chunks_of(self.bytes)
    }
}

fn chunks_of(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_LENGTH)
}

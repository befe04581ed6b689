//! The trait that a component implements.

#![allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]

use std::ops::Range;

use file_rules::{Limits, Purpose};

pub use crate::bindings::exports::goldfish::files::types::{Error, File, Page};

/// A file whose upload begins. Its type is known, its size is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// A UUID of version 7, so ids sort by time.
    pub id: String,
    /// May be part of a storage key ([`ids::KeyPart`]).
    pub owner: String,
    /// A clean name.
    pub name: String,
    /// By content.
    pub media_type: &'static str,
    /// Its purpose.
    pub purpose: Purpose,
    /// Milliseconds since the epoch.
    pub created_at: u64,
}

/// Where files are stored. User ids may be part of a storage key, and ids of files are UUIDs: the exports
/// check both.
pub trait Store: Sized + 'static {
    /// Writes one file.
    type Writer: Writer;
    /// Reads a part of a file.
    type Reader: Reader + 'static;

    /// The store of this instance.
    async fn open() -> Result<Self, Error>;

    /// Bytes of all files of a user. Deletes what uploads left that were cut off.
    async fn used_bytes(&self, owner: &str) -> Result<u64, Error>;

    /// Begins to store a file.
    async fn begin(&self, file: NewFile, limits: Limits) -> Result<Self::Writer, Error>;

    /// The metadata of a file of that user, or of any user if the file's purpose is shared.
    async fn info(&self, owner: Option<&str>, id: &str) -> Result<File, Error>;

    /// Reads a part of a file of that user.
    async fn read(&self, owner: &str, id: &str, range: Range<u64>) -> Result<Self::Reader, Error>;

    /// Keeps a text with a file of that user, instead of an earlier one.
    async fn put_text(&self, owner: &str, id: &str, text: String) -> Result<(), Error>;

    /// The text that is kept with a file of that user.
    async fn text(&self, owner: &str, id: &str) -> Result<Option<String>, Error>;

    /// Deletes a text that is kept, also if there is no such file.
    async fn delete_text(&self, owner: &str, id: &str) -> Result<(), Error>;

    /// Deletes a file of that user, and the text that is kept with it.
    async fn delete(&self, owner: &str, id: &str) -> Result<(), Error>;

    /// Files of a user after the cursor.
    async fn list(&self, owner: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error>;

    /// Deletes everything of a user. May be repeated.
    async fn erase(&self, owner: &str) -> Result<(), Error>;

    /// The key that signs URLs, the same in all instances.
    async fn signing_key(&self) -> Result<Vec<u8>, Error>;

    /// The URL of the file at the store itself until a time (seconds since the epoch), where clients can
    /// reach it.
    async fn url(&self, owner: &str, id: &str, expires_at: u64) -> Result<Option<String>, Error>;

    /// Whether the store responds.
    async fn check(&self) -> Result<(), Error>;
}

/// A file that is being stored. If it is dropped, a later call for the same user deletes the rest.
pub trait Writer {
    /// Appends bytes. Returns when the next ones may come.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error>;

    /// Completes the file. If this fails, nothing of it is left.
    async fn finish(self) -> Result<File, Error>;

    /// Deletes what was written.
    async fn abort(self);
}

/// A part of a file.
pub trait Reader {
    /// The next bytes; none after the last ones.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error>;
}

//! The export.

use std::cell::RefCell;
use std::ops::Range;

use file_rules::Limits;
use file_store::{Error, File, NewFile, Page, Reader, Store, Writer};
use journal::{Spin, Store as _};

use crate::files::{self, Content, Files, failed};
use crate::{keys, secret, writer};

/// The key-value store.
struct KeyValue(Spin);

file_store::export!(KeyValue);

thread_local! {
    /// The signing key; it never changes.
    static SIGNING_KEY: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

impl KeyValue {
    fn files(&self, owner: &str) -> Files<Spin> {
        Files::new(self.0.clone(), owner)
    }
}

impl Store for KeyValue {
    type Writer = writer::Writer<Spin>;
    type Reader = Content<Spin>;

    async fn open() -> Result<Self, Error> {
        Spin::open_default().await.map(Self).map_err(failed)
    }

    async fn used_bytes(&self, owner: &str) -> Result<u64, Error> {
        self.files(owner).used_bytes().await
    }

    async fn begin(&self, file: NewFile, limits: Limits) -> Result<Self::Writer, Error> {
        writer::Writer::begin(self.0.clone(), file, limits).await
    }

    async fn info(&self, owner: Option<&str>, id: &str) -> Result<File, Error> {
        files::info(&self.0, owner, id).await
    }

    async fn read(&self, owner: &str, id: &str, range: Range<u64>) -> Result<Self::Reader, Error> {
        self.files(owner).read(id, range).await
    }

    async fn put_text(&self, owner: &str, id: &str, text: String) -> Result<(), Error> {
        self.files(owner).put_text(id, &text).await
    }

    async fn text(&self, owner: &str, id: &str) -> Result<Option<String>, Error> {
        self.files(owner).text(id).await
    }

    async fn delete_text(&self, owner: &str, id: &str) -> Result<(), Error> {
        self.files(owner).delete_text(id).await
    }

    async fn delete(&self, owner: &str, id: &str) -> Result<(), Error> {
        self.files(owner).delete(id).await
    }

    async fn list(&self, owner: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        self.files(owner).page(cursor, limit).await
    }

    async fn erase(&self, owner: &str) -> Result<(), Error> {
        self.files(owner).erase().await
    }

    async fn signing_key(&self) -> Result<Vec<u8>, Error> {
        let cached = SIGNING_KEY.with_borrow(Clone::clone);
        if let Some(key) = cached {
            return Ok(key);
        }
        let key = secret::key(self.0.clone()).await?;
        SIGNING_KEY.set(Some(key.clone()));
        Ok(key)
    }

    async fn url(
        &self,
        _owner: &str,
        _id: &str,
        _expires_at: u64,
    ) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), Error> {
        self.0.get(keys::CHECK).await.map(drop).map_err(failed)
    }
}

impl Writer for writer::Writer<Spin> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        writer::Writer::write(self, &bytes).await
    }

    async fn finish(self) -> Result<File, Error> {
        writer::Writer::finish(self).await
    }

    async fn abort(self) {
        writer::Writer::abort(self).await;
    }
}

impl Reader for Content<Spin> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Content::next(self).await
    }
}

//! The requests sent, and the export.

mod objects;
mod transport;
mod writer;

use std::ops::Range;
use std::sync::OnceLock;
use unix_time::now_seconds;

use file_rules::Limits;
use file_store::{Error, File, NewFile, Page, Reader, Store};
use futures::future::join;
use spin_sdk::variables;

use crate::keys;
use crate::settings::{Settings, Values};
use transport::{Body, unavailable};
use writer::Writer;

/// The age from which a multipart upload counts as interrupted, in seconds. Uploads take
/// at most half an hour.
const CUT_OFF: i64 = 3600;

/// The bucket.
struct S3(&'static Settings);

file_store::export!(S3);

/// A part of a content.
struct Content {
    /// None if the part is empty.
    body: Option<Body>,
    left: u64,
}

impl Store for S3 {
    type Writer = Writer;
    type Reader = Content;

    async fn open() -> Result<Self, Error> {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        if let Some(settings) = SETTINGS.get() {
            return Ok(Self(settings));
        }
        let value = async |name| variables::get(name).await.unwrap_or_default();
        let values = Values {
            endpoint: value("s3_endpoint").await,
            region: value("s3_region").await,
            bucket: value("s3_bucket").await,
            access_key_id: value("s3_access_key_id").await,
            secret_access_key: value("s3_secret_access_key").await,
            public_url: value("s3_public_url").await,
        };
        let settings = Settings::parse(&values).map_err(Error::Unavailable)?;
        Ok(Self(SETTINGS.get_or_init(|| settings)))
    }

    async fn used_bytes(&self, owner: &str) -> Result<u64, Error> {
        let (stored, swept) = join(
            objects::list_all(self.0, owner),
            self.abort_uploads(
                owner,
                i64::try_from(now_seconds())
                    .unwrap_or(i64::MAX)
                    .saturating_sub(CUT_OFF),
            ),
        )
        .await;
        swept?;
        let sizes = stored?.into_iter().map(|(_, size)| size);
        Ok(sizes.fold(0, u64::saturating_add))
    }

    async fn begin(&self, file: NewFile, limits: Limits) -> Result<Self::Writer, Error> {
        Ok(Writer::new(self.0, file, limits))
    }

    async fn info(&self, owner: Option<&str>, id: &str) -> Result<File, Error> {
        match owner {
            Some(owner) => objects::info(self.0, owner, id).await,
            None => {
                let owner = objects::owner_of(self.0, id).await?;
                objects::info(self.0, &owner, id).await
            }
        }
    }

    async fn read(&self, owner: &str, id: &str, range: Range<u64>) -> Result<Self::Reader, Error> {
        let left = range.end.saturating_sub(range.start);
        let body = if left == 0 {
            None
        } else {
            Some(objects::get(self.0, &keys::content(owner, id), range).await?)
        };
        Ok(Content { body, left })
    }

    async fn delete(&self, owner: &str, id: &str) -> Result<(), Error> {
        objects::info(self.0, owner, id).await?;
        objects::delete(self.0, &[keys::text(owner, id)]).await?;
        objects::delete(self.0, &[keys::content(owner, id)]).await?;
        objects::delete(self.0, &[keys::shared(id)]).await
    }

    async fn put_text(&self, owner: &str, id: &str, text: String) -> Result<(), Error> {
        objects::put_text(self.0, &keys::text(owner, id), text).await
    }

    async fn text(&self, owner: &str, id: &str) -> Result<Option<String>, Error> {
        objects::text(self.0, &keys::text(owner, id)).await
    }

    async fn delete_text(&self, owner: &str, id: &str) -> Result<(), Error> {
        objects::delete(self.0, &[keys::text(owner, id)]).await
    }

    async fn list(&self, owner: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let id = ids::parse_uuid(cursor);
                Some(id.ok_or_else(|| Error::Invalid("is not from this list".to_owned()))?)
            }
        };
        let listing = objects::list(self.0, owner, after.as_deref(), limit).await?;
        let keys = listing.objects.iter();
        let ids: Vec<String> = keys
            .filter_map(|(key, _)| keys::id_of(owner, key))
            .collect();
        let files = objects::infos(self.0, owner, &ids).await?;
        let last = listing.objects.iter().next_back();
        let last = last.and_then(|(key, _)| keys::any_id_of(owner, key));
        Ok(Page {
            next: listing.next.and(last),
            files,
        })
    }

    async fn erase(&self, owner: &str) -> Result<(), Error> {
        self.abort_uploads(owner, i64::MAX).await?;
        let stored = objects::list_all(self.0, owner).await?;
        for some in stored.chunks(100) {
            let keys_of = |key: &dyn Fn(&str) -> String| -> Vec<String> {
                some.iter().map(|(id, _)| key(id)).collect()
            };
            objects::delete(self.0, &keys_of(&keys::shared)).await?;
            objects::delete(self.0, &keys_of(&|id| keys::text(owner, id))).await?;
            // Last, so that an interrupted call finds the files again.
            objects::delete(self.0, &keys_of(&|id| keys::content(owner, id))).await?;
        }
        Ok(())
    }

    async fn signing_key(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.credentials.secret().as_bytes().to_vec())
    }

    async fn url(&self, owner: &str, id: &str, expires_at: u64) -> Result<Option<String>, Error> {
        let now =
            u64::try_from(i64::try_from(now_seconds()).unwrap_or(i64::MAX)).unwrap_or_default();
        let seconds = expires_at.saturating_sub(now).max(1);
        let url = self.0.public_url(&keys::content(owner, id), seconds);
        Ok(url.map(Into::into))
    }

    async fn check(&self) -> Result<(), Error> {
        objects::list(self.0, "check", None, 1).await.map(drop)
    }
}

impl S3 {
    /// Deletes the parts of uploads of a user that began before that time (seconds since the epoch).
    async fn abort_uploads(&self, owner: &str, before: i64) -> Result<(), Error> {
        for upload in objects::unfinished(self.0, owner).await? {
            if upload.since.is_some_and(|since| since < before) {
                objects::abort(self.0, &upload.key, &upload.upload_id).await?;
            }
        }
        Ok(())
    }
}

impl Reader for Content {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        match body.next().await? {
            Some(bytes) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.left = self
                    .left
                    .checked_sub(length)
                    .ok_or_else(|| unavailable("sends more than was asked for"))?;
                Ok(Some(bytes))
            }
            None if self.left == 0 => Ok(None),
            None => Err(unavailable("sends less than was asked for")),
        }
    }
}

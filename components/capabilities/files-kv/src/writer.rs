//! An upload.

use file_rules::Limits;
use file_store::{Error, File, NewFile};
use journal::{Platform, blob};

use crate::files::{Files, content, failed};
use crate::index::Entry;
use crate::keys;
use crate::record::Record;

/// The interval of an upload's heartbeats, in milliseconds.
pub(crate) const RENEW: u64 = 20_000;

/// How long after its last heartbeat an upload stops writing, in milliseconds: less than
/// [`crate::files::LEASE`] by more than a call of the store may take.
pub(crate) const STOP: u64 = 60_000;

/// A file that is being stored.
pub(crate) struct Writer<P> {
    files: Files<P>,
    platform: P,
    file: NewFile,
    limits: Limits,
    content: blob::Writer<P>,
    /// The time of the upload's last heartbeat, by the monotonic clock.
    renewed: u64,
}

impl<P: Platform + Clone> Writer<P> {
    pub(crate) async fn begin(platform: P, file: NewFile, limits: Limits) -> Result<Self, Error> {
        let files = Files::new(platform.clone(), &file.owner);
        let renewed = platform.monotonic();
        let index = files.index();
        let mut view = index.read().await.map_err(failed)?;
        let entry = Entry::Begun {
            id: file.id.clone(),
            at: platform.now(),
        };
        index.append(&mut view, &entry).await.map_err(failed)?;
        Ok(Self {
            content: content(&platform, &file.id).writer(),
            files,
            platform,
            file,
            limits,
            renewed,
        })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.renew().await?;
        self.content.write(bytes).await.map_err(failed)
    }

    /// Completes the file. If that fails, deletes its keys.
    pub(crate) async fn finish(mut self) -> Result<File, Error> {
        match self.complete().await {
            Ok(file) => Ok(file),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn complete(&mut self) -> Result<File, Error> {
        self.renew().await?;
        let content = content(&self.platform, &self.file.id).writer();
        let content = std::mem::replace(&mut self.content, content);
        let size = content.finish().await.map_err(failed)?;
        self.renew().await?;
        let id = self.file.id.as_str();
        let record = Record::new(&self.file, size);
        let key = keys::record(id);
        let written = self.platform.set(&key, &record.to_bytes()).await;
        written.map_err(failed)?;
        self.files.list().add(id).await.map_err(failed)?;

        // From this entry on the file counts.
        let entry = Entry::Stored {
            id: id.to_owned(),
            bytes: size,
            limit: self.limits.storage,
        };
        let index = self.files.index();
        let mut view = index.read().await.map_err(failed)?;
        index.append(&mut view, &entry).await.map_err(failed)?;
        if view.state.is_uploading(id) {
            return Err(Error::StorageFull(self.limits.storage));
        }
        // Its keys may be deleted already.
        if view.state.is_removing(id) {
            return Err(Error::Incomplete);
        }
        let lease = vec![keys::lease(id)];
        // The rest is small, and is deleted with the file.
        let _ = self.platform.delete_many(lease).await;
        Ok(record.into_file(id))
    }

    /// Deletes the file's keys. If this fails, a later sweep does it.
    pub(crate) async fn abort(self) {
        let _ = self.files.give_up(&self.file.id).await;
    }

    /// Writes a heartbeat if one is due. Fails if the last one is too old, or the
    /// file was erased.
    async fn renew(&mut self) -> Result<(), Error> {
        let now = self.platform.monotonic();
        let age = now.saturating_sub(self.renewed);
        if age > STOP {
            return Err(Error::Incomplete);
        }
        if age < RENEW {
            return Ok(());
        }
        if self.content.is_erased().await.map_err(failed)? {
            return Err(Error::Incomplete);
        }
        let lease = self.platform.now().to_string();
        let key = keys::lease(&self.file.id);
        let written = self.platform.set(&key, lease.as_bytes()).await;
        written.map_err(failed)?;
        self.renewed = now;
        Ok(())
    }
}

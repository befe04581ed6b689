//! All files of a user.

use std::ops::Range;

use file_store::{Error, File, Page};
use journal::blob::{self, Blob, CHUNK_BYTES};
use journal::list::List;
use journal::{Platform, View, get_all};

use crate::index::{self, Entry, Index, State, Unfinished};
use crate::keys;
use crate::record::Record;

/// How long after its last heartbeat an upload counts as interrupted, in milliseconds. An upload stops
/// writing long before; see [`crate::writer::STOP`].
pub(crate) const LEASE: u64 = 90_000;

/// How often a deletion looks again after another one was faster.
const ATTEMPTS: usize = 3;

/// How many parts of the list a page is made of at most, where many files were deleted.
const PAGE_PARTS: usize = 16;

/// The files of one user.
#[derive(Clone, Debug)]
pub(crate) struct Files<P> {
    platform: P,
    owner: String,
}

/// A part of a content.
pub(crate) struct Content<P> {
    blob: blob::Reader<P>,
    left: Range<u64>,
}

impl<P: Platform + Clone> Files<P> {
    pub(crate) fn new(platform: P, owner: &str) -> Self {
        Self {
            platform,
            owner: owner.to_owned(),
        }
    }

    pub(crate) fn index(&self) -> Index<P> {
        index::open(self.platform.clone(), &self.owner)
    }

    pub(crate) fn list(&self) -> List<P> {
        List::new(self.platform.clone(), keys::list(&self.owner))
    }

    /// Bytes of all files, after sweeping.
    pub(crate) async fn used_bytes(&self) -> Result<u64, Error> {
        let index = self.index();
        let mut view = index.read().await.map_err(failed)?;
        self.sweep(&index, &mut view).await?;
        Ok(view.state.bytes)
    }

    /// A part of a file.
    pub(crate) async fn read(&self, id: &str, range: Range<u64>) -> Result<Content<P>, Error> {
        let record = record(&self.platform, id).await?;
        if record.is_none_or(|record| record.owner != self.owner) {
            return Err(Error::NotFound);
        }
        let blob = content(&self.platform, id).open().await.map_err(failed)?;
        let blob = blob.ok_or(Error::NotFound)?;
        let end = range.end.min(blob.len());
        Ok(Content {
            blob,
            left: range.start..end,
        })
    }

    /// Keeps a text with a file.
    pub(crate) async fn put_text(&self, id: &str, text: &str) -> Result<(), Error> {
        let value = format!("{}\n{text}", self.owner).into_bytes();
        let key = keys::text(id);
        self.platform.set(&key, &value).await.map_err(failed)
    }

    /// The text that is kept with a file.
    pub(crate) async fn text(&self, id: &str) -> Result<Option<String>, Error> {
        let value = self.platform.get(&keys::text(id)).await.map_err(failed)?;
        let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
        // User ids have no line breaks.
        let parts = value.as_ref().and_then(|value| value.split_once('\n'));
        let own = parts.filter(|(owner, _)| *owner == self.owner);
        Ok(own.map(|(_, text)| text.to_owned()))
    }

    pub(crate) async fn delete_text(&self, id: &str) -> Result<(), Error> {
        let key = vec![keys::text(id)];
        self.platform.delete_many(key).await.map_err(failed)
    }

    /// The files after the cursor.
    pub(crate) async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let mut cursor = match cursor.map(str::parse::<u64>) {
            None => 0,
            Some(Ok(cursor)) => cursor,
            Some(Err(_)) => return Err(Error::Invalid("is not from this list".to_owned())),
        };
        let index = self.index();
        let mut view = index.read().await.map_err(failed)?;
        self.sweep(&index, &mut view).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut files = Vec::new();
        let mut next = None;
        for _ in 0..PAGE_PARTS {
            let wanted = u64::try_from(limit.saturating_sub(files.len())).unwrap_or(u64::MAX);
            let page = self.list().page(cursor, wanted).await.map_err(failed)?;
            let ids = page.items.iter().map(|item| item.id.as_str());
            let ids: Vec<&str> = ids
                .filter(|id| !view.state.unfinished.contains_key(*id))
                .collect();
            let keys: Vec<String> = ids.iter().map(|id| keys::record(id)).collect();
            let records = get_all(&self.platform, &keys).await.map_err(failed)?;
            for (id, bytes) in ids.into_iter().zip(records) {
                // A file that is being deleted has no record.
                if let Some(bytes) = bytes {
                    files.push(Record::from_bytes(&bytes).map_err(failed)?.into_file(id));
                }
            }
            next = page.next;
            match next {
                Some(after) if files.len() < limit => cursor = after,
                _ => break,
            }
        }
        Ok(Page {
            files,
            next: next.map(|next| next.to_string()),
        })
    }

    /// Deletes a file.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        let index = self.index();
        for _ in 0..ATTEMPTS {
            let mut view = index.read().await.map_err(failed)?;
            // Read after the index: if the record is there now, the file was not removed before.
            let record = record(&self.platform, id).await?;
            if view.state.is_removing(id) {
                self.finish_removal(&index, &mut view, id).await?;
                return Err(Error::NotFound);
            }
            let Some(record) = record.filter(|record| record.owner == self.owner) else {
                return Err(Error::NotFound);
            };
            if view.state.is_uploading(id) {
                return Err(Error::NotFound);
            }
            let entry = Entry::Removing {
                id: id.to_owned(),
                bytes: record.size,
                seen: view.position(),
            };
            index.append(&mut view, &entry).await.map_err(failed)?;
            if view.state.is_removing(id) {
                return self.finish_removal(&index, &mut view, id).await;
            }
        }
        // Others deleted it meanwhile.
        Err(Error::NotFound)
    }

    /// Deletes everything of the user. An upload that is under way fails.
    pub(crate) async fn erase(&self) -> Result<(), Error> {
        let mut cursor = 0;
        loop {
            let page = self.list().page(cursor, 64).await.map_err(failed)?;
            for item in page.items {
                self.delete_if_there(&item.id).await?;
            }
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        let index = self.index();
        let mut view = index.read().await.map_err(failed)?;
        let unfinished: Vec<String> = view.state.unfinished.keys().cloned().collect();
        for id in unfinished {
            if self.abandon(&index, &mut view, &id).await? {
                self.finish_removal(&index, &mut view, &id).await?;
            } else {
                self.delete_if_there(&id).await?;
                index.journal().catch_up(&mut view).await.map_err(failed)?;
            }
        }
        // An upload that may still be running stays in the index, so that it is swept later.
        if view.state.unfinished.is_empty() {
            let is_blank = |state: &State| *state == State::default();
            let erased = index.erase(is_blank, |_| Entry::Erased).await;
            erased.map_err(failed)?;
        }
        Ok(())
    }

    /// Deletes the keys of an upload that its own writer abandons.
    pub(crate) async fn give_up(&self, id: &str) -> Result<(), Error> {
        let index = self.index();
        let mut view = index.read().await.map_err(failed)?;
        if !self.abandon(&index, &mut view, id).await? {
            return self.delete_if_there(id).await;
        }
        self.remove_keys(id).await?;
        let entry = Entry::Removed { id: id.to_owned() };
        index
            .append(&mut view, &entry)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn delete_if_there(&self, id: &str) -> Result<(), Error> {
        match self.delete(id).await {
            Ok(()) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes what uploads and deletions left that were cut off.
    async fn sweep(&self, index: &Index<P>, view: &mut View<State>) -> Result<(), Error> {
        let now = self.platform.now();
        let may_be_due = |one: &Unfinished| one.since.saturating_add(LEASE) <= now;
        let due = view.state.unfinished.iter();
        let due = due.filter(|(_, one)| may_be_due(one));
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            if !self.is_alive(view, &id).await? && self.abandon(index, view, &id).await? {
                self.finish_removal(index, view, &id).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that an incomplete upload can never be completed. False if it is complete after all:
    /// appending shows entries whose writer died before they were acknowledged.
    async fn abandon(
        &self,
        index: &Index<P>,
        view: &mut View<State>,
        id: &str,
    ) -> Result<bool, Error> {
        if view.state.is_uploading(id) {
            let entry = Entry::Abandoned { id: id.to_owned() };
            index.append(view, &entry).await.map_err(failed)?;
        }
        Ok(view.state.is_removing(id))
    }

    /// Whether an upload may still write.
    async fn is_alive(&self, view: &View<State>, id: &str) -> Result<bool, Error> {
        let Some(unfinished) = view.state.unfinished.get(id) else {
            return Ok(false);
        };
        let now = self.platform.now();
        if unfinished.since.saturating_add(LEASE) > now {
            return Ok(true);
        }
        let lease = self.platform.get(&keys::lease(id)).await.map_err(failed)?;
        let renewed = lease
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.parse::<u64>().ok());
        Ok(renewed.is_some_and(|at| at.saturating_add(LEASE) > now))
    }

    /// Deletes the keys of a file whose deletion is in the index. If its upload may still write, the rest
    /// is left to the upload itself, or to a later sweep.
    async fn finish_removal(
        &self,
        index: &Index<P>,
        view: &mut View<State>,
        id: &str,
    ) -> Result<(), Error> {
        if self.is_alive(view, id).await? {
            self.hide(id).await?;
            content(&self.platform, id).erase().await.map_err(failed)?;
            // If the upload was abandoned meanwhile, only this call can delete what was just written.
            index.journal().catch_up(view).await.map_err(failed)?;
            if view.state.unfinished.contains_key(id) {
                return Ok(());
            }
        }
        self.remove_keys(id).await?;
        let entry = Entry::Removed { id: id.to_owned() };
        index.append(view, &entry).await.map(drop).map_err(failed)
    }

    /// Deletes all keys of a file that is no longer written.
    async fn remove_keys(&self, id: &str) -> Result<(), Error> {
        self.hide(id).await?;
        let blob = content(&self.platform, id);
        blob.erase().await.map_err(failed)?;
        // Its chunks are deleted. Only the tombstone is left.
        blob.purge(0).await.map_err(failed)?;
        let rest = vec![keys::lease(id), keys::text(id)];
        self.platform.delete_many(rest).await.map_err(failed)
    }

    /// Makes a file unknown.
    async fn hide(&self, id: &str) -> Result<(), Error> {
        let record = vec![keys::record(id)];
        self.platform.delete_many(record).await.map_err(failed)?;
        self.list().remove(id).await.map_err(failed)
    }
}

impl<P: Platform + Clone> Content<P> {
    /// The next bytes: what a chunk has of the part.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let chunk_bytes = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        let index = self.left.start / chunk_bytes;
        let begin = index.saturating_mul(chunk_bytes);
        let chunk = self.blob.chunk(index).await.map_err(failed)?;
        let mut chunk = chunk.ok_or(Error::NotFound)?;
        let end = begin.saturating_add(chunk_bytes).min(self.left.end);
        let position = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
        let (first, last) = (position(self.left.start), position(end));
        chunk.truncate(last);
        chunk.drain(..first.min(chunk.len()));
        self.left.start = end;
        Ok(Some(chunk))
    }
}

/// The record of a file; none if there is no such file.
pub(crate) async fn record<P: Platform>(platform: &P, id: &str) -> Result<Option<Record>, Error> {
    let bytes = platform.get(&keys::record(id)).await.map_err(failed)?;
    bytes
        .map(|bytes| Record::from_bytes(&bytes))
        .transpose()
        .map_err(failed)
}

/// The metadata of a file of that user, or of any user if the file's purpose is shared.
pub(crate) async fn info<P: Platform>(
    platform: &P,
    owner: Option<&str>,
    id: &str,
) -> Result<File, Error> {
    let may_know = |record: &Record| match owner {
        Some(owner) => record.owner == owner,
        None => record.is_shared(),
    };
    let record = record(platform, id).await?.filter(may_know);
    Ok(record.ok_or(Error::NotFound)?.into_file(id))
}

pub(crate) fn content<P: Platform + Clone>(platform: &P, id: &str) -> Blob<P> {
    Blob::new(platform.clone(), keys::content(id))
}

pub(crate) fn failed(error: journal::Error) -> Error {
    match error {
        journal::Error::Erased => Error::NotFound,
        other => Error::Unavailable(other.to_string()),
    }
}

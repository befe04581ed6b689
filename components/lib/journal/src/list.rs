//! Paged lists of ids in the order in which they were added. A list may be of any length: it is never
//! read as a whole.
//!
//! The entries of the list's journal are its items. An id may be added more than once (by a retry, or
//! by two instances at the same time), so the key `<list>.i:<id>` says which entry counts. It also says
//! whether the id is in the list.
//!
//! # Invariants
//! 1. After [`List::add`] returned, and until a [`List::remove`] of the same id begins, pages contain the
//!    id exactly once.
//! 2. After [`List::remove`] returned, and until an `add` of the same id begins, no page contains it.
//! 3. Both may be repeated at any time, and must be if they failed or were interrupted. If the same id
//!    is added and removed at the same time, either may win.
//! 4. The page after a cursor contains only items added after that cursor's item, in order. So a reader that
//!    follows the cursors sees every id that stays in the list exactly once.

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Rules, SnapshotPolicy};
use crate::{Error, Fold, Journal, Platform};

/// Entries that are read at the same time.
const READS_AT_ONCE: u64 = 16;

/// The number of latest entries in which a repeated one is recognised, so that it is not counted twice.
const RECENT: usize = 64;

/// A list.
#[derive(Debug, Clone)]
pub struct List<P> {
    aggregate: Aggregate<P, Counting>,
    name: String,
}

/// How many ids were added and removed, ever. A change that is repeated after more than 64 others counts
/// twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Added.
    pub added: u64,
    /// Removed.
    pub removed: u64,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The id.
    pub id: String,
    /// The cursor after this item.
    pub cursor: u64,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// The cursor for the next page; none on the last one.
    pub next: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Counting;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Added(String),
    Removed(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    added: u64,
    removed: u64,
    recent: Vec<Entry>,
}

impl Fold for Tally {
    const VERSION: u32 = 1;

    type Entry = Entry;

    fn apply(&mut self, _number: u64, entry: Entry) {
        let is_of_id = |recent: &&Entry| recent.id() == entry.id();
        // The same change twice in a row is a repeated one.
        if self.recent.iter().rev().find(is_of_id) == Some(&entry) {
            return;
        }
        let count = match entry {
            Entry::Added(_) => &mut self.added,
            Entry::Removed(_) => &mut self.removed,
        };
        *count = count.saturating_add(1);
        self.recent.push(entry);
        let surplus = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..surplus);
    }
}

impl Entry {
    fn id(&self) -> &str {
        match self {
            Self::Added(id) | Self::Removed(id) => id,
        }
    }
}

impl<P> Rules<P> for Counting {
    type State = Tally;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 16,
        bytes_per_entry: u64::MAX,
        reader_entries: 64,
        cleanup_patience: 0,
    };
    const KEEPS_ENTRIES: bool = true;
}

impl<P: Platform> List<P> {
    /// The list in the journal `name`.
    pub fn new(platform: P, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            aggregate: Aggregate::new(Journal::new(platform, name.clone()), Counting),
            name,
        }
    }

    /// Adds an id at the end, unless it is in the list. It must be a text that may be part of a key.
    ///
    /// # Errors
    /// Those of the journal and the store.
    pub async fn add(&self, id: &str) -> Result<(), Error> {
        let key = self.item_key(id);
        let platform = self.platform();
        if platform.get(&key).await?.is_some() {
            return Ok(());
        }
        let number = self.append(Entry::Added(id.to_owned())).await?;
        platform.set(&key, number.to_string().as_bytes()).await
    }

    /// Removes an id, if it is in the list.
    ///
    /// # Errors
    /// Those of the journal and the store.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let key = self.item_key(id);
        let platform = self.platform();
        if platform.get(&key).await?.is_none() {
            return Ok(());
        }
        self.append(Entry::Removed(id.to_owned())).await?;
        platform.delete_many(vec![key]).await
    }

    /// How many ids were added and removed.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn counts(&self) -> Result<Counts, Error> {
        let tally = self.aggregate.read().await?.state;
        Ok(Counts {
            added: tally.added,
            removed: tally.removed,
        })
    }

    /// The items after `cursor` (0: from the first one on), looking at no more than `entries` entries of
    /// the journal. A page may have fewer items, or none, although it is not the last one.
    ///
    /// # Errors
    /// Those of the journal and the store.
    pub async fn page(&self, cursor: u64, entries: u64) -> Result<Page, Error> {
        let end = self.aggregate.read().await?.position();
        let stop = end.min(cursor.saturating_add(entries));
        let mut items = Vec::new();
        let mut last = cursor;
        while last < stop {
            let batch_end = stop.min(last.saturating_add(READS_AT_ONCE));
            let numbers = last.saturating_add(1)..=batch_end;
            let read = try_join_all(numbers.map(|number| self.item(number))).await?;
            items.extend(read.into_iter().flatten());
            last = batch_end;
        }
        Ok(Page {
            items,
            next: (last < end).then_some(last),
        })
    }

    /// The item in the entry of this number, if it is in the list.
    async fn item(&self, number: u64) -> Result<Option<Item>, Error> {
        let entry = self.aggregate.journal().entry::<Tally>(number).await?;
        let Some(Entry::Added(id)) = entry else {
            return Ok(None);
        };
        let counts = self.platform().get(&self.item_key(&id)).await?;
        let is_current = counts.as_deref() == Some(number.to_string().as_bytes());
        Ok(is_current.then_some(Item { id, cursor: number }))
    }

    async fn append(&self, entry: Entry) -> Result<u64, Error> {
        let mut view = self.aggregate.read().await?;
        self.aggregate.append(&mut view, &entry).await
    }

    fn item_key(&self, id: &str) -> String {
        format!("{}.i:{id}", self.name)
    }

    fn platform(&self) -> &P {
        self.aggregate.journal().platform()
    }
}

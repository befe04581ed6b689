//! The state of a user's files. The ids of all files are in a list of their own. This state has only what must
//! be read in one step: how much is stored, and what is unfinished.

use std::collections::BTreeMap;

use journal::aggregate::{Aggregate, Rules, SnapshotPolicy};
use journal::{Error, Fold, Journal};
use serde::{Deserialize, Serialize};

use crate::keys;

/// The number of latest deletions that are remembered.
const REMEMBERED: usize = 64;

/// The index of one user.
pub(crate) type Index<P> = Aggregate<P, IndexRules>;

/// Opens the index of a user.
pub(crate) fn open<P: journal::Platform>(platform: P, owner: &str) -> Index<P> {
    Aggregate::new(Journal::new(platform, keys::index(owner)), IndexRules)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexRules;

/// The state that the entries describe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Bytes of all stored files.
    pub(crate) bytes: u64,
    /// Uploads and deletions that are under way, or were cut off, by the id of the file.
    pub(crate) unfinished: BTreeMap<String, Unfinished>,
    /// The files that were deleted last, with the numbers of the entries.
    removed: Vec<(String, u64)>,
    /// The number of the last entry that is no longer in `removed`.
    forgotten: u64,
}

/// Something that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// When the upload began, or 0 for the deletion of a stored file: milliseconds since the epoch.
    pub(crate) since: u64,
    /// Whether it is a deletion.
    pub(crate) is_removal: bool,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// An upload began at that time.
    Begun { id: String, at: u64 },
    /// An upload is complete, and the file is stored, unless that exceeds the limit.
    Stored { id: String, bytes: u64, limit: u64 },
    /// An upload that is not complete at this entry can never be completed. Its keys have to be deleted.
    Abandoned { id: String },
    /// A file is no longer stored. Its keys have to be deleted. `seen` is the number of an entry after which
    /// the file was there.
    Removing { id: String, bytes: u64, seen: u64 },
    /// The keys of a file are deleted.
    Removed { id: String },
    /// Everything of the user is erased.
    Erased,
}

impl Fold for State {
    const VERSION: u32 = 1;

    type Entry = Entry;

    fn apply(&mut self, number: u64, entry: Entry) {
        match entry {
            Entry::Begun { id, at } => {
                let upload = Unfinished {
                    since: at,
                    is_removal: false,
                };
                self.unfinished.entry(id).or_insert(upload);
            }
            Entry::Stored { id, bytes, limit } => {
                let is_upload = |one: &Unfinished| !one.is_removal;
                let sum = self.bytes.saturating_add(bytes);
                if self.unfinished.get(&id).is_some_and(is_upload) && sum <= limit {
                    self.bytes = sum;
                    self.unfinished.remove(&id);
                }
            }
            Entry::Abandoned { id } => {
                if let Some(unfinished) = self.unfinished.get_mut(&id) {
                    unfinished.is_removal = true;
                }
            }
            Entry::Removing { id, bytes, seen } => self.begin_removal(id, bytes, seen),
            Entry::Removed { id } => {
                if self.unfinished.remove(&id).is_some() {
                    self.remember(id, number);
                }
            }
            Entry::Erased => *self = Self::default(),
        }
    }
}

impl State {
    fn begin_removal(&mut self, id: String, bytes: u64, seen: u64) {
        // Another deletion was faster, or it is an upload, which is not counted yet.
        if self.unfinished.contains_key(&id) {
            return;
        }
        let was_removed = self
            .removed
            .iter()
            .any(|(removed, number)| *removed == id && *number > seen);
        // If it may have been removed since, the caller has to look again.
        if was_removed || self.forgotten > seen {
            return;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        let removal = Unfinished {
            since: 0,
            is_removal: true,
        };
        self.unfinished.insert(id, removal);
    }

    fn remember(&mut self, id: String, number: u64) {
        self.removed.push((id, number));
        if self.removed.len() > REMEMBERED {
            let (_, forgotten) = self.removed.remove(0);
            self.forgotten = forgotten;
        }
    }

    /// Whether the upload of that file is under way.
    pub(crate) fn is_uploading(&self, id: &str) -> bool {
        self.unfinished.get(id).is_some_and(|one| !one.is_removal)
    }

    /// Whether the deletion of that file is under way.
    pub(crate) fn is_removing(&self, id: &str) -> bool {
        self.unfinished.get(id).is_some_and(|one| one.is_removal)
    }
}

impl<P> Rules<P> for IndexRules {
    type State = State;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 16,
        bytes_per_entry: 256,
        reader_entries: 32,
        cleanup_patience: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entries: &[Entry]) -> State {
        let mut state = State::default();
        for (number, entry) in (1..).zip(entries) {
            state.apply(number, entry.clone());
        }
        state
    }

    fn begun(id: &str) -> Entry {
        Entry::Begun {
            id: id.to_owned(),
            at: 7,
        }
    }

    fn stored(id: &str, bytes: u64, limit: u64) -> Entry {
        Entry::Stored {
            id: id.to_owned(),
            bytes,
            limit,
        }
    }

    fn removing(id: &str, bytes: u64, seen: u64) -> Entry {
        Entry::Removing {
            id: id.to_owned(),
            bytes,
            seen,
        }
    }

    fn abandoned(id: &str) -> Entry {
        Entry::Abandoned { id: id.to_owned() }
    }

    fn removed(id: &str) -> Entry {
        Entry::Removed { id: id.to_owned() }
    }

    #[test]
    fn stored_beyond_the_limit_stays_unfinished() {
        let state = state(&[
            begun("a"),
            begun("b"),
            stored("a", 6, 10),
            stored("b", 6, 10),
        ]);
        assert_eq!(state.bytes, 6);
        assert!(state.is_uploading("b") && !state.is_uploading("a"));
    }

    #[test]
    fn stored_after_abandoned_or_without_begun_has_no_effect() {
        let state = state(&[
            begun("a"),
            abandoned("a"),
            stored("a", 5, 10),
            stored("c", 5, 10),
        ]);
        assert_eq!(state.bytes, 0);
        assert!(state.is_removing("a"));
    }

    #[test]
    fn abandoned_after_stored_has_no_effect() {
        let state = state(&[begun("a"), stored("a", 5, 10), abandoned("a")]);
        assert_eq!(state.bytes, 5);
        assert!(state.unfinished.is_empty());
    }

    #[test]
    fn removing_twice_subtracts_once() {
        let there = [
            begun("a"),
            stored("a", 5, 10),
            begun("b"),
            stored("b", 3, 10),
        ];
        let once = state(&[&there[..], &[removing("a", 5, 4)]].concat());
        assert_eq!(once.bytes, 3);
        for second in [
            vec![removing("a", 5, 4), removing("a", 5, 4)],
            vec![removing("a", 5, 4), removed("a"), removing("a", 5, 4)],
        ] {
            assert_eq!(state(&[&there[..], &second].concat()).bytes, 3);
        }
    }

    #[test]
    fn removing_after_more_deletions_than_are_remembered_has_no_effect() {
        let mut entries = vec![
            begun("a"),
            stored("a", 5, 10),
            removing("a", 5, 2),
            removed("a"),
        ];
        for number in 0..REMEMBERED {
            let id = number.to_string();
            entries.extend([begun(&id), removed(&id)]);
        }
        entries.push(begun("b"));
        entries.push(stored("b", 5, 10));
        entries.push(removing("a", 5, 2));
        assert_eq!(state(&entries).bytes, 5);
    }
}

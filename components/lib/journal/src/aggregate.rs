//! Aggregates: a journal's state, with the rules of when a snapshot is written, what is cleaned up
//! beside it, and how all of it is erased.
//!
//! # Invariants
//! 1. A read returns every entry that was acknowledged before it began ([`Journal::read`]).
//! 2. An entry counts from the moment it is appended. Snapshots and cleanup follow from entries. If
//!    either fails, the entry holds all the same, and a later call does it again.
//! 3. A snapshot is written only after the cleanup that it no longer mentions.
//! 4. After [`Aggregate::erase`] returned, no read returns anything of an entry that was acknowledged
//!    before it began, and no entry contains any of it. Neither does the snapshot, unless another
//!    instance was just writing an older one; then the next snapshot replaces it.

#![allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]

use crate::{Error, Fold, Journal, Platform, View, batch};

/// Key and value of things to write.
pub type Pairs = Vec<(String, Vec<u8>)>;

/// The rules of one kind of aggregate. `P` is the platform that it is stored on.
pub trait Rules<P> {
    /// The state that the entries describe.
    type State: Fold + Clone;
    /// The error of cleanup, and of the capability.
    type Error: From<Error>;
    /// When snapshots are written.
    const SNAPSHOTS: SnapshotPolicy;
    /// Whether entries are kept although a snapshot contains them, because they are read one by one.
    const KEEPS_ENTRIES: bool = false;

    /// Since when cleanup has been due (milliseconds since the epoch), at the time `now`; none if
    /// none is.
    fn cleanup_due(&self, _state: &Self::State, _now: u64) -> Option<u64> {
        None
    }

    /// Does the cleanup that is due and removes it from the state. May be called again after it failed
    /// or was interrupted, and by several instances at the same time. Returns what must be written
    /// together with the snapshot, or before it.
    async fn clean_up(
        &self,
        _journal: &Journal<P>,
        _view: &mut View<Self::State>,
    ) -> Result<Pairs, Self::Error> {
        Ok(Pairs::new())
    }

    /// Further keys that belong to an entry and are deleted with it.
    fn keys_of_entry(&self, _journal: &Journal<P>, _number: u64) -> Vec<String> {
        Vec::new()
    }

    /// Called after the entries up to `erased` were deleted.
    fn entries_erased(&self, _state: &mut Self::State, _erased: u64) {}
}

/// When snapshots are written. Writing costs in proportion to the state, reading in proportion to the
/// entries since the last snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// A writer writes a snapshot after this many entries at the earliest.
    pub min_entries: u64,
    /// And not before there is an entry for each so many bytes of the last snapshot, so that what is
    /// written stays in proportion to what is added.
    pub bytes_per_entry: u64,
    /// A reader writes a snapshot if it had to apply at least this many entries.
    pub reader_entries: u64,
    /// How long cleanup is left to the writer that caused it (milliseconds), before readers do it.
    pub cleanup_patience: u64,
}

/// One aggregate.
#[derive(Debug, Clone)]
pub struct Aggregate<P, R> {
    journal: Journal<P>,
    rules: R,
}

impl<P: Platform, R: Rules<P>> Aggregate<P, R> {
    /// The aggregate that is stored in `journal`.
    pub fn new(journal: Journal<P>, rules: R) -> Self {
        Self { journal, rules }
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal<P> {
        &self.journal
    }

    /// Its rules.
    pub fn rules(&self) -> &R {
        &self.rules
    }

    /// Reads the current state. Writes a snapshot if there was much to apply, or if cleanup is overdue;
    /// a failure of this is not an error.
    ///
    /// # Errors
    /// Those of [`Journal::read`].
    pub async fn read(&self) -> Result<View<R::State>, R::Error> {
        let mut view = self.journal.read::<R::State>().await?;
        self.save_after_reading(&mut view).await;
        Ok(view)
    }

    /// The second half of [`Aggregate::read`], for a capability that completes the state by itself
    /// before it can be saved.
    pub async fn save_after_reading(&self, view: &mut View<R::State>) {
        let now = self.journal.platform().now();
        let overdue = self
            .rules
            .cleanup_due(&view.state, now)
            .is_some_and(|since| now.saturating_sub(since) > R::SNAPSHOTS.cleanup_patience);
        if overdue || view.tail() >= R::SNAPSHOTS.reader_entries {
            self.try_save(view).await;
        }
    }

    /// Appends an entry, and applies it and all entries before it to the view. Whether it had an effect
    /// is visible in the state. Then writes a snapshot if one is due; a failure of this is not an error.
    ///
    /// # Errors
    /// Those of [`Journal::append`].
    pub async fn append(
        &self,
        view: &mut View<R::State>,
        entry: &<R::State as Fold>::Entry,
    ) -> Result<u64, R::Error> {
        let number = self.journal.append(view, entry).await?;
        if self.is_save_due(view) {
            self.try_save(view).await;
        }
        Ok(number)
    }

    /// Reads the state, appends the entry that `decide` makes of it (none: no entry is needed), and
    /// returns the state afterwards.
    ///
    /// Another writer may append between the two. Then the entry is applied to a state that `decide` has
    /// not seen, and [`Fold::apply`] must reject it if it no longer fits.
    ///
    /// # Errors
    /// Those of `decide`, [`Journal::read`] and [`Journal::append`].
    pub async fn update(
        &self,
        decide: impl FnOnce(&R::State) -> Result<Option<<R::State as Fold>::Entry>, R::Error>,
    ) -> Result<View<R::State>, R::Error> {
        let mut view = self.read().await?;
        if let Some(entry) = decide(&view.state)? {
            self.append(&mut view, &entry).await?;
        }
        Ok(view)
    }

    /// Does the cleanup that is due now.
    ///
    /// # Errors
    /// Those of the cleanup and the store. The cleanup is then still due.
    pub async fn clean_up(&self, view: &mut View<R::State>) -> Result<(), R::Error> {
        let now = self.journal.platform().now();
        match self.rules.cleanup_due(&view.state, now) {
            Some(_) => self.save(view, Pairs::new()).await,
            None => Ok(()),
        }
    }

    /// Whether a writer should write a snapshot.
    pub fn is_save_due(&self, view: &View<R::State>) -> bool {
        let policy = R::SNAPSHOTS;
        let bytes = u64::try_from(view.snapshot_bytes()).unwrap_or(u64::MAX);
        let entries = view.tail();
        let now = self.journal.platform().now();
        entries >= policy.min_entries && entries.saturating_mul(policy.bytes_per_entry) >= bytes
            || self.rules.cleanup_due(&view.state, now).is_some()
    }

    /// Does the cleanup that is due, deletes entries that are no longer needed, and writes `pairs` and
    /// a snapshot, with one write where possible.
    ///
    /// # Errors
    /// Those of the cleanup and the store. The view must then be read again.
    pub async fn save(&self, view: &mut View<R::State>, mut pairs: Pairs) -> Result<(), R::Error> {
        pairs.extend(self.rules.clean_up(&self.journal, view).await?);
        if !R::KEEPS_ENTRIES {
            let more = |number| self.rules.keys_of_entry(&self.journal, number);
            self.journal.erase_settled(view, more).await?;
            let erased = view.erased();
            self.rules.entries_erased(&mut view.state, erased);
        }
        // The snapshot is last: it no longer mentions what was cleaned up.
        pairs.extend(self.journal.snapshot(view));
        Ok(batch::set_all(self.journal.platform(), pairs).await?)
    }

    /// Overwrites entries that are not deleted by one without content.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and those of the store. May be repeated.
    pub async fn overwrite(
        &self,
        view: &View<R::State>,
        numbers: impl IntoIterator<Item = u64>,
        entry: &<R::State as Fold>::Entry,
    ) -> Result<(), R::Error> {
        let value = self.journal.encode_entry::<R::State>(entry)?;
        let kept = numbers.into_iter().filter(|number| *number > view.erased());
        let pairs = kept.map(|number| (self.journal.entry_key(number), value.clone()));
        Ok(batch::set_all(self.journal.platform(), pairs.collect()).await?)
    }

    /// Erases the whole aggregate. `erased` makes the entry that resets the state it is given and has no
    /// content itself. It is appended unless the state `is_blank` already, and all entries before it are
    /// overwritten by such entries. The numbers stay, so that readers under way cannot bring anything
    /// back. Returns the state from before.
    ///
    /// # Errors
    /// Those of the journal. Must be repeated until it succeeds.
    pub async fn erase(
        &self,
        is_blank: impl FnOnce(&R::State) -> bool,
        erased: impl Fn(&R::State) -> <R::State as Fold>::Entry,
    ) -> Result<R::State, R::Error> {
        let mut view = self.journal.read::<R::State>().await?;
        let before = view.state.clone();
        let hides_entries = self.journal.hides_entries(&view).await?;
        if view.position() == 0 && !hides_entries {
            return Ok(before);
        }
        // If it is blank, an earlier call may have been interrupted after this.
        if !is_blank(&view.state) || hides_entries {
            let entry = erased(&view.state);
            self.journal.append(&mut view, &entry).await?;
        }
        // The snapshot is first: the one that is stored still has the content.
        self.save(&mut view, Pairs::new()).await?;
        let entry = erased(&view.state);
        self.overwrite(&view, 1..=view.position(), &entry).await?;
        // Another instance may have replaced the snapshot by an older one meanwhile.
        let mut view = self.journal.read::<R::State>().await?;
        if view.tail() > 0 {
            self.save(&mut view, Pairs::new()).await?;
        }
        Ok(before)
    }

    /// Saves, and leaves the view as it was if that fails.
    async fn try_save(&self, view: &mut View<R::State>) {
        let mut saved = view.clone();
        if self.save(&mut saved, Pairs::new()).await.is_ok() {
            *view = saved;
        }
    }
}

use crate::append::encode;
use crate::view::{Mark, Saved};
use crate::{
    BATCH_MAX, ERASE_BATCH, ERASE_MARGIN, ERASE_MOST, Error, Fold, Journal, MARK_EVERY, Platform,
    SETTLE, VALUE_MAX, View,
};

/// More marks than this are never needed: they are [`MARK_EVERY`] apart and used after [`SETTLE`].
const MARKS_MAX: usize = 8;

impl<P: Platform> Journal<P> {
    /// The view as a snapshot, to be written at once (perhaps along with other keys): key and
    /// value. None when it must not be written, for its basis is too old or it is too large;
    /// readers then do with the one that is stored.
    pub fn snapshot<F: Fold>(&self, view: &mut View<F>) -> Option<(String, Vec<u8>)> {
        if self.is_stale(view) {
            return None;
        }
        self.mark(view);
        let bytes = encode(&Saved {
            v: F::VERSION,
            position: view.position,
            erased: view.erased,
            marks: view.marks.clone(),
            state: &view.state,
        });
        if bytes.is_empty() || bytes.len() > VALUE_MAX {
            return None;
        }
        view.tail = 0;
        view.snapshot_bytes = bytes.len();
        Some((self.snapshot_key(), bytes))
    }

    /// Erases entries that no snapshot needs any more, if there are enough of them to be worth a
    /// write; `more` names further keys that go with a number. May be repeated. To be followed by
    /// a snapshot, or the next reader does it again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn erase_settled<F: Fold>(
        &self,
        view: &mut View<F>,
        more: impl Fn(u64) -> Vec<String>,
    ) -> Result<(), Error> {
        let now = self.platform.now();
        let target = view
            .marks
            .iter()
            .filter(|mark| mark.at.saturating_add(SETTLE) <= now)
            .filter(|mark| mark.position.saturating_add(ERASE_MARGIN) <= view.position)
            .map(|mark| mark.position)
            .max()
            .unwrap_or(0)
            .min(view.erased.saturating_add(ERASE_MOST));
        if target.saturating_sub(view.erased) < ERASE_BATCH || self.is_stale(view) {
            return Ok(());
        }
        let keys: Vec<String> = (view.erased.saturating_add(1)..=target)
            .flat_map(|number| {
                let mut keys = more(number);
                keys.push(self.entry_key(number));
                keys
            })
            .collect();
        // Erased from the first on, so that an interrupted run leaves no hole behind.
        for batch in keys.chunks(BATCH_MAX) {
            self.platform.delete_many(batch.to_vec()).await?;
        }
        view.erased = target;
        Ok(())
    }

    fn mark<F: Fold>(&self, view: &mut View<F>) {
        let now = self.platform.now();
        let newest = view.marks.last().map_or(0, |mark| mark.at);
        let position = view.state.settled(view.position).min(view.position);
        if now < newest.saturating_add(MARK_EVERY) || position <= view.erased {
            return;
        }
        view.marks.retain(|mark| mark.position > view.erased);
        if view.marks.len() < MARKS_MAX {
            view.marks.push(Mark { position, at: now });
        }
    }
}

use futures::future::try_join_all;

use crate::view::{Envelope, Saved, Version};
use crate::{BASIS_DEADLINE, Error, Fold, Journal, Platform, READS_AT_ONCE, View, get_all};

/// How many keys are read at once, one step after the other: a reader that is up to date
/// reads one, and a reader that is far behind reads many.
const LOOK_AHEAD: [u64; 4] = [1, 4, 8, 16];

/// How often reading starts again before it fails.
const READ_ATTEMPTS: usize = 2;

/// Reads `key(first)`, `key(first + 1)`, … up to the first that is not there.
///
/// # Errors
/// Those of the store.
pub async fn probe<P: Platform>(
    platform: &P,
    first: u64,
    key: impl Fn(u64) -> String,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut entries = Vec::new();
    let mut next = first;
    let mut widths = LOOK_AHEAD.iter();
    let mut width = 1;
    loop {
        width = widths.next().copied().unwrap_or(width);
        let keys: Vec<String> = (next..next.saturating_add(width)).map(&key).collect();
        let values = try_join_all(keys.iter().map(|key| platform.get(key))).await?;
        for value in values {
            match value {
                Some(value) => entries.push(value),
                None => return Ok(entries),
            }
        }
        next = next.saturating_add(width);
    }
}

impl<P: Platform> Journal<P> {
    /// The state now: everything acknowledged before this was called is in it.
    ///
    /// # Errors
    /// [`Error::TooSlow`] when reading took so long that entries may have been erased meanwhile,
    /// [`Error::Newer`], [`Error::Corrupt`], and those of the store.
    pub async fn read<F: Fold>(&self) -> Result<View<F>, Error> {
        for _ in 1..READ_ATTEMPTS {
            match self.read_once().await {
                Err(Error::TooSlow) => {}
                other => return other,
            }
        }
        self.read_once().await
    }

    async fn read_once<F: Fold>(&self) -> Result<View<F>, Error> {
        let mut view = self.read_snapshot::<F>().await?;
        self.probe_tail(&mut view).await?;
        Ok(view)
    }

    /// Applies the entries that were appended since the view was read. Reads the whole state again if that was long ago.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub async fn catch_up<F: Fold>(&self, view: &mut View<F>) -> Result<(), Error> {
        if self.is_stale(view) {
            *view = self.read().await?;
            return Ok(());
        }
        self.probe_tail(view).await
    }

    /// Whether the view was read too long ago to be used further.
    pub fn is_stale<F>(&self, view: &View<F>) -> bool {
        self.platform.monotonic().saturating_sub(view.basis) > BASIS_DEADLINE
    }

    async fn probe_tail<F: Fold>(&self, view: &mut View<F>) -> Result<(), Error> {
        let first = view.position.saturating_add(1);
        let entries = probe(&self.platform, first, |number| self.entry_key(number)).await?;
        // The missing entries may have been erased, rather than not written yet.
        if self.is_stale(view) {
            return Err(Error::TooSlow);
        }
        for bytes in entries {
            self.take_in(view, &bytes)?;
        }
        Ok(())
    }

    /// Whether there are entries behind a number that was never written. They are not acknowledged, so they
    /// are not in the view; the next append makes them visible.
    pub(crate) async fn hides_entries<F: Fold>(&self, view: &View<F>) -> Result<bool, Error> {
        let first = view.position.saturating_add(2);
        let keys: Vec<String> = (first..)
            .take(READS_AT_ONCE)
            .map(|n| self.entry_key(n))
            .collect();
        let values = get_all(&self.platform, &keys).await?;
        Ok(values.iter().any(Option::is_some))
    }

    /// Applies the entry that follows the view's position.
    pub(crate) fn take_in<F: Fold>(&self, view: &mut View<F>, bytes: &[u8]) -> Result<(), Error> {
        let entry = decode::<F>(bytes)?;
        let number = view.position.saturating_add(1);
        view.position = number;
        view.tail = view.tail.saturating_add(1);
        if let Some(entry) = entry {
            view.state.apply(number, entry);
        }
        Ok(())
    }

    async fn read_snapshot<F: Fold>(&self) -> Result<View<F>, Error> {
        let basis = self.platform.monotonic();
        let empty = || View {
            state: F::default(),
            position: 0,
            tail: 0,
            snapshot_bytes: 0,
            marks: Vec::new(),
            erased: 0,
            basis,
        };
        let Some(bytes) = self.platform.get(&self.snapshot_key()).await? else {
            return Ok(empty());
        };
        match serde_json::from_slice::<Saved<F>>(&bytes) {
            Ok(saved) if saved.v == F::VERSION => Ok(View {
                state: saved.state,
                position: saved.position,
                tail: 0,
                snapshot_bytes: bytes.len(),
                marks: saved.marks,
                erased: saved.erased,
                basis,
            }),
            _ if is_newer::<F>(&bytes) => Err(Error::Newer),
            // Entries are erased from the first on: if that is there, so are all.
            _ if self.platform.get(&self.entry_key(1)).await?.is_some() => Ok(empty()),
            _ => Err(Error::Corrupt("its snapshot")),
        }
    }
}

/// The fact in a stored entry; none in a void, and none in invalid bytes: one damaged
/// value does not lock a user out of all others.
fn decode<F: Fold>(bytes: &[u8]) -> Result<Option<F::Entry>, Error> {
    match serde_json::from_slice::<Envelope<F::Entry>>(bytes) {
        Ok(envelope) if envelope.v <= F::VERSION => Ok(envelope.e),
        _ if is_newer::<F>(bytes) => Err(Error::Newer),
        _ => Ok(None),
    }
}

fn is_newer<F: Fold>(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Version>(bytes).is_ok_and(|version| version.v > F::VERSION)
}

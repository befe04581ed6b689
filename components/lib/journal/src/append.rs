use futures::future::try_join_all;
use serde::Serialize;

use crate::view::Envelope;
use crate::{
    APPEND_ATTEMPTS, Error, Fold, GRACE, Journal, POLL_MAX, POLL_MIN, Platform, READS_AT_ONCE,
    VALUE_MAX, View, WRITE_DEADLINE,
};

impl<P: Platform> Journal<P> {
    /// Appends a fact and brings the view up to it. When this returns, every reader sees it. Two
    /// writes if there is no other writer: the increment and the entry.
    ///
    /// # Errors
    /// Those of the store; [`Error::TooSlow`] when the store missed [`WRITE_DEADLINE`] again and
    /// again; [`Error::TooLarge`] for an entry that does not fit into a value. The fact is then
    /// not acknowledged, though it may yet appear.
    pub async fn append<F: Fold>(
        &self,
        view: &mut View<F>,
        entry: &F::Entry,
    ) -> Result<u64, Error> {
        let bytes = self.encode_entry::<F>(entry)?;
        for _ in 0..APPEND_ATTEMPTS {
            let since = self.platform.monotonic();
            let number = self.platform.increment(&self.counter_key()).await?;
            let taken = self.platform.monotonic();
            if number <= view.position {
                return Err(Error::Corrupt("its counter is behind its entries"));
            }
            let in_time = self.write_entry(number, &bytes, since).await?;
            if !in_time {
                self.platform
                    .set(&self.entry_key(number), &void::<F>())
                    .await?;
            }
            if number > view.position.saturating_add(1) && self.is_stale(view) {
                *view = self.read().await?;
            }
            self.fill(view, number, taken).await?;
            if view.position < number {
                let own = if in_time { &bytes } else { &void::<F>() };
                self.take_in(view, own)?;
            }
            if in_time {
                return Ok(number);
            }
        }
        Err(Error::TooSlow)
    }

    /// The value of an entry: what [`Journal::append`] stores for it. For replacing an entry by
    /// one that says less.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn encode_entry<F: Fold>(&self, entry: &F::Entry) -> Result<Vec<u8>, Error> {
        let bytes = encode(&Envelope {
            v: F::VERSION,
            e: Some(entry),
        });
        if bytes.is_empty() || bytes.len() > VALUE_MAX {
            return Err(Error::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads one entry; none when it is void or erased.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn entry<F: Fold>(&self, number: u64) -> Result<Option<F::Entry>, Error> {
        let bytes = self.platform.get(&self.entry_key(number)).await?;
        Ok(bytes
            .and_then(|bytes| serde_json::from_slice::<Envelope<F::Entry>>(&bytes).ok())
            .and_then(|envelope| envelope.e))
    }

    /// Writes an entry, trying again while it is not late, and says whether it was in time.
    async fn write_entry(&self, number: u64, bytes: &[u8], since: u64) -> Result<bool, Error> {
        let late = || self.platform.monotonic().saturating_sub(since) > WRITE_DEADLINE;
        let key = self.entry_key(number);
        let mut pause = POLL_MIN;
        loop {
            if late() {
                return Ok(false);
            }
            match self.platform.set(&key, bytes).await {
                Ok(()) => return Ok(!late()),
                Err(error) if late() => return Err(error),
                Err(_) => self.platform.sleep(pause).await,
            }
            pause = longer(pause);
        }
    }

    /// Brings the view up to the number before `number`, waiting for what is in flight and
    /// filling what is dead.
    async fn fill<F: Fold>(
        &self,
        view: &mut View<F>,
        number: u64,
        taken: u64,
    ) -> Result<(), Error> {
        let mut pause = POLL_MIN;
        loop {
            let first = view.position.saturating_add(1);
            if first >= number {
                return Ok(());
            }
            let wanted: Vec<u64> = (first..number).take(READS_AT_ONCE).collect();
            let keys: Vec<String> = wanted.iter().map(|n| self.entry_key(*n)).collect();
            let dead = self.platform.monotonic().saturating_sub(taken) > GRACE;
            let values = try_join_all(keys.iter().map(|key| self.platform.get(key))).await?;
            let before = view.position;
            for value in values.iter() {
                let Some(bytes) = value else { break };
                self.take_in(view, bytes)?;
            }
            if view.position > before {
                continue;
            }
            if dead {
                let key = self.entry_key(first);
                self.platform.set(&key, &void::<F>()).await?;
                continue;
            }
            self.platform.sleep(pause).await;
            pause = longer(pause);
        }
    }
}

fn longer(pause: u64) -> u64 {
    pause.saturating_mul(2).min(POLL_MAX)
}

fn void<F: Fold>() -> Vec<u8> {
    encode(&Envelope::<()> {
        v: F::VERSION,
        e: None,
    })
}

/// Empty when the value cannot be written as JSON, which only a map with odd keys could cause.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

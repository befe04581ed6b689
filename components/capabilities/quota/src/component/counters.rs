//! A subject's counter and mark in the key-value store.

use spin_sdk::experimental::wasi::keyvalue::atomics;
use spin_sdk::experimental::wasi::keyvalue::store::{self, Bucket};

use crate::rate_limiter::{Ledger, Mark};

const STORE: &str = "default";

/// The counter and the mark under `<key>:count` and `<key>:mark`. The store is opened when it is
/// needed, which most requests do not.
pub(super) struct StoreLedger<'a> {
    key: &'a str,
}

impl<'a> StoreLedger<'a> {
    pub(super) fn new(key: &'a str) -> Self {
        Self { key }
    }

    fn count_key(&self) -> String {
        format!("{}:count", self.key)
    }

    fn mark_key(&self) -> String {
        format!("{}:mark", self.key)
    }
}

impl Ledger for StoreLedger<'_> {
    fn add(&self, slots: u32) -> Result<u64, String> {
        let count = atomics::increment(&open()?, &self.count_key(), i64::from(slots));
        u64::try_from(count.map_err(log_text)?).map_err(log_text)
    }

    fn mark(&self) -> Result<Option<Mark>, String> {
        let bytes = open()?.get(&self.mark_key()).map_err(log_text)?;
        Ok(bytes.as_deref().and_then(Mark::from_bytes))
    }

    fn set_mark(&self, mark: Mark) -> Result<(), String> {
        open()?
            .set(&self.mark_key(), mark.to_text().as_bytes())
            .map_err(log_text)
    }
}

fn open() -> Result<Bucket, String> {
    store::open(STORE).map_err(log_text)
}

/// A store's error names its trouble and no values.
fn log_text(error: impl std::fmt::Debug) -> String {
    format!("counting requests: {error:?}")
}

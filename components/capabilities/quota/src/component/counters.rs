//! A subject's counter and mark in the key-value store.

use journal::{Clock, NumberSource, Spin, Store};

use crate::rate_limiter::{Mark, SubjectStore};

/// The counter and the mark under `<key>:count` and `<key>:mark`. The store is opened when it is needed,
/// which most requests do not.
pub(super) struct StoredSubject<'a> {
    key: &'a str,
}

impl<'a> StoredSubject<'a> {
    pub(super) fn new(key: &'a str) -> Self {
        Self { key }
    }

    fn mark_key(&self) -> String {
        format!("{}:mark", self.key)
    }
}

impl SubjectStore for StoredSubject<'_> {
    async fn add(&self, slots: u32) -> Result<u64, String> {
        let key = format!("{}:count", self.key);
        open().await?.add(&key, slots).await.map_err(log_text)
    }

    async fn mark(&self) -> Result<Option<Mark>, String> {
        let bytes = open()
            .await?
            .get(&self.mark_key())
            .await
            .map_err(log_text)?;
        Ok(bytes.as_deref().and_then(Mark::from_bytes))
    }

    async fn set_mark(&self, mark: Mark) -> Result<(), String> {
        let text = mark.to_text();
        let store = open().await?;
        store
            .set(&self.mark_key(), text.as_bytes())
            .await
            .map_err(log_text)
    }

    async fn pause(&self) {
        // If it cannot be opened, the next call of the store fails too.
        if let Ok(store) = open().await {
            store.sleep(1).await;
        }
    }
}

async fn open() -> Result<Spin, String> {
    Spin::open_default().await.map_err(log_text)
}

/// A store's error contains no values.
fn log_text(error: journal::Error) -> String {
    format!("counting requests: {error}")
}

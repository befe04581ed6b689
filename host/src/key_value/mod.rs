//! The key-value store `default` of a host: SQLite, or Redis if the runtime configuration says so.

mod redis;
mod sqlite;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::redis::aio::ConnectionManager;
use anyhow::Result;

use redis::Redis;
use sqlite::Sqlite;

/// The result of an operation. The error text holds neither keys nor values.
pub(crate) type StoreResult<T> = Result<T, String>;

/// A store that a component has opened through `spin:key-value`.
pub struct Store {
    pub(crate) label: String,
}

/// A store that a component has opened through `wasi:keyvalue`.
pub struct Bucket {
    pub(crate) label: String,
}

/// A compare-and-swap that a component has started.
pub struct Cas {
    label: String,
    key: String,
    state: CasState,
}

enum CasState {
    Sqlite {
        sqlite: Arc<Sqlite>,
        /// The value that `current` has read. The swap is unconditional if it is `None`.
        current: Option<Vec<u8>>,
    },
    /// A connection of its own, on which `current` watches the key.
    Redis(ConnectionManager),
}

/// Counts of store operations since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvCounts {
    /// Operations that only read.
    pub reads: u64,
    /// Operations that write.
    pub writes: u64,
}

/// The stores of a host.
pub(crate) struct KeyValue {
    backend: Backend,
    reads: AtomicU64,
    writes: AtomicU64,
}

enum Backend {
    Sqlite(Arc<Sqlite>),
    Redis(Redis),
}

impl KeyValue {
    /// Opens a SQLite file and creates it if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be opened or is not a database.
    pub(crate) fn sqlite(path: &Path) -> Result<Arc<Self>> {
        Ok(Self::new(Backend::Sqlite(Sqlite::open(path)?)))
    }

    /// A store in Redis. As in Spin, the connection is made when a component first opens the store.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub(crate) fn redis(url: &str) -> Result<Arc<Self>> {
        Ok(Self::new(Backend::Redis(Redis::new(url)?)))
    }

    fn new(backend: Backend) -> Arc<Self> {
        Arc::new(Self {
            backend,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })
    }

    pub(crate) fn counts(&self) -> KvCounts {
        KvCounts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }

    fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Checks a store when it is opened: Redis is connected and gets a `PING`.
    pub(crate) async fn open(&self) -> StoreResult<()> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Redis(redis) => redis.open().await,
        }
    }

    pub(crate) async fn get(&self, label: &str, key: &str) -> StoreResult<Option<Vec<u8>>> {
        self.count_read();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.get(label, key),
            Backend::Redis(redis) => redis.get(key).await,
        }
    }

    pub(crate) async fn exists(&self, label: &str, key: &str) -> StoreResult<bool> {
        self.count_read();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.exists(label, key),
            Backend::Redis(redis) => redis.exists(key).await,
        }
    }

    pub(crate) async fn keys(&self, label: &str) -> StoreResult<Vec<String>> {
        self.count_read();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.keys(label),
            Backend::Redis(redis) => redis.keys().await,
        }
    }

    /// The keys that exist with their values, in no particular order. Fails on Redis, as in Spin.
    pub(crate) async fn get_many(
        &self,
        label: &str,
        keys: Vec<String>,
    ) -> StoreResult<Vec<(String, Option<Vec<u8>>)>> {
        self.count_read();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.get_many(label, keys),
            Backend::Redis(redis) => redis.get_many(keys).await,
        }
    }

    pub(crate) async fn set(&self, label: &str, key: &str, value: &[u8]) -> StoreResult<()> {
        self.count_write();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.set(label, key, value),
            Backend::Redis(redis) => redis.set(key, value).await,
        }
    }

    pub(crate) async fn set_many(
        &self,
        label: &str,
        pairs: &[(String, Vec<u8>)],
    ) -> StoreResult<()> {
        self.count_write();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.set_many(label, pairs),
            Backend::Redis(redis) => redis.set_many(pairs).await,
        }
    }

    pub(crate) async fn delete_many(&self, label: &str, keys: Vec<String>) -> StoreResult<()> {
        self.count_write();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.delete_many(label, keys),
            Backend::Redis(redis) => redis.delete_many(keys).await,
        }
    }

    /// Adds to a counter, which is 0 if it does not exist. SQLite keeps it as 8 little-endian bytes,
    /// Redis as decimal digits.
    pub(crate) async fn increment(&self, label: &str, key: &str, delta: i64) -> StoreResult<i64> {
        self.count_write();
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.increment(label, key, delta),
            Backend::Redis(redis) => redis.increment(key, delta).await,
        }
    }

    /// Starts a compare-and-swap.
    pub(crate) async fn compare_and_swap(&self, label: String, key: String) -> StoreResult<Cas> {
        let state = match &self.backend {
            Backend::Sqlite(sqlite) => CasState::Sqlite {
                sqlite: sqlite.clone(),
                current: None,
            },
            Backend::Redis(redis) => CasState::Redis(redis.connect().await?),
        };
        Ok(Cas { label, key, state })
    }

    /// Reads the current value, which the swap then compares with.
    pub(crate) async fn current(&self, cas: &mut Cas) -> StoreResult<Option<Vec<u8>>> {
        self.count_read();
        match &mut cas.state {
            CasState::Sqlite { sqlite, current } => {
                *current = sqlite.get(&cas.label, &cas.key)?;
                Ok(current.clone())
            }
            CasState::Redis(connection) => redis::watch(connection, &cas.key).await,
        }
    }

    /// Writes `new` if the value is the one that [`KeyValue::current`] has read, and returns whether
    /// it was written. On SQLite the write is unconditional if there was no value; on Redis it is
    /// written and always reported as not written. Both as in Spin.
    pub(crate) async fn swap(&self, cas: &Cas, new: &[u8]) -> StoreResult<bool> {
        self.count_write();
        match &cas.state {
            CasState::Sqlite { sqlite, current } => {
                sqlite.swap(&cas.label, &cas.key, current.as_deref(), new)
            }
            CasState::Redis(connection) => Ok(redis::swap(connection, &cas.key, new).await),
        }
    }

    /// Starts the compare-and-swap again after a swap that was not written.
    pub(crate) async fn restart(&self, cas: Cas) -> StoreResult<Cas> {
        let mut cas = self.compare_and_swap(cas.label, cas.key).await?;
        self.current(&mut cas).await?;
        Ok(cas)
    }
}

#[cfg(test)]
mod tests {
    use super::sqlite::tests::TemporaryFile;
    use super::*;

    #[tokio::test]
    async fn get_returns_what_was_set_in_the_same_store() {
        let file = TemporaryFile::new("basic");
        let db = KeyValue::sqlite(&file.0).unwrap();
        assert_eq!(db.get("default", "k").await.unwrap(), None);
        db.set("default", "k", b"v").await.unwrap();
        assert_eq!(db.get("default", "k").await.unwrap().unwrap(), b"v");
        assert_eq!(db.get("other", "k").await.unwrap(), None);
        assert!(db.exists("default", "k").await.unwrap());
        let pairs = [("a".to_owned(), vec![1]), ("b".to_owned(), vec![])];
        db.set_many("default", &pairs).await.unwrap();
        let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(db.get_many("default", keys).await.unwrap().len(), 2);
        db.delete_many("default", vec!["a".into(), "c".into()])
            .await
            .unwrap();
        db.delete_many("default", vec!["k".into()]).await.unwrap();
        assert_eq!(db.keys("default").await.unwrap(), ["b"]);
        let counts = db.counts();
        assert_eq!((counts.reads, counts.writes), (6, 4));
    }
}

//! Key-value storage in SQLite, in Spin's schema: Spin can open the same file.

use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params, types::Value};

use super::StoreResult;

/// A database file, with one connection that writes and several that read.
pub(super) struct Sqlite {
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    /// Counted for the checkpointer.
    writes: Arc<AtomicU64>,
    /// Ends the checkpointer when dropped.
    _checkpointer: mpsc::Sender<()>,
}

const READERS: usize = 4;

/// Length of the write-ahead log in frames from which on writers wait for a checkpoint.
const MAX_LOG_FRAMES: i64 = 8192;

const UPSERT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
     ON CONFLICT(store, key) DO UPDATE SET value=?3";
const SELECT: &str = "SELECT value FROM spin_key_value WHERE store=?1 AND key=?2";

impl Sqlite {
    /// Opens the database file and creates it if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be opened or is not a database.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // No fsync for each commit: a commit survives a killed process, but perhaps not a power
            // failure.
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            rusqlite::vtab::array::load_module(&connection)?;
            Ok(connection)
        };
        let open = || -> rusqlite::Result<_> {
            let writer = connect()?;
            writer.execute(
                "CREATE TABLE IF NOT EXISTS spin_key_value (
                   store TEXT NOT NULL,
                   key   TEXT NOT NULL,
                   value BLOB NOT NULL,

                   PRIMARY KEY (store, key)
                )",
                [],
            )?;
            let readers = (0..READERS)
                .map(|_| connect())
                .collect::<Result<Vec<_>, _>>()?;
            Ok((writer, readers, connect()?))
        };
        let (writer, readers, checkpointer) =
            open().with_context(|| format!("cannot open key-value store {}", path.display()))?;
        let (sender, stop) = mpsc::channel();
        let writes = Arc::new(AtomicU64::new(0));
        let database = Arc::new(Self {
            writer: Mutex::new(writer),
            readers: readers.into_iter().map(Mutex::new).collect(),
            next_reader: AtomicUsize::new(0),
            writes: writes.clone(),
            _checkpointer: sender,
        });
        let weak = Arc::downgrade(&database);
        std::thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || {
                let mut seen = 0;
                while stop.recv_timeout(Duration::from_millis(500))
                    == Err(RecvTimeoutError::Timeout)
                {
                    let count = writes.load(Ordering::Relaxed);
                    if count == seen {
                        continue;
                    }
                    seen = count;
                    // This thread checkpoints so that no writer has to. The log can only restart if
                    // nothing was added meanwhile; under steady load that needs a second, short
                    // checkpoint that writers wait for.
                    if checkpoint(&checkpointer) > MAX_LOG_FRAMES
                        && let Some(database) = weak.upgrade()
                    {
                        checkpoint(&lock(&database.writer));
                    }
                }
            })?;
        Ok(database)
    }

    fn read<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed);
        // Start with the next connection in turn, but prefer one that is free.
        let free = self
            .readers
            .iter()
            .cycle()
            .skip(first % READERS)
            .take(READERS);
        for reader in free.clone() {
            if let Ok(connection) = reader.try_lock() {
                return read(&connection).map_err(text);
            }
        }
        match free.clone().next() {
            Some(reader) => read(&lock(reader)).map_err(text),
            None => Err("no connection".into()),
        }
    }

    fn write<T>(&self, write: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut connection = lock(&self.writer);
        // A deferred transaction that has read fails to write if another process wrote meanwhile.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(text)?;
        let result = write(&transaction)?;
        transaction.commit().map_err(text)?;
        Ok(result)
    }

    pub(super) fn get(&self, store: &str, key: &str) -> StoreResult<Option<Vec<u8>>> {
        self.read(|connection| select(connection, store, key))
    }

    pub(super) fn exists(&self, store: &str, key: &str) -> StoreResult<bool> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store=?1 AND key=?2")?
                .exists([store, key])
        })
    }

    pub(super) fn keys(&self, store: &str) -> StoreResult<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT key FROM spin_key_value WHERE store=?1")?
                .query_map([store], |row| row.get(0))?
                .collect()
        })
    }

    /// The keys that exist with their values, in no particular order, as in Spin.
    pub(super) fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> StoreResult<Vec<(String, Option<Vec<u8>>)>> {
        let keys = array(keys);
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT key, value FROM spin_key_value WHERE store=?1 AND key IN rarray(?2)",
                )?
                .query_map(params![store, keys], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    pub(super) fn set(&self, store: &str, key: &str, value: &[u8]) -> StoreResult<()> {
        self.write(|connection| upsert(connection, store, key, value))
    }

    pub(super) fn set_many(&self, store: &str, pairs: &[(String, Vec<u8>)]) -> StoreResult<()> {
        self.write(|connection| {
            pairs
                .iter()
                .try_for_each(|(key, value)| upsert(connection, store, key, value))
        })
    }

    pub(super) fn delete_many(&self, store: &str, keys: Vec<String>) -> StoreResult<()> {
        let keys = array(keys);
        self.write(|connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store=?1 AND key IN rarray(?2)")
                .and_then(|mut statement| statement.execute(params![store, keys]))
                .map(drop)
                .map_err(text)
        })
    }

    /// Adds to the counter under `key`: 8 little-endian bytes, 0 if it does not exist.
    pub(super) fn increment(&self, store: &str, key: &str, delta: i64) -> StoreResult<i64> {
        self.write(|connection| {
            let value = select(connection, store, key).map_err(text)?;
            let number = match value {
                None => 0,
                Some(bytes) => i64::from_le_bytes(
                    <[u8; 8]>::try_from(bytes).map_err(|_| "the value is not a counter")?,
                ),
            };
            let number = number.checked_add(delta).ok_or("the counter overflows")?;
            upsert(connection, store, key, &number.to_le_bytes())?;
            Ok(number)
        })
    }

    /// Writes `new` if the value is `old`, and returns whether it was written. If `old` is `None` the
    /// write is unconditional, as in Spin.
    pub(super) fn swap(
        &self,
        store: &str,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> StoreResult<bool> {
        self.write(|connection| match old {
            None => upsert(connection, store, key, new).map(|()| true),
            Some(old) => connection
                .prepare_cached(
                    "UPDATE spin_key_value SET value=?4 WHERE store=?1 AND key=?2 AND value=?3",
                )
                .and_then(|mut statement| statement.execute(params![store, key, old, new]))
                .map(|rows| rows == 1)
                .map_err(text),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(error: rusqlite::Error) -> String {
    error.to_string()
}

fn array(keys: Vec<String>) -> Rc<Vec<Value>> {
    Rc::new(keys.into_iter().map(Value::from).collect())
}

fn select(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached(SELECT)?
        .query_row([store, key], |row| row.get(0))
        .optional()
}

fn upsert(connection: &Connection, store: &str, key: &str, value: &[u8]) -> StoreResult<()> {
    connection
        .prepare_cached(UPSERT)
        .and_then(|mut statement| statement.execute(params![store, key, value]))
        .map(drop)
        .map_err(text)
}

/// Copies the write-ahead log into the database as far as possible without waiting. Returns the length
/// of the log in frames, or 0 if that failed.
fn checkpoint(connection: &Connection) -> i64 {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
        .unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The path of a database in the temporary directory, removed when dropped.
    pub(crate) struct TemporaryFile(pub(crate) std::path::PathBuf);

    impl TemporaryFile {
        pub(crate) fn new(name: &str) -> Self {
            let name = format!("goldfish-host-{name}-{}.db", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for TemporaryFile {
        fn drop(&mut self) {
            for suffix in ["", "-wal", "-shm"] {
                let mut path = self.0.clone().into_os_string();
                path.push(suffix);
                let _ = std::fs::remove_file(path);
            }
        }
    }

    #[test]
    fn increment_adds_to_counters_only() {
        let file = TemporaryFile::new("counters");
        let db = Sqlite::open(&file.0).unwrap();
        assert_eq!(db.increment("default", "n", 2).unwrap(), 2);
        assert_eq!(db.increment("default", "n", -5).unwrap(), -3);
        let bytes = db.get("default", "n").unwrap().unwrap();
        assert_eq!(bytes, (-3i64).to_le_bytes());
        // A value that is not a counter, or would overflow, is not changed.
        db.set("default", "text", b"12").unwrap();
        assert!(db.increment("default", "text", 1).is_err());
        assert_eq!(db.get("default", "text").unwrap().unwrap(), b"12");
        db.set("default", "full", &i64::MAX.to_le_bytes()).unwrap();
        assert!(db.increment("default", "full", 1).is_err());
    }

    #[test]
    fn increment_from_several_databases_loses_nothing() {
        let file = TemporaryFile::new("atomic");
        let databases = [(); 2].map(|()| Sqlite::open(&file.0).unwrap());
        std::thread::scope(|scope| {
            for db in databases.iter().cycle().take(4) {
                scope.spawn(|| {
                    for _ in 0..50 {
                        db.increment("default", "n", 1).unwrap();
                    }
                });
            }
        });
        assert_eq!(databases[0].increment("default", "n", 0).unwrap(), 200);
    }

    #[test]
    fn swap_writes_if_the_value_is_unchanged() {
        let file = TemporaryFile::new("swap");
        let db = Sqlite::open(&file.0).unwrap();
        assert!(db.swap("default", "k", None, b"1").unwrap());
        assert!(db.swap("default", "k", Some(b"1"), b"2").unwrap());
        assert!(!db.swap("default", "k", Some(b"1"), b"3").unwrap());
        assert_eq!(db.get("default", "k").unwrap().unwrap(), b"2");
    }
}

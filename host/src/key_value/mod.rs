//! Key-value storage in SQLite, in the schema that Spin uses, so that both can open one file.

mod spin;
mod wasi;

use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params, types::Value};

pub use wasi::{Bucket, Cas};

/// A store that a component has open.
pub struct Store {
    label: String,
}

/// How often the store was asked since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvCounts {
    /// Operations that only read.
    pub reads: u64,
    /// Transactions that write.
    pub writes: u64,
}

/// A failed operation. The text is SQLite's and holds neither keys nor values.
pub(crate) type Outcome<T> = Result<T, String>;

/// The database of one host.
pub(crate) struct Database {
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    reads: AtomicU64,
    writes: Arc<AtomicU64>,
    /// Ends the checkpointer when dropped.
    _checkpointer: mpsc::Sender<()>,
}

const READERS: usize = 4;

/// Frames in the write-ahead log from which on writers wait until it is short again.
const LONG_LOG: i64 = 8192;

const UPSERT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
     ON CONFLICT(store, key) DO UPDATE SET value=?3";
const SELECT: &str = "SELECT value FROM spin_key_value WHERE store=?1 AND key=?2";

impl Database {
    /// Opens or makes the database file.
    ///
    /// # Errors
    /// If the file cannot be opened or is not such a database.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // Without an fsync for each commit: what is committed survives the process being
            // killed, though perhaps not the machine losing power.
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
            reads: AtomicU64::new(0),
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
                    // Beside the writers, so that none of them pays for it. The log can only
                    // begin anew when nothing was added meanwhile; under steady load that takes a
                    // second, short one while they wait.
                    if checkpoint(&checkpointer) > LONG_LOG
                        && let Some(database) = weak.upgrade()
                    {
                        checkpoint(&lock(&database.writer));
                    }
                }
            })?;
        Ok(database)
    }

    pub(crate) fn counts(&self) -> KvCounts {
        KvCounts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }

    fn read<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Outcome<T> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed);
        // The next one in turn, but rather one that is free.
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

    fn write<T>(&self, write: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut connection = lock(&self.writer);
        // A transaction that reads first could not become a writing one if another process wrote.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(text)?;
        let result = write(&transaction)?;
        transaction.commit().map_err(text)?;
        Ok(result)
    }

    pub(crate) fn get(&self, store: &str, key: &str) -> Outcome<Option<Vec<u8>>> {
        self.read(|connection| select(connection, store, key))
    }

    pub(crate) fn exists(&self, store: &str, key: &str) -> Outcome<bool> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store=?1 AND key=?2")?
                .exists([store, key])
        })
    }

    pub(crate) fn keys(&self, store: &str) -> Outcome<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT key FROM spin_key_value WHERE store=?1")?
                .query_map([store], |row| row.get(0))?
                .collect()
        })
    }

    /// The values of those keys that have one, in no particular order, as in Spin.
    pub(crate) fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
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

    pub(crate) fn set(&self, store: &str, key: &str, value: &[u8]) -> Outcome<()> {
        self.write(|connection| upsert(connection, store, key, value))
    }

    pub(crate) fn set_many(&self, store: &str, pairs: &[(String, Vec<u8>)]) -> Outcome<()> {
        self.write(|connection| {
            pairs
                .iter()
                .try_for_each(|(key, value)| upsert(connection, store, key, value))
        })
    }

    pub(crate) fn delete(&self, store: &str, key: &str) -> Outcome<()> {
        self.delete_many(store, vec![key.to_owned()])
    }

    pub(crate) fn delete_many(&self, store: &str, keys: Vec<String>) -> Outcome<()> {
        let keys = array(keys);
        self.write(|connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store=?1 AND key IN rarray(?2)")
                .and_then(|mut statement| statement.execute(params![store, keys]))
                .map(drop)
                .map_err(text)
        })
    }

    /// Adds to the counter under `key`, which is 8 little-endian bytes and 0 where there is none.
    pub(crate) fn increment(&self, store: &str, key: &str, delta: i64) -> Outcome<i64> {
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

    /// Writes `new` if the value is still `old`. Where there was none this is unconditional, as in
    /// Spin. Returns whether it was written.
    pub(crate) fn swap(
        &self,
        store: &str,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Outcome<bool> {
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

fn upsert(connection: &Connection, store: &str, key: &str, value: &[u8]) -> Outcome<()> {
    connection
        .prepare_cached(UPSERT)
        .and_then(|mut statement| statement.execute(params![store, key, value]))
        .map(drop)
        .map_err(text)
}

/// Copies the write-ahead log into the database as far as possible without waiting for anybody;
/// returns the length of the log in frames, or 0 if it could not be done.
fn checkpoint(connection: &Connection) -> i64 {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of its own in the temporary directory, removed when dropped.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let file = format!("goldfish-host-{name}-{}.db", std::process::id());
            Self(std::env::temp_dir().join(file))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            for suffix in ["", "-wal", "-shm"] {
                let mut path = self.0.clone().into_os_string();
                path.push(suffix);
                let _ = std::fs::remove_file(path);
            }
        }
    }

    #[test]
    fn reads_what_was_written() {
        let scratch = Scratch::new("basic");
        let db = Database::open(&scratch.0).unwrap();
        assert_eq!(db.get("default", "k").unwrap(), None);
        db.set("default", "k", b"v").unwrap();
        assert_eq!(db.get("default", "k").unwrap().unwrap(), b"v");
        assert_eq!(db.get("other", "k").unwrap(), None);
        assert!(db.exists("default", "k").unwrap());
        let pairs = [("a".to_owned(), vec![1]), ("b".to_owned(), vec![])];
        db.set_many("default", &pairs).unwrap();
        let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(db.get_many("default", keys).unwrap().len(), 2);
        db.delete_many("default", vec!["a".into(), "c".into()])
            .unwrap();
        db.delete("default", "k").unwrap();
        assert_eq!(db.keys("default").unwrap(), ["b"]);
        let counts = db.counts();
        assert_eq!((counts.reads, counts.writes), (6, 4));
    }

    #[test]
    fn counters() {
        let scratch = Scratch::new("counters");
        let db = Database::open(&scratch.0).unwrap();
        assert_eq!(db.increment("default", "n", 2).unwrap(), 2);
        assert_eq!(db.increment("default", "n", -5).unwrap(), -3);
        let bytes = db.get("default", "n").unwrap().unwrap();
        assert_eq!(bytes, (-3i64).to_le_bytes());
        // Neither other bytes nor an overflow is a counter, and neither is changed by trying.
        db.set("default", "text", b"12").unwrap();
        assert!(db.increment("default", "text", 1).is_err());
        assert_eq!(db.get("default", "text").unwrap().unwrap(), b"12");
        db.set("default", "full", &i64::MAX.to_le_bytes()).unwrap();
        assert!(db.increment("default", "full", 1).is_err());
    }

    #[test]
    fn increments_are_atomic_between_connections() {
        let scratch = Scratch::new("atomic");
        let databases = [(); 2].map(|()| Database::open(&scratch.0).unwrap());
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
    fn swap_only_what_was_seen() {
        let scratch = Scratch::new("swap");
        let db = Database::open(&scratch.0).unwrap();
        assert!(db.swap("default", "k", None, b"1").unwrap());
        assert!(db.swap("default", "k", Some(b"1"), b"2").unwrap());
        assert!(!db.swap("default", "k", Some(b"1"), b"3").unwrap());
        assert_eq!(db.get("default", "k").unwrap().unwrap(), b"2");
    }
}

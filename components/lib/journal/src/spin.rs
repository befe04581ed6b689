//! The platform on a Spin host.
//!
//! Values are read and written through `spin:key-value`, asynchronously. Numbers come from one of two
//! sources, which the variable `redis_url` selects:
//!
//! - Empty: the atomics of `wasi:keyvalue`, and its batches for writing several keys at once. Both are
//!   synchronous: while a call runs, the instance does nothing else.
//! - The URL of a Redis server: `INCRBY` on that server, asynchronously. No synchronous call is made then.
//!   The Redis store of Spin 4.1 needs this. It queues requests in a channel of 50 places; if an
//!   instance has calls waiting for a place while it is inside a synchronous call that waits too, the
//!   process stops for ever.
//!
//! Every asynchronous call is limited and has a deadline; see [`CALLS_MAX`] and [`CALL_DEADLINE`].

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::try_join_all;
use spin_sdk::experimental::wasi::keyvalue::{atomics, batch, store as wasi_store};
use spin_sdk::redis::{Connection, RedisParameter, RedisResult};
use spin_sdk::{key_value, redis, variables};

use crate::calls::Calls;
use crate::{Clock, Error, NumberSource, READS_AT_ONCE, Store};

/// The variable that selects the source of numbers.
const REDIS_URL: &str = "redis_url";

/// A store of the Spin host.
#[derive(Clone)]
pub struct Spin(Rc<Handles>);

struct Handles {
    store: key_value::Store,
    counters: Counters,
    calls: Calls,
    started: Instant,
}

/// The source of numbers.
enum Counters {
    /// Atomics and batches of the key-value store.
    KeyValue(wasi_store::Bucket),
    Redis(RedisCounters),
}

struct RedisCounters {
    url: String,
    /// None before the first call, and after one that failed.
    connection: RefCell<Option<Rc<Connection>>>,
}

thread_local! {
    // Handles belong to the instance, not to a request; opening them takes several calls of the host.
    static DEFAULT: OnceCell<Spin> = const { OnceCell::new() };
}

impl Spin {
    /// The store `default`, opened once per instance.
    ///
    /// # Errors
    /// [`Error::Store`] if the host does not grant it; [`Error::Timeout`].
    pub async fn open_default() -> Result<Self, Error> {
        if let Some(spin) = DEFAULT.with(|cell| cell.get().cloned()) {
            return Ok(spin);
        }
        let open = async { key_value::Store::open_default().await.map_err(spin_error) };
        let handles = Handles {
            store: Calls::default().run(&Timer, open).await?,
            counters: Counters::open().await?,
            calls: Calls::default(),
            started: Instant::now(),
        };
        Ok(DEFAULT.with(|cell| cell.get_or_init(|| Self(Rc::new(handles))).clone()))
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let call = async { self.0.store.delete(key).await.map_err(spin_error) };
        self.0.calls.run(self, call).await
    }
}

impl Store for Spin {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let call = async { self.0.store.get(key).await.map_err(spin_error) };
        self.0.calls.run(self, call).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let call = async { self.0.store.set(key, value).await.map_err(spin_error) };
        self.0.calls.run(self, call).await
    }

    async fn set_many(&self, mut pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        if let (Counters::KeyValue(bucket), 2..) = (&self.0.counters, pairs.len()) {
            return batch::set_many(bucket, &pairs).map_err(wasi_error);
        }
        let last = pairs.pop();
        for some in pairs.chunks(READS_AT_ONCE) {
            try_join_all(some.iter().map(|(key, value)| self.set(key, value))).await?;
        }
        match last {
            Some((key, value)) => self.set(&key, &value).await,
            None => Ok(()),
        }
    }

    async fn delete_many(&self, mut keys: Vec<String>) -> Result<(), Error> {
        if let (Counters::KeyValue(bucket), 2..) = (&self.0.counters, keys.len()) {
            return batch::delete_many(bucket, &keys).map_err(wasi_error);
        }
        let last = keys.pop();
        for some in keys.chunks(READS_AT_ONCE) {
            try_join_all(some.iter().map(|key| self.delete(key))).await?;
        }
        match last {
            Some(key) => self.delete(&key).await,
            None => Ok(()),
        }
    }
}

impl NumberSource for Spin {
    async fn add(&self, key: &str, amount: u32) -> Result<u64, Error> {
        let count = match &self.0.counters {
            Counters::KeyValue(bucket) => {
                atomics::increment(bucket, key, i64::from(amount)).map_err(wasi_error)?
            }
            Counters::Redis(redis) => self.0.calls.run(self, redis.add(key, amount)).await?,
        };
        u64::try_from(count).map_err(|_| Error::Corrupt("its counter is negative"))
    }
}

impl Counters {
    async fn open() -> Result<Self, Error> {
        let url = match variables::get(REDIS_URL).await {
            Ok(url) => url.trim().to_owned(),
            Err(variables::Error::Undefined(_)) => String::new(),
            Err(_) => {
                let text = format!("the variable {REDIS_URL} cannot be read");
                return Err(Error::Store(text));
            }
        };
        if url.is_empty() {
            let bucket = wasi_store::open("default").map_err(wasi_error)?;
            return Ok(Self::KeyValue(bucket));
        }
        Ok(Self::Redis(RedisCounters {
            url,
            connection: RefCell::default(),
        }))
    }
}

impl RedisCounters {
    /// Not repeated if it fails: it may have been counted.
    async fn add(&self, key: &str, amount: u32) -> Result<i64, Error> {
        let connection = self.connection().await?;
        let arguments = [
            RedisParameter::Binary(key.as_bytes().to_vec()),
            RedisParameter::Int64(amount.into()),
        ];
        match connection.execute("INCRBY", arguments).await.as_deref() {
            Ok([RedisResult::Int64(count)]) => Ok(*count),
            Ok(_) => Err(Error::Store("Redis counter: unexpected result".to_owned())),
            Err(error) => {
                // The connection may be broken. The next call opens another one.
                self.connection.take();
                Err(redis_error(error))
            }
        }
    }

    async fn connection(&self) -> Result<Rc<Connection>, Error> {
        let open = self.connection.borrow().clone();
        if let Some(connection) = open {
            return Ok(connection);
        }
        let opened = Connection::open(&self.url).await;
        let opened = Rc::new(opened.map_err(|error| redis_error(&error))?);
        self.connection.replace(Some(Rc::clone(&opened)));
        Ok(opened)
    }
}

/// The clock before there is a store.
struct Timer;

impl Clock for Timer {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        millis(since.unwrap_or_default())
    }

    fn monotonic(&self) -> u64 {
        self.now()
    }

    async fn sleep(&self, milliseconds: u64) {
        spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

impl Clock for Spin {
    fn now(&self) -> u64 {
        Timer.now()
    }

    fn monotonic(&self) -> u64 {
        millis(self.0.started.elapsed())
    }

    async fn sleep(&self, milliseconds: u64) {
        Timer.sleep(milliseconds).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn spin_error(error: key_value::Error) -> Error {
    Error::Store(match error {
        key_value::Error::StoreTableFull => "too many open stores".to_owned(),
        key_value::Error::NoSuchStore => "no such store".to_owned(),
        key_value::Error::AccessDenied => "access denied".to_owned(),
        key_value::Error::Other(text) => text,
    })
}

fn wasi_error(error: wasi_store::Error) -> Error {
    Error::Store(match error {
        wasi_store::Error::NoSuchStore => "no such store".to_owned(),
        wasi_store::Error::AccessDenied => "access denied".to_owned(),
        wasi_store::Error::Other(text) => text,
    })
}

/// The text of the host may quote the URL, and with it a password.
fn redis_error(error: &redis::Error) -> Error {
    let text = match error {
        redis::Error::InvalidAddress => "redis_url is not valid, or redis_host does not allow it",
        redis::Error::TooManyConnections => "too many connections",
        redis::Error::TypeError => "the counter is not a number",
        redis::Error::Other(_) => "the command failed",
    };
    Error::Store(format!("Redis counter: {text}"))
}

use std::cell::OnceCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
use futures::future::{Either, select, try_join_all};
use spin_sdk::experimental::wasi::keyvalue::{atomics, batch, store as wasi_store};
use spin_sdk::key_value;
use tokio::sync::Semaphore;

use crate::redis::Redis;
use crate::{Clock, Error, NumberSource, STORE_DEADLINE, Store};

/// Asynchronous store calls that one user of the store (one [`Spin::open_default`]) has in progress.
const CALLS_PER_REQUEST: usize = 8;

/// Asynchronous store calls that one instance has in progress. Spin's Redis store queues 50 for all
/// instances.
const CALLS_PER_INSTANCE: usize = 24;

/// The store `default` of the Spin host.
///
/// `spin:key-value` is asynchronous. `wasi:keyvalue`, used for counters and batches, is synchronous:
/// nothing else of the instance runs during a call. On Spin's Redis store that can stop the whole
/// process: calls of all instances wait in one bounded channel, a place that becomes free is given to
/// a call of an instance that does not run, and the synchronous call waits behind it. Therefore no
/// synchronous call is made where the variable `redis_url` is set: counters are incremented by
/// outgoing Redis, and batches are concurrent single calls.
#[derive(Clone)]
pub struct Spin {
    handles: Rc<Handles>,
    calls: Rc<Semaphore>,
}

struct Handles {
    store: key_value::Store,
    counters: Counters,
    calls: Semaphore,
    started: Instant,
}

enum Counters {
    /// The synchronous counters of the store.
    Store(wasi_store::Bucket),
    /// Redis, called asynchronously.
    Redis(Redis),
}

thread_local! {
    // Handles belong to the instance; opening them takes two calls of the host.
    static DEFAULT: OnceCell<Rc<Handles>> = const { OnceCell::new() };
}

impl Spin {
    /// The store `default`. It is opened once for each instance.
    ///
    /// # Errors
    /// [`Error::Store`] if the host does not grant it; [`Error::TooSlow`] if it does not respond.
    pub async fn open_default() -> Result<Self, Error> {
        let opened = DEFAULT.with(|cell| cell.get().cloned());
        let handles = match opened {
            Some(handles) => handles,
            None => {
                let handles = Rc::new(Handles::open().await?);
                DEFAULT.with(|cell| cell.get_or_init(|| handles).clone())
            }
        };
        Ok(Self {
            handles,
            calls: Rc::new(Semaphore::new(CALLS_PER_REQUEST)),
        })
    }

    /// Makes an asynchronous store call when fewer than the allowed number are in progress.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, key_value::Error>>,
    ) -> Result<T, Error> {
        within_deadline(async {
            // The semaphores are never closed.
            let _request = self.calls.acquire().await.ok();
            let _instance = self.handles.calls.acquire().await.ok();
            call.await.map_err(spin_error)
        })
        .await
    }
}

impl Handles {
    async fn open() -> Result<Self, Error> {
        let open = async { key_value::Store::open_default().await.map_err(spin_error) };
        let store = within_deadline(open).await?;
        let counters = match Redis::from_variable().await {
            Some(redis) => Counters::Redis(redis),
            None => Counters::Store(wasi_store::open("default").map_err(wasi_error)?),
        };
        Ok(Self {
            store,
            counters,
            calls: Semaphore::new(CALLS_PER_INSTANCE),
            started: Instant::now(),
        })
    }
}

impl Store for Spin {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.call(self.handles.store.get(key)).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.call(self.handles.store.set(key, value)).await
    }

    async fn set_many(&self, mut pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        match (&self.handles.counters, pairs.as_mut_slice()) {
            // The batch interface is synchronous; one pair does not need it.
            (_, [(key, value)]) => self.set(key, value).await,
            (Counters::Store(bucket), _) => batch::set_many(bucket, &pairs).map_err(wasi_error),
            (Counters::Redis(_), pairs) => {
                let sets = pairs.iter().map(|(key, value)| self.set(key, value));
                try_join_all(sets).await.map(drop)
            }
        }
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let delete = |key: String| async move { self.call(self.handles.store.delete(key)).await };
        match &self.handles.counters {
            Counters::Store(bucket) if keys.len() > 1 => {
                batch::delete_many(bucket, &keys).map_err(wasi_error)
            }
            Counters::Store(_) | Counters::Redis(_) => {
                try_join_all(keys.into_iter().map(delete)).await.map(drop)
            }
        }
    }
}

impl NumberSource for Spin {
    async fn increment(&self, key: &str) -> Result<u64, Error> {
        let count = match &self.handles.counters {
            Counters::Store(bucket) => atomics::increment(bucket, key, 1).map_err(wasi_error)?,
            Counters::Redis(redis) => within_deadline(redis.increment(key)).await?,
        };
        u64::try_from(count).map_err(|_| Error::Corrupt("its counter is negative"))
    }
}

impl Clock for Spin {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        millis(since.unwrap_or_default())
    }

    fn monotonic(&self) -> u64 {
        millis(self.handles.started.elapsed())
    }

    async fn sleep(&self, milliseconds: u64) {
        spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// The result of a store call, or [`Error::TooSlow`] after [`STORE_DEADLINE`].
async fn within_deadline<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut call = pin!(call);
    // SQLite responds at once; then no timer is needed.
    if let Some(result) = call.as_mut().now_or_never() {
        return result;
    }
    let timeout = pin!(spin_sdk::time::sleep(Duration::from_millis(STORE_DEADLINE)));
    match select(call, timeout).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Error::TooSlow),
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

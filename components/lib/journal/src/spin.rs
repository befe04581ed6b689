use std::cell::OnceCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use spin_sdk::experimental::wasi::keyvalue::{atomics, batch, store as wasi_store};
use spin_sdk::key_value;

use crate::{Clock, Error, NumberSource, Store};

/// A store of the Spin host: `spin:key-value` for what it does asynchronously, `wasi:keyvalue` for
/// counting and batches.
#[derive(Clone)]
pub struct Spin(Rc<Handles>);

struct Handles {
    store: key_value::Store,
    bucket: wasi_store::Bucket,
    started: Instant,
}

thread_local! {
    // Handles belong to the instance, not to a request; opening them is two calls of the host.
    static DEFAULT: OnceCell<Spin> = const { OnceCell::new() };
}

impl Spin {
    /// The store `default`, opened once an instance.
    ///
    /// # Errors
    /// [`Error::Store`] when the host does not grant it.
    pub async fn open_default() -> Result<Self, Error> {
        if let Some(spin) = DEFAULT.with(|cell| cell.get().cloned()) {
            return Ok(spin);
        }
        let handles = Handles {
            store: key_value::Store::open_default().await.map_err(spin_error)?,
            bucket: wasi_store::open("default").map_err(wasi_error)?,
            started: Instant::now(),
        };
        Ok(DEFAULT.with(|cell| cell.get_or_init(|| Self(Rc::new(handles))).clone()))
    }
}

impl Store for Spin {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.store.get(key).await.map_err(spin_error)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.store.set(key, value).await.map_err(spin_error)
    }

    async fn set_many(&self, mut pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        // The batch interface is synchronous and holds up the instance; one pair need not.
        if let [(key, value)] = pairs.as_mut_slice() {
            return self.set(key, value).await;
        }
        batch::set_many(&self.0.bucket, &pairs).map_err(wasi_error)
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        if let [key] = keys.as_slice() {
            return self.0.store.delete(key).await.map_err(spin_error);
        }
        batch::delete_many(&self.0.bucket, &keys).map_err(wasi_error)
    }
}

impl NumberSource for Spin {
    async fn increment(&self, key: &str) -> Result<u64, Error> {
        let count = atomics::increment(&self.0.bucket, key, 1).map_err(wasi_error)?;
        u64::try_from(count).map_err(|_| Error::Corrupt("its counter is negative"))
    }
}

impl Clock for Spin {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        millis(since.unwrap_or_default())
    }

    fn monotonic(&self) -> u64 {
        millis(self.0.started.elapsed())
    }

    async fn sleep(&self, milliseconds: u64) {
        spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
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

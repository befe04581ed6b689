#![allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]

use crate::Error;

/// The store that a journal needs. Every store of a Spin host provides this much reliably.
pub trait Store {
    /// The value of a key, if it exists.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Sets one key.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error>;

    /// Sets several keys. It is not atomic, but the last pair is set after all others.
    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error>;

    /// Deletes several keys; missing ones are ignored. It is not atomic, but the last key is deleted after
    /// all others.
    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error>;
}

/// The source of numbers: counters that start at zero.
pub trait NumberSource {
    /// Adds `amount` to a counter and returns the new count, atomically over all instances.
    async fn add(&self, key: &str, amount: u32) -> Result<u64, Error>;

    /// Adds one to a counter and returns the new count, atomically over all instances.
    async fn increment(&self, key: &str) -> Result<u64, Error> {
        self.add(key, 1).await
    }
}

/// Time.
pub trait Clock {
    /// Milliseconds since the epoch.
    fn now(&self) -> u64;

    /// Milliseconds since some moment; never decreases.
    fn monotonic(&self) -> u64;

    /// Waits.
    async fn sleep(&self, milliseconds: u64);
}

/// Everything that a journal needs from its environment.
pub trait Platform: Store + NumberSource + Clock {}

impl<T: Store + NumberSource + Clock> Platform for T {}

#![allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]

use crate::Error;

/// The store a journal needs: the least that every store of a Spin host does dependably.
pub trait Store {
    /// The value of a key, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Sets one key.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error>;

    /// Sets several keys with one write. Stores need not do it atomically.
    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error>;

    /// Deletes several keys with one write; those that are not there do not matter.
    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error>;
}

/// Where numbers come from. By default the store's own `increment`; a host whose store has none
/// puts another behind this.
pub trait NumberSource {
    /// Adds one to a counter that starts at zero and answers the new count, atomically over all
    /// instances.
    async fn increment(&self, key: &str) -> Result<u64, Error>;
}

/// Time.
pub trait Clock {
    /// Milliseconds since the epoch.
    fn now(&self) -> u64;

    /// Milliseconds since some moment, never going back.
    fn monotonic(&self) -> u64;

    /// Waits.
    async fn sleep(&self, milliseconds: u64);
}

/// All that a journal needs of its surroundings.
pub trait Platform: Store + NumberSource + Clock {}

impl<T: Store + NumberSource + Clock> Platform for T {}

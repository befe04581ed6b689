//! Outside providers' public keys, fetched over the network, shared by the requests of this instance
//! in statics (they are public) and with the other instances by copies in the store.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::{Spin, Store};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};
use spin_sdk::time::sleep;

use super::{http, now_ms};
use crate::jwks::{self, Cache, Fetched, Lookup, SharedCopy};
use crate::types::AuthError;

/// Longest time that a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request that waits for another one's fetch looks whether it has ended. A task
/// cannot be woken by another task of the same instance, so it has to look.
const WAIT_STEP: Duration = Duration::from_millis(10);

/// The key set of one provider.
pub(super) struct KeySet {
    provider: &'static str,
    cache: Mutex<Cache>,
}

pub(super) static WORKOS: KeySet = KeySet::new("WorkOS");
pub(super) static CLERK: KeySet = KeySet::new("Clerk");

impl KeySet {
    const fn new(provider: &'static str) -> Self {
        Self {
            provider,
            cache: Mutex::new(Cache::new()),
        }
    }

    /// The key `key_id`; `url` is where the key set is, which stays the same in the life of an
    /// instance.
    ///
    /// # Errors
    /// `invalid` if there is no such key, `unavailable` if the key set is out of reach.
    pub(super) async fn get(&self, url: &str, key_id: &str) -> Result<DecodingKey, AuthError> {
        loop {
            let found = self.cache().look_up(key_id, now_ms());
            match found {
                Lookup::Key(key) => return Ok(key),
                Lookup::Unknown => return Err(AuthError::Invalid),
                Lookup::Unreachable => {
                    let text = format!("the {} key set is out of reach", self.provider);
                    return Err(AuthError::Unavailable(text));
                }
                Lookup::Wait => sleep(WAIT_STEP).await,
                Lookup::Fetch => {
                    let mut pending = Pending {
                        set: self,
                        fetched: None,
                        reached: false,
                    };
                    fetch(url, key_id, &mut pending).await;
                }
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that is under way. Settles when it goes out of scope, so that a request that is
/// abandoned in the middle does not leave the others waiting.
struct Pending<'a> {
    set: &'a KeySet,
    fetched: Option<Fetched>,
    reached: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let fetched = self.fetched.take();
        self.set.cache().settle(fetched, self.reached, now_ms());
    }
}

/// From the store if another instance has fetched lately, else over the network.
async fn fetch(url: &str, key_id: &str, pending: &mut Pending<'_>) {
    let now = now_ms();
    let copy_key = copy_key(url);
    // The copy only saves time: without a store, keys are fetched.
    let store = Spin::open_default().await.ok();
    if let Some(store) = &store
        && let Ok(Some(bytes)) = store.get(&copy_key).await
        && let Ok(copy) = serde_json::from_slice::<SharedCopy>(&bytes)
    {
        pending.fetched = copy.read(now);
        pending.reached = pending
            .fetched
            .as_ref()
            .is_some_and(|fetched| fetched.suffices(key_id, now));
    }
    if pending.reached {
        return;
    }
    let Some(copy) = download(url).await else {
        return;
    };
    pending.fetched = copy.read(now_ms());
    pending.reached = true;
    if let Some(store) = &store
        && let Ok(bytes) = serde_json::to_vec(&copy)
    {
        let _ = store.set(&copy_key, &bytes).await;
    }
}

/// One key for each address, which is configuration and may change.
fn copy_key(url: &str) -> String {
    let hash = Sha256::digest(url);
    let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("identity:jwks:{}", hash.collect::<String>())
}

async fn download(url: &str) -> Option<SharedCopy> {
    let (status, json) = http::send(http::get(url)?, FETCH_TIMEOUT, jwks::MAX_BYTES).await?;
    SharedCopy::new(json.into(), now_ms()).filter(|_| status == 200)
}

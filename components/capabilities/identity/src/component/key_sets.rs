//! Key sets of identity providers. Fetched over the network, cached in statics of this instance (they
//! are public), and shared with other instances by copies in the store.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use unix_time::now_ms;

use journal::{Spin, Store};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};
use spin_sdk::time::sleep;

use super::http;
use crate::jwks::{self, Cache, Fetched, Lookup, SharedCopy};
use crate::types::AuthError;

/// Timeout of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request checks whether another request's fetch has ended. Tasks of one instance
/// cannot wake each other.
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

    /// The key `key_id`. `url` is the URL of the key set, the same for the life of the instance.
    ///
    /// # Errors
    /// `invalid` if there is no such key, `unavailable` if the key set cannot be fetched.
    pub(super) async fn get(&self, url: &str, key_id: &str) -> Result<DecodingKey, AuthError> {
        loop {
            let lookup = self.cache().lookup(key_id, now_ms());
            match lookup {
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

/// A running fetch. Settles when it is dropped, so that an abandoned request does not block others.
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

/// Fetches the key set: from the store if another instance fetched it recently, else over the
/// network.
async fn fetch(url: &str, key_id: &str, pending: &mut Pending<'_>) {
    let now = now_ms();
    let copy_key = copy_key(url);
    // Without a store, keys are fetched over the network.
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

/// The key of the copy in the store. One per URL, which is configuration and may change.
fn copy_key(url: &str) -> String {
    let hash = Sha256::digest(url);
    let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("identity:jwks:{}", hash.collect::<String>())
}

async fn download(url: &str) -> Option<SharedCopy> {
    let (status, json) = http::send(http::get(url)?, FETCH_TIMEOUT, jwks::MAX_BYTES).await?;
    SharedCopy::new(json.into(), now_ms()).filter(|_| status == 200)
}

//! WorkOS' public keys, fetched over the network, shared by the requests of this instance in a
//! static (they are public) and with the other instances by a copy in the store.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use http_body_util::{BodyExt, Limited};
use journal::{Spin, Store};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};
use spin_sdk::http::StatusCode;
use spin_sdk::time::sleep;

use super::now_ms;
use crate::jwks::{self, Cache, Fetched, Lookup, SharedCopy};
use crate::types::AuthError;

/// Longest time that a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request that waits for another one's fetch looks whether it has ended. A task
/// cannot be woken by another task of the same instance, so it has to look.
const WAIT_STEP: Duration = Duration::from_millis(10);

static CACHE: Mutex<Cache> = Mutex::new(Cache::new());

/// The key `key_id` of the key set at `url`.
///
/// # Errors
/// `invalid` if there is no such key, `unavailable` if the key set is out of reach.
pub(super) async fn get(url: &str, key_id: &str) -> Result<DecodingKey, AuthError> {
    loop {
        let found = cache().look_up(key_id, now_ms());
        match found {
            Lookup::Key(key) => return Ok(key),
            Lookup::Unknown => return Err(AuthError::Invalid),
            Lookup::Unreachable => {
                return Err(AuthError::Unavailable(
                    "the WorkOS key set is out of reach".to_owned(),
                ));
            }
            Lookup::Wait => sleep(WAIT_STEP).await,
            Lookup::Fetch => {
                let mut pending = Pending::default();
                fetch(url, key_id, &mut pending).await;
            }
        }
    }
}

/// A fetch that is under way. Settles when it goes out of scope, so that a request that is
/// abandoned in the middle does not leave the others waiting.
#[derive(Default)]
struct Pending {
    fetched: Option<Fetched>,
    reached: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        cache().settle(self.fetched.take(), self.reached, now_ms());
    }
}

fn cache() -> MutexGuard<'static, Cache> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the store if another instance has fetched lately, else over the network.
async fn fetch(url: &str, key_id: &str, pending: &mut Pending) {
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
    let Some(copy) = download_in_time(url).await else {
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

async fn download_in_time(url: &str) -> Option<SharedCopy> {
    let request = std::pin::pin!(download(url));
    let timeout = std::pin::pin!(sleep(FETCH_TIMEOUT));
    match select(request, timeout).await {
        Either::Left((copy, _)) => copy,
        Either::Right(_) => None,
    }
}

async fn download(url: &str) -> Option<SharedCopy> {
    let response = spin_sdk::http::get(url).await.ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    let body = Limited::new(response.into_body(), jwks::MAX_BYTES);
    let json = body.collect().await.ok()?.to_bytes();
    SharedCopy::new(json.into(), now_ms())
}

//! WorkOS' public keys, fetched over the network and shared by the requests of this instance. They
//! are public, so this may be a static.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::DecodingKey;
use spin_sdk::http::StatusCode;
use spin_sdk::time::sleep;

use super::now_ms;
use crate::jwks::{self, Cache, KeySet, Lookup};
use crate::types::AuthError;

/// Longest time that a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

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
                let mut pending = Pending(None);
                pending.0 = fetch(url).await;
            }
        }
    }
}

/// A fetch that is under way. Settles when it goes out of scope, so that a request that is
/// abandoned in the middle does not leave the others waiting.
struct Pending(Option<KeySet>);

impl Drop for Pending {
    fn drop(&mut self) {
        cache().settle(self.0.take(), now_ms());
    }
}

fn cache() -> MutexGuard<'static, Cache> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn fetch(url: &str) -> Option<KeySet> {
    let request = std::pin::pin!(download(url));
    let timeout = std::pin::pin!(sleep(FETCH_TIMEOUT));
    let body = match select(request, timeout).await {
        Either::Left((body, _)) => body?,
        Either::Right(_) => return None,
    };
    jwks::parse(&body)
}

async fn download(url: &str) -> Option<Vec<u8>> {
    let response = spin_sdk::http::get(url).await.ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    let body = Limited::new(response.into_body(), jwks::MAX_BYTES);
    Some(body.collect().await.ok()?.to_bytes().into())
}

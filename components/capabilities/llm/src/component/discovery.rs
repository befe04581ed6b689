//! The list of models of the local server, requested at most every few seconds.

use super::transport;
use crate::providers::local;
use crate::providers::local::config::Config;
use crate::secret::Secret;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a list is used, and a failure remembered.
const FRESH: Duration = Duration::from_secs(10);

/// A server on the same machine or network responds at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(2);

struct Cached {
    base_url: String,
    until: Instant,
    ids: Vec<String>,
}

/// Ids any user may see; of one server, since there is one configuration.
static CACHE: Mutex<Option<Cached>> = Mutex::new(None);

/// The ids; none when the server does not respond.
pub(super) async fn models(config: &Config, key: Option<&Secret>) -> Vec<String> {
    if let Some(ids) = cached(config) {
        return ids;
    }
    let ids = request(config, key).await.unwrap_or_default();
    let cached = Cached {
        base_url: config.base_url.clone(),
        until: Instant::now() + FRESH,
        ids: ids.clone(),
    };
    *CACHE.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
    ids
}

fn cached(config: &Config) -> Option<Vec<String>> {
    let cached = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let cached = cached
        .as_ref()
        .filter(|cached| cached.base_url == config.base_url && cached.until > Instant::now())?;
    Some(cached.ids.clone())
}

async fn request(config: &Config, key: Option<&Secret>) -> Option<Vec<String>> {
    let request = local::request::models(config, key).ok()?;
    let response = transport::send(request, TIMEOUT, TIMEOUT).await.ok()?;
    let (status, _, body) = response.into_error().await;
    (status == 200).then(|| local::models::models(&body))
}

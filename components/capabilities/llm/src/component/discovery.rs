//! Which models the local server has, asked at most every few seconds.

use super::transport;
use crate::providers::local::client;
use crate::providers::local::config::Config;
use crate::providers::local::conversions;
use crate::secret::Secret;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is good for, and so is a failure.
const FRESH: Duration = Duration::from_secs(10);

/// A server on the same machine or network answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

struct Known {
    base_url: String,
    until: Instant,
    ids: Vec<String>,
}

/// Ids any user may see; of one server, since there is one configuration.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// The ids; none when the server does not answer.
pub(super) async fn models(config: &Config, key: Option<&Secret>) -> Vec<String> {
    if let Some(ids) = known(config) {
        return ids;
    }
    let ids = ask(config, key).await.unwrap_or_default();
    let known = Known {
        base_url: config.base_url.clone(),
        until: Instant::now() + FRESH,
        ids: ids.clone(),
    };
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    ids
}

fn known(config: &Config) -> Option<Vec<String>> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known
        .as_ref()
        .filter(|known| known.base_url == config.base_url && known.until > Instant::now())?;
    Some(known.ids.clone())
}

async fn ask(config: &Config, key: Option<&Secret>) -> Option<Vec<String>> {
    let call = client::models(config, key).ok()?;
    let answer = transport::send(call, PATIENCE, PATIENCE).await.ok()?;
    let (status, _, body) = answer.into_refusal().await;
    (status == 200).then(|| conversions::models(&body))
}

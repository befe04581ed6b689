//! The export, with the store, the variables and the clock.

use std::sync::OnceLock;
use std::time::Duration;

use journal::{Spin, Store as _};
use spin_sdk::variables;

use crate::bindings::exports::goldfish::response_cache::cache as wit;
use crate::bindings::exports::goldfish::response_cache::user_data;
use crate::cache::{Cache, Key, Lookup};
use crate::keys::{Fingerprint, User, invalid};
use crate::settings::Settings;

struct Component;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}

impl wit::Guest for Component {
    async fn is_enabled() -> bool {
        !settings().await.time.is_zero()
    }

    async fn get(key: wit::Key, max_age: Option<u32>) -> Result<wit::Lookup, wit::Error> {
        let key = Key::try_from(key)?;
        let max_age = max_age.map(|seconds| Duration::from_secs(seconds.into()));
        Ok(match cache().await?.get(&key, max_age).await? {
            Lookup::Hit { body, age } => wit::Lookup::Hit(wit::CachedResponse {
                body,
                age: u32::try_from(age.as_secs()).unwrap_or(u32::MAX),
            }),
            Lookup::Miss(generation) => wit::Lookup::Miss(generation),
        })
    }

    async fn put(
        key: wit::Key,
        generation: wit::Generation,
        body: String,
    ) -> Result<(), wit::Error> {
        let key = Key::try_from(key)?;
        Ok(cache().await?.put(&key, &generation, body).await?)
    }
}

impl user_data::Guest for Component {
    async fn erase(user: String) -> Result<(), String> {
        let user = User::new(&user).ok_or("invalid user id")?;
        let cache = cache().await.map_err(|error| error.to_string())?;
        let erased = cache.erase(&user).await;
        erased.map_err(|error| error.to_string())
    }

    async fn export(user: String) -> Result<String, String> {
        let user = User::new(&user).ok_or("invalid user id")?;
        let cache = cache().await.map_err(|error| error.to_string())?;
        let responses = cache.responses(&user).await;
        let responses = responses.map_err(|error| error.to_string())?;
        Ok(serde_json::Value::from(responses).to_string())
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        let value = store.get("cache:check").await;
        value.map(drop).map_err(|error| error.to_string())
    }
}

async fn cache() -> Result<Cache<Spin>, journal::Error> {
    Ok(Cache::new(Spin::open_default().await?, settings().await))
}

/// The settings, read once per instance. If the variables are not granted, as to routes that only erase, the
/// cache is off.
async fn settings() -> Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return *settings;
    }
    let seconds = variables::get("response_cache_seconds").await;
    let scope = variables::get("response_cache_scope").await;
    let (settings, warnings) =
        Settings::parse(&seconds.unwrap_or_default(), &scope.unwrap_or_default());
    for warning in warnings {
        eprintln!(r#"{{"level":"warn","message":"{warning}"}}"#);
    }
    *SETTINGS.get_or_init(|| settings)
}

impl TryFrom<wit::Key> for Key {
    type Error = journal::Error;

    fn try_from(key: wit::Key) -> Result<Self, Self::Error> {
        Ok(Self {
            user: User::new(&key.user).ok_or_else(|| invalid("user id"))?,
            fingerprint: Fingerprint::new(key.fingerprint).ok_or_else(|| invalid("fingerprint"))?,
        })
    }
}

impl From<journal::Error> for wit::Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(format!("response cache: {error}"))
    }
}

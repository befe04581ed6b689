//! The export, and the store, the variables and the clock around what is free of effects.

use std::sync::OnceLock;
use std::time::Duration;

use journal::Spin;
use spin_sdk::variables;

use crate::bindings::exports::goldfish::response_cache::cache as wit;
use crate::cache::{Cache, Finding, Question};
use crate::names::{Fingerprint, User, malformed};
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
        let question = Question::try_from(key)?;
        let max_age = max_age.map(|seconds| Duration::from_secs(seconds.into()));
        Ok(match cache().await?.find(&question, max_age).await? {
            Finding::Found { body, age } => wit::Lookup::Hit(wit::CachedResponse {
                body,
                age: u32::try_from(age.as_secs()).unwrap_or(u32::MAX),
            }),
            Finding::Nothing(period) => wit::Lookup::Miss(period),
        })
    }

    async fn put(
        key: wit::Key,
        generation: wit::Generation,
        body: String,
    ) -> Result<(), wit::Error> {
        let question = Question::try_from(key)?;
        Ok(cache().await?.keep(&question, &generation, body).await?)
    }

    async fn erase(user: String) -> Result<(), wit::Error> {
        let user = User::new(user).ok_or_else(|| malformed("user id"))?;
        Ok(cache().await?.clear(&user).await?)
    }
}

async fn cache() -> Result<Cache<Spin>, journal::Error> {
    Ok(Cache::new(Spin::open_default().await?, settings().await))
}

/// Read once in the life of an instance. A component that is given no such variable, because all it
/// does is to clear, keeps nothing.
async fn settings() -> Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return *settings;
    }
    let seconds = variables::get("response_cache_seconds").await;
    let scope = variables::get("response_cache_scope").await;
    let (settings, troubles) =
        Settings::parse(&seconds.unwrap_or_default(), &scope.unwrap_or_default());
    for trouble in troubles {
        eprintln!(r#"{{"level":"warn","message":"{trouble}"}}"#);
    }
    *SETTINGS.get_or_init(|| settings)
}

impl TryFrom<wit::Key> for Question {
    type Error = journal::Error;

    fn try_from(key: wit::Key) -> Result<Self, Self::Error> {
        Ok(Self {
            user: User::new(key.user).ok_or_else(|| malformed("user id"))?,
            fingerprint: Fingerprint::new(key.fingerprint)
                .ok_or_else(|| malformed("fingerprint"))?,
        })
    }
}

impl From<journal::Error> for wit::Error {
    fn from(error: journal::Error) -> Self {
        Self::Unavailable(format!("response cache: {error}"))
    }
}

//! Lookup, storing and erasing, on any platform.

use std::time::Duration;

use journal::{Clock, Error, Store};

use crate::entry::{Entry, Match};
use crate::keys::{Fingerprint, User};
use crate::settings::{Scope, Settings};

/// Longest response that is stored, in bytes.
const BODY_BYTES_MAX: usize = 128 * 1024;

/// The caches of all users.
pub(crate) struct Cache<P> {
    platform: P,
    settings: Settings,
}

/// A request, and who makes it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) user: User,
    pub(crate) fingerprint: Fingerprint,
}

/// The result of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Hit {
        body: String,
        age: Duration,
    },
    /// With the generation's name, which storing the response needs.
    Miss(String),
}

impl<P: Store + Clock> Cache<P> {
    pub(crate) fn new(platform: P, settings: Settings) -> Self {
        Self { platform, settings }
    }

    /// Looks up a response that is younger than `max_age`.
    pub(crate) async fn get(&self, key: &Key, max_age: Option<Duration>) -> Result<Lookup, Error> {
        let Key { user, fingerprint } = key;
        let mut stored = self.get_of(user, fingerprint).await?;
        if stored.is_none() && self.settings.scope == Scope::Shared {
            let owner = self.platform.get(&fingerprint.shared_key()).await?;
            let owner = owner.and_then(|id| User::new(std::str::from_utf8(&id).ok()?));
            if let Some(owner) = owner.filter(|owner| owner != user) {
                stored = self.get_of(&owner, fingerprint).await?;
            }
        }
        let is_young = |age: Duration| max_age.is_none_or(|max_age| age < max_age);
        match stored {
            Some((body, age)) if is_young(age) => Ok(Lookup::Hit { body, age }),
            _ => Ok(Lookup::Miss(self.generation(user).await?)),
        }
    }

    /// The response in the cache of one user.
    async fn get_of(
        &self,
        user: &User,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(String, Duration)>, Error> {
        let key = user.response_key(fingerprint);
        let Some(bytes) = self.platform.get(&key).await? else {
            return Ok(None);
        };
        match Entry::compare(&bytes, fingerprint, self.platform.now(), self.settings.time) {
            Match::Hit { body, age } => Ok(Some((body, age))),
            Match::Other => Ok(None),
            Match::Expired => {
                self.platform.delete_many(vec![key]).await?;
                Ok(None)
            }
        }
    }

    /// The user's generation; begins the first one.
    async fn generation(&self, user: &User) -> Result<String, Error> {
        if let Some(generation) = self.current_generation(user).await? {
            return Ok(generation);
        }
        // If two requests begin one at the same time, one of them finds that it is not the current one.
        let generation = ids::new_uuid();
        self.platform
            .set(&user.generation_key(), generation.as_bytes())
            .await?;
        Ok(generation)
    }

    async fn current_generation(&self, user: &User) -> Result<Option<String>, Error> {
        let stored = self.platform.get(&user.generation_key()).await?;
        Ok(stored.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Stores a response that was looked up in that generation.
    pub(crate) async fn put(&self, key: &Key, generation: &str, body: String) -> Result<(), Error> {
        let Key { user, fingerprint } = key;
        if body.len() > BODY_BYTES_MAX || !self.is_current(user, generation).await? {
            return Ok(());
        }
        let entry = Entry::new(fingerprint, self.platform.now(), body);
        let Some(bytes) = entry.to_bytes() else {
            return Ok(());
        };
        let response_key = user.response_key(fingerprint);
        self.platform.set(&response_key, &bytes).await?;
        // If this fails, the cache may have been erased.
        let current = self.is_current(user, generation).await;
        if current != Ok(true) {
            self.platform.delete_many(vec![response_key]).await?;
            return current.map(drop);
        }
        if self.settings.scope == Scope::Shared {
            let id = user.id().as_bytes();
            self.platform.set(&fingerprint.shared_key(), id).await?;
        }
        Ok(())
    }

    async fn is_current(&self, user: &User, generation: &str) -> Result<bool, Error> {
        Ok(self.current_generation(user).await?.as_deref() == Some(generation))
    }

    /// The bodies of all responses of the user.
    pub(crate) async fn responses(&self, user: &User) -> Result<Vec<String>, Error> {
        let mut bodies = Vec::new();
        for key in user.response_keys() {
            let stored = self.platform.get(&key).await?;
            bodies.extend(stored.and_then(|bytes| Entry::body_of(&bytes)));
        }
        Ok(bodies)
    }

    /// Erases the user's cache. Responses that are on their way find their generation ended.
    pub(crate) async fn erase(&self, user: &User) -> Result<(), Error> {
        if self.platform.get(&user.generation_key()).await?.is_none() {
            return Ok(());
        }
        let generation = ids::new_uuid();
        self.platform
            .set(&user.generation_key(), generation.as_bytes())
            .await?;
        journal::delete_all(&self.platform, &user.response_keys()).await?;
        // Last: as long as this key exists, an interrupted erasure can be seen and repeated.
        self.platform.delete_many(vec![user.generation_key()]).await
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;

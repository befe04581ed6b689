//! Finding, keeping and clearing, over any store.

use std::time::Duration;

use journal::{Clock, Error, Store};
use uuid::Uuid;

use crate::entry::{Entry, Verdict};
use crate::names::{Fingerprint, User};
use crate::settings::{Scope, Settings};

/// Longest answer that is kept, in bytes.
const MAX_BODY: usize = 128 * 1024;

/// The answers of all users.
pub(crate) struct Cache<P> {
    platform: P,
    settings: Settings,
}

/// What is asked, and by whom.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) user: User,
    pub(crate) fingerprint: Fingerprint,
}

/// What came of looking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Found {
        body: String,
        age: Duration,
    },
    /// With the name of the period, which keeping an answer needs.
    Nothing(String),
}

impl<P: Store + Clock> Cache<P> {
    pub(crate) fn new(platform: P, settings: Settings) -> Self {
        Self { platform, settings }
    }

    /// Looks for an answer that is younger than `max_age`.
    pub(crate) async fn find(
        &self,
        question: &Question,
        max_age: Option<Duration>,
    ) -> Result<Finding, Error> {
        let Question { user, fingerprint } = question;
        let mut found = self.look(user, fingerprint).await?;
        if found.is_none() && self.settings.scope == Scope::Shared {
            let keeper = self.platform.get(&fingerprint.shared_key()).await?;
            let keeper = keeper.and_then(|id| User::new(String::from_utf8(id).ok()?));
            if let Some(keeper) = keeper.filter(|keeper| keeper != user) {
                found = self.look(&keeper, fingerprint).await?;
            }
        }
        let young = |age: Duration| max_age.is_none_or(|max_age| age < max_age);
        match found {
            Some((body, age)) if young(age) => Ok(Finding::Found { body, age }),
            _ => Ok(Finding::Nothing(self.period(user).await?)),
        }
    }

    /// What lies with a user.
    async fn look(
        &self,
        user: &User,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(String, Duration)>, Error> {
        let key = user.answer_key(fingerprint);
        let Some(bytes) = self.platform.get(&key).await? else {
            return Ok(None);
        };
        match Entry::judge(&bytes, fingerprint, self.platform.now(), self.settings.time) {
            Verdict::Fits { body, age } => Ok(Some((body, age))),
            Verdict::Other => Ok(None),
            Verdict::Expired => {
                self.platform.delete_many(vec![key]).await?;
                Ok(None)
            }
        }
    }

    /// The user's period; begins the first one.
    async fn period(&self, user: &User) -> Result<String, Error> {
        if let Some(period) = self.current_period(user).await? {
            return Ok(period);
        }
        // Of two that begin one at once, one will find that it is not the current one.
        let period = Uuid::new_v4().to_string();
        self.platform
            .set(&user.period_key(), period.as_bytes())
            .await?;
        Ok(period)
    }

    async fn current_period(&self, user: &User) -> Result<Option<String>, Error> {
        let stored = self.platform.get(&user.period_key()).await?;
        Ok(stored.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Keeps an answer that was looked for in that period.
    pub(crate) async fn keep(
        &self,
        question: &Question,
        period: &str,
        body: String,
    ) -> Result<(), Error> {
        let Question { user, fingerprint } = question;
        if body.len() > MAX_BODY || !self.is_current(user, period).await? {
            return Ok(());
        }
        let entry = Entry::new(fingerprint, self.platform.now(), body);
        let Some(bytes) = entry.to_bytes() else {
            return Ok(());
        };
        let key = user.answer_key(fingerprint);
        self.platform.set(&key, &bytes).await?;
        // Where that cannot be told, it may have been cleared.
        let current = self.is_current(user, period).await;
        if current != Ok(true) {
            self.platform.delete_many(vec![key]).await?;
            return current.map(drop);
        }
        if self.settings.scope == Scope::Shared {
            let id = user.id().as_bytes();
            self.platform.set(&fingerprint.shared_key(), id).await?;
        }
        Ok(())
    }

    async fn is_current(&self, user: &User, period: &str) -> Result<bool, Error> {
        Ok(self.current_period(user).await?.as_deref() == Some(period))
    }

    /// Erases the user's answers. What is on its way finds its period ended.
    pub(crate) async fn clear(&self, user: &User) -> Result<(), Error> {
        if self.platform.get(&user.period_key()).await?.is_none() {
            return Ok(());
        }
        let period = Uuid::new_v4().to_string();
        self.platform
            .set(&user.period_key(), period.as_bytes())
            .await?;
        let answers: Vec<String> = user.answer_keys().collect();
        for batch in answers.chunks(journal::BATCH_MAX) {
            self.platform.delete_many(batch.to_vec()).await?;
        }
        // Last, so that a clearing that breaks off is known to be unfinished.
        self.platform.delete_many(vec![user.period_key()]).await
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;

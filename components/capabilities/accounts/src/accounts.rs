//! Reading and appending to users' journals.

use credentials::keys::Keys;
use ids::is_key_part;
use journal::aggregate::Aggregate;
use journal::{Journal, Platform, View};

use crate::account::{Account, Event};
use crate::effects::AccountRules;
use crate::password::PasswordRules;
use crate::types::Error;

/// Access to all accounts, and the keys to sign their tokens.
pub(crate) struct Accounts<P> {
    platform: P,
    keys: &'static Keys,
    /// Whether accounts wait for their owner to confirm the email address.
    pub(crate) verification_required: bool,
    pub(crate) password_rules: PasswordRules,
}

impl<P: Platform + Clone> Accounts<P> {
    pub(crate) fn new(platform: P, keys: &'static Keys, verification_required: bool) -> Self {
        Self {
            platform,
            keys,
            verification_required,
            password_rules: PasswordRules::default(),
        }
    }

    pub(crate) fn with_password_rules(mut self, password_rules: PasswordRules) -> Self {
        self.password_rules = password_rules;
        self
    }

    pub(crate) fn platform(&self) -> &P {
        &self.platform
    }

    pub(crate) fn keys(&self) -> &'static Keys {
        self.keys
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.platform.now()
    }

    /// The current state of a user.
    ///
    /// # Errors
    /// `not-found` if `user` is not a valid id; those of the journal.
    pub(crate) async fn read(&self, user: &str) -> Result<View<Account>, Error> {
        self.aggregate(user)?.read().await
    }

    /// Appends an event and applies its effects. Afterwards `view` includes the event; its state
    /// says whether the event was accepted.
    ///
    /// # Errors
    /// `unavailable` from the store. The event may have been appended all the same; its effects are
    /// then applied later.
    pub(crate) async fn append(
        &self,
        user: &str,
        view: &mut View<Account>,
        event: &Event,
    ) -> Result<(), Error> {
        let aggregate = self.aggregate(user)?;
        aggregate.append(view, event).await?;
        // The caller may report success only when the effects are applied.
        aggregate.clean_up(view).await
    }

    /// Applies pending effects.
    ///
    /// # Errors
    /// `unavailable` from the store.
    pub(crate) async fn apply_pending_effects(
        &self,
        user: &str,
        view: &mut View<Account>,
    ) -> Result<(), Error> {
        self.aggregate(user)?.clean_up(view).await
    }

    fn aggregate(&self, user: &str) -> Result<Aggregate<P, AccountRules>, Error> {
        if !is_key_part(user) {
            return Err(Error::NotFound);
        }
        let journal = Journal::new(self.platform.clone(), format!("identity:u:{user}"));
        let user = user.to_owned();
        Ok(Aggregate::new(journal, AccountRules { user }))
    }
}

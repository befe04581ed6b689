//! Reading and appending to users' journals.

use credentials::is_id;
use credentials::keys::Keys;
use journal::{Journal, Platform, View};

use crate::account::{Account, Fact};
use crate::tidying;
use crate::types::Error;

/// The bytes a snapshot may have for each entry it takes in; beyond, it waits for more entries.
const BYTES_PER_ENTRY: u64 = 4 * 1024;

/// A reader writes a snapshot when it had this much to catch up; otherwise writers do.
const READER_TAIL: u64 = 12;

/// How long whoever appended a fact has to do its chores (milliseconds), before readers do.
const CHORE_PATIENCE: u64 = 10_000;

/// All accounts, and what it takes to sign tokens for them.
pub(crate) struct Accounts<P> {
    platform: P,
    keys: &'static Keys,
    /// Whether an account waits for its owner to confirm the email address.
    pub(crate) verification_required: bool,
}

impl<P: Platform + Clone> Accounts<P> {
    pub(crate) fn new(platform: P, keys: &'static Keys, verification_required: bool) -> Self {
        Self {
            platform,
            keys,
            verification_required,
        }
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

    /// What is known of a user now.
    ///
    /// # Errors
    /// `not-found` for what is no user id, and those of the journal.
    pub(crate) async fn read(&self, user: &str) -> Result<View<Account>, Error> {
        let journal = self.journal(user)?;
        let mut view = journal.read::<Account>().await?;
        let chores = &view.state.chores;
        let forgotten =
            chores.are_pending() && self.now().saturating_sub(chores.since) > CHORE_PATIENCE;
        if forgotten || view.tail() >= READER_TAIL {
            let mut tidied = view.clone();
            // What cannot be done now is left to the next one.
            if tidying::tidy(&journal, user, &mut tidied).await.is_ok() {
                view = tidied;
            }
        }
        Ok(view)
    }

    /// Appends a fact and does what follows from it. The view then is as of this fact; whether the
    /// fact had an effect is to be seen in it.
    ///
    /// # Errors
    /// `unavailable` from the store. The fact may then hold all the same; what follows from it is
    /// done later.
    pub(crate) async fn append(
        &self,
        user: &str,
        view: &mut View<Account>,
        fact: &Fact,
    ) -> Result<(), Error> {
        let journal = self.journal(user)?;
        journal.append(view, fact).await?;
        let bytes = u64::try_from(view.snapshot_bytes()).unwrap_or(u64::MAX);
        let due = view.tail().saturating_mul(BYTES_PER_ENTRY) >= bytes;
        if due || view.state.chores.are_pending() {
            tidying::tidy(&journal, user, view).await?;
        }
        Ok(())
    }

    /// Does what is still to be done because of facts that hold.
    ///
    /// # Errors
    /// `unavailable` from the store.
    pub(crate) async fn do_chores(
        &self,
        user: &str,
        view: &mut View<Account>,
    ) -> Result<(), Error> {
        if view.state.chores.are_pending() {
            tidying::tidy(&self.journal(user)?, user, view).await?;
        }
        Ok(())
    }

    fn journal(&self, user: &str) -> Result<Journal<P>, Error> {
        if is_id(user) {
            let name = format!("identity:u:{user}");
            Ok(Journal::new(self.platform.clone(), name))
        } else {
            Err(Error::NotFound)
        }
    }
}

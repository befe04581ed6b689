//! Ownership of unique names by accounts. A claim is made before the event in the account's journal
//! that uses it; see `journal::unique`.

use journal::unique::{Acquired, Claim, Holding, Owners};
use journal::{Platform, View};

use crate::account::{Account, Event};
use crate::accounts::Accounts;
use crate::types::Error;
use crate::unique_name::UniqueName;

/// A user that never exists.
const NOBODY: &str = "user_00000000-0000-0000-0000-000000000000";

impl<P: Platform + Clone> Owners for Accounts<P> {
    type Error = Error;

    async fn holding(&self, claim: &Claim) -> Result<Holding, Error> {
        let state = self.read(&claim.owner).await?.state;
        Ok(if state.holds(&claim.id) {
            Holding::Held
        } else if state.deleted {
            Holding::Never
        } else {
            Holding::Possible
        })
    }

    async fn bar(&self, claim: &Claim) -> Result<Holding, Error> {
        let mut view = self.read(&claim.owner).await?;
        let event = Event::ClaimRejected {
            claim: claim.id.clone(),
        };
        self.append(&claim.owner, &mut view, &event).await?;
        Ok(if view.state.holds(&claim.id) {
            Holding::Held
        } else {
            Holding::Never
        })
    }
}

/// The owner of a name. None while the claim is not used by an account.
///
/// # Errors
/// Those of the journals.
pub(crate) async fn owner<P: Platform + Clone>(
    accounts: &Accounts<P>,
    name: &UniqueName,
) -> Result<Option<String>, Error> {
    let owner = owning_account(accounts, name).await?;
    Ok(owner.map(|(user, _)| user))
}

/// The owner of a name and its account. Reads the same number of journals if there is none.
///
/// # Errors
/// Those of the journals.
pub(crate) async fn owning_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    name: &UniqueName,
) -> Result<Option<(String, View<Account>)>, Error> {
    let Some(claim) = name.claims(accounts.platform()).claim().await? else {
        accounts.read(NOBODY).await?;
        return Ok(None);
    };
    let account = accounts.read(&claim.owner).await?;
    let holds = account.state.holds(&claim.id);
    Ok(holds.then_some((claim.owner, account)))
}

/// Claims a name for a user. After `Acquired::Claimed`, an event that names `claim` must follow in the
/// user's journal, or a [`release`].
///
/// # Errors
/// Those of the journals. The claim may have been made.
pub(crate) async fn acquire<P: Platform + Clone>(
    accounts: &Accounts<P>,
    name: &UniqueName,
    user: &str,
    claim: &str,
) -> Result<Acquired, Error> {
    let claims = name.claims(accounts.platform());
    claims.acquire(accounts, user, claim).await
}

/// Releases a claim. Idempotent.
///
/// # Errors
/// Those of the journal.
pub(crate) async fn release<P: Platform + Clone>(
    accounts: &Accounts<P>,
    name: &UniqueName,
    claim: &str,
) -> Result<(), Error> {
    Ok(name.claims(accounts.platform()).release(claim).await?)
}

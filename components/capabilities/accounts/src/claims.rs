//! Owning something that only one account can have: an email address, or an identity at an outside
//! provider. Each has a journal of its own, and the first claim in it wins.
//!
//! A claim is made before the fact in the claimant's own journal that rests on it, and names that
//! journal. A claimant that died in between is made up for by the next applicant, who first bars the
//! claim in the claimant's journal. Whichever comes first there, the fact or the bar, decides; so
//! nobody loses what they have been told is theirs, however slow they were.

use journal::{Fold, Journal, Platform, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::{Account, Fact};
use crate::accounts::Accounts;
use crate::types::Error;

/// How long a claimant is left in peace, in milliseconds.
pub(crate) const PATIENCE: u64 = 60_000;

/// A user that never comes into being.
const NOBODY: &str = "user_00000000-0000-0000-0000-000000000000";

/// How often an applicant looks again after somebody else was quicker.
const ATTEMPTS: usize = 3;

/// Entries after which a snapshot is worth a write.
const SNAPSHOT_EVERY: u64 = 8;

/// What is owned: the name of its journal. Says nothing of the address or the identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index(String);

/// Who owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Random.
    pub(crate) id: String,
    /// The user.
    pub(crate) owner: String,
    pub(crate) at: u64,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// It is ours, for as long as it takes to append the fact that rests on it.
    Ours,
    /// It is this user's.
    Taken(String),
    /// Somebody is about to have it, or died on the way.
    Contested,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ownership(Option<Claim>);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Claimed(Claim),
    /// The claim of this id.
    Released(String),
}

impl Fold for Ownership {
    const VERSION: u32 = 1;

    type Entry = Entry;

    fn apply(&mut self, _number: u64, entry: Entry) {
        match entry {
            Entry::Claimed(claim) => {
                self.0.get_or_insert(claim);
            }
            Entry::Released(id) => {
                self.0.take_if(|claim| claim.id == id);
            }
        }
    }
}

impl Index {
    /// An email address; case does not matter.
    pub(crate) fn email(address: &str) -> Self {
        Self(format!("identity:e:{}", hash(&[&address.to_lowercase()])))
    }

    /// Somebody at an OAuth provider.
    pub(crate) fn identity(provider: &str, subject: &str) -> Self {
        Self(format!("identity:i:{}", hash(&[provider, subject])))
    }
}

/// Of provider and subject, as the provider's name has no colon.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join(":"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who owns it, if the account that the claim was made for has come into being.
///
/// # Errors
/// Those of the journals.
pub(crate) async fn owner<P: Platform + Clone>(
    accounts: &Accounts<P>,
    index: &Index,
) -> Result<Option<String>, Error> {
    let found = owning_account(accounts, index).await?;
    Ok(found.map(|(user, _)| user))
}

/// The same with the owner's account. Reads as much where there is none.
///
/// # Errors
/// Those of the journals.
pub(crate) async fn owning_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    index: &Index,
) -> Result<Option<(String, View<Account>)>, Error> {
    let view = read(accounts, index).await?;
    let Some(claim) = view.state.0 else {
        accounts.read(NOBODY).await?;
        return Ok(None);
    };
    let account = accounts.read(&claim.owner).await?;
    let holds = account.state.holds(&claim.id);
    Ok(holds.then_some((claim.owner, account)))
}

/// Claims it for a user. If that is `Claimed::Ours`, a fact naming `claim` must follow in the user's
/// journal, or a `release`.
///
/// # Errors
/// Those of the journals. The claim may then have been made.
pub(crate) async fn acquire<P: Platform + Clone>(
    accounts: &Accounts<P>,
    index: &Index,
    owner: &str,
    claim: &str,
) -> Result<Claimed, Error> {
    let mut view = read(accounts, index).await?;
    for _ in 0..ATTEMPTS {
        let Some(found) = view.state.0.clone() else {
            let own = Claim {
                id: claim.to_owned(),
                owner: owner.to_owned(),
                at: accounts.now(),
            };
            append(accounts, index, &mut view, Entry::Claimed(own)).await?;
            continue;
        };
        if found.id == claim {
            return Ok(Claimed::Ours);
        }
        let mut account = accounts.read(&found.owner).await?;
        if account.state.holds(&found.id) {
            return Ok(Claimed::Taken(found.owner));
        }
        if !account.state.dead {
            let patient = found.at.saturating_add(PATIENCE) > accounts.now();
            // Our own, from an attempt before, needs none.
            if patient && found.owner != owner {
                return Ok(Claimed::Contested);
            }
            let bar = Fact::Barred {
                claim: found.id.clone(),
            };
            accounts.append(&found.owner, &mut account, &bar).await?;
            if account.state.holds(&found.id) {
                return Ok(Claimed::Taken(found.owner));
            }
        }
        append(accounts, index, &mut view, Entry::Released(found.id)).await?;
    }
    Ok(match view.state.0 {
        Some(found) if found.id == claim => Claimed::Ours,
        _ => Claimed::Contested,
    })
}

/// Gives a claim up; one that does not hold (any more) does not matter.
///
/// # Errors
/// Those of the journal. May be repeated.
pub(crate) async fn release<P: Platform + Clone>(
    platform: &P,
    index: &Index,
    claim: &str,
) -> Result<(), Error> {
    let journal = Journal::new(platform.clone(), index.0.clone());
    let mut view = journal.read::<Ownership>().await?;
    if view.state.0.as_ref().is_some_and(|found| found.id == claim) {
        let entry = Entry::Released(claim.to_owned());
        journal.append(&mut view, &entry).await?;
    }
    Ok(())
}

async fn read<P: Platform + Clone>(
    accounts: &Accounts<P>,
    index: &Index,
) -> Result<View<Ownership>, Error> {
    let journal = Journal::new(accounts.platform().clone(), index.0.clone());
    Ok(journal.read().await?)
}

async fn append<P: Platform + Clone>(
    accounts: &Accounts<P>,
    index: &Index,
    view: &mut View<Ownership>,
    entry: Entry,
) -> Result<(), Error> {
    let journal = Journal::new(accounts.platform().clone(), index.0.clone());
    journal.append(view, &entry).await?;
    if view.tail() >= SNAPSHOT_EVERY
        && let Some((key, value)) = journal.snapshot(view)
    {
        // Only saves time.
        let _ = accounts.platform().set(&key, &value).await;
    }
    Ok(())
}

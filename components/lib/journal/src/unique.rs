//! Unique names: things that only one owner can have, such as an email address.
//!
//! Each name has a journal of claims, and its first claim wins. A claim is made before the entry in the
//! owner's own aggregate that rests on it (the *fact*), and the fact names the claim. So an owner whose
//! writer died in between has a claim without a fact. The next applicant makes up for that: it first
//! *bars* the claim in that owner's aggregate. The one that is appended first, the fact or the bar, decides,
//! so no acknowledged change is lost, even by slow instances.
//!
//! # Invariants
//! 1. A name has at most one claim at a time, and all readers agree on which.
//! 2. Only the owner of the claim can hold the name. So no two owners hold one name.
//! 3. A claim is released only if its owner released it, or can never hold it ([`Holding::Never`]).
//! 4. A name without an owner can be acquired again [`PATIENCE`] after the last claim to it, if necessary
//!    after several attempts.

#![allow(
    async_fn_in_trait,
    reason = "components run on one thread, so no future needs to be Send"
)]

use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Rules, SnapshotPolicy};
use crate::{Error, Fold, Journal, Platform};

/// How long a claim without a fact is left alone, in milliseconds.
pub const PATIENCE: u64 = 60_000;

/// How often an applicant looks again after another one was faster.
const ATTEMPTS: usize = 3;

/// A claim to a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Unique among all claims.
    pub id: String,
    /// The id of the owner's aggregate.
    pub owner: String,
    /// When it was made, in milliseconds since the epoch.
    pub at: u64,
}

/// The state of a claim in its owner's aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// The owner's aggregate has a fact that rests on the claim.
    Held,
    /// It has no fact, and may still get one.
    Possible,
    /// It has no fact, and a later fact has no effect.
    Never,
}

/// The aggregates of the owners.
pub trait Owners {
    /// The capability's error.
    type Error: From<Error>;

    /// The current state of the claim.
    async fn holding(&self, claim: &Claim) -> Result<Holding, Self::Error>;

    /// Appends to the owner's aggregate that the claim is barred, unless it is held, and returns what
    /// it amounts to now: `Held` or `Never`.
    async fn bar(&self, claim: &Claim) -> Result<Holding, Self::Error>;
}

/// The result of [`Unique::acquire`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// The claim is made. A fact that names it must follow, or a [`Unique::release`].
    Claimed,
    /// This owner holds the name.
    Taken(String),
    /// Another claim is being made, or its writer died less than [`PATIENCE`] ago.
    Contested,
}

/// One name.
#[derive(Debug, Clone)]
pub struct Unique<P> {
    aggregate: Aggregate<P, Claims>,
}

#[derive(Debug, Clone, Copy)]
struct Claims;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Current(Option<Claim>);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Claimed(Claim),
    /// The claim of this id was released.
    Released(String),
}

impl Fold for Current {
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

impl<P> Rules<P> for Claims {
    type State = Current;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 8,
        bytes_per_entry: u64::MAX,
        reader_entries: 32,
        cleanup_patience: 0,
    };
}

impl<P: Platform> Unique<P> {
    /// The name whose claims are in the journal called `journal`. That is a key prefix, so it should
    /// contain a hash of the name rather than the name.
    pub fn new(platform: P, journal: impl Into<String>) -> Self {
        Self {
            aggregate: Aggregate::new(Journal::new(platform, journal), Claims),
        }
    }

    /// The current claim. Its owner has the name only if its aggregate holds the claim.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn claim(&self) -> Result<Option<Claim>, Error> {
        Ok(self.aggregate.read().await?.state.0)
    }

    /// Claims the name for an owner; `claim` is a new id.
    ///
    /// # Errors
    /// Those of the journals. The claim may then have been made.
    pub async fn acquire<O: Owners>(
        &self,
        owners: &O,
        owner: &str,
        claim: &str,
    ) -> Result<Acquired, O::Error> {
        let mut view = self.aggregate.read().await?;
        for _ in 0..ATTEMPTS {
            let now = self.aggregate.journal().platform().now();
            let Some(current) = view.state.0.clone() else {
                let own = Claim {
                    id: claim.to_owned(),
                    owner: owner.to_owned(),
                    at: now,
                };
                let entry = Entry::Claimed(own);
                self.aggregate.append(&mut view, &entry).await?;
                continue;
            };
            if current.id == claim {
                return Ok(Acquired::Claimed);
            }
            match owners.holding(&current).await? {
                Holding::Held => return Ok(Acquired::Taken(current.owner)),
                Holding::Never => {}
                Holding::Possible => {
                    let is_recent = current.at.saturating_add(PATIENCE) > now;
                    // An owner does not wait for a claim of its own, which an earlier attempt left.
                    if is_recent && current.owner != owner {
                        return Ok(Acquired::Contested);
                    }
                    if owners.bar(&current).await? == Holding::Held {
                        return Ok(Acquired::Taken(current.owner));
                    }
                }
            }
            let entry = Entry::Released(current.id);
            self.aggregate.append(&mut view, &entry).await?;
        }
        Ok(match view.state.0 {
            Some(current) if current.id == claim => Acquired::Claimed,
            _ => Acquired::Contested,
        })
    }

    /// Releases a claim; does nothing if it is not the current one. The owner's aggregate must not hold
    /// the claim any more.
    ///
    /// # Errors
    /// Those of the journal. May be repeated.
    pub async fn release(&self, claim: &str) -> Result<(), Error> {
        let is_current =
            |state: &Current| state.0.as_ref().is_some_and(|current| current.id == claim);
        let decide =
            |state: &Current| Ok(is_current(state).then(|| Entry::Released(claim.to_owned())));
        self.aggregate.update(decide).await.map(drop)
    }
}

//! For the operator: all accounts. The directory is a journal of who came and who went, whose
//! entries are the list; only their counts are folded, so that it may be as long as it likes.

use credentials::is_id;
use futures::future::try_join_all;
use journal::{Fold, Journal, Platform};
use serde::{Deserialize, Serialize};

use crate::account::Listing;
use crate::accounts::Accounts;
use crate::claims::{self, Index};
use crate::fields::Problems;
use crate::issuing;
use crate::types::{self, Error};

const NAME: &str = "identity:d";

/// Entries that are looked at at once.
const BATCH: u64 = 16;

/// Entries that one request looks at, at most; a search that finds little goes on with the next.
const LOOKED_AT_MAX: u64 = 512;

/// Accounts in one answer, at most.
const LIMIT_MAX: u32 = 100;

/// Longest text to search for, in characters.
const SEARCH_CHARS_MAX: usize = 254;

/// Entries after which a snapshot is worth a write.
const SNAPSHOT_EVERY: u64 = 16;

/// The latest entries, which are known when they come again.
const RECENT: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Registered { user: String },
    Deleted { user: String },
}

/// How many came and went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    registered: u64,
    deleted: u64,
    recent: Vec<Entry>,
}

impl Fold for Tally {
    const VERSION: u32 = 1;

    type Entry = Entry;

    fn apply(&mut self, _number: u64, entry: Entry) {
        // Two who do the same chore at once say the same twice.
        if self.recent.contains(&entry) {
            return;
        }
        let count = match entry {
            Entry::Registered { .. } => &mut self.registered,
            Entry::Deleted { .. } => &mut self.deleted,
        };
        *count = count.saturating_add(1);
        self.recent.push(entry);
        let surplus = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..surplus);
    }
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) accounts: Vec<types::Account>,
    /// To be given for the next part.
    pub(crate) next: Option<String>,
}

/// Figures: accounts that there are, that ever were, that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) accounts: u64,
    pub(crate) registered_ever: u64,
    pub(crate) deleted_ever: u64,
}

fn journal<P: Platform + Clone>(platform: &P) -> Journal<P> {
    Journal::new(platform.clone(), NAME)
}

/// Says which of a user's entries counts, since there may be several.
fn place_key(user: &str) -> String {
    format!("{NAME}.u:{user}")
}

/// Tells the directory that a user's account came or went. May be repeated.
///
/// # Errors
/// Those of the directory's journal.
pub(crate) async fn announce<P: Platform + Clone>(
    platform: &P,
    user: &str,
    listing: Listing,
) -> Result<(), Error> {
    let place = place_key(user);
    let is_listed = platform.get(&place).await?.is_some();
    let entry = match (listing, is_listed) {
        (Listing::Registered, true) | (Listing::Deleted, false) => return Ok(()),
        (Listing::Registered, false) => Entry::Registered {
            user: user.to_owned(),
        },
        (Listing::Deleted, true) => Entry::Deleted {
            user: user.to_owned(),
        },
    };
    let journal = journal(platform);
    let mut view = journal.read::<Tally>().await?;
    let number = journal.append(&mut view, &entry).await?;
    match listing {
        Listing::Registered => platform.set(&place, number.to_string().as_bytes()).await?,
        Listing::Deleted => platform.delete_many(vec![place]).await?,
    }
    if view.tail() >= SNAPSHOT_EVERY
        && let Some((key, value)) = journal.snapshot(&mut view)
    {
        // Only saves time.
        let _ = platform.set(&key, &value).await;
    }
    Ok(())
}

/// Registered accounts, oldest first, from `cursor` on. With a search there may be fewer than
/// `limit`, even none, in a part that is not the last.
///
/// # Errors
/// `invalid`, `unavailable`.
pub(crate) async fn list<P: Platform + Clone>(
    accounts: &Accounts<P>,
    search: Option<&str>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page, Error> {
    let mut problems = Problems::default();
    let after = cursor.map_or(Some(0), |cursor| cursor.parse::<u64>().ok());
    if after.is_none() {
        problems.add("cursor", "is not one that was given out");
    }
    if !(1..=LIMIT_MAX).contains(&limit) {
        problems.add("limit", "must be 1 to 100");
    }
    if search.is_some_and(|text| text.chars().count() > SEARCH_CHARS_MAX) {
        problems.add("search", "must be at most 254 characters");
    }
    problems.into_result()?;
    let search = search.map(|text| text.trim().to_lowercase());
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);

    let view = journal(accounts.platform()).read::<Tally>().await?;
    let end = view.position();
    let mut last = after.unwrap_or(0);
    let stop = end.min(last.saturating_add(LOOKED_AT_MAX));
    let mut found: Vec<types::Account> = Vec::new();
    while last < stop && found.len() < limit {
        let numbers = last.saturating_add(1)..=stop.min(last.saturating_add(BATCH));
        let batch = try_join_all(numbers.map(|number| account_at(accounts, number))).await?;
        for account in batch {
            if found.len() >= limit {
                break;
            }
            last = last.saturating_add(1);
            let wanted = |account: &types::Account| matches(account, search.as_deref());
            found.extend(account.filter(wanted));
        }
    }
    Ok(Page {
        accounts: found,
        next: (last < end).then(|| last.to_string()),
    })
}

/// The account that the entry of a number lists, if it is still there.
async fn account_at<P: Platform + Clone>(
    accounts: &Accounts<P>,
    number: u64,
) -> Result<Option<types::Account>, Error> {
    let platform = accounts.platform();
    let entry = journal(platform).entry::<Tally>(number).await?;
    let Some(Entry::Registered { user }) = entry else {
        return Ok(None);
    };
    let place = platform.get(&place_key(&user)).await?;
    if place.as_deref() != Some(number.to_string().as_bytes()) || !is_id(&user) {
        return Ok(None);
    }
    let state = accounts.read(&user).await?.state;
    let profile = state.profile.as_ref();
    Ok(profile.map(|profile| issuing::registered(&user, profile, &state)))
}

fn matches(account: &types::Account, search: Option<&str>) -> bool {
    let Some(search) = search else {
        return true;
    };
    let texts = account.email.iter().chain(&account.name);
    texts
        .into_iter()
        .any(|text| text.to_lowercase().contains(search))
}

/// The account with this email address.
///
/// # Errors
/// `not-found`, `unavailable`.
pub(crate) async fn find_by_email<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
) -> Result<types::Account, Error> {
    let index = Index::email(email.trim());
    let user = claims::owner(accounts, &index).await?;
    let user = user.ok_or(Error::NotFound)?;
    let state = accounts.read(&user).await?.state;
    let profile = state.profile.as_ref().ok_or(Error::NotFound)?;
    Ok(issuing::registered(&user, profile, &state))
}

/// # Errors
/// `unavailable`.
pub(crate) async fn statistics<P: Platform + Clone>(platform: &P) -> Result<Statistics, Error> {
    let tally = journal(platform).read::<Tally>().await?.state;
    Ok(Statistics {
        accounts: tally.registered.saturating_sub(tally.deleted),
        registered_ever: tally.registered,
        deleted_ever: tally.deleted,
    })
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;

//! The list of all accounts, for the operator.

use futures::future::try_join_all;
use ids::is_key_part;
use journal::Platform;

use crate::accounts::Accounts;
use crate::claims;
use crate::effects;
use crate::fields::FieldErrors;
use crate::types::{self, Error};
use crate::unique_name::UniqueName;
use crate::views;

/// Accounts that are read concurrently.
const BATCH: u64 = 16;

/// Maximum number of entries that one call examines. A search that matches few continues with the
/// next page.
const EXAMINED_MAX: u64 = 512;

/// Maximum number of accounts of a page.
const LIMIT_MAX: u32 = 100;

/// Maximum length of a search, in characters.
const SEARCH_CHARS_MAX: usize = 254;

/// One page of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) accounts: Vec<types::Account>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// Number of accounts that exist, that were ever created, and that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) accounts: u64,
    pub(crate) registered_ever: u64,
    pub(crate) deleted_ever: u64,
}

/// Registered accounts after `cursor`, oldest first. With a search, a page that is not the last may
/// have fewer than `limit` accounts, even none.
///
/// # Errors
/// `invalid`, `unavailable`.
pub(crate) async fn list<P: Platform + Clone>(
    accounts: &Accounts<P>,
    search: Option<&str>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page, Error> {
    let mut errors = FieldErrors::default();
    let start = cursor.map_or(Some(0), |cursor| cursor.parse::<u64>().ok());
    if start.is_none() {
        errors.add("cursor", "is not a cursor of this list");
    }
    if !(1..=LIMIT_MAX).contains(&limit) {
        errors.add("limit", "must be 1 to 100");
    }
    if search.is_some_and(|text| text.chars().count() > SEARCH_CHARS_MAX) {
        errors.add("search", "must be at most 254 characters");
    }
    errors.into_result()?;
    let search = search.map(|text| text.trim().to_lowercase());
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);

    let list = effects::directory(accounts.platform());
    let start = start.unwrap_or(0);
    let stop = start.saturating_add(EXAMINED_MAX);
    let mut matching: Vec<types::Account> = Vec::new();
    let mut next = Some(start);
    while let Some(cursor) = next.filter(|cursor| *cursor < stop) {
        let page = list.page(cursor, BATCH).await?;
        let read = page.items.iter().map(|item| account(accounts, &item.id));
        let read = try_join_all(read).await?;
        next = page.next;
        let mut items = page.items.iter().zip(read).peekable();
        while let Some((item, account)) = items.next() {
            let wanted = |account: &types::Account| matches(account, search.as_deref());
            matching.extend(account.filter(wanted));
            if matching.len() >= limit {
                let more = items.peek().is_some() || page.next.is_some();
                return Ok(Page {
                    accounts: matching,
                    next: more.then(|| item.cursor.to_string()),
                });
            }
        }
    }
    Ok(Page {
        accounts: matching,
        next: next.map(|cursor| cursor.to_string()),
    })
}

/// The account of a user, if it exists.
async fn account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Option<types::Account>, Error> {
    if !is_key_part(user) {
        return Ok(None);
    }
    let state = accounts.read(user).await?.state;
    let profile = state.profile.as_ref();
    Ok(profile.map(|profile| views::registered_account(user, profile, &state)))
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
    let name = UniqueName::email(email.trim());
    let user = claims::owner(accounts, &name).await?;
    let user = user.ok_or(Error::NotFound)?;
    account(accounts, &user).await?.ok_or(Error::NotFound)
}

/// # Errors
/// `unavailable`.
pub(crate) async fn statistics<P: Platform + Clone>(platform: &P) -> Result<Statistics, Error> {
    let counts = effects::directory(platform).counts().await?;
    Ok(Statistics {
        accounts: counts.added.saturating_sub(counts.removed),
        registered_ever: counts.added,
        deleted_ever: counts.removed,
    })
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;

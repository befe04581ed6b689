//! Keys for machines. The facts of the owner's journal say which there are; the records that
//! identity looks keys up in follow from them.

use credentials::records::{self, ApiKeyRecord, Scope};
use credentials::{Subject, UserKind, api_key};
use futures::future::try_join_all;
use journal::Platform;
use uuid::Uuid;

use crate::account::{ENDED_KEYS_KEPT, Fact, Key, LIVE_KEYS_MAX};
use crate::accounts::Accounts;
use crate::fields::Problems;
use crate::types::Error;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Latest time there is, in milliseconds since the epoch: the last of the year 9999.
const TIME_MAX: u64 = 253_402_300_799_999;

/// What a key may be used for if its maker does not say.
const DEFAULT_SCOPES: [Scope; 3] = [Scope::Read, Scope::Chat, Scope::Write];

/// Times of last use that are read at once.
const READ_AT_ONCE: usize = 16;

/// What a new key is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) expires: Option<u64>,
    /// Empty: `DEFAULT_SCOPES`.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) chat_per_minute: Option<u32>,
    pub(crate) request_budget: Option<u64>,
    pub(crate) token_budget: Option<u64>,
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: Key,
    pub(crate) active: bool,
    /// Milliseconds since the epoch.
    pub(crate) last_used: Option<u64>,
}

/// Makes a key, and answers it with its secret.
///
/// # Errors
/// `invalid`; `too-many`; `not-found` if the owner is gone; `unavailable`.
pub(crate) async fn create<P: Platform + Clone>(
    accounts: &Accounts<P>,
    owner: &Subject,
    wish: Wish,
) -> Result<(Listed, String), Error> {
    let now = accounts.now();
    let wish = checked(wish, now)?;
    let mut view = accounts.read(&owner.id).await?;
    if view.state.dead {
        return Err(Error::NotFound);
    }
    let live = view.state.keys.iter().filter(|key| key.is_live(now));
    if live.count() >= LIVE_KEYS_MAX {
        return Err(too_many());
    }

    let made = api_key::generate()?;
    let key = Key {
        id: Uuid::new_v4().to_string(),
        hash: made.hash,
        name: wish.name,
        prefix: made.shown,
        scopes: wish.scopes,
        created: now,
        expires: wish.expires,
        chat_per_minute: wish.chat_per_minute,
        request_budget: wish.request_budget,
        token_budget: wish.token_budget,
        revoked: None,
    };
    let fact = Fact::KeyCreated(key.clone());
    accounts.append(&owner.id, &mut view, &fact).await?;
    if !view.state.keys.iter().any(|known| known.id == key.id) {
        return Err(if view.state.dead {
            Error::NotFound
        } else {
            too_many()
        });
    }
    write_record(accounts, owner, &key).await?;
    let listed = Listed {
        key,
        active: true,
        last_used: None,
    };
    Ok((listed, made.secret))
}

/// Writes what identity looks a key up in. Whoever revokes the key at the same time may delete the
/// record before it is written, so it is looked at again afterwards.
async fn write_record<P: Platform + Clone>(
    accounts: &Accounts<P>,
    owner: &Subject,
    key: &Key,
) -> Result<(), Error> {
    let record = ApiKeyRecord {
        id: key.id.clone(),
        owner: owner.clone(),
        scopes: key.scopes.clone(),
        expires_at: key.expires,
        chat_per_minute: key.chat_per_minute,
        request_budget: key.request_budget,
        token_budget: key.token_budget,
    };
    let place = records::api_key(&key.hash);
    accounts.platform().set(&place, &record.to_bytes()).await?;
    let state = accounts.read(&owner.id).await?.state;
    let holds = |known: &Key| known.id == key.id && known.revoked.is_none();
    if !state.keys.iter().any(holds) {
        accounts.platform().delete_many(vec![place]).await?;
        return Err(Error::NotFound);
    }
    Ok(())
}

/// A user's keys, newest first, also those that ended in the last 30 days.
///
/// # Errors
/// `not-found` for what is no user id, and `unavailable`.
pub(crate) async fn list<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Vec<Listed>, Error> {
    let state = accounts.read(user).await?.state;
    let now = accounts.now();
    let kept = |end: u64| end.saturating_add(ENDED_KEYS_KEPT) > now;
    let mut keys = state.keys;
    keys.retain(|key| key.ended(now).is_none_or(kept));
    let mut listed = Vec::with_capacity(keys.len());
    for some in keys.chunks(READ_AT_ONCE) {
        let uses = some.iter().map(|key| last_used(accounts, &key.id));
        let uses = try_join_all(uses).await?;
        listed.extend(some.iter().zip(uses).map(|(key, last_used)| Listed {
            active: key.is_live(now),
            key: key.clone(),
            last_used,
        }));
    }
    // In the journal's order, which also holds within a millisecond.
    listed.reverse();
    Ok(listed)
}

async fn last_used<P: Platform + Clone>(
    accounts: &Accounts<P>,
    id: &str,
) -> Result<Option<u64>, Error> {
    let bytes = accounts.platform().get(&records::last_used(id)).await?;
    Ok(bytes.as_deref().and_then(records::last_used_from_bytes))
}

/// Refuses a key from now on.
///
/// # Errors
/// `not-found` if it never was the user's or is long gone, and `unavailable`.
pub(crate) async fn revoke<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    id: &str,
) -> Result<(), Error> {
    let mut view = accounts.read(user).await?;
    let known = view.state.keys.iter().find(|key| key.id == id);
    if known.ok_or(Error::NotFound)?.revoked.is_some() {
        return Ok(());
    }
    let fact = Fact::KeyRevoked {
        key: id.to_owned(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await
}

/// Refuses all of a user's keys from now on, and answers how many were good.
///
/// # Errors
/// `not-found` for what is no user id, and `unavailable`.
pub(crate) async fn revoke_all<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<u32, Error> {
    let mut view = accounts.read(user).await?;
    let now = accounts.now();
    let live = view.state.keys.iter().filter(|key| key.is_live(now));
    let count = u32::try_from(live.count()).unwrap_or(u32::MAX);
    if view.state.keys.iter().any(|key| key.revoked.is_none()) {
        let fact = Fact::KeysRevoked { at: now };
        accounts.append(user, &mut view, &fact).await?;
    }
    Ok(count)
}

/// The wish with its defaults filled in.
fn checked(wish: Wish, now: u64) -> Result<Wish, Error> {
    let mut problems = Problems::default();
    let name = wish.name.trim();
    let characters = name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&characters) {
        problems.add("name", "must be 1 to 100 characters");
    } else if name.chars().any(char::is_control) {
        problems.add("name", "must not contain control characters");
    }
    if wish.expires.is_some_and(|at| at <= now || at > TIME_MAX) {
        problems.add("expiresAt", "must be in the future");
    }
    for (field, none) in [
        ("chatPerMinute", wish.chat_per_minute == Some(0)),
        ("requestBudget", wish.request_budget == Some(0)),
        ("tokenBudget", wish.token_budget == Some(0)),
    ] {
        if none {
            problems.add(field, "must be at least 1");
        }
    }
    problems.into_result()?;
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in wish.scopes {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        scopes.extend(DEFAULT_SCOPES);
    }
    Ok(Wish {
        name: name.to_owned(),
        scopes,
        ..wish
    })
}

fn too_many() -> Error {
    Error::TooMany("API keys".to_owned())
}

/// Who a key speaks for.
pub(crate) fn owner(
    id: String,
    guest: bool,
    external: bool,
    email: Option<String>,
    name: Option<String>,
) -> Subject {
    let kind = match (guest, external) {
        (true, _) => UserKind::Guest,
        (false, true) => UserKind::External,
        (false, false) => UserKind::Registered,
    };
    Subject {
        id,
        kind,
        email,
        name,
    }
}

#[cfg(test)]
#[path = "api_keys_tests.rs"]
mod tests;

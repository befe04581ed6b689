//! API keys. The owner's journal is the source of truth; the records in which identity looks keys up
//! are derived from it.

use credentials::records::{self, ApiKeyRecord, Scope};
use credentials::{Subject, UserKind, api_key};
use futures::future::try_join_all;
use ids::new_uuid;
use journal::Platform;

use crate::account::{ACTIVE_KEYS_MAX, ENDED_KEYS_LISTED, Event, Key};
use crate::accounts::Accounts;
use crate::fields::FieldErrors;
use crate::types::Error;

/// Maximum length of a name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Latest expiry, in milliseconds since the epoch: the end of the year 9999.
const TIME_MAX: u64 = 253_402_300_799_999;

/// The scopes of a key whose request names none.
const DEFAULT_SCOPES: [Scope; 3] = [Scope::Read, Scope::Chat, Scope::Write];

/// Times of last use that are read concurrently.
const READ_AT_ONCE: usize = 16;

/// The properties of a new key.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewApiKey {
    pub(crate) name: String,
    pub(crate) expires: Option<u64>,
    /// Empty means `DEFAULT_SCOPES`.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) chat_per_minute: Option<u32>,
    pub(crate) request_budget: Option<u64>,
    pub(crate) token_budget: Option<u64>,
}

/// A key in the list of a user's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedKey {
    pub(crate) key: Key,
    pub(crate) active: bool,
    /// Milliseconds since the epoch.
    pub(crate) last_used: Option<u64>,
}

/// Creates a key. Returns it and its secret.
///
/// # Errors
/// `invalid`; `too-many`; `not-found` if the owner was deleted; `unavailable`.
pub(crate) async fn create<P: Platform + Clone>(
    accounts: &Accounts<P>,
    owner: &Subject,
    request: NewApiKey,
) -> Result<(ListedKey, String), Error> {
    let now = accounts.now();
    let request = validated(request, now)?;
    let mut view = accounts.read(&owner.id).await?;
    if view.state.deleted {
        return Err(Error::NotFound);
    }
    let active = view.state.keys.iter().filter(|key| key.is_active(now));
    if active.count() >= ACTIVE_KEYS_MAX {
        return Err(too_many());
    }

    let made = api_key::generate()?;
    let key = Key {
        id: new_uuid(),
        hash: made.hash,
        name: request.name,
        prefix: made.shown,
        scopes: request.scopes,
        created: now,
        expires: request.expires,
        chat_per_minute: request.chat_per_minute,
        request_budget: request.request_budget,
        token_budget: request.token_budget,
        revoked: None,
    };
    let event = Event::KeyCreated(key.clone());
    accounts.append(&owner.id, &mut view, &event).await?;
    if !view.state.keys.iter().any(|stored| stored.id == key.id) {
        return Err(if view.state.deleted {
            Error::NotFound
        } else {
            too_many()
        });
    }
    write_record(accounts, owner, &key).await?;
    let listed = ListedKey {
        key,
        active: true,
        last_used: None,
    };
    Ok((listed, made.secret))
}

/// Writes the record in which identity looks a key up. A concurrent revocation may delete the record
/// before it is written, so the key's state is checked again afterwards.
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
    let record_key = records::api_key(&key.hash);
    accounts
        .platform()
        .set(&record_key, &record.to_bytes())
        .await?;
    let state = accounts.read(&owner.id).await?.state;
    let is_active = |stored: &Key| stored.id == key.id && stored.revoked.is_none();
    if !state.keys.iter().any(is_active) {
        accounts.platform().delete_many(vec![record_key]).await?;
        return Err(Error::NotFound);
    }
    Ok(())
}

/// A user's keys, newest first, including those that ended in the last 30 days.
///
/// # Errors
/// `not-found` for an invalid user id; `unavailable`.
pub(crate) async fn list<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Vec<ListedKey>, Error> {
    let state = accounts.read(user).await?.state;
    let now = accounts.now();
    let kept = |end: u64| end.saturating_add(ENDED_KEYS_LISTED) > now;
    let mut keys = state.keys;
    keys.retain(|key| key.ended(now).is_none_or(kept));
    let mut listed = Vec::with_capacity(keys.len());
    for some in keys.chunks(READ_AT_ONCE) {
        let uses = some.iter().map(|key| last_used(accounts, &key.id));
        let uses = try_join_all(uses).await?;
        listed.extend(some.iter().zip(uses).map(|(key, last_used)| ListedKey {
            active: key.is_active(now),
            key: key.clone(),
            last_used,
        }));
    }
    // The journal's order is right within a millisecond too.
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

/// Revokes a key.
///
/// # Errors
/// `not-found` if the user has no such key; `unavailable`.
pub(crate) async fn revoke<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    id: &str,
) -> Result<(), Error> {
    let mut view = accounts.read(user).await?;
    let stored = view.state.keys.iter().find(|key| key.id == id);
    if stored.ok_or(Error::NotFound)?.revoked.is_some() {
        return Ok(());
    }
    let event = Event::KeyRevoked {
        key: id.to_owned(),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await
}

/// Revokes all of a user's keys. Returns how many were active.
///
/// # Errors
/// `not-found` for an invalid user id; `unavailable`.
pub(crate) async fn revoke_all<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<u32, Error> {
    let mut view = accounts.read(user).await?;
    let now = accounts.now();
    let active = view.state.keys.iter().filter(|key| key.is_active(now));
    let count = u32::try_from(active.count()).unwrap_or(u32::MAX);
    if view.state.keys.iter().any(|key| key.revoked.is_none()) {
        let event = Event::KeysRevoked { at: now };
        accounts.append(user, &mut view, &event).await?;
    }
    Ok(count)
}

/// Validates a request and fills in its defaults.
fn validated(request: NewApiKey, now: u64) -> Result<NewApiKey, Error> {
    let mut errors = FieldErrors::default();
    let name = request.name.trim();
    let characters = name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&characters) {
        errors.add("name", "must be 1 to 100 characters");
    } else if name.chars().any(char::is_control) {
        errors.add("name", "must not contain control characters");
    }
    if request.expires.is_some_and(|at| at <= now || at > TIME_MAX) {
        errors.add("expiresAt", "must be in the future");
    }
    for (field, none) in [
        ("chatPerMinute", request.chat_per_minute == Some(0)),
        ("requestBudget", request.request_budget == Some(0)),
        ("tokenBudget", request.token_budget == Some(0)),
    ] {
        if none {
            errors.add(field, "must be at least 1");
        }
    }
    errors.into_result()?;
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in request.scopes {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        scopes.extend(DEFAULT_SCOPES);
    }
    Ok(NewApiKey {
        name: name.to_owned(),
        scopes,
        ..request
    })
}

fn too_many() -> Error {
    Error::TooMany("API keys".to_owned())
}

/// The user that a key authenticates.
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

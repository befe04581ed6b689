//! Creating, changing and deleting accounts: the contract's `registration`.

use ids::new_uuid;
use journal::Platform;
use journal::unique::Acquired;

use crate::account::{Email, Event, Password, Registered};
use crate::accounts::Accounts;
use crate::bindings::exports::goldfish::accounts::registration::{
    FieldUpdate, RegistrationRequest, RegistrationResult,
};
use crate::claims;
use crate::fields::{self, FieldErrors};
use crate::password::{self, PasswordMatch};
use crate::sessions;
use crate::types::{Account, Client, Error, GuestSession};
use crate::unique_name::UniqueName;
use crate::views::{self, GUEST_PREFIX, USER_PREFIX};

/// Duration of a registration that must not show whether the address was taken, in milliseconds.
/// Longer than it takes to create an account.
const CONSTANT_TIME: u64 = 1_000;

pub(crate) async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    request: &RegistrationRequest,
    guest: Option<GuestSession>,
    client: &Client,
) -> Result<RegistrationResult, Error> {
    let began = accounts.platform().monotonic();
    let event = registered(accounts, request)?;
    let outcome = apply(accounts, event, guest, client).await;
    if !accounts.verification_required {
        return outcome;
    }
    let took = accounts.platform().monotonic().saturating_sub(began);
    accounts
        .platform()
        .sleep(CONSTANT_TIME.saturating_sub(took))
        .await;
    match outcome {
        Err(Error::EmailTaken) => Ok(RegistrationResult::AlreadyRegistered),
        other => other,
    }
}

/// Validates a request and makes the event from it.
fn registered<P: Platform + Clone>(
    accounts: &Accounts<P>,
    request: &RegistrationRequest,
) -> Result<Registered, Error> {
    let mut errors = FieldErrors::default();
    let address = fields::email(&request.email);
    if address.is_none() {
        errors.add("email", "is not an email address");
    }
    let name = fields::name(request.name.as_deref(), &mut errors);
    let image = fields::image(request.image.as_deref(), &mut errors);
    let address = address.unwrap_or_default();
    let public_facts = [address.as_str(), name.as_deref().unwrap_or_default()];
    let rules = accounts.password_rules;
    rules.check(&request.password, "password", &public_facts, &mut errors);
    errors.into_result()?;
    Ok(Registered {
        email: Email {
            address,
            verified: false,
            claim: new_uuid(),
        },
        pending: accounts.verification_required,
        password: Some(Password {
            id: new_uuid(),
            hash: password::hash(&request.password)?,
        }),
        identity: None,
        name,
        image,
        guest: None,
        at: accounts.now(),
    })
}

async fn apply<P: Platform + Clone>(
    accounts: &Accounts<P>,
    mut event: Registered,
    guest: Option<GuestSession>,
    client: &Client,
) -> Result<RegistrationResult, Error> {
    let user = match convertible_guest(accounts, guest).await? {
        Some(GuestSession { user, session }) => {
            event.guest = Some(session);
            user
        }
        None => new_user(),
    };
    let index = UniqueName::email(&event.email.address);
    let claim = event.email.claim.clone();
    let password = event.password.as_ref().map(|password| password.id.clone());
    let pending = event.pending;
    if claims::acquire(accounts, &index, &user, &claim).await? != Acquired::Claimed {
        return Err(Error::EmailTaken);
    }
    let mut view = accounts.read(&user).await?;
    event.at = accounts.now();
    let event = Event::Registered(event);
    accounts.append(&user, &mut view, &event).await?;
    let Some(profile) = view
        .state
        .profile
        .as_ref()
        .filter(|_| view.state.holds(&claim))
    else {
        claims::release(accounts, &index, &claim).await?;
        return Err(match view.state.active_profile() {
            Some(_) => Error::Unavailable("the guest registered at the same time".to_owned()),
            None => Error::EmailTaken,
        });
    };
    if pending {
        let account = views::registered_account(&user, profile, &view.state);
        return Ok(RegistrationResult::VerificationPending(account));
    }
    let tokens = sessions::begin(accounts, &user, &mut view, password, client).await?;
    Ok(RegistrationResult::SignedIn(tokens))
}

/// The guest, if it can become an account. None if it is an account already.
///
/// # Errors
/// `token-invalid` if the guest or its session has ended; `unavailable`.
pub(crate) async fn convertible_guest<P: Platform + Clone>(
    accounts: &Accounts<P>,
    guest: Option<GuestSession>,
) -> Result<Option<GuestSession>, Error> {
    let Some(GuestSession { user, session }) = guest else {
        return Ok(None);
    };
    if GUEST_PREFIX.uuid_of(&user) != Some(session.as_str()) {
        return Ok(None);
    }
    let account = accounts.read(&user).await?.state;
    if account.active_profile().is_some() {
        return Ok(None);
    }
    if account.deleted || account.effects.is_revoked(&session) {
        return Err(Error::TokenInvalid);
    }
    Ok(Some(GuestSession { user, session }))
}

/// A new id of a user who was not a guest.
pub(crate) fn new_user() -> String {
    USER_PREFIX.new_id()
}

pub(crate) async fn get_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Account, Error> {
    let view = accounts.read(user).await?;
    views::account(user, &view.state).ok_or(Error::NotFound)
}

pub(crate) async fn update_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    name: &FieldUpdate,
    image: &FieldUpdate,
) -> Result<Account, Error> {
    let mut errors = FieldErrors::default();
    let (new_name, new_image) = (new_value(name), new_value(image));
    let name = fields::name(new_name, &mut errors);
    let image = fields::image(new_image, &mut errors);
    errors.into_result()?;
    let clears_name = new_name.is_some() && name.is_none();
    let clears_image = new_image.is_some() && image.is_none();
    let mut view = accounts.read(user).await?;
    view.state.active_profile().ok_or(Error::NotFound)?;
    if new_name.is_some() || new_image.is_some() {
        let event = Event::Updated {
            name,
            image,
            clears_name,
            clears_image,
            at: accounts.now(),
        };
        accounts.append(user, &mut view, &event).await?;
    }
    views::account(user, &view.state).ok_or(Error::NotFound)
}

/// The new text of a field. Blank if the field must be cleared.
fn new_value(change: &FieldUpdate) -> Option<&str> {
    match change {
        FieldUpdate::Keep => None,
        FieldUpdate::Clear => Some(""),
        FieldUpdate::Set(text) => Some(text),
    }
}

pub(crate) async fn confirm_password<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    password: &str,
) -> Result<(), Error> {
    let view = accounts.read(user).await?;
    let profile = view.state.active_profile();
    let stored = profile.and_then(|profile| profile.password.as_ref());
    match password::verify(password, stored.map(|stored| stored.hash.as_str()))? {
        PasswordMatch::Match | PasswordMatch::MatchOutdatedHash => Ok(()),
        PasswordMatch::NoMatch => Err(Error::WrongCredentials),
    }
}

/// Deletes the account: ends sessions, revokes keys, releases the email address and erases all data
/// stored here. The id is never used again. Idempotent; also for guests and external users.
pub(crate) async fn delete_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<(), Error> {
    let mut view = accounts.read(user).await?;
    if view.state.deleted {
        return accounts.apply_pending_effects(user, &mut view).await;
    }
    let guest = GUEST_PREFIX.uuid_of(user);
    let ours = guest.is_some() || USER_PREFIX.begins(user);
    let event = Event::Deleted {
        permanent: ours,
        guest: guest.map(str::to_owned),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;

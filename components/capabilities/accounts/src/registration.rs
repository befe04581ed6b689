//! Making and changing accounts: the contract's `registration`.

use journal::Platform;
use uuid::Uuid;

use crate::account::{Email, Fact, Password, Registered};
use crate::accounts::Accounts;
use crate::bindings::exports::goldfish::accounts::registration::{
    FieldUpdate, RegistrationRequest, RegistrationResult,
};
use crate::claims::{self, Claimed, Index};
use crate::fields::{self, Problems};
use crate::issuing;
use crate::password::{self, Verdict};
use crate::sessions;
use crate::types::{Account, Client, Error, GuestSession};

/// How long an application takes at least, in milliseconds, where it must not be seen whether the
/// address was taken: well beyond what it takes to make an account.
const EVEN_TIME: u64 = 1_000;

pub(crate) async fn register<P: Platform + Clone>(
    accounts: &Accounts<P>,
    request: &RegistrationRequest,
    guest: Option<GuestSession>,
    client: &Client,
) -> Result<RegistrationResult, Error> {
    let began = accounts.platform().monotonic();
    let fact = registered(accounts, request)?;
    let outcome = apply(accounts, fact, guest, client).await;
    if !accounts.verification_required {
        return outcome;
    }
    let took = accounts.platform().monotonic().saturating_sub(began);
    accounts
        .platform()
        .sleep(EVEN_TIME.saturating_sub(took))
        .await;
    match outcome {
        Err(Error::EmailTaken) => Ok(RegistrationResult::AlreadyRegistered),
        other => other,
    }
}

/// The fact that an application amounts to, if it is accepted.
fn registered<P: Platform + Clone>(
    accounts: &Accounts<P>,
    request: &RegistrationRequest,
) -> Result<Registered, Error> {
    let mut problems = Problems::default();
    let address = fields::email(&request.email);
    if address.is_none() {
        problems.add("email", "is not an email address");
    }
    let name = fields::name(request.name.as_deref(), &mut problems);
    let image = fields::image(request.image.as_deref(), &mut problems);
    let address = address.unwrap_or_default();
    let known = [address.as_str(), name.as_deref().unwrap_or_default()];
    password::check(&request.password, "password", &known, &mut problems);
    problems.into_result()?;
    Ok(Registered {
        email: Email {
            address,
            verified: false,
            claim: Uuid::new_v4().to_string(),
        },
        pending: accounts.verification_required,
        password: Some(Password {
            id: Uuid::new_v4().to_string(),
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
    mut fact: Registered,
    guest: Option<GuestSession>,
    client: &Client,
) -> Result<RegistrationResult, Error> {
    let user = match becoming(accounts, guest).await? {
        Some(GuestSession { user, session }) => {
            fact.guest = Some(session);
            user
        }
        None => new_user(),
    };
    let index = Index::email(&fact.email.address);
    let claim = fact.email.claim.clone();
    let password = fact.password.as_ref().map(|password| password.id.clone());
    let pending = fact.pending;
    if claims::acquire(accounts, &index, &user, &claim).await? != Claimed::Ours {
        return Err(Error::EmailTaken);
    }
    let mut view = accounts.read(&user).await?;
    fact.at = accounts.now();
    let fact = Fact::Registered(fact);
    accounts.append(&user, &mut view, &fact).await?;
    let Some(profile) = view
        .state
        .profile
        .as_ref()
        .filter(|_| view.state.holds(&claim))
    else {
        claims::release(accounts.platform(), &index, &claim).await?;
        return Err(match view.state.active() {
            Some(_) => Error::Unavailable("the guest registered at the same time".to_owned()),
            // We were so slow that somebody else has it now.
            None => Error::EmailTaken,
        });
    };
    if pending {
        let account = issuing::registered(&user, profile, &view.state);
        return Ok(RegistrationResult::VerificationPending(account));
    }
    let tokens = sessions::begin(accounts, &user, &mut view, password, client).await?;
    Ok(RegistrationResult::SignedIn(tokens))
}

/// The guest, if it can become an account: one that is an account already stays what it is.
pub(crate) async fn becoming<P: Platform + Clone>(
    accounts: &Accounts<P>,
    guest: Option<GuestSession>,
) -> Result<Option<GuestSession>, Error> {
    let Some(GuestSession { user, session }) = guest else {
        return Ok(None);
    };
    if issuing::guest_session_id(&user) != Some(session.as_str()) {
        return Ok(None);
    }
    let account = accounts.read(&user).await?.state;
    if account.active().is_some() {
        return Ok(None);
    }
    if account.dead || account.chores.is_marked(&session) {
        return Err(Error::TokenInvalid);
    }
    Ok(Some(GuestSession { user, session }))
}

/// An id for somebody who was not a guest.
pub(crate) fn new_user() -> String {
    format!("{}{}", issuing::USER_PREFIX, Uuid::new_v4())
}

pub(crate) async fn get_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Account, Error> {
    let view = accounts.read(user).await?;
    issuing::shown(user, &view.state).ok_or(Error::NotFound)
}

pub(crate) async fn update_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    name: &FieldUpdate,
    image: &FieldUpdate,
) -> Result<Account, Error> {
    let mut problems = Problems::default();
    let (name_given, image_given) = (given(name), given(image));
    let name = fields::name(name_given, &mut problems);
    let image = fields::image(image_given, &mut problems);
    problems.into_result()?;
    let clears_name = name_given.is_some() && name.is_none();
    let clears_image = image_given.is_some() && image.is_none();
    let mut view = accounts.read(user).await?;
    view.state.active().ok_or(Error::NotFound)?;
    if name_given.is_some() || image_given.is_some() {
        let fact = Fact::Updated {
            name,
            image,
            clears_name,
            clears_image,
            at: accounts.now(),
        };
        accounts.append(user, &mut view, &fact).await?;
    }
    issuing::shown(user, &view.state).ok_or(Error::NotFound)
}

/// What a field is to be; blank where it is to be cleared.
fn given(change: &FieldUpdate) -> Option<&str> {
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
    let profile = view.state.active();
    let stored = profile.and_then(|profile| profile.password.as_ref());
    match password::verify(password, stored.map(|stored| stored.hash.as_str()))? {
        Verdict::Right | Verdict::Outdated => Ok(()),
        Verdict::Wrong => Err(Error::WrongCredentials),
    }
}

pub(crate) async fn delete_account<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<(), Error> {
    let mut view = accounts.read(user).await?;
    if view.state.dead {
        return accounts.do_chores(user, &mut view).await;
    }
    let guest = issuing::guest_session_id(user);
    let ours = guest.is_some() || user.starts_with(issuing::USER_PREFIX);
    let fact = Fact::Deleted {
        dead: ours,
        guest: guest.map(str::to_owned),
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;

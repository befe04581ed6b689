//! Passwords and confirmation of email addresses: the contract's `recovery`.

use credentials::keys::TokenKind;
use credentials::payload;
use credentials::tokens::TokenError;
use ids::new_uuid;
use journal::unique::Acquired;
use journal::{Platform, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::{Account as State, Email, Event, Password, Profile, SessionsToEnd};
use crate::accounts::Accounts;
use crate::bindings::exports::goldfish::accounts::recovery::EmailToken;
use crate::claims;
use crate::fields::{self, FieldErrors};
use crate::password::{self, PasswordMatch, PasswordRules};
use crate::session_tokens;
use crate::types::{Account, Client, Error, SessionTokens};
use crate::unique_name::UniqueName;
use crate::views;

/// How long a token to set a password is valid, in seconds.
const RESET_SECONDS: u64 = 60 * 60;

/// How long a token to confirm an address is valid, in seconds.
const VERIFICATION_SECONDS: u64 = 24 * 60 * 60;

/// The payload of a token to set a password. Valid until the password changes.
#[derive(Serialize, Deserialize)]
struct Reset {
    user: String,
    /// The id of the current password, if there is one.
    password: Option<String>,
    /// The address that the token was sent to, in lower case.
    email: String,
}

/// The payload of a token to confirm an address.
#[derive(Serialize, Deserialize)]
struct Verification {
    user: String,
    /// In lower case.
    email: String,
    /// For a new address: as entered, and the claim of the address that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
}

/// A change of the address that its token completes.
#[derive(Serialize, Deserialize)]
struct Change {
    address: String,
    replaces: String,
}

pub(crate) async fn change_password<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    current: &str,
    new_password: &str,
    sessions_to_end: SessionsToEnd,
) -> Result<Account, Error> {
    let mut view = accounts.read(user).await?;
    let profile = view.state.active_profile().ok_or(Error::NotFound)?;
    check(accounts.password_rules, new_password, profile)?;
    let stored = profile.password.clone().ok_or(Error::WrongCredentials)?;
    if password::verify(current, Some(&stored.hash))? == PasswordMatch::NoMatch {
        return Err(Error::WrongCredentials);
    }
    let password = new(new_password)?;
    let id = password.id.clone();
    let event = Event::PasswordSet {
        password,
        replaces: Some(stored.id),
        sessions_to_end,
        confirms_email: false,
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await?;
    match view.state.active_profile() {
        Some(profile) if has_password(profile, Some(&id)) => {
            Ok(views::registered_account(user, profile, &view.state))
        }
        // A concurrent request changed it.
        _ => Err(Error::WrongCredentials),
    }
}

pub(crate) async fn request_reset<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
) -> Result<Option<EmailToken>, Error> {
    let address = fields::email(email).unwrap_or_default();
    let owner = claims::owning_account(accounts, &UniqueName::email(&address)).await?;
    let owner = owner.and_then(|(user, view)| Some((user, view.state.profile?)));
    let Some((user, profile)) = owner else {
        return Ok(None);
    };
    let password = profile
        .password
        .as_ref()
        .map(|password| password.id.clone());
    let email = profile.email.address.to_lowercase();
    let data = Reset {
        user,
        password,
        email,
    };
    let (kind, to) = (TokenKind::Reset, &profile.email.address);
    let email_token = email_token(
        accounts,
        to,
        profile.name.clone(),
        kind,
        &data,
        RESET_SECONDS,
    )?;
    Ok(Some(email_token))
}

pub(crate) async fn check_reset<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
) -> Result<(), Error> {
    let reset: Reset = open(accounts, TokenKind::Reset, token)?;
    let view = accounts.read(&reset.user).await?;
    match &view.state.profile {
        Some(profile) if reset.is_of(profile) => Ok(()),
        _ => Err(Error::TokenInvalid),
    }
}

pub(crate) async fn reset_password<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
    new_password: &str,
) -> Result<Account, Error> {
    let reset: Reset = open(accounts, TokenKind::Reset, token)?;
    let mut view = accounts.read(&reset.user).await?;
    let profile = view.state.profile.as_ref().ok_or(Error::TokenInvalid)?;
    if !reset.is_of(profile) {
        return Err(Error::TokenInvalid);
    }
    let Reset {
        user,
        password: replaces,
        ..
    } = reset;
    check(accounts.password_rules, new_password, profile)?;
    let password = new(new_password)?;
    let id = password.id.clone();
    let event = Event::PasswordSet {
        password,
        replaces,
        sessions_to_end: SessionsToEnd::All,
        confirms_email: true,
        at: accounts.now(),
    };
    accounts.append(&user, &mut view, &event).await?;
    match view.state.active_profile() {
        Some(profile) if has_password(profile, Some(&id)) => {
            Ok(views::registered_account(&user, profile, &view.state))
        }
        _ => Err(Error::TokenInvalid),
    }
}

pub(crate) async fn request_verification<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
) -> Result<Option<EmailToken>, Error> {
    let address = fields::email(email).unwrap_or_default();
    let owner = claims::owning_account(accounts, &UniqueName::email(&address)).await?;
    let owner = owner.and_then(|(user, view)| Some((user, view.state.profile?)));
    let unconfirmed = owner.filter(|(_, profile)| !profile.email.verified);
    let Some((user, profile)) = unconfirmed else {
        return Ok(None);
    };
    let email = profile.email.address.to_lowercase();
    let data = Verification {
        user,
        email,
        change: None,
    };
    let to = &profile.email.address;
    let email_token = verification_token(accounts, to, profile.name.clone(), &data)?;
    Ok(Some(email_token))
}

pub(crate) async fn request_email_change<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    email: &str,
) -> Result<EmailToken, Error> {
    let view = accounts.read(user).await?;
    let profile = view.state.active_profile().ok_or(Error::NotFound)?;
    let address = new_address(profile, email)?;
    let name = UniqueName::email(&address);
    if claims::owner(accounts, &name).await?.is_some() {
        return Err(Error::EmailTaken);
    }
    let data = Verification {
        user: user.to_owned(),
        email: address.to_lowercase(),
        change: Some(Change {
            address: address.clone(),
            replaces: profile.email.claim.clone(),
        }),
    };
    verification_token(accounts, &address, profile.name.clone(), &data)
}

pub(crate) async fn change_email<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    email: &str,
) -> Result<Account, Error> {
    if accounts.verification_required {
        return Err(Error::Misconfigured(
            "email_verification is required, and no mail is sent".to_owned(),
        ));
    }
    let mut view = accounts.read(user).await?;
    let profile = view.state.active_profile().ok_or(Error::NotFound)?;
    let change = Change {
        address: new_address(profile, email)?,
        replaces: profile.email.claim.clone(),
    };
    replace_address(accounts, user, &mut view, change, false).await?;
    views::account(user, &view.state).ok_or(Error::NotFound)
}

/// Makes another address that of the account.
///
/// # Errors
/// `email-taken`; `unavailable` if another request changed the address meanwhile.
async fn replace_address<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    view: &mut View<State>,
    change: Change,
    verified: bool,
) -> Result<(), Error> {
    let Change { address, replaces } = change;
    let name = UniqueName::email(&address);
    let claim = new_uuid();
    if claims::acquire(accounts, &name, user, &claim).await? != Acquired::Claimed {
        return Err(Error::EmailTaken);
    }
    let event = Event::EmailChanged {
        email: Email {
            address,
            verified,
            claim: claim.clone(),
        },
        replaces,
        at: accounts.now(),
    };
    accounts.append(user, view, &event).await?;
    if view.state.holds(&claim) {
        return Ok(());
    }
    claims::release(accounts, &name, &claim).await?;
    Err(Error::Unavailable(
        "the address was changed at the same time".to_owned(),
    ))
}

/// The valid address in `email`, which is not the account's own.
fn new_address(profile: &Profile, email: &str) -> Result<String, Error> {
    let mut errors = FieldErrors::default();
    let address = fields::email(email);
    match &address {
        None => errors.add("email", "is not an email address"),
        Some(address) if address.to_lowercase() == profile.email.address.to_lowercase() => {
            errors.add("email", "is the address of this account already");
        }
        Some(_) => {}
    }
    errors.into_result()?;
    Ok(address.unwrap_or_default())
}

pub(crate) async fn verify_email<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
    client: &Client,
) -> Result<(Account, Option<SessionTokens>), Error> {
    let Verification {
        user,
        email,
        change,
    } = open(accounts, TokenKind::Verification, token)?;
    let mut view = accounts.read(&user).await?;
    let profile = view.state.profile.as_ref().ok_or(Error::TokenInvalid)?;
    if profile.email.address.to_lowercase() != email {
        // A token for a new address is used up by the change.
        let is_current = |change: &Change| change.replaces == profile.email.claim;
        let change = change.filter(is_current).ok_or(Error::TokenInvalid)?;
        replace_address(accounts, &user, &mut view, change, true).await?;
        let account = views::account(&user, &view.state).ok_or(Error::TokenInvalid)?;
        return Ok((account, None));
    }
    let at = accounts.now();
    let id = new_uuid();
    // A used token is accepted but does not sign in again.
    if !profile.email.verified {
        let waiting = profile.pending;
        let session = waiting.then(|| session_tokens::new_session(id.clone(), client, at));
        let event = Event::EmailVerified { email, session, at };
        accounts.append(&user, &mut view, &event).await?;
    }
    let account = views::account(&user, &view.state).ok_or(Error::TokenInvalid)?;
    let session = view.state.session(&id);
    let tokens = session.map(|session| session_tokens::issue(accounts, account.clone(), session));
    Ok((account, tokens.transpose()?))
}

fn check(rules: PasswordRules, password: &str, profile: &Profile) -> Result<(), Error> {
    let mut errors = FieldErrors::default();
    let name = profile.name.as_deref().unwrap_or_default();
    let public_facts = [profile.email.address.as_str(), name];
    rules.check(password, "newPassword", &public_facts, &mut errors);
    errors.into_result()
}

fn new(password: &str) -> Result<Password, Error> {
    Ok(Password {
        id: new_uuid(),
        hash: password::hash(password)?,
    })
}

impl Reset {
    /// Whether the account still has the password and the address of the token.
    fn is_of(&self, profile: &Profile) -> bool {
        has_password(profile, self.password.as_deref())
            && profile.email.address.to_lowercase() == self.email
    }
}

fn has_password(profile: &Profile, id: Option<&str>) -> bool {
    let current = profile
        .password
        .as_ref()
        .map(|password| password.id.as_str());
    current == id
}

fn verification_token<P: Platform + Clone>(
    accounts: &Accounts<P>,
    to: &str,
    name: Option<String>,
    data: &Verification,
) -> Result<EmailToken, Error> {
    let kind = TokenKind::Verification;
    email_token(accounts, to, name, kind, data, VERIFICATION_SECONDS)
}

fn email_token<P: Platform + Clone>(
    accounts: &Accounts<P>,
    to: &str,
    name: Option<String>,
    kind: TokenKind,
    data: &impl Serialize,
    seconds: u64,
) -> Result<EmailToken, Error> {
    let now = accounts.now() / 1000;
    let token = payload::sign(accounts.keys(), kind, data, seconds, now);
    Ok(EmailToken {
        to: to.to_owned(),
        name,
        token: token.ok_or_else(|| Error::Unavailable("signing a token failed".to_owned()))?,
        expires_at: now.saturating_add(seconds).saturating_mul(1000),
    })
}

fn open<P: Platform + Clone, T: DeserializeOwned>(
    accounts: &Accounts<P>,
    kind: TokenKind,
    token: &str,
) -> Result<T, Error> {
    let opened = payload::verify(accounts.keys(), kind, token, accounts.now() / 1000);
    match opened {
        Ok(opened) => Ok(opened.data),
        Err(TokenError::Invalid) => Err(Error::TokenInvalid),
        Err(TokenError::Expired) => Err(Error::TokenExpired),
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;

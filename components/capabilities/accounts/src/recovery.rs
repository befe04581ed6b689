//! Passwords, and proofs that an email address is somebody's: the contract's `recovery`.

use credentials::keys::TokenKind;
use credentials::payload;
use credentials::tokens::TokenError;
use journal::Platform;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::{Ending, Fact, Password, Profile};
use crate::accounts::Accounts;
use crate::bindings::exports::goldfish::accounts::recovery::EmailToken;
use crate::claims::{self, Index};
use crate::fields::{self, Problems};
use crate::issuing;
use crate::password::{self, Verdict};
use crate::types::{Account, Client, Error, SessionTokens};

/// How long a letter for setting a password is good, in seconds.
const RESET_SECONDS: u64 = 60 * 60;

/// How long a letter for confirming an address is good, in seconds.
const VERIFICATION_SECONDS: u64 = 24 * 60 * 60;

/// What allows setting a password: good for as long as the password is the one that it was.
#[derive(Serialize, Deserialize)]
struct Reset {
    user: String,
    /// The password's id; none if there was none.
    password: Option<String>,
}

/// What confirms an address: good for that address alone.
#[derive(Serialize, Deserialize)]
struct Verification {
    user: String,
    /// In lower case.
    email: String,
}

pub(crate) async fn change_password<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    current: &str,
    new_password: &str,
    ending: Ending,
) -> Result<Account, Error> {
    let mut view = accounts.read(user).await?;
    let profile = view.state.active().ok_or(Error::NotFound)?;
    check(new_password, profile)?;
    let stored = profile.password.clone().ok_or(Error::WrongCredentials)?;
    if password::verify(current, Some(&stored.hash))? == Verdict::Wrong {
        return Err(Error::WrongCredentials);
    }
    let password = new(new_password)?;
    let id = password.id.clone();
    let fact = Fact::PasswordSet {
        password,
        replacing: Some(stored.id),
        ending,
        verifies: false,
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await?;
    match view.state.active() {
        Some(profile) if has_password(profile, Some(&id)) => {
            Ok(issuing::registered(user, profile, &view.state))
        }
        // Somebody else has changed it meanwhile.
        _ => Err(Error::WrongCredentials),
    }
}

pub(crate) async fn request_reset<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
) -> Result<Option<EmailToken>, Error> {
    let address = fields::email(email).unwrap_or_default();
    let found = claims::owning_account(accounts, &Index::email(&address)).await?;
    let found = found.and_then(|(user, view)| Some((user, view.state.profile?)));
    let Some((user, profile)) = found else {
        return Ok(None);
    };
    let password = profile
        .password
        .as_ref()
        .map(|password| password.id.clone());
    let data = Reset { user, password };
    let letter = letter(accounts, &profile, TokenKind::Reset, &data, RESET_SECONDS)?;
    Ok(Some(letter))
}

pub(crate) async fn check_reset<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
) -> Result<(), Error> {
    let reset: Reset = open(accounts, TokenKind::Reset, token)?;
    let view = accounts.read(&reset.user).await?;
    match &view.state.profile {
        Some(profile) if has_password(profile, reset.password.as_deref()) => Ok(()),
        _ => Err(Error::TokenInvalid),
    }
}

pub(crate) async fn reset_password<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
    new_password: &str,
) -> Result<Account, Error> {
    let Reset {
        user,
        password: replacing,
    } = open(accounts, TokenKind::Reset, token)?;
    let mut view = accounts.read(&user).await?;
    let profile = view.state.profile.as_ref().ok_or(Error::TokenInvalid)?;
    if !has_password(profile, replacing.as_deref()) {
        return Err(Error::TokenInvalid);
    }
    check(new_password, profile)?;
    let password = new(new_password)?;
    let id = password.id.clone();
    let fact = Fact::PasswordSet {
        password,
        replacing,
        ending: Ending::All,
        verifies: true,
        at: accounts.now(),
    };
    accounts.append(&user, &mut view, &fact).await?;
    match view.state.active() {
        Some(profile) if has_password(profile, Some(&id)) => {
            Ok(issuing::registered(&user, profile, &view.state))
        }
        _ => Err(Error::TokenInvalid),
    }
}

pub(crate) async fn request_verification<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
) -> Result<Option<EmailToken>, Error> {
    let address = fields::email(email).unwrap_or_default();
    let found = claims::owning_account(accounts, &Index::email(&address)).await?;
    let found = found.and_then(|(user, view)| Some((user, view.state.profile?)));
    let unconfirmed = found.filter(|(_, profile)| !profile.email.verified);
    let Some((user, profile)) = unconfirmed else {
        return Ok(None);
    };
    let email = profile.email.address.to_lowercase();
    let data = Verification { user, email };
    let kind = TokenKind::Verification;
    Ok(Some(letter(
        accounts,
        &profile,
        kind,
        &data,
        VERIFICATION_SECONDS,
    )?))
}

pub(crate) async fn verify_email<P: Platform + Clone>(
    accounts: &Accounts<P>,
    token: &str,
    client: &Client,
) -> Result<(Account, Option<SessionTokens>), Error> {
    let Verification { user, email } = open(accounts, TokenKind::Verification, token)?;
    let mut view = accounts.read(&user).await?;
    let profile = view.state.profile.as_ref().ok_or(Error::TokenInvalid)?;
    if profile.email.address.to_lowercase() != email {
        return Err(Error::TokenInvalid);
    }
    let at = accounts.now();
    let id = Uuid::new_v4().to_string();
    // Following the link again is fine, and proves nothing any more.
    if !profile.email.verified {
        let waiting = profile.pending;
        let session = waiting.then(|| issuing::new_session(id.clone(), client, at));
        let fact = Fact::EmailVerified { email, session, at };
        accounts.append(&user, &mut view, &fact).await?;
    }
    let account = issuing::shown(&user, &view.state).ok_or(Error::TokenInvalid)?;
    let session = view.state.session(&id);
    let tokens = session.map(|session| issuing::sign_in(accounts, account.clone(), session));
    Ok((account, tokens.transpose()?))
}

fn check(password: &str, profile: &Profile) -> Result<(), Error> {
    let mut problems = Problems::default();
    let name = profile.name.as_deref().unwrap_or_default();
    let known = [profile.email.address.as_str(), name];
    password::check(password, "newPassword", &known, &mut problems);
    problems.into_result()
}

fn new(password: &str) -> Result<Password, Error> {
    Ok(Password {
        id: Uuid::new_v4().to_string(),
        hash: password::hash(password)?,
    })
}

fn has_password(profile: &Profile, id: Option<&str>) -> bool {
    let current = profile
        .password
        .as_ref()
        .map(|password| password.id.as_str());
    current == id
}

fn letter<P: Platform + Clone>(
    accounts: &Accounts<P>,
    profile: &Profile,
    kind: TokenKind,
    data: &impl Serialize,
    seconds: u64,
) -> Result<EmailToken, Error> {
    let now = accounts.now() / 1000;
    let token = payload::sign(accounts.keys(), kind, data, seconds, now);
    Ok(EmailToken {
        to: profile.email.address.clone(),
        name: profile.name.clone(),
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

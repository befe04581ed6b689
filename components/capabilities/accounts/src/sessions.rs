//! Beginning, renewing and sessions_to_end sessions: the contract's `sessions`.

use credentials::UserKind;
use credentials::keys::TokenKind;
use credentials::records;
use credentials::tokens::{self, TokenError};
use futures::future::try_join_all;
use ids::{new_uuid, new_uuid_at, time_of_uuid};
use journal::{Platform, View};

use crate::account::{Account, Event, Session, SessionsToEnd};
use crate::accounts::Accounts;
use crate::claims;
use crate::fields;
use crate::password::{self, PasswordMatch};
use crate::session_tokens;
use crate::types::{self, Client, Error, SessionTokens};
use crate::unique_name::UniqueName;
use crate::views::{self, GUEST_PREFIX};

/// Creates a guest. Its id contains the time and the id of its session.
pub(crate) fn create_guest<P: Platform + Clone>(
    accounts: &Accounts<P>,
    client: &Client,
) -> Result<SessionTokens, Error> {
    let now = accounts.now();
    let id = new_uuid_at(now);
    let user = GUEST_PREFIX.join(&id);
    let account = views::unregistered_account(&user, &Account::default());
    session_tokens::issue(
        accounts,
        account,
        &session_tokens::new_session(id, client, now),
    )
}

pub(crate) async fn sign_in<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<SessionTokens, Error> {
    // An invalid address takes the same time as an unknown one.
    let address = fields::email(email).unwrap_or_default();
    let owner = claims::owning_account(accounts, &UniqueName::email(&address)).await?;
    let stored = owner
        .as_ref()
        .and_then(|(_, view)| view.state.profile.as_ref());
    let stored = stored.and_then(|profile| profile.password.clone());
    let matched = password::verify(password, stored.as_ref().map(|stored| stored.hash.as_str()))?;
    let (Some((user, mut view)), Some(mut stored)) = (owner, stored) else {
        return Err(Error::WrongCredentials);
    };
    match matched {
        PasswordMatch::Match => {}
        PasswordMatch::NoMatch => return Err(Error::WrongCredentials),
        PasswordMatch::MatchOutdatedHash => {
            stored.hash = password::hash(password)?;
            let event = Event::PasswordRehashed {
                password: stored.clone(),
            };
            accounts.append(&user, &mut view, &event).await?;
        }
    }
    let profile = view.state.profile.as_ref();
    if accounts.verification_required && !profile.is_some_and(|profile| profile.email.verified) {
        return Err(Error::EmailNotVerified);
    }
    begin(accounts, &user, &mut view, Some(stored.id), client).await
}

/// Begins a session of an account. `password` is the id of the password that was verified, if any.
///
/// # Errors
/// `wrong-credentials` if a concurrent request changed the password or deleted the account.
pub(crate) async fn begin<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    view: &mut View<Account>,
    password: Option<String>,
    client: &Client,
) -> Result<SessionTokens, Error> {
    let session = session_tokens::new_session(new_uuid(), client, accounts.now());
    let id = session.id.clone();
    let event = Event::SessionStarted { session, password };
    accounts.append(user, view, &event).await?;
    let session = view.state.session(&id).ok_or(Error::WrongCredentials)?;
    let account = views::account(user, &view.state).ok_or(Error::WrongCredentials)?;
    session_tokens::issue(accounts, account, session)
}

pub(crate) async fn refresh<P: Platform + Clone>(
    accounts: &Accounts<P>,
    refresh_token: &str,
    client: &Client,
) -> Result<SessionTokens, Error> {
    let at = accounts.now();
    let token = tokens::verify(
        accounts.keys(),
        TokenKind::Refresh,
        refresh_token,
        at / 1000,
    );
    let token = token.map_err(|error| match error {
        TokenError::Invalid => Error::TokenInvalid,
        TokenError::Expired => Error::TokenExpired,
    })?;
    let user = token.subject.id.as_str();
    let mut view = accounts.read(user).await?;
    let guest_session = match token.subject.kind {
        UserKind::Guest => unrecorded_guest_session(user, &view.state),
        UserKind::Registered | UserKind::External => None,
    };
    let guest_session = guest_session.filter(|session| session.id == token.session);
    let guest_session = guest_session.map(|session| Session {
        renewed: token.issued_at.saturating_mul(1000),
        ..session_tokens::new_session(session.id, client, session.created)
    });
    let session = view.state.session(&token.session);
    if session.is_none() && guest_session.is_none() {
        return Err(Error::TokenInvalid);
    }
    // Another tab has refreshed already.
    let renewed = session.is_some_and(|session| {
        session.generation != token.generation && session.accepts(token.generation, at)
    });
    if !renewed {
        let event = Event::SessionRefreshed {
            session: token.session.clone(),
            generation: token.generation,
            guest_session,
            at,
        };
        accounts.append(user, &mut view, &event).await?;
    }
    let session = view.state.session(&token.session);
    let session = session.ok_or(Error::TokenInvalid)?;
    let account = views::account(user, &view.state).ok_or(Error::TokenInvalid)?;
    session_tokens::issue(accounts, account, session)
}

/// The first session of a guest, if no event records it yet.
fn unrecorded_guest_session(user: &str, account: &Account) -> Option<Session> {
    let id = GUEST_PREFIX.uuid_of(user)?;
    if account.guest_session_recorded || account.deleted || account.active_profile().is_some() {
        return None;
    }
    let client = Client {
        address: None,
        user_agent: None,
    };
    let began = time_of_uuid(id).unwrap_or(0);
    Some(session_tokens::new_session(id.to_owned(), &client, began))
}

pub(crate) async fn list_sessions<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Vec<types::Session>, Error> {
    let account = accounts.read(user).await?.state;
    let sessions = unrecorded_guest_session(user, &account).into_iter();
    let sessions = sessions.chain(account.sessions);
    let sessions =
        try_join_all(sessions.map(|session| with_cookie_renewals(accounts, session))).await?;
    let mut sessions: Vec<types::Session> = sessions.into_iter().flatten().collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    Ok(sessions)
}

pub(crate) async fn get_session<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    id: &str,
) -> Result<types::Session, Error> {
    let account = accounts.read(user).await?.state;
    let sessions = unrecorded_guest_session(user, &account).into_iter();
    let mut sessions = sessions.chain(account.sessions);
    let session = sessions.find(|session| session.id == id);
    let session = with_cookie_renewals(accounts, session.ok_or(Error::NotFound)?).await?;
    session.ok_or(Error::NotFound)
}

/// A session with the renewals of its cookie, which are not in the journal. None if it has expired.
async fn with_cookie_renewals<P: Platform + Clone>(
    accounts: &Accounts<P>,
    mut session: Session,
) -> Result<Option<types::Session>, Error> {
    let key = records::renewed_session(&session.id);
    let stored = accounts.platform().get(&key).await?;
    let renewed = stored.as_deref().and_then(records::last_used_from_bytes);
    session.renewed = session.renewed.max(renewed.unwrap_or(0));
    let shown = views::session(&session);
    Ok((shown.expires_at > accounts.now()).then_some(shown))
}

pub(crate) async fn revoke_session<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    id: &str,
) -> Result<(), Error> {
    let mut view = accounts.read(user).await?;
    let at = accounts.now();
    if view.state.session(id).is_some() {
        let session = id.to_owned();
        let event = Event::SessionEnded { session, at };
        return accounts.append(user, &mut view, &event).await;
    }
    if view.state.effects.is_revoked(id) {
        return accounts.apply_pending_effects(user, &mut view).await;
    }
    if unrecorded_guest_session(user, &view.state).is_none_or(|session| session.id != id) {
        return Err(Error::NotFound);
    }
    let event = Event::SessionsEnded {
        sessions_to_end: SessionsToEnd::All,
        guest: Some(id.to_owned()),
        at,
    };
    accounts.append(user, &mut view, &event).await
}

pub(crate) async fn revoke_sessions<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    except: Option<&str>,
) -> Result<u32, Error> {
    let mut view = accounts.read(user).await?;
    let guest = unrecorded_guest_session(user, &view.state).map(|session| session.id);
    let guest = guest.filter(|id| Some(id.as_str()) != except);
    let ids = view
        .state
        .sessions
        .iter()
        .map(|session| session.id.as_str());
    let ended = ids
        .chain(guest.as_deref())
        .filter(|id| Some(*id) != except)
        .count();
    if ended == 0 {
        accounts.apply_pending_effects(user, &mut view).await?;
        return Ok(0);
    }
    let event = Event::SessionsEnded {
        sessions_to_end: match except {
            Some(id) => SessionsToEnd::AllExcept(id.to_owned()),
            None => SessionsToEnd::All,
        },
        guest,
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &event).await?;
    Ok(u32::try_from(ended).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;

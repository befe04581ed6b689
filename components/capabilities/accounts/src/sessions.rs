//! Beginning, renewing and ending sessions: the contract's `sessions`.

use credentials::UserKind;
use credentials::keys::TokenKind;
use credentials::records;
use credentials::tokens::{self, TokenError};
use futures::future::try_join_all;
use journal::{Platform, View};
use uuid::{NoContext, Timestamp, Uuid};

use crate::account::{Account, Ending, Fact, Session};
use crate::accounts::Accounts;
use crate::claims::{self, Index};
use crate::fields;
use crate::issuing;
use crate::password::{self, Verdict};
use crate::types::{self, Client, Error, SessionTokens};

/// Makes a guest. Its id says when, and names the session.
pub(crate) fn create_guest<P: Platform + Clone>(
    accounts: &Accounts<P>,
    client: &Client,
) -> Result<SessionTokens, Error> {
    let now = accounts.now();
    let nanoseconds = u32::try_from(now % 1000).unwrap_or_default() * 1_000_000;
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, now / 1000, nanoseconds)).to_string();
    let user = format!("{}{id}", issuing::GUEST_PREFIX);
    let account = issuing::unregistered(&user, &Account::default());
    issuing::sign_in(accounts, account, &issuing::new_session(id, client, now))
}

pub(crate) async fn sign_in<P: Platform + Clone>(
    accounts: &Accounts<P>,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<SessionTokens, Error> {
    // What is no address is nobody's, and takes as long.
    let address = fields::email(email).unwrap_or_default();
    let found = claims::owning_account(accounts, &Index::email(&address)).await?;
    let stored = found
        .as_ref()
        .and_then(|(_, view)| view.state.profile.as_ref());
    let stored = stored.and_then(|profile| profile.password.clone());
    let verdict = password::verify(password, stored.as_ref().map(|stored| stored.hash.as_str()))?;
    let (Some((user, mut view)), Some(mut stored)) = (found, stored) else {
        return Err(Error::WrongCredentials);
    };
    match verdict {
        Verdict::Right => {}
        Verdict::Wrong => return Err(Error::WrongCredentials),
        Verdict::Outdated => {
            stored.hash = password::hash(password)?;
            let fact = Fact::Rehashed {
                password: stored.clone(),
            };
            accounts.append(&user, &mut view, &fact).await?;
        }
    }
    let profile = view.state.profile.as_ref();
    if accounts.verification_required && !profile.is_some_and(|profile| profile.email.verified) {
        return Err(Error::EmailNotVerified);
    }
    begin(accounts, &user, &mut view, Some(stored.id), client).await
}

/// Begins a session of an account; with the id of the password that was given, if one was.
///
/// # Errors
/// `wrong-credentials` if the password was changed meanwhile, or the account deleted.
pub(crate) async fn begin<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    view: &mut View<Account>,
    password: Option<String>,
    client: &Client,
) -> Result<SessionTokens, Error> {
    let session = issuing::new_session(Uuid::new_v4().to_string(), client, accounts.now());
    let id = session.id.clone();
    let fact = Fact::SessionStarted { session, password };
    accounts.append(user, view, &fact).await?;
    let session = view.state.session(&id).ok_or(Error::WrongCredentials)?;
    let account = issuing::shown(user, &view.state).ok_or(Error::WrongCredentials)?;
    issuing::sign_in(accounts, account, session)
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
    let begins = match token.subject.kind {
        UserKind::Guest => unseen_guest(user, &view.state),
        UserKind::Registered | UserKind::External => None,
    };
    let begins = begins.filter(|session| session.id == token.session);
    let begins = begins.map(|session| Session {
        renewed: token.issued_at.saturating_mul(1000),
        ..issuing::new_session(session.id, client, session.created)
    });
    let known = view.state.session(&token.session);
    if known.is_none() && begins.is_none() {
        return Err(Error::TokenInvalid);
    }
    // Another tab was quicker: nothing changes.
    let renewed = known.is_some_and(|known| {
        known.generation != token.generation && known.accepts(token.generation, at)
    });
    if !renewed {
        let fact = Fact::Refreshed {
            session: token.session.clone(),
            generation: token.generation,
            begins,
            at,
        };
        accounts.append(user, &mut view, &fact).await?;
    }
    let session = view.state.session(&token.session);
    let session = session.ok_or(Error::TokenInvalid)?;
    let account = issuing::shown(user, &view.state).ok_or(Error::TokenInvalid)?;
    issuing::sign_in(accounts, account, session)
}

/// A guest's session that has left no fact yet.
fn unseen_guest(user: &str, account: &Account) -> Option<Session> {
    let id = issuing::guest_session_id(user)?;
    if account.guest_known || account.dead || account.active().is_some() {
        return None;
    }
    let client = Client {
        address: None,
        user_agent: None,
    };
    let began = issuing::began_at(id).unwrap_or(0);
    Some(issuing::new_session(id.to_owned(), &client, began))
}

pub(crate) async fn list_sessions<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
) -> Result<Vec<types::Session>, Error> {
    let account = accounts.read(user).await?.state;
    let sessions = unseen_guest(user, &account).into_iter();
    let sessions = sessions.chain(account.sessions);
    let sessions = try_join_all(sessions.map(|session| as_it_is(accounts, session))).await?;
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
    let sessions = unseen_guest(user, &account).into_iter();
    let mut sessions = sessions.chain(account.sessions);
    let found = sessions.find(|session| session.id == id);
    let found = as_it_is(accounts, found.ok_or(Error::NotFound)?).await?;
    found.ok_or(Error::NotFound)
}

/// A session with the renewals of its cookie, which the journal does not know of; none if it has not
/// been renewed for so long that it is over.
async fn as_it_is<P: Platform + Clone>(
    accounts: &Accounts<P>,
    mut session: Session,
) -> Result<Option<types::Session>, Error> {
    let key = records::renewed_session(&session.id);
    let stored = accounts.platform().get(&key).await?;
    let renewed = stored.as_deref().and_then(records::last_used_from_bytes);
    session.renewed = session.renewed.max(renewed.unwrap_or(0));
    let shown = issuing::session_shown(&session);
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
        let fact = Fact::SessionEnded { session, at };
        return accounts.append(user, &mut view, &fact).await;
    }
    if view.state.chores.is_marked(id) {
        return accounts.do_chores(user, &mut view).await;
    }
    if unseen_guest(user, &view.state).is_none_or(|session| session.id != id) {
        return Err(Error::NotFound);
    }
    let fact = Fact::SessionsEnded {
        ending: Ending::All,
        guest: Some(id.to_owned()),
        at,
    };
    accounts.append(user, &mut view, &fact).await
}

pub(crate) async fn revoke_sessions<P: Platform + Clone>(
    accounts: &Accounts<P>,
    user: &str,
    except: Option<&str>,
) -> Result<u32, Error> {
    let mut view = accounts.read(user).await?;
    let guest = unseen_guest(user, &view.state).map(|session| session.id);
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
        accounts.do_chores(user, &mut view).await?;
        return Ok(0);
    }
    let fact = Fact::SessionsEnded {
        ending: match except {
            Some(id) => Ending::AllBut(id.to_owned()),
            None => Ending::All,
        },
        guest,
        at: accounts.now(),
    };
    accounts.append(user, &mut view, &fact).await?;
    Ok(u32::try_from(ended).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;

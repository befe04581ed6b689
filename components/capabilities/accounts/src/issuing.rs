//! What is handed out: accounts and sessions as the contract shows them, and their tokens.

use credentials::tokens::{ACCESS_SECONDS, COOKIE_SECONDS, Grant};
use credentials::{Subject, UserKind};
use journal::Platform;
use uuid::Uuid;

use crate::account::{Account, Profile, Session};
use crate::accounts::Accounts;
use crate::types::{self, AccountKind, Client, Error, LinkedIdentity, SessionTokens};

/// How long a session lasts unless it is renewed, in milliseconds.
pub(crate) const SESSION_LIFE: u64 = COOKIE_SECONDS * 1000;

/// Longest text kept of what a client says of itself, in characters.
const CLIENT_CHARS_MAX: usize = 256;

/// What the ids of guests begin with; the rest is a UUID, and names the guest's session.
pub(crate) const GUEST_PREFIX: &str = "guest_";

/// What the ids of those who registered without having been a guest begin with.
pub(crate) const USER_PREFIX: &str = "user_";

/// The session that a guest begins with, which leaves no fact.
pub(crate) fn guest_session_id(user: &str) -> Option<&str> {
    let id = user.strip_prefix(GUEST_PREFIX)?;
    Uuid::try_parse(id).is_ok().then_some(id)
}

/// The account as it is shown, also where somebody is no more than a guest; none for who never did
/// anything here, or is gone. An application that waits for confirmation shows only to somebody who
/// was not a guest before: they could tell by it whether an address was free.
pub(crate) fn shown(user: &str, account: &Account) -> Option<types::Account> {
    if account.dead {
        return None;
    }
    let profile = match user.starts_with(GUEST_PREFIX) {
        true => account.active(),
        false => account.profile.as_ref(),
    };
    if let Some(profile) = profile {
        return Some(registered(user, profile, account));
    }
    let traces = account.guest_known || !account.keys.is_empty();
    traces.then(|| unregistered(user, account))
}

/// An account, also while it waits for confirmation.
pub(crate) fn registered(user: &str, profile: &Profile, account: &Account) -> types::Account {
    let identities = account.identities.iter();
    types::Account {
        id: user.to_owned(),
        kind: AccountKind::Registered,
        email: Some(profile.email.address.clone()),
        email_verified: profile.email.verified,
        name: profile.name.clone(),
        image: profile.image.clone(),
        has_password: profile.password.is_some(),
        identities: identities
            .map(|identity| LinkedIdentity {
                provider: identity.provider.clone(),
                subject: identity.subject.clone(),
            })
            .collect(),
        created_at: profile.created,
        updated_at: profile.updated,
    }
}

/// Somebody without an account.
pub(crate) fn unregistered(user: &str, account: &Account) -> types::Account {
    let sessions = account.sessions.iter().map(|session| session.created);
    let keys = account.keys.iter().map(|key| key.created);
    let began = guest_session_id(user).and_then(began_at);
    let created = began.or_else(|| sessions.chain(keys).filter(|at| *at > 0).min());
    let created_at = created.unwrap_or(0);
    types::Account {
        id: user.to_owned(),
        kind: match user.starts_with(GUEST_PREFIX) {
            true => AccountKind::Guest,
            false => AccountKind::External,
        },
        email: None,
        email_verified: false,
        name: None,
        image: None,
        has_password: false,
        identities: Vec::new(),
        created_at,
        updated_at: created_at,
    }
}

/// When a guest's session began, which its UUID says (RFC 9562, version 7), in milliseconds.
pub(crate) fn began_at(session: &str) -> Option<u64> {
    let (seconds, nanoseconds) = Uuid::try_parse(session).ok()?.get_timestamp()?.to_unix();
    let milliseconds = u64::from(nanoseconds / 1_000_000);
    Some(seconds.saturating_mul(1000).saturating_add(milliseconds))
}

/// A session as the contract shows it.
pub(crate) fn session_shown(session: &Session) -> types::Session {
    types::Session {
        id: session.id.clone(),
        created_at: session.created,
        updated_at: session.renewed,
        expires_at: session.renewed.saturating_add(SESSION_LIFE),
        client: Client {
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
        },
    }
}

/// A new session.
pub(crate) fn new_session(id: String, client: &Client, now: u64) -> Session {
    let short = |text: &Option<String>| {
        let text = text.as_ref()?;
        Some(
            text.chars()
                .filter(|c| !c.is_control())
                .take(CLIENT_CHARS_MAX)
                .collect(),
        )
    };
    Session {
        id,
        created: now,
        renewed: now,
        generation: 0,
        address: short(&client.address),
        user_agent: short(&client.user_agent),
    }
}

/// Signs the tokens of a session.
///
/// # Errors
/// `unavailable` if signing fails, which it has no cause to.
pub(crate) fn sign_in<P: Platform + Clone>(
    accounts: &Accounts<P>,
    account: types::Account,
    session: &Session,
) -> Result<SessionTokens, Error> {
    let now = accounts.now() / 1000;
    let subject = Subject {
        id: account.id.clone(),
        kind: match account.kind {
            AccountKind::Guest => UserKind::Guest,
            AccountKind::Registered => UserKind::Registered,
            AccountKind::External => UserKind::External,
        },
        email: account.email.clone(),
        name: account.name.clone(),
    };
    let grant = Grant {
        subject: &subject,
        session: &session.id,
        now,
    };
    let keys = accounts.keys();
    let failed = || Error::Unavailable("signing a token failed".to_owned());
    Ok(SessionTokens {
        access_token: grant.access(keys).ok_or_else(failed)?,
        access_expires_at: now.saturating_add(ACCESS_SECONDS).saturating_mul(1000),
        bearer_token: grant.bearer(keys).ok_or_else(failed)?,
        refresh_token: grant.refresh(keys, session.generation).ok_or_else(failed)?,
        cookie: grant.cookie(keys).ok_or_else(failed)?,
        session: session_shown(session),
        account,
    })
}

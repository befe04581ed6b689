//! New sessions, and signing the tokens of a session.

use credentials::tokens::{ACCESS_SECONDS, Grant};
use credentials::{Subject, UserKind};
use journal::Platform;

use crate::account::Session;
use crate::accounts::Accounts;
use crate::types::{Account, AccountKind, Client, Error, SessionTokens};
use crate::views;

/// Maximum length of the stored address and user agent, in characters.
const CLIENT_CHARS_MAX: usize = 256;

/// A new session.
pub(crate) fn new_session(id: String, client: &Client, now: u64) -> Session {
    let stored = |text: &Option<String>| {
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
        address: stored(&client.address),
        user_agent: stored(&client.user_agent),
    }
}

/// Signs the tokens of a session.
///
/// # Errors
/// `unavailable` if signing fails.
pub(crate) fn issue<P: Platform + Clone>(
    accounts: &Accounts<P>,
    account: Account,
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
        session: views::session(session),
        account,
    })
}

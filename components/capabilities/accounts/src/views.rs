//! Accounts and sessions as the contract returns them.

use credentials::tokens::COOKIE_SECONDS;
use ids::{Prefix, time_of_uuid};

use crate::account::{Account, Profile, Session};
use crate::types::{self, AccountKind, Client, LinkedIdentity};

/// How long a session lasts unless it is renewed, in milliseconds.
const SESSION_LIFETIME: u64 = COOKIE_SECONDS * 1000;

/// The prefix of guests' ids. The UUID that follows is the id of the guest's first session.
pub(crate) const GUEST_PREFIX: Prefix = Prefix::new("guest_");

/// The prefix of the ids of users who registered without having been a guest.
pub(crate) const USER_PREFIX: Prefix = Prefix::new("user_");

/// The account of a user, also of a guest. None for a user that never did anything or was deleted. A
/// guest's pending registration is not shown: it would reveal to the guest that the address was free.
pub(crate) fn account(user: &str, account: &Account) -> Option<types::Account> {
    if account.deleted {
        return None;
    }
    let profile = match GUEST_PREFIX.begins(user) {
        true => account.active_profile(),
        false => account.profile.as_ref(),
    };
    if let Some(profile) = profile {
        return Some(registered_account(user, profile, account));
    }
    let exists = account.guest_session_recorded || !account.keys.is_empty();
    exists.then(|| unregistered_account(user, account))
}

/// The account of a registered user, also while it waits for confirmation.
pub(crate) fn registered_account(
    user: &str,
    profile: &Profile,
    account: &Account,
) -> types::Account {
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

/// A guest or an external user.
pub(crate) fn unregistered_account(user: &str, account: &Account) -> types::Account {
    let sessions = account.sessions.iter().map(|session| session.created);
    let keys = account.keys.iter().map(|key| key.created);
    let began = GUEST_PREFIX.uuid_of(user).and_then(time_of_uuid);
    let created = began.or_else(|| sessions.chain(keys).filter(|at| *at > 0).min());
    let created_at = created.unwrap_or(0);
    types::Account {
        id: user.to_owned(),
        kind: match GUEST_PREFIX.begins(user) {
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

/// A session.
pub(crate) fn session(session: &Session) -> types::Session {
    types::Session {
        id: session.id.clone(),
        created_at: session.created,
        updated_at: session.renewed,
        expires_at: session.renewed.saturating_add(SESSION_LIFETIME),
        client: Client {
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
        },
    }
}

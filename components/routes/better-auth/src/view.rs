//! Users and sessions in Better Auth's JSON.

use contracts::{
    accounts::types::{Account, AccountKind, Session},
    identity::types::{User, UserKind},
};
use http_edge::rfc3339;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    pub(crate) id: String,
    /// Empty if there is none, because all of Better Auth's users have one.
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// The field of Better Auth's plugin `anonymous`.
    pub(crate) is_anonymous: bool,
}

impl From<&Account> for UserView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            email: account.email.clone().unwrap_or_default(),
            name: account.name.clone().unwrap_or_default(),
            image: account.image.clone(),
            email_verified: account.email_verified,
            created_at: rfc3339(account.created_at),
            updated_at: rfc3339(account.updated_at),
            is_anonymous: account.kind == AccountKind::Guest,
        }
    }
}

impl UserView {
    /// A user without an account, as the credential describes it.
    pub(crate) fn of(user: &User, now: u64) -> Self {
        Self {
            id: user.id.clone(),
            email: user.email.clone().unwrap_or_default(),
            name: user.name.clone().unwrap_or_default(),
            image: None,
            email_verified: false,
            created_at: rfc3339(now),
            updated_at: rfc3339(now),
            is_anonymous: user.kind == UserKind::Guest,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    id: String,
    /// The id again. Not a credential.
    token: String,
    user_id: String,
    expires_at: String,
    created_at: String,
    updated_at: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl SessionView {
    pub(crate) fn new(session: &Session, user_id: &str) -> Self {
        Self {
            id: session.id.clone(),
            token: session.id.clone(),
            user_id: user_id.to_owned(),
            expires_at: rfc3339(session.expires_at),
            created_at: rfc3339(session.created_at),
            updated_at: rfc3339(session.updated_at),
            ip_address: session.client.address.clone(),
            user_agent: session.client.user_agent.clone(),
        }
    }

    /// A session that is not stored here: a guest's unrecorded one, or an identity provider's.
    pub(crate) fn of(id: &str, user_id: &str, now: u64, expires_at: u64) -> Self {
        Self {
            id: id.to_owned(),
            token: id.to_owned(),
            user_id: user_id.to_owned(),
            expires_at: rfc3339(expires_at),
            created_at: rfc3339(now),
            updated_at: rfc3339(now),
            ip_address: None,
            user_agent: None,
        }
    }
}

/// The current session and its user.
#[derive(Serialize)]
pub(crate) struct CurrentSession {
    pub(crate) session: SessionView,
    pub(crate) user: UserView,
}

#[derive(Serialize)]
pub(crate) struct Status {
    status: bool,
}

impl Status {
    pub(crate) const DONE: Self = Self { status: true };
}

#[derive(Serialize)]
pub(crate) struct StatusWithMessage {
    pub(crate) status: bool,
    pub(crate) message: &'static str,
}

#[derive(Serialize)]
pub(crate) struct Success {
    pub(crate) success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'static str>,
    /// The URL to send the browser to, with `redirect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirect: Option<bool>,
}

/// The response to a sign-up. No token if the address must be confirmed first.
#[derive(Serialize)]
pub(crate) struct TokenAndUser {
    pub(crate) token: Option<String>,
    pub(crate) user: UserView,
}

#[derive(Serialize)]
pub(crate) struct SignedInView {
    pub(crate) redirect: bool,
    pub(crate) token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    pub(crate) user: UserView,
}

/// The URL to send the browser to, and whether the client should do that.
#[derive(Serialize)]
pub(crate) struct RedirectView {
    pub(crate) url: String,
    pub(crate) redirect: bool,
}

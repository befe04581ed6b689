//! Response bodies.

use contracts::{
    accounts::types::{Account, AccountKind, SessionTokens},
    identity::types::{User, UserKind},
};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct UserResponse<'a> {
    pub(crate) user: UserView<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView<'a> {
    id: &'a str,
    kind: &'static str,
    email: Option<&'a str>,
    name: Option<&'a str>,
    /// Only for registered users.
    #[serde(flatten)]
    account: Option<AccountView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountView<'a> {
    email_verified: bool,
    image: Option<&'a str>,
    /// Milliseconds since the epoch.
    created_at: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView<'a> {
    user: UserView<'a>,
    token: &'a str,
    refresh_token: &'a str,
    /// When the token expires, in milliseconds since the epoch.
    expires_at: u64,
}

#[derive(Serialize)]
pub(crate) struct VerificationPending {
    message: &'static str,
}

impl VerificationPending {
    /// The same whether or not the address was taken.
    pub(crate) const MESSAGE: Self = Self {
        message: "Check your email to continue.",
    };
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedOut {
    pub(crate) success: bool,
    /// The URL to send the browser to so that the identity provider signs out too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logout_url: Option<String>,
}

impl SignedOut {
    pub(crate) const SUCCESS: Self = Self {
        success: true,
        logout_url: None,
    };
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: &user.id,
            kind: match user.kind {
                UserKind::Guest => "guest",
                UserKind::Registered => "registered",
                UserKind::External => "external",
            },
            email: user.email.as_deref(),
            name: user.name.as_deref(),
            account: None,
        }
    }
}

impl<'a> From<&'a Account> for UserView<'a> {
    fn from(account: &'a Account) -> Self {
        let registered = account.kind == AccountKind::Registered;
        Self {
            id: &account.id,
            kind: match account.kind {
                AccountKind::Guest => "guest",
                AccountKind::Registered => "registered",
                AccountKind::External => "external",
            },
            email: account.email.as_deref(),
            name: account.name.as_deref(),
            account: registered.then_some(AccountView {
                email_verified: account.email_verified,
                image: account.image.as_deref(),
                created_at: account.created_at,
            }),
        }
    }
}

impl<'a> From<&'a SessionTokens> for SessionView<'a> {
    fn from(tokens: &'a SessionTokens) -> Self {
        Self {
            user: UserView::from(&tokens.account),
            token: &tokens.access_token,
            refresh_token: &tokens.refresh_token,
            expires_at: tokens.access_expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::accounts::types::{Client, Session};

    fn tokens(kind: AccountKind) -> SessionTokens {
        SessionTokens {
            account: Account {
                id: "guest_1".into(),
                kind,
                email: None,
                email_verified: false,
                name: None,
                image: None,
                has_password: false,
                identities: vec![],
                created_at: 1,
                updated_at: 1,
            },
            session: Session {
                id: "s".into(),
                created_at: 1,
                updated_at: 1,
                expires_at: 9,
                client: Client {
                    address: None,
                    user_agent: None,
                },
            },
            access_token: "a".into(),
            access_expires_at: 5,
            bearer_token: "b".into(),
            refresh_token: "r".into(),
            cookie: "c".into(),
        }
    }

    #[test]
    fn session_view_of_guest_has_documented_fields_only() {
        assert_eq!(
            serde_json::to_value(SessionView::from(&tokens(AccountKind::Guest))).unwrap(),
            serde_json::json!({
                "user": {"id": "guest_1", "kind": "guest", "email": null, "name": null},
                "token": "a", "refreshToken": "r", "expiresAt": 5,
            })
        );
    }

    #[test]
    fn session_view_of_account_has_account_fields() {
        let view =
            serde_json::to_value(SessionView::from(&tokens(AccountKind::Registered))).unwrap();
        assert_eq!(view["user"]["kind"], "registered");
        assert_eq!(view["user"]["emailVerified"], false);
        assert_eq!(view["user"]["createdAt"], 1);
    }
}

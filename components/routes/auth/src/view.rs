//! How users and sessions look in JSON.

use contracts::identity::types::{Session, User, UserKind};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct UserAnswer<'a> {
    pub(crate) user: UserView<'a>,
}

#[derive(Serialize)]
pub(crate) struct UserView<'a> {
    id: &'a str,
    kind: &'static str,
    email: Option<&'a str>,
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView<'a> {
    user: UserView<'a>,
    token: &'a str,
    refresh_token: &'a str,
    /// Milliseconds since the epoch.
    expires_at: u64,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: &user.id,
            kind: match user.kind {
                UserKind::Guest => "guest",
                UserKind::External => "external",
            },
            email: user.email.as_deref(),
            name: user.name.as_deref(),
        }
    }
}

impl<'a> From<&'a Session> for SessionView<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            user: UserView::from(&session.user),
            token: &session.access_token,
            refresh_token: &session.refresh_token,
            expires_at: session.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_promised_fields() {
        let session = Session {
            user: User {
                id: "guest_1".into(),
                kind: UserKind::Guest,
                email: None,
                name: None,
            },
            access_token: "a".into(),
            refresh_token: "r".into(),
            expires_at: 5,
        };
        assert_eq!(
            serde_json::to_value(SessionView::from(&session)).unwrap(),
            serde_json::json!({
                "user": {"id": "guest_1", "kind": "guest", "email": null, "name": null},
                "token": "a", "refreshToken": "r", "expiresAt": 5,
            })
        );
    }
}

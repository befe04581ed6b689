//! Response bodies.

use contracts::messaging::profiles::{Profile, User};
use realtime_events::OwnPresence;
use serde::Serialize;
use team::UtcTime;

/// The private part of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Private {
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    /// None for the operator.
    pub(crate) presence: Option<OwnPresence>,
}

/// A user with their profile.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    private: Option<PrivateView<'a>>,
    image: Option<&'a str>,
    created_at: UtcTime,
    updated_at: UtcTime,
    profile: ProfileView<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrivateView<'a> {
    email: Option<&'a str>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<OwnPresence>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileView<'a> {
    id: &'a str,
    user_id: &'a str,
    display_name: Option<&'a str>,
    avatar_url: Option<&'a str>,
    banner_url: Option<&'a str>,
    bio: Option<&'a str>,
    age: Option<u32>,
    is_online: bool,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl<'a> UserView<'a> {
    /// With the private part where it may be shown.
    pub(crate) fn new(user: &'a User, private: Option<&'a Private>, is_online: bool) -> Self {
        Self {
            id: &user.id,
            name: &user.name,
            private: private.map(|private| PrivateView {
                email: private.email.as_deref(),
                email_verified: private.email_verified,
                presence: private.presence,
            }),
            image: user.image.as_deref(),
            created_at: UtcTime(user.created_at),
            updated_at: UtcTime(user.updated_at),
            profile: ProfileView::new(&user.id, &user.profile, is_online),
        }
    }
}

impl<'a> ProfileView<'a> {
    fn new(user: &'a str, profile: &'a Profile, is_online: bool) -> Self {
        Self {
            id: &profile.id,
            user_id: user,
            display_name: profile.display_name.as_deref(),
            avatar_url: profile.avatar_url.as_deref(),
            banner_url: profile.banner_url.as_deref(),
            bio: profile.bio.as_deref(),
            age: profile.age,
            is_online,
            created_at: UtcTime(profile.created_at),
            updated_at: UtcTime(profile.updated_at),
        }
    }
}

/// The result of deleting a user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedView {
    pub(crate) message: &'static str,
    /// Ids of channels that another admin owns now.
    pub(crate) channels_passed_on: Vec<String>,
    /// Ids of channels that had no other admin.
    pub(crate) channels_deleted: Vec<String>,
    pub(crate) messages_deleted: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_view_without_a_private_part_has_no_email() {
        let user = User {
            id: "user_1".into(),
            name: "Juan".into(),
            image: None,
            created_at: 0,
            updated_at: 0,
            profile: Profile {
                id: "p".into(),
                display_name: Some("J".into()),
                avatar_url: None,
                banner_url: None,
                bio: None,
                age: Some(30),
                created_at: 0,
                updated_at: 0,
            },
        };
        let shown = |private| serde_json::to_value(UserView::new(&user, private, false)).unwrap();
        let public = shown(None);
        assert!(public.get("email").is_none() && public.get("emailVerified").is_none());
        assert_eq!(public["profile"]["userId"], "user_1");
        assert_eq!(public["profile"]["isOnline"], false);
        let own = Private {
            email: Some("juan@example.com".into()),
            email_verified: true,
            presence: Some(OwnPresence::Hidden),
        };
        let own = shown(Some(&own));
        assert_eq!(
            (&own["email"], &own["emailVerified"]),
            (&"juan@example.com".into(), &true.into())
        );
        assert_eq!(own["presence"], "hidden");
    }
}

//! Parts of responses. Times are RFC 3339 texts.

use contracts::messaging::types::{Channel, Role, Unread, UserSummary};
use http_edge::rfc3339;
use serde::{Deserialize, Serialize, Serializer};

/// Milliseconds since the epoch, shown as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcTime(pub u64);

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

/// The response of a request whose result is not shown.
#[derive(Serialize)]
pub struct Done {
    /// A sentence for people.
    pub message: &'static str,
}

/// A user as shown beside what they wrote.
#[derive(Serialize)]
pub struct UserSummaryView<'a> {
    id: &'a str,
    name: &'a str,
    image: Option<&'a str>,
}

impl<'a> From<&'a UserSummary> for UserSummaryView<'a> {
    fn from(user: &'a UserSummary) -> Self {
        Self {
            id: &user.id,
            name: &user.name,
            image: user.image.as_deref(),
        }
    }
}

/// A role in a channel.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Reads and writes.
    Member,
    /// Also deletes messages, and removes and bans members.
    Moderator,
    /// Also manages the channel and its members.
    Admin,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Moderator => Self::Moderator,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Member => Self::Member,
            RoleName::Moderator => Self::Moderator,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// What a member has not read of a thread or a channel.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadView {
    unread_count: u64,
    /// Unread messages that mention the user.
    mention_count: u64,
}

impl From<&Unread> for UnreadView {
    fn from(unread: &Unread) -> Self {
        Self {
            unread_count: unread.messages,
            mention_count: unread.mentions,
        }
    }
}

/// A channel.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelView<'a> {
    id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    is_private: bool,
    category: &'a str,
    image_url: Option<&'a str>,
    banner_url: Option<&'a str>,
    owner_id: &'a str,
    member_count: u64,
    role: Option<RoleName>,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl<'a> From<&'a Channel> for ChannelView<'a> {
    fn from(channel: &'a Channel) -> Self {
        Self {
            id: &channel.id,
            name: &channel.name,
            description: channel.description.as_deref(),
            is_private: channel.is_private,
            category: &channel.category,
            image_url: channel.image_url.as_deref(),
            banner_url: channel.banner_url.as_deref(),
            owner_id: &channel.owner,
            member_count: channel.member_count,
            role: channel.role.map(RoleName::from),
            created_at: UtcTime(channel.created_at),
            updated_at: UtcTime(channel.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_view_has_the_documented_fields() {
        let channel = Channel {
            id: "c".into(),
            name: "General".into(),
            description: None,
            is_private: true,
            category: "General".into(),
            image_url: None,
            banner_url: Some("/b".into()),
            owner: "user_1".into(),
            created_at: 1_771_581_600_000,
            updated_at: 1_771_581_600_007,
            member_count: 2,
            role: Some(Role::Moderator),
        };
        assert_eq!(
            serde_json::to_value(ChannelView::from(&channel)).unwrap(),
            serde_json::json!({
                "id": "c", "name": "General", "description": null, "isPrivate": true,
                "category": "General", "imageUrl": null, "bannerUrl": "/b", "ownerId": "user_1",
                "memberCount": 2, "role": "moderator",
                "createdAt": "2026-02-20T10:00:00.000Z", "updatedAt": "2026-02-20T10:00:00.007Z",
            })
        );
    }
}

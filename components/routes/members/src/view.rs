//! Response bodies.

use contracts::messaging::{
    connections::{Presence, PresenceState},
    invitations::{CreatedInvitation, Invitation},
    members::{Ban, JoinedChannel},
    types::Member,
};
use serde::Serialize;
use team::{ChannelView, RoleName, UnreadView, UserSummaryView, UtcTime};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberView<'a> {
    id: &'a str,
    channel_id: &'a str,
    user_id: &'a str,
    role: RoleName,
    is_owner: bool,
    joined_at: UtcTime,
    user: UserSummaryView<'a>,
    /// None unless the request has `presence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<PresenceView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresenceView {
    state: &'static str,
    last_seen_at: Option<UtcTime>,
}

impl MemberView<'_> {
    /// Sets the member's presence. A member who is not among these is offline.
    pub(crate) fn show(&mut self, presence: &[Presence]) {
        let own = presence
            .iter()
            .find(|presence| presence.user == self.user_id);
        self.presence = Some(PresenceView {
            state: match own.map(|presence| presence.state) {
                Some(PresenceState::Online) => "online",
                Some(PresenceState::Away) => "away",
                Some(PresenceState::Offline) | None => "offline",
            },
            last_seen_at: own.and_then(|presence| presence.last_seen_at).map(UtcTime),
        });
    }
}

impl<'a> From<&'a Member> for MemberView<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            id: &member.id,
            channel_id: &member.channel_id,
            user_id: &member.user.id,
            role: member.role.into(),
            is_owner: member.is_owner,
            joined_at: UtcTime(member.joined_at),
            user: UserSummaryView::from(&member.user),
            presence: None,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct RoleView {
    role: RoleName,
}

impl From<&Member> for RoleView {
    fn from(member: &Member) -> Self {
        Self {
            role: member.role.into(),
        }
    }
}

/// A channel of the user, with what the user has not read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinedChannelView<'a> {
    #[serde(flatten)]
    channel: ChannelView<'a>,
    joined_at: UtcTime,
    #[serde(flatten)]
    unread: UnreadView,
    last_message_at: Option<UtcTime>,
}

impl<'a> From<&'a JoinedChannel> for JoinedChannelView<'a> {
    fn from(joined: &'a JoinedChannel) -> Self {
        Self {
            channel: ChannelView::from(&joined.channel),
            joined_at: UtcTime(joined.joined_at),
            unread: UnreadView::from(&joined.unread),
            last_message_at: joined.last_message_at.map(UtcTime),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BanView<'a> {
    channel_id: &'a str,
    user_id: &'a str,
    /// Null if it was the operator, or if the user was deleted.
    banned_by: Option<&'a str>,
    reason: Option<&'a str>,
    banned_at: UtcTime,
    user: UserSummaryView<'a>,
}

impl<'a> From<&'a Ban> for BanView<'a> {
    fn from(ban: &'a Ban) -> Self {
        Self {
            channel_id: &ban.channel_id,
            user_id: &ban.user.id,
            banned_by: ban.banned_by.as_deref(),
            reason: ban.reason.as_deref(),
            banned_at: UtcTime(ban.banned_at),
            user: UserSummaryView::from(&ban.user),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitationView<'a> {
    id: &'a str,
    channel_id: &'a str,
    /// Null if it was the operator, or if the user was deleted.
    created_by: Option<&'a str>,
    created_at: UtcTime,
    /// Null if it does not expire.
    expires_at: Option<UtcTime>,
    /// How many users may join by it; null for any number.
    max_uses: Option<u32>,
    uses: u32,
}

impl<'a> From<&'a Invitation> for InvitationView<'a> {
    fn from(invitation: &'a Invitation) -> Self {
        Self {
            id: &invitation.id,
            channel_id: &invitation.channel_id,
            created_by: invitation.created_by.as_deref(),
            created_at: UtcTime(invitation.created_at),
            expires_at: invitation.expires_at.map(UtcTime),
            max_uses: invitation.max_uses,
            uses: invitation.uses,
        }
    }
}

/// A new invitation with its token, which is not stored.
#[derive(Serialize)]
pub(crate) struct CreatedInvitationView<'a> {
    #[serde(flatten)]
    invitation: InvitationView<'a>,
    token: &'a str,
}

impl<'a> From<&'a CreatedInvitation> for CreatedInvitationView<'a> {
    fn from(created: &'a CreatedInvitation) -> Self {
        Self {
            invitation: InvitationView::from(&created.invitation),
            token: &created.token,
        }
    }
}

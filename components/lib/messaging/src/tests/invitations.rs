//! Invitations.

use super::{NOW, World, failure, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::invitations::NewInvitation;
use crate::types::Role;

const ANY: NewInvitation = NewInvitation {
    expires_at: None,
    max_uses: None,
};

on_both! {
    async fn accept_joins_a_private_channel_as_often_as_the_invitation_says(world: &World) {
        let channel = world.channel("u1", &["u2"], true).await;
        world.users(&["u3", "u4", "u5"]).await;
        let twice = NewInvitation { max_uses: Some(2), ..ANY };
        assert_eq!(failure(world.session().create_invitation(&user("u2"), &channel, &twice).await), "RoleTooLow");
        let created = world.session().create_invitation(&user("u1"), &channel, &twice).await.unwrap();
        let token = created.token;
        let seen = world.session().inspect_invitation("u3", &token).await.unwrap();
        assert_eq!((seen.id.as_str(), seen.role), (channel.as_str(), None));
        let accept = async |who: &str| world.session().accept_invitation(who, &token).await;
        assert!(!accept("u3").await.unwrap().existed);
        // A member takes no use of it.
        assert!(accept("u3").await.unwrap().existed);
        assert!(accept("u2").await.unwrap().existed);
        assert_eq!(accept("u4").await.unwrap().member.role, Role::Member);
        assert_eq!(failure(accept("u5").await), "Invitation");
        assert_eq!(failure(world.session().accept_invitation("u5", "no token").await), "Invitation");
        let listed = world.session().list_invitations(&user("u1"), &channel, &page(5)).await.unwrap();
        assert_eq!(listed.items.iter().map(|item| item.uses).collect::<Vec<_>>(), [2]);
    }

    async fn invitation_ends_when_it_expires_or_is_revoked(world: &World) {
        let channel = world.channel("u1", &[], true).await;
        world.users(&["u3"]).await;
        let past = NewInvitation { expires_at: Some(NOW), max_uses: Some(0) };
        let created = world.session().create_invitation(&user("u1"), &channel, &past).await;
        assert_eq!(failure(created), "Invalid expiresAt,maxUses");
        let short = NewInvitation { expires_at: Some(NOW + 10), max_uses: None };
        let created = world.session().create_invitation(&user("u1"), &channel, &short).await.unwrap();
        let late = world.at(NOW + 10).accept_invitation("u3", &created.token).await;
        assert_eq!(failure(late), "Invitation");
        let revoke = async |id: &str| world.session().revoke_invitation(&user("u1"), &channel, id).await;
        assert_eq!(failure(revoke("x").await), "Invitation");
        revoke(&created.invitation.id).await.unwrap();
        assert_eq!(failure(revoke(&created.invitation.id).await), "Invitation");
        assert_eq!(failure(world.session().accept_invitation("u3", &created.token).await), "Invitation");
    }

    async fn banned_user_cannot_accept(world: &World) {
        let channel = world.channel("u1", &["u2"], true).await;
        let created = world.session().create_invitation(&user("u1"), &channel, &ANY).await.unwrap();
        world.session().ban(&user("u1"), &channel, "u2", None).await.unwrap();
        assert_eq!(failure(world.session().accept_invitation("u2", &created.token).await), "Banned");
        assert_eq!(failure(world.session().accept_invitation("u9", &created.token).await), "User");
    }

    async fn channel_has_at_most_100_valid_invitations(world: &World) {
        let channel = world.channel("u1", &[], true).await;
        for _ in 0..100 {
            world.session().create_invitation(&user("u1"), &channel, &ANY).await.unwrap();
        }
        let more = world.session().create_invitation(&user("u1"), &channel, &ANY).await;
        assert_eq!(failure(more), "TooManyInvitations");
    }
}

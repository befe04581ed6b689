//! Members, roles and bans.

use super::{World, failure, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::channels::Filter;
use crate::types::{Actor, Role};

on_both! {
    async fn join_twice_is_one_membership(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        world.users(&["u2"]).await;
        let first = world.session().join("u2", &channel).await.unwrap();
        let second = world.session().join("u2", &channel).await.unwrap();
        assert_eq!((first.existed, second.existed), (false, true));
        assert_eq!(first.member.id, second.member.id);
        assert_eq!(world.session().get_channel(&user("u2"), &channel).await.unwrap().member_count, 2);
        assert_eq!(failure(world.session().join("u9", &channel).await), "User");
        assert_eq!(failure(world.session().join("u2", &ids::new_uuid()).await), "Channel");
        world.session().leave("u2", &channel).await.unwrap();
        assert_eq!(failure(world.session().leave("u2", &channel).await), "Member");
        let again = world.session().join("u2", &channel).await.unwrap();
        assert!(!again.existed && again.member.id != first.member.id);
    }

    async fn last_admin_can_neither_leave_nor_step_down(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        assert_eq!(failure(world.session().leave("u1", &channel).await), "LastAdmin");
        let step_down = async |who: &str| world.session().set_role(&user(who), &channel, who, Role::Member).await;
        assert_eq!(failure(step_down("u1").await), "LastAdmin");
        let remove = world.session().remove_member(&Actor::Operator, &channel, "u1").await;
        assert_eq!(failure(remove), "LastAdmin");
        world.session().set_role(&user("u1"), &channel, "u2", Role::Admin).await.unwrap();
        assert_eq!(step_down("u1").await.unwrap().role, Role::Member);
        // The ownership went to the other admin.
        let channel_now = world.session().get_channel(&user("u2"), &channel).await.unwrap();
        assert_eq!((channel_now.owner.as_str(), channel_now.member_count), ("u2", 2));
        assert_eq!(failure(world.session().leave("u2", &channel).await), "LastAdmin");
        world.session().leave("u1", &channel).await.unwrap();
        assert_eq!(failure(world.session().leave("u2", &channel).await), "LastAdmin");
    }

    async fn members_of_a_higher_rank_cannot_be_changed(world: &World) {
        let channel = world.channel("owner", &["admin", "mod", "mod2", "member"], false).await;
        let set = async |who: &str, whom: &str, role| world.session().set_role(&user(who), &channel, whom, role).await;
        set("owner", "admin", Role::Admin).await.unwrap();
        set("admin", "mod", Role::Moderator).await.unwrap();
        set("admin", "mod2", Role::Moderator).await.unwrap();
        assert_eq!(failure(set("mod", "member", Role::Moderator).await), "RoleTooLow");
        assert_eq!(failure(set("admin", "owner", Role::Member).await), "Outranked");
        assert_eq!(failure(set("admin", "nobody", Role::Member).await), "Member");
        let remove = async |who: &str, whom: &str| world.session().remove_member(&user(who), &channel, whom).await;
        assert_eq!(failure(remove("mod", "admin").await), "Outranked");
        assert_eq!(failure(remove("admin", "owner").await), "Outranked");
        assert_eq!(failure(remove("member", "mod").await), "RoleTooLow");
        let ban = async |who: &str, whom: &str| world.session().ban(&user(who), &channel, whom, None).await;
        assert_eq!(failure(ban("mod", "admin").await), "Outranked");
        assert_eq!(failure(ban("mod", "mod").await), "Invalid userId");
        assert_eq!(failure(ban("mod", "nobody").await), "User");
        // Equals may.
        remove("mod", "mod2").await.unwrap();
        set("admin", "admin", Role::Moderator).await.unwrap();
        assert_eq!(failure(set("admin", "member", Role::Admin).await), "RoleTooLow");
    }

    async fn ban_survives_joining_again_until_it_is_lifted(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        world.users(&["u3"]).await;
        let ban = world.session().ban(&user("u1"), &channel, "u2", Some("Spam")).await.unwrap();
        assert_eq!((ban.reason.as_deref(), ban.banned_by.as_deref()), (Some("Spam"), Some("u1")));
        world.session().ban(&user("u1"), &channel, "u3", None).await.unwrap();
        assert_eq!(failure(world.session().join("u2", &channel).await), "Banned");
        assert_eq!(failure(world.session().join("u3", &channel).await), "Banned");
        let add = world.session().add_member(&user("u1"), &channel, "u2").await;
        assert_eq!(failure(add), "UserIsBanned");
        assert_eq!(failure(world.session().leave("u2", &channel).await), "Member");
        let bans = world.session().list_bans(&user("u1"), &channel, &page(10)).await.unwrap();
        assert_eq!(bans.items.len(), 2);
        assert_eq!(failure(world.session().list_bans(&user("u2"), &channel, &page(10)).await), "Banned");
        let members = world.session().list_members(&user("u1"), &channel, &page(10)).await.unwrap();
        assert_eq!(members.items.len(), 1);
        let again = world.session().ban(&Actor::Operator, &channel, "u2", None).await.unwrap();
        assert_eq!((again.reason, again.banned_by), (None, None));
        world.session().lift_ban(&user("u1"), &channel, "u2").await.unwrap();
        assert_eq!(failure(world.session().lift_ban(&user("u1"), &channel, "u2").await), "Member");
        assert_eq!(failure(world.session().lift_ban(&user("u1"), &channel, "u1").await), "Member");
        world.session().join("u2", &channel).await.unwrap();
        assert_eq!(world.session().get_channel(&user("u2"), &channel).await.unwrap().member_count, 2);
    }

    async fn add_is_for_admins_and_transfer_for_the_owner(world: &World) {
        let channel = world.channel("u1", &["u2"], true).await;
        world.users(&["u3"]).await;
        let add = async |who: Actor, whom: &str| world.session().add_member(&who, &channel, whom).await;
        assert_eq!(failure(add(user("u2"), "u3").await), "RoleTooLow");
        assert_eq!(failure(add(user("u3"), "u3").await), "Channel");
        assert_eq!(failure(add(user("u1"), "u9").await), "User");
        assert!(!add(Actor::Operator, "u3").await.unwrap().existed);
        assert!(add(user("u1"), "u3").await.unwrap().existed);
        let transfer = async |who: &str, whom: &str| world.session().transfer_ownership(&user(who), &channel, whom).await;
        assert_eq!(failure(transfer("u2", "u3").await), "NotTheOwner");
        assert_eq!(failure(transfer("u1", "u9").await), "Member");
        let moved = transfer("u1", "u3").await.unwrap();
        assert_eq!((moved.owner.as_str(), moved.role), ("u3", Some(Role::Admin)));
        assert_eq!(failure(transfer("u1", "u2").await), "NotTheOwner");
        let owner = world.session().get_member(&user("u2"), &channel, "u3").await.unwrap();
        let before = world.session().get_member(&user("u2"), &channel, "u1").await.unwrap();
        assert_eq!((owner.is_owner, before.is_owner, before.role), (true, false, Role::Admin));
    }

    async fn list_members_is_in_order_of_joining_and_joined_channels_newest_first(world: &World) {
        let first = world.channel("u1", &["u2", "u3", "u4"], false).await;
        let second = world.channel("u2", &["u1"], false).await;
        let page_one = world.session().list_members(&user("u9"), &first, &page(3)).await.unwrap();
        let names = |items: &[crate::types::Member]| items.iter().map(|item| item.user.id.clone()).collect::<Vec<_>>();
        assert_eq!(names(&page_one.items), ["u1", "u2", "u3"]);
        let rest = crate::tests::after(3, &page_one.page.next.unwrap());
        let rest = world.session().list_members(&user("u9"), &first, &rest).await.unwrap();
        assert_eq!((names(&rest.items), rest.page.next), (vec!["u4".to_owned()], None));
        let joined = world.session().list_joined("u1", &page(10)).await.unwrap();
        let ids: Vec<_> = joined.items.iter().map(|item| item.channel.id.clone()).collect();
        assert_eq!(ids, [second, first]);
        let filter = Filter { category: None, search: None, joined: true };
        let listed = world.session().list_channels(&user("u3"), &filter, &page(10)).await.unwrap();
        assert_eq!(listed.items.len(), 1);
    }
}

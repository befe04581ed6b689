//! Channels.

use super::{World, after, failure, new_channel, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::channels::{Changes, Filter, NewChannel};
use crate::types::{Actor, PageRequest, PageStart, Role, TextChange};

fn keep() -> Changes {
    Changes {
        name: None,
        description: TextChange::Keep,
        is_private: None,
        category: None,
        image_url: TextChange::Keep,
        banner_url: TextChange::Keep,
    }
}

fn all() -> Filter {
    Filter {
        category: None,
        search: None,
        joined: false,
    }
}

on_both! {
    async fn create_makes_the_user_owner_and_admin(world: &World) {
        world.users(&["u1"]).await;
        let channel = NewChannel {
            description: Some("What we plan".to_owned()),
            image_url: Some("/api/v1/files/1".to_owned()),
            ..new_channel("Plans", true)
        };
        let channel = world.session().create_channel("u1", channel).await.unwrap();
        assert_eq!((channel.owner.as_str(), channel.role, channel.member_count), ("u1", Some(Role::Admin), 1));
        assert_eq!((channel.category.as_str(), channel.is_private), ("General", true));
        let member = world.session().get_member(&user("u1"), &channel.id, "u1").await.unwrap();
        assert!(member.is_owner && ids::parse_uuid(&member.id).is_some(), "{member:?}");
        let channel = NewChannel { category: Some(" ".to_owned()), ..new_channel("", false) };
        assert_eq!(failure(world.session().create_channel("u1", channel).await), "Invalid name,category");
        assert_eq!(failure(world.session().create_channel("u9", new_channel("x", false)).await), "User");
    }

    async fn private_channel_is_hidden_from_others_and_visible_to_the_operator(world: &World) {
        let channel = world.channel("u1", &["u2"], true).await;
        world.users(&["u3"]).await;
        assert_eq!(failure(world.session().get_channel(&user("u3"), &channel).await), "Channel");
        assert_eq!(failure(world.session().update_channel(&user("u3"), &channel, keep()).await), "Channel");
        assert_eq!(failure(world.session().delete_channel(&user("u3"), &channel).await), "Channel");
        assert_eq!(failure(world.session().list_members(&user("u3"), &channel, &page(1)).await), "Channel");
        assert_eq!(failure(world.session().get_member(&user("u3"), &channel, "u1").await), "Channel");
        assert_eq!(failure(world.session().join("u3", &channel).await), "Channel");
        assert_eq!(failure(world.session().get_channel(&user("u3"), "not an id").await), "Channel");
        assert!(world.session().list_channels(&user("u3"), &all(), &page(10)).await.unwrap().items.is_empty());
        assert_eq!(world.session().get_channel(&user("u2"), &channel).await.unwrap().role, Some(Role::Member));
        assert_eq!(world.session().get_channel(&Actor::Operator, &channel).await.unwrap().role, None);
        assert_eq!(world.session().list_channels(&Actor::Operator, &all(), &page(10)).await.unwrap().items.len(), 1);
    }

    async fn list_filters_counts_and_pages(world: &World) {
        world.users(&["u1", "u2"]).await;
        let mut ids = Vec::new();
        for n in 0..7 {
            let channel = NewChannel {
                category: (n % 2 == 0).then(|| "Sport".to_owned()),
                description: (n == 3).then(|| "Swimming and rowing".to_owned()),
                ..new_channel(&format!("Channel {n}"), n == 6)
            };
            ids.push(world.session().create_channel("u1", channel).await.unwrap().id);
        }
        world.session().join("u2", &ids[1]).await.unwrap();
        let listed = async |actor: Actor, filter: Filter, request: PageRequest| {
            let listed = world.session().list_channels(&actor, &filter, &request).await.unwrap();
            let numbers: Vec<_> = listed.items.iter().map(|item| ids.iter().position(|id| *id == item.id).unwrap()).collect();
            (numbers, listed.page)
        };
        let counted = PageRequest { count: true, ..page(4) };
        let (numbers, info) = listed(user("u2"), all(), counted).await;
        assert_eq!((numbers, info.total), (vec![5, 4, 3, 2], Some(6)));
        let (numbers, info) = listed(user("u2"), all(), after(4, &info.next.unwrap())).await;
        assert_eq!((numbers, info.next), (vec![1, 0], None));
        let offset = PageRequest { start: PageStart::Offset(5), ..page(4) };
        assert_eq!(listed(user("u2"), all(), offset).await.0, [0]);
        let sport = Filter { category: Some("Sport".to_owned()), ..all() };
        assert_eq!(listed(user("u1"), sport.clone(), page(10)).await.0, [6, 4, 2, 0]);
        assert_eq!(listed(user("u2"), sport, page(10)).await.0, [4, 2, 0]);
        let joined = Filter { joined: true, ..all() };
        assert_eq!(listed(user("u2"), joined, page(10)).await.0, [1]);
        let search = |text: &str| Filter { search: Some(text.to_owned()), ..all() };
        assert_eq!(listed(user("u2"), search("row"), page(10)).await.0, [3]);
        assert_eq!(listed(user("u2"), search("chan 6"), page(10)).await.0, [0; 0]);
        assert_eq!(listed(user("u1"), search("chan 6"), page(10)).await.0, [6]);
        // The total is the number of items on all pages, for every actor and every filter.
        world.session().ban(&user("u1"), &ids[5], "u2", None).await.unwrap();
        world.session().add_member(&user("u1"), &ids[6], "u2").await.unwrap();
        let sport = Filter { category: Some("Sport".to_owned()), ..all() };
        let both = Filter { joined: true, ..sport.clone() };
        for actor in [user("u1"), user("u2"), user("u3"), Actor::Operator] {
            for filter in [all(), sport.clone(), both.clone(), search("chan"), search("row")] {
                let request = PageRequest { count: true, ..page(100) };
                let (numbers, info) = listed(actor.clone(), filter.clone(), request).await;
                assert_eq!(info.total, Some(numbers.len() as u64), "{actor:?} {filter:?}");
            }
        }
        for (request, field) in [
            (page(0), "limit"),
            (page(101), "limit"),
            (after(1, "x"), "cursor"),
            (PageRequest { start: PageStart::Offset(1_000_001), ..page(1) }, "offset"),
        ] {
            let listed = world.session().list_channels(&user("u1"), &all(), &request).await;
            assert_eq!(failure(listed), format!("Invalid {field}"));
        }
    }

    async fn update_is_for_admins_and_of_the_description_for_moderators(world: &World) {
        let channel = world.channel("u1", &["u2", "u3"], false).await;
        world.session().set_role(&user("u1"), &channel, "u2", Role::Moderator).await.unwrap();
        let described = Changes { description: TextChange::Set("New".to_owned()), ..keep() };
        let updated = world.session().update_channel(&user("u2"), &channel, described.clone()).await.unwrap();
        assert_eq!(updated.description.as_deref(), Some("New"));
        let renamed = Changes { name: Some("Other".to_owned()), is_private: Some(true), ..keep() };
        let update = async |who: &str, changes: Changes| world.session().update_channel(&user(who), &channel, changes).await;
        assert_eq!(failure(update("u2", renamed.clone()).await), "RoleTooLow");
        assert_eq!(failure(update("u3", described.clone()).await), "RoleTooLow");
        world.users(&["u4"]).await;
        assert_eq!(failure(update("u4", described).await), "NotAMember");
        let updated = update("u1", renamed).await.unwrap();
        assert_eq!((updated.name.as_str(), updated.is_private), ("Other", true));
        let invalid = Changes { name: Some("x".repeat(101)), ..keep() };
        assert_eq!(failure(update("u1", invalid).await), "Invalid name");
        let filter = Filter { search: Some("other".to_owned()), ..all() };
        let page = world.session().list_channels(&user("u1"), &filter, &page(5)).await.unwrap();
        assert_eq!(page.items.len(), 1);
    }

    async fn delete_removes_threads_and_messages(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u2", &channel).await;
        let message = world.post("u2", &thread, "Hello @u1").await;
        world.session().react("u1", &message.id, "👍").await.unwrap();
        assert_eq!(failure(world.session().delete_channel(&user("u2"), &channel).await), "RoleTooLow");
        world.session().delete_channel(&user("u1"), &channel).await.unwrap();
        assert_eq!(failure(world.session().delete_channel(&user("u1"), &channel).await), "Channel");
        assert_eq!(failure(world.session().get_thread(&user("u1"), &thread).await), "Thread");
        assert_eq!(failure(world.session().get_message(&user("u1"), &message.id).await), "Message");
        for table in ["members", "threads", "messages", "reactions", "reaction_counts", "reads", "mentions"] {
            let count = world.driver.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {table}"), &[]).unwrap();
            assert_eq!(count, ["0"], "{table}");
        }
    }
}

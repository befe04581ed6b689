//! Users.

use super::{NOW, World, failure, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::profiles::{
    AgeChange, Changes, MessagesOfDeleted,
};
use crate::types::{Role, TextChange};

fn keep() -> Changes {
    Changes {
        name: None,
        image: TextChange::Keep,
        display_name: TextChange::Keep,
        avatar_url: TextChange::Keep,
        banner_url: TextChange::Keep,
        bio: TextChange::Keep,
        age: AgeChange::Keep,
    }
}

on_both! {
    async fn ensure_creates_a_user_once_and_changes_nothing_then(world: &World) {
        let image = Some("https://a.example/a.png");
        world.session().ensure_user("u1", "Ana", image).await.unwrap();
        world.at(NOW + 5).ensure_user("u1", "Other", None).await.unwrap();
        let user = world.session().get_user("u1").await.unwrap();
        assert_eq!((user.name.as_str(), user.image.as_deref()), ("Ana", image));
        assert_eq!((user.created_at, user.updated_at), (NOW, NOW));
        world.session().ensure_user("u2", " ", Some("javascript:x")).await.unwrap();
        let user = world.session().get_user("u2").await.unwrap();
        assert_eq!((user.name.as_str(), user.image), ("User", None));
        assert_eq!(failure(world.session().get_user("u3").await), "User");
        assert_eq!(failure(world.session().get_user("a\0b").await), "User");
        assert_eq!(failure(world.session().ensure_user("", "x", None).await), "Invalid userId");
    }

    async fn update_changes_what_is_set_and_checks_it(world: &World) {
        world.users(&["u1"]).await;
        let changes = Changes {
            display_name: TextChange::Set("Ana P.".to_owned()),
            bio: TextChange::Set(String::new()),
            age: AgeChange::Set(30),
            ..keep()
        };
        let user = world.at(NOW + 1).update_user("u1", changes).await.unwrap();
        assert_eq!(user.profile.display_name.as_deref(), Some("Ana P."));
        assert_eq!((user.profile.bio.as_deref(), user.profile.age), (Some(""), Some(30)));
        assert_eq!((user.updated_at, user.profile.updated_at), (NOW, NOW + 1));
        let changes = Changes {
            name: Some("Ana".to_owned()),
            display_name: TextChange::Clear,
            age: AgeChange::Clear,
            ..keep()
        };
        let user = world.at(NOW + 2).update_user("u1", changes).await.unwrap();
        assert_eq!((user.name.as_str(), user.profile.display_name, user.profile.age), ("Ana", None, None));
        assert_eq!((user.updated_at, user.profile.updated_at), (NOW + 2, NOW + 2));
        let changes = Changes {
            name: Some(String::new()),
            image: TextChange::Set("x".to_owned()),
            bio: TextChange::Set("x".repeat(501)),
            age: AgeChange::Set(151),
            ..keep()
        };
        assert_eq!(
            failure(world.session().update_user("u1", changes).await),
            "Invalid name,image,profile.bio,profile.age"
        );
        let changes = Changes { name: Some("x".to_owned()), ..keep() };
        assert_eq!(failure(world.session().update_user("u9", changes).await), "User");
    }

    async fn list_finds_users_by_the_beginning_of_words(world: &World) {
        for (id, name) in [("u1", "Juan García"), ("u2", "Ana"), ("u3", "Joanna Juanes")] {
            world.session().ensure_user(id, name, None).await.unwrap();
        }
        let changes = Changes { display_name: TextChange::Set("garlic-fan".to_owned()), ..keep() };
        world.session().update_user("u2", changes).await.unwrap();
        let matching = async |search: &str| {
            let users = world.session().list_users(Some(search), &page(10)).await.unwrap();
            users.items.into_iter().map(|user| user.id).collect::<Vec<_>>()
        };
        assert_eq!(matching("juan").await, ["u3", "u1"]);
        assert_eq!(matching("GAR").await, ["u2", "u1"]);
        assert_eq!(matching("fan").await, ["u2"]);
        assert_eq!(matching("juan gar").await, ["u1"]);
        assert_eq!(matching("nobody").await, [""; 0]);
        assert_eq!(failure(world.session().list_users(Some("?"), &page(10)).await), "Invalid search");
        let all = world.session().list_users(None, &page(2)).await.unwrap();
        assert_eq!(all.items.len(), 2);
        let rest = crate::tests::after(2, &all.page.next.unwrap());
        let rest = world.session().list_users(None, &rest).await.unwrap();
        assert_eq!((rest.items[0].id.as_str(), rest.page.next), ("u1", None));
    }

    async fn delete_passes_channels_on_and_keeps_messages_without_a_sender(world: &World) {
        let passed = world.channel("u1", &["u2", "u3"], false).await;
        world.session().set_role(&user("u1"), &passed, "u3", Role::Admin).await.unwrap();
        world.session().set_role(&user("u1"), &passed, "u2", Role::Admin).await.unwrap();
        let alone = world.channel("u1", &["u2"], true).await;
        let other = world.channel("u2", &["u1"], false).await;
        let thread = world.thread("u2", &other).await;
        let message = world.post("u1", &thread, "Hello @u2").await;
        world.session().react("u1", &message.id, "👍").await.unwrap();
        let deletion = world.session().delete_user("u1", MessagesOfDeleted::Keep).await.unwrap();
        assert_eq!((deletion.channels_passed_on, deletion.channels_deleted), (vec![passed.clone()], vec![alone.clone()]));
        assert_eq!(failure(world.session().get_user("u1").await), "User");
        // u2 joined first.
        let channel = world.session().get_channel(&user("u2"), &passed).await.unwrap();
        assert_eq!((channel.owner.as_str(), channel.member_count), ("u2", 2));
        assert_eq!(failure(world.session().get_channel(&user("u2"), &alone).await), "Channel");
        let kept = world.session().get_message(&user("u2"), &message.id).await.unwrap();
        assert_eq!((kept.sender, kept.content.as_str(), kept.reactions.len()), (None, "Hello @u2", 0));
        let members = world.session().list_members(&user("u2"), &other, &page(10)).await.unwrap();
        assert_eq!(members.items.len(), 1);
        // Again.
        let again = world.session().delete_user("u1", MessagesOfDeleted::Delete).await.unwrap();
        assert_eq!((again.channels_deleted.len(), again.messages_deleted), (0, 0));
    }

    async fn delete_with_messages_leaves_deleted_ones(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let own = world.post("u2", &thread, "Secret").await;
        let gone = world.post("u2", &thread, "Gone").await;
        world.session().delete_message(&user("u2"), &gone.id).await.unwrap();
        let other = world.post("u1", &thread, "Stays").await;
        let deletion = world.at(NOW + 1).delete_user("u2", MessagesOfDeleted::Delete).await.unwrap();
        assert_eq!(deletion.messages_deleted, 1);
        let own = world.session().get_message(&user("u1"), &own.id).await.unwrap();
        assert_eq!((own.deleted, own.content.as_str(), own.sender, own.number), (true, "", None, 1));
        let other = world.session().get_message(&user("u1"), &other.id).await.unwrap();
        assert_eq!((other.deleted, other.number), (false, 3));
    }

    async fn export_has_profile_memberships_messages_and_reactions(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        for n in 0..3 {
            world.post("u2", &thread, &format!("message {n}")).await;
        }
        let message = world.post("u1", &thread, "not theirs").await;
        world.session().react("u2", &message.id, "👍").await.unwrap();
        let exported = world.session().export("u2").await.unwrap();
        assert_eq!(exported["profile"]["name"], "u2");
        assert_eq!(exported["memberships"][0]["role"], "member");
        assert_eq!(exported["messages"].as_array().unwrap().len(), 3);
        for n in 0..3 {
            assert!(exported["messages"].to_string().contains(&format!("message {n}")));
        }
        assert_eq!(exported["reactions"][0]["emoji"], "👍");
        assert!(!exported.to_string().contains("not theirs"));
        world.session().erase("u2").await.unwrap();
        world.session().erase("u2").await.unwrap();
        assert_eq!(world.session().export("u2").await.unwrap(), serde_json::Value::Null);
        world.session().check().await.unwrap();
    }
}

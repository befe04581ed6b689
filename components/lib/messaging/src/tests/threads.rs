//! Threads.

use super::{NOW, World, failure, new_message, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::threads::{Changes, NewThread};
use crate::types::{Role, TextChange};

const KEEP: Changes = Changes {
    name: None,
    description: TextChange::Keep,
    is_archived: None,
};

on_both! {
    async fn create_is_for_members(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        world.users(&["u3"]).await;
        let new = |name: &str| NewThread { channel_id: channel.clone(), name: name.to_owned(), description: None };
        let thread = world.session().create_thread("u2", new("Plans")).await.unwrap();
        assert_eq!((thread.created_by.as_deref(), thread.last_number), (Some("u2"), 0));
        assert_eq!(failure(world.session().create_thread("u3", new("x")).await), "NotAMember");
        assert_eq!(failure(world.session().create_thread("u2", new("")).await), "Invalid name");
        let elsewhere = NewThread { channel_id: "x".to_owned(), ..new("x") };
        assert_eq!(failure(world.session().create_thread("u2", elsewhere).await), "Channel");
        // Everybody sees the threads of a public channel.
        let seen = world.session().get_thread(&user("u3"), &thread.id).await.unwrap();
        assert!(seen.unread.is_none());
    }

    async fn threads_of_a_private_channel_are_unknown_to_others(world: &World) {
        let channel = world.channel("u1", &[], true).await;
        let thread = world.thread("u1", &channel).await;
        world.users(&["u3"]).await;
        let other = user("u3");
        assert_eq!(failure(world.session().get_thread(&other, &thread).await), "Thread");
        assert_eq!(failure(world.session().list_threads(&other, &channel, false, &page(5)).await), "Channel");
        assert_eq!(failure(world.session().update_thread(&other, &thread, &KEEP).await), "Thread");
        assert_eq!(failure(world.session().delete_thread(&other, &thread).await), "Thread");
        assert_eq!(failure(world.session().post("u3", new_message(&thread, "x")).await), "Thread");
        assert_eq!(failure(world.session().post("u3", new_message(&thread, "")).await), "Thread");
        assert_eq!(failure(world.session().mark_read("u3", &thread, 1).await), "Thread");
    }

    async fn archived_thread_takes_no_messages_and_can_be_read(world: &World) {
        let channel = world.channel("u1", &["u2", "u3"], false).await;
        let thread = world.thread("u2", &channel).await;
        let other = world.thread("u1", &channel).await;
        let message = world.post("u3", &thread, "Hello").await;
        let archive = Changes { is_archived: Some(true), ..KEEP };
        assert_eq!(failure(world.session().update_thread(&user("u3"), &thread, &archive).await), "RoleTooLow");
        assert!(world.at(NOW + 1).update_thread(&user("u2"), &thread, &archive).await.unwrap().is_archived);
        assert_eq!(failure(world.session().post("u3", new_message(&thread, "x")).await), "ThreadArchived");
        assert_eq!(failure(world.session().edit("u3", &message.id, "x").await), "ThreadArchived");
        assert_eq!(failure(world.session().react("u3", &message.id, "x").await), "ThreadArchived");
        let history = world.session().list_messages(&user("u3"), &thread, crate::bindings::exports::goldfish::messaging::messages::Position::Latest, 10).await.unwrap();
        assert_eq!(history.messages.len(), 1);
        let listed = async |active_only| {
            let listed = world.session().list_threads(&user("u3"), &channel, active_only, &page(5)).await.unwrap();
            listed.items.into_iter().map(|thread| thread.id).collect::<Vec<_>>()
        };
        assert_eq!(listed(false).await, [other.clone(), thread.clone()]);
        assert_eq!(listed(true).await, [other]);
        let rename = Changes {
            name: Some("Renamed".to_owned()),
            description: TextChange::Set("About".to_owned()),
            is_archived: Some(false),
        };
        let changed = world.session().update_thread(&user("u1"), &thread, &rename).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.is_archived), ("Renamed", false));
        world.post("u3", &thread, "Again").await;
    }

    async fn delete_is_for_the_creator_and_admins(world: &World) {
        let channel = world.channel("u1", &["u2", "u3"], false).await;
        world.session().set_role(&user("u1"), &channel, "u3", Role::Moderator).await.unwrap();
        let thread = world.thread("u2", &channel).await;
        world.post("u3", &thread, "Hello @u1").await;
        assert_eq!(failure(world.session().delete_thread(&user("u3"), &thread).await), "RoleTooLow");
        let deleted = world.session().delete_thread(&user("u2"), &thread).await.unwrap();
        assert_eq!((deleted.id.as_str(), deleted.last_number), (thread.as_str(), 1));
        assert_eq!(failure(world.session().delete_thread(&user("u2"), &thread).await), "Thread");
        let thread = world.thread("u2", &channel).await;
        world.session().leave("u2", &channel).await.unwrap();
        assert_eq!(failure(world.session().delete_thread(&user("u2"), &thread).await), "NotAMember");
        world.session().delete_thread(&user("u1"), &thread).await.unwrap();
    }
}

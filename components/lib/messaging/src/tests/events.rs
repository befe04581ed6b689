//! Events: what is recorded, who reads it, and publishing.

use super::{NOW, World, failure, on_both, user};
use crate::bindings::exports::goldfish::messaging::events::{History, Kind, Scope};
use crate::bindings::exports::goldfish::messaging::profiles::MessagesOfDeleted;
use crate::types::Role;

async fn history(world: &World, user: &str, scope: Scope, after: u64) -> History {
    let session = world.session();
    let read = session.read_events(user, &scope, Some(after), 1_000, 0);
    read.await.unwrap()
}

async fn kinds(world: &World, user: &str, scope: Scope) -> Vec<Kind> {
    let events = history(world, user, scope, 0).await.events;
    events.iter().map(|event| event.kind).collect()
}

fn texts(kinds: &[Kind]) -> Vec<String> {
    kinds
        .iter()
        .map(|kind| format!("{kind:?}").replace("Kind::", ""))
        .collect()
}

on_both! {
    async fn each_change_is_an_event_of_its_thread_channel_or_user(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let session = world.session();
        let first = world.post("u1", &thread, "Hello @u2").await;
        session.edit("u1", &first.id, "Hello again @u2").await.unwrap();
        session.react("u2", &first.id, "x").await.unwrap();
        session.remove_reaction("u2", &first.id, "x").await.unwrap();
        session.react("u2", &first.id, "y").await.unwrap();
        session.mark_read("u2", &thread, 1).await.unwrap();
        session.mark_read("u2", &thread, 1).await.unwrap();
        session.delete_message(&user("u1"), &first.id).await.unwrap();
        session.delete_message(&user("u1"), &first.id).await.unwrap();
        session.set_role(&user("u1"), &channel, "u2", Role::Moderator).await.unwrap();
        let of_thread = [
            Kind::ThreadCreated, Kind::MessagePosted, Kind::MessageEdited, Kind::ReactionChanged,
            Kind::ReactionChanged, Kind::ReactionChanged, Kind::MessageDeleted,
        ];
        let actual = kinds(world, "u2", Scope::Thread(thread.clone())).await;
        assert_eq!(texts(&actual), texts(&of_thread));
        let of_channel = [
            &[Kind::MemberAdded, Kind::MemberAdded][..], &of_thread, &[Kind::MemberRoleChanged],
        ].concat();
        let actual = kinds(world, "u2", Scope::Channel(channel.clone())).await;
        assert_eq!(texts(&actual), texts(&of_channel));
        let actual = kinds(world, "u2", Scope::Feed).await;
        let of_user = [Kind::MemberAdded, Kind::Mentioned, Kind::Mentioned, Kind::ThreadRead, Kind::MemberRoleChanged];
        assert_eq!(texts(&actual), texts(&of_user));
        // A deleted text is in no event, also not in that of its posting.
        let events = history(world, "u2", Scope::Thread(thread), 0).await.events;
        assert!(!format!("{events:?}").contains("Hello"));
        assert!(events[1].message.as_ref().unwrap().deleted);
    }

    async fn numbers_have_no_gaps_and_previous_leads_through_a_thread(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let (a, b) = (world.thread("u1", &channel).await, world.thread("u1", &channel).await);
        for thread in [&a, &b, &b, &a] {
            world.post("u1", thread, "x").await;
        }
        let all = history(world, "u1", Scope::Channel(channel), 0).await;
        let numbers: Vec<u64> = all.events.iter().map(|event| event.number).collect();
        assert_eq!(numbers, (1..=all.head).collect::<Vec<_>>());
        let events = history(world, "u1", Scope::Thread(a), 0).await.events;
        let mut previous = 0;
        for event in &events {
            assert_eq!(event.previous, previous);
            previous = event.number;
        }
        assert_eq!(events.len(), 3);
    }

    async fn read_after_a_number_that_was_deleted_or_is_too_old_is_not_complete(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let thread = world.thread("u1", &channel).await;
        for _ in 0..5 {
            world.post("u1", &thread, "x").await;
        }
        let session = world.session();
        let scope = Scope::Thread(thread);
        let read = async |after, limit, oldest| {
            session.read_events("u1", &scope, Some(after), limit, oldest).await.unwrap()
        };
        assert!(read(2, 5, 0).await.is_complete && read(7, 5, 0).await.is_complete);
        assert!(read(2, 5, 0).await.events.len() == 5);
        for history in [read(1, 4, 0).await, read(8, 5, 0).await, read(2, 5, u64::MAX / 4).await] {
            assert!(!history.is_complete && history.events.is_empty() && history.head == 7);
        }
        session.expire_events(u64::MAX / 4).await.unwrap();
        assert!(!read(2, 5, 0).await.is_complete);
        assert!(read(7, 5, 0).await.is_complete);
        assert_eq!(failure(session.read_events("u1", &Scope::Feed, None, 0, 0).await), "Invalid limit");
    }

    async fn read_by_others_than_members_is_refused(world: &World) {
        let public = world.channel("u1", &["u2"], false).await;
        let private = world.channel("u1", &["u2"], true).await;
        world.users(&["u3"]).await;
        let session = world.session();
        session.remove_member(&user("u1"), &private, "u2").await.unwrap();
        session.ban(&user("u1"), &public, "u2", None).await.unwrap();
        for (reader, channel, expected) in [
            ("u3", &public, "NotAMember"), ("u3", &private, "Channel"),
            ("u2", &public, "Banned"), ("u2", &private, "Channel"),
        ] {
            let read = session.read_events(reader, &Scope::Channel(channel.clone()), None, 1, 0).await;
            assert_eq!(failure(read), expected, "{reader}");
        }
        let actual = kinds(world, "u2", Scope::Feed).await;
        let expected = [Kind::MemberAdded, Kind::MemberAdded, Kind::MemberRemoved, Kind::MemberRemoved];
        assert_eq!(texts(&actual), texts(&expected));
        session.delete_channel(&user("u1"), &public).await.unwrap();
        let actual = kinds(world, "u1", Scope::Feed).await;
        assert_eq!(texts(&actual).last().unwrap(), "ChannelDeleted");
        session.delete_user("u1", MessagesOfDeleted::Keep).await.unwrap();
        assert!(kinds(world, "u1", Scope::Feed).await.is_empty());
    }

    async fn take_unpublished_gives_each_event_once_and_again_if_it_was_not_published(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        world.post("u1", &thread, "x").await;
        let session = world.session();
        // With no time of its own a stream can be taken again.
        let before = session.take_unpublished(0).await.unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let taken = session.take_unpublished(60).await.unwrap();
        assert_eq!(format!("{before:?}").len(), format!("{taken:?}").len());
        let of_channel = taken.iter().find(|batch| batch.stream == channel).unwrap();
        assert!(!of_channel.is_feed && of_channel.excluded.is_empty());
        assert_eq!(of_channel.events.len(), 4);
        assert!(taken.iter().any(|batch| batch.stream == "u2" && batch.is_feed));
        assert!(session.take_unpublished(60).await.unwrap().is_empty());
        world.post("u1", &thread, "y").await;
        session.remove_member(&user("u1"), &channel, "u2").await.unwrap();
        assert!(session.set_published(&channel, of_channel.last).await.unwrap());
        let taken = session.take_unpublished(60).await.unwrap();
        let of_channel = taken.iter().find(|batch| batch.stream == channel).unwrap();
        assert_eq!(of_channel.events.len(), 2);
        assert_eq!(of_channel.excluded, ["u2"]);
        assert!(!session.set_published(&channel, of_channel.last).await.unwrap());
        assert_eq!(session.audience("u1", &thread).await.unwrap(), ["u2"]);
        assert_eq!(failure(session.audience("u2", &thread).await), "NotAMember");
        world.session().join("u2", &channel).await.unwrap();
        assert!(world.at(NOW).audience("u2", &thread).await.unwrap().is_empty());
    }
}

//! Read state and mentions.

use super::{World, new_message, on_both, page, user};

async fn unread(world: &World, who: &str) -> (u64, u64) {
    let joined = world.session().list_joined(who, &page(10)).await.unwrap();
    let unread = joined.items[0].unread;
    (unread.messages, unread.mentions)
}

on_both! {
    async fn what_was_written_before_joining_counts_as_read(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let (thread, later) = (world.thread("u1", &channel).await, world.thread("u1", &channel).await);
        world.post("u1", &thread, "Before").await;
        world.users(&["u2"]).await;
        world.session().join("u2", &channel).await.unwrap();
        assert_eq!(unread(world, "u2").await, (0, 0));
        world.post("u1", &thread, "After").await;
        world.post("u1", &later, "After").await;
        assert_eq!(unread(world, "u2").await, (2, 0));
        // A user's own messages count as read.
        assert_eq!(unread(world, "u1").await, (0, 0));
        let joined = world.session().list_joined("u2", &page(10)).await.unwrap();
        assert_eq!(joined.items[0].last_message_at, Some(crate::tests::NOW));
        let threads = world.session().list_threads(&user("u2"), &channel, false, &page(5)).await.unwrap();
        let counts: Vec<_> = threads.items.iter().map(|thread| thread.unread.unwrap().messages).collect();
        assert_eq!(counts, [1, 1]);
    }

    async fn mark_read_only_rises_and_ends_at_the_last_message(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        for _ in 0..5 {
            world.post("u1", &thread, "Hello").await;
        }
        let mark = async |number| {
            let state = world.session().mark_read("u2", &thread, number).await.unwrap();
            (state.number, state.unread.messages)
        };
        assert_eq!(mark(3).await, (3, 2));
        assert_eq!(mark(1).await, (3, 2));
        assert_eq!(mark(u64::MAX).await, (5, 0));
        world.session().leave("u2", &channel).await.unwrap();
        let marked = world.session().mark_read("u2", &thread, 1).await;
        assert_eq!(crate::tests::failure(marked), "NotAMember");
    }

    async fn mentions_of_members_are_counted_until_they_are_read(world: &World) {
        let channel = world.channel("u1", &["u2", "u3"], false).await;
        world.session().ensure_user("x1", "Juan García", None).await.unwrap();
        world.session().ensure_user("x2", "Ana", None).await.unwrap();
        world.session().join("x1", &channel).await.unwrap();
        let thread = world.thread("u1", &channel).await;
        let message = world.post("u1", &thread, "@juangarcía @u2 @Ana @u1, hello").await;
        // Ana is not a member.
        assert_eq!(message.mentions, ["u1", "u2", "x1"]);
        assert_eq!(unread(world, "u2").await, (1, 1));
        assert_eq!(unread(world, "x1").await, (1, 1));
        assert_eq!(unread(world, "u1").await, (0, 0));
        assert_eq!(unread(world, "u3").await, (1, 0));
        world.session().mark_read("u2", &thread, 1).await.unwrap();
        assert_eq!(unread(world, "u2").await, (0, 0));
        let edited = world.session().edit("u1", &message.id, "@u3 @u2 instead").await.unwrap();
        assert_eq!(edited.mentions, ["u2", "u3"]);
        assert_eq!(unread(world, "x1").await, (1, 0));
        assert_eq!(unread(world, "u3").await, (1, 1));
        // It was read before.
        assert_eq!(unread(world, "u2").await, (0, 0));
        world.session().delete_message(&user("u1"), &message.id).await.unwrap();
        assert_eq!(unread(world, "u3").await, (1, 0));
        let plain = world.session().post("u1", new_message(&thread, "mail a@u2.example")).await.unwrap();
        assert!(plain.message.mentions.is_empty());
    }
}

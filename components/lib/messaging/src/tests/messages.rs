//! Messages.

use super::{NOW, World, failure, new_message, on_both, user};
use crate::bindings::exports::goldfish::messaging::messages::{NewMessage, Position};
use crate::types::{Actor, Attachment, AttachmentKind, Message, Role};

fn attachment(url: &str) -> Attachment {
    Attachment {
        id: ids::new_uuid(),
        url: url.to_owned(),
        filename: "plan.pdf".to_owned(),
        mime_type: "application/pdf".to_owned(),
        size: 12,
        kind: AttachmentKind::Document,
    }
}

fn numbers(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.number).collect()
}

on_both! {
    async fn post_gives_numbers_without_gaps_and_times_that_never_fall(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let first = world.post("u1", &thread, "One").await;
        let second = world.at(NOW - 5_000).post("u2", new_message(&thread, "Two")).await.unwrap().message;
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!((first.created_at, second.created_at), (NOW, NOW));
        assert_eq!(second.sender.as_ref().unwrap().name, "u2");
        assert_eq!((second.channel_id.as_str(), second.content.as_str()), (channel.as_str(), "Two"));
        assert_eq!(second, world.session().get_message(&user("u1"), &second.id).await.unwrap());
        let thread = world.session().get_thread(&user("u1"), &thread).await.unwrap();
        assert_eq!((thread.last_number, thread.last_message_at), (2, Some(NOW)));
    }

    async fn post_again_with_the_same_client_id_gives_the_same_message(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let (thread, other) = (world.thread("u1", &channel).await, world.thread("u1", &channel).await);
        let named = |thread: &str, text: &str| NewMessage { client_id: Some("c1".to_owned()), ..new_message(thread, text) };
        let first = world.session().post("u1", named(&thread, "One")).await.unwrap();
        let again = world.session().post("u1", named(&thread, "Changed")).await.unwrap();
        assert_eq!((first.existed, again.existed), (false, true));
        assert_eq!(first.message, again.message);
        assert_eq!(failure(world.session().post("u1", named(&other, "One")).await), "ClientIdReused");
        // It is a name of the sender's own.
        let theirs = world.session().post("u2", named(&thread, "Two")).await.unwrap();
        assert_eq!((theirs.existed, theirs.message.number), (false, 2));
        world.session().update_thread(&user("u1"), &thread, &crate::bindings::exports::goldfish::messaging::threads::Changes {
            name: None, description: crate::types::TextChange::Keep, is_archived: Some(true),
        }).await.unwrap();
        assert!(world.session().post("u1", named(&thread, "One")).await.unwrap().existed);
    }

    async fn post_checks_content_attachments_and_reply(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let (thread, other) = (world.thread("u1", &channel).await, world.thread("u1", &channel).await);
        let post = async |message: NewMessage| world.session().post("u1", message).await;
        assert_eq!(failure(post(new_message(&thread, "")).await), "Invalid content");
        assert_eq!(failure(post(new_message(&thread, &"é".repeat(10_001))).await), "Invalid content");
        assert_eq!(failure(post(new_message(&thread, "a\0")).await), "Invalid content");
        assert_eq!(failure(post(new_message("x", "a")).await), "Thread");
        let with = |attachments| NewMessage { attachments, ..new_message(&thread, "") };
        let posted = post(with(vec![attachment("/api/v1/files/1"); 10])).await.unwrap().message;
        assert_eq!((posted.attachments.len(), posted.attachments[0].kind), (10, AttachmentKind::Document));
        assert_eq!(failure(post(with(vec![attachment("/x"); 11])).await), "Invalid attachments");
        let bad = Attachment { id: "x".to_owned(), mime_type: "pdf".to_owned(), ..attachment("javascript:x") };
        assert_eq!(
            failure(post(with(vec![attachment("/x"), bad])).await),
            "Invalid attachments.1.id,attachments.1.url,attachments.1.mimeType"
        );
        let reply = |id: &str, thread: &str| NewMessage { reply_to: Some(id.to_owned()), ..new_message(thread, "Yes") };
        assert_eq!(post(reply(&posted.id, &thread)).await.unwrap().message.reply_to, Some(posted.id.clone()));
        assert_eq!(failure(post(reply(&posted.id, &other)).await), "Invalid replyTo");
        assert_eq!(failure(post(reply("x", &thread)).await), "Invalid replyTo");
    }

    async fn post_of_an_assistant_is_from_it_and_needs_the_membership_of_the_user(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let thread = world.thread("u1", &channel).await;
        world.users(&["assistant", "u3"]).await;
        let sent = NewMessage { sent_by: Some("assistant".to_owned()), ..new_message(&thread, "42") };
        let message = world.session().post("u1", sent.clone()).await.unwrap().message;
        assert_eq!(message.sender.unwrap().id, "assistant");
        assert_eq!(failure(world.session().post("u3", sent.clone()).await), "NotAMember");
        let nobody = NewMessage { sent_by: Some("nobody".to_owned()), ..sent };
        assert_eq!(failure(world.session().post("u1", nobody).await), "User");
    }

    async fn list_by_each_position_gives_that_part_of_the_thread(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        for n in 1..=10 {
            world.post("u1", &thread, &format!("{n}")).await;
        }
        let list = async |position| {
            let history = world.session().list_messages(&user("u2"), &thread, position, 3).await.unwrap();
            assert_eq!(history.last_number, 10);
            numbers(&history.messages)
        };
        assert_eq!(list(Position::Latest).await, [8, 9, 10]);
        assert_eq!(list(Position::Offset(3)).await, [5, 6, 7]);
        assert_eq!(list(Position::Offset(9)).await, [1]);
        assert_eq!(list(Position::Offset(50)).await, [0; 0]);
        assert_eq!(list(Position::Before(3)).await, [1, 2]);
        assert_eq!(list(Position::After(8)).await, [9, 10]);
        assert_eq!(list(Position::Around(5)).await, [4, 5, 6]);
        world.users(&["u3"]).await;
        let read = async |actor: Actor| world.session().list_messages(&actor, &thread, Position::Latest, 3).await;
        assert_eq!(failure(read(user("u3")).await), "NotAMember");
        assert_eq!(read(Actor::Operator).await.unwrap().messages.len(), 3);
        assert_eq!(failure(world.session().list_messages(&user("u1"), &thread, Position::Latest, 101).await), "Invalid limit");
        world.session().ban(&user("u1"), &channel, "u2", None).await.unwrap();
        assert_eq!(failure(read(user("u2")).await), "Banned");
        let empty = world.thread("u1", &channel).await;
        let history = world.session().list_messages(&user("u1"), &empty, Position::Latest, 3).await.unwrap();
        assert!(history.messages.is_empty() && history.last_number == 0);
    }

    async fn edit_is_for_the_author_and_keeps_previous_texts_for_moderators(world: &World) {
        let channel = world.channel("u1", &["u2", "u3"], false).await;
        let thread = world.thread("u1", &channel).await;
        let message = world.post("u2", &thread, "First").await;
        assert_eq!(failure(world.session().edit("u1", &message.id, "x").await), "NotTheAuthor");
        assert_eq!(failure(world.session().edit("u2", &message.id, "").await), "Invalid content");
        let edited = world.at(NOW + 1).edit("u2", &message.id, "Second").await.unwrap();
        assert_eq!((edited.content.as_str(), edited.edited_at), ("Second", Some(NOW + 1)));
        world.at(NOW + 2).edit("u2", &message.id, "Third").await.unwrap();
        let texts = async |actor: &Actor, now| world.at(now).list_previous_texts(actor, &message.id).await;
        assert_eq!(failure(texts(&user("u2"), NOW).await), "RoleTooLow");
        let previous = texts(&user("u1"), NOW + 2).await.unwrap();
        let previous: Vec<_> = previous.iter().map(|text| (text.content.as_str(), text.replaced_at)).collect();
        assert_eq!(previous, [("Second", NOW + 2), ("First", NOW + 1)]);
        let days = 30 * 24 * 3600 * 1000;
        assert_eq!(texts(&Actor::Operator, NOW + days + 2).await.unwrap().len(), 1);
        world.at(NOW + days + 10).edit("u2", &message.id, "Fourth").await.unwrap();
        let kept = world.driver.texts("SELECT content FROM previous_texts", &[]).unwrap();
        assert_eq!(kept, ["Third"]);
        world.session().leave("u2", &channel).await.unwrap();
        assert_eq!(failure(world.session().edit("u2", &message.id, "x").await), "NotAMember");
    }

    async fn delete_leaves_an_empty_message_in_place(world: &World) {
        let channel = world.channel("u1", &["u2", "u3", "u4"], false).await;
        world.session().set_role(&user("u1"), &channel, "u4", Role::Moderator).await.unwrap();
        let thread = world.thread("u1", &channel).await;
        let with = NewMessage { attachments: vec![attachment("/x")], ..new_message(&thread, "Hello @u1") };
        let message = world.session().post("u2", with).await.unwrap().message;
        world.session().react("u3", &message.id, "👍").await.unwrap();
        world.session().edit("u2", &message.id, "Hello again @u1").await.unwrap();
        assert_eq!(failure(world.session().delete_message(&user("u3"), &message.id).await), "RoleTooLow");
        let deleted = world.session().delete_message(&user("u4"), &message.id).await.unwrap();
        assert_eq!((deleted.deleted, deleted.content.as_str(), deleted.number), (true, "", 1));
        assert!(deleted.attachments.is_empty() && deleted.reactions.is_empty() && deleted.mentions.is_empty());
        assert_eq!(deleted.sender.as_ref().unwrap().id, "u2");
        assert_eq!(world.session().delete_message(&user("u2"), &message.id).await.unwrap(), deleted);
        assert_eq!(failure(world.session().edit("u2", &message.id, "x").await), "MessageDeleted");
        assert_eq!(failure(world.session().react("u3", &message.id, "👍").await), "MessageDeleted");
        assert!(world.session().list_previous_texts(&user("u1"), &message.id).await.unwrap().is_empty());
        assert_eq!(failure(world.session().delete_message(&user("u1"), "x").await), "Message");
    }

    async fn reactions_are_counted_once_for_each_user(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let id = world.post("u1", &thread, "Hello").await.id;
        let react = async |at, who: &str, emoji: &str| world.at(at).react(who, &id, emoji).await;
        react(NOW, "u1", "👍").await.unwrap();
        react(NOW + 1, "u2", "🎉").await.unwrap();
        react(NOW + 2, "u2", "👍").await.unwrap();
        let message = react(NOW + 3, "u2", "👍").await.unwrap();
        let reactions: Vec<_> = message.reactions.iter().map(|r| (r.emoji.as_str(), r.count, r.mine)).collect();
        assert_eq!(reactions, [("👍", 2, true), ("🎉", 1, true)]);
        let message = world.session().remove_reaction("u2", &id, "🎉").await.unwrap();
        assert_eq!(message.reactions.len(), 1);
        let message = world.session().remove_reaction("u2", &id, "🎉").await.unwrap();
        assert_eq!(message.reactions.len(), 1);
        for emoji in ["", "a b", &"x".repeat(65)] {
            assert_eq!(failure(react(NOW, "u1", emoji).await), "Invalid emoji");
        }
        for n in 0..19 {
            react(NOW + 4, "u1", &format!(":{n}:")).await.unwrap();
        }
        assert_eq!(failure(react(NOW, "u1", ":one-more:").await), "TooManyReactions");
        react(NOW, "u2", ":1:").await.unwrap();
    }
}

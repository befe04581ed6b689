//! Files that are attached to messages.

use super::{World, new_message, on_both, user};
use crate::bindings::exports::goldfish::messaging::messages::NewMessage;
use crate::bindings::exports::goldfish::messaging::profiles::MessagesOfDeleted;
use crate::types::{Attachment, AttachmentKind, Message};

fn attachment(file: &str) -> Attachment {
    Attachment {
        id: file.to_owned(),
        url: format!("/api/v1/files/{file}/content"),
        filename: "plan.pdf".to_owned(),
        mime_type: "application/pdf".to_owned(),
        size: 12,
        kind: AttachmentKind::Document,
    }
}

async fn post(world: &World, thread: &str, content: &str, files: &[&String]) -> Message {
    let attachments = files.iter().map(|file| attachment(file)).collect();
    let message = NewMessage {
        attachments,
        ..new_message(thread, content)
    };
    world.session().post("u1", message).await.unwrap().message
}

async fn may_read(world: &World, user: &str, file: &str) -> bool {
    world.session().may_read_file(user, file).await.unwrap()
}

async fn detached(world: &World) -> Vec<String> {
    world.session().list_detached_files().await.unwrap()
}

on_both! {
    async fn file_is_readable_for_members_as_long_as_they_are_members(world: &World) {
        world.users(&["u3"]).await;
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let (file, other) = (ids::new_uuid(), ids::new_uuid());
        post(world, &thread, "", &[&file]).await;
        assert!(may_read(world, "u1", &file).await && may_read(world, "u2", &file.to_uppercase()).await);
        assert!(!may_read(world, "u2", &other).await);
        assert!(!may_read(world, "u3", &file).await, "a public channel's messages are for its members");
        assert!(world.session().may_read_file("u2", "not-an-id").await.is_err());
        world.session().join("u3", &channel).await.unwrap();
        assert!(may_read(world, "u3", &file).await);
        world.session().ban(&user("u1"), &channel, "u3", None).await.unwrap();
        world.session().leave("u2", &channel).await.unwrap();
        assert!(!may_read(world, "u2", &file).await && !may_read(world, "u3", &file).await);
    }

    async fn file_of_a_deleted_message_is_detached_until_it_is_forgotten(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let (one, two) = (ids::new_uuid(), ids::new_uuid());
        let message = post(world, &thread, "a", &[&one, &two]).await;
        let again = post(world, &thread, "b", &[&one]).await;
        world.session().edit("u1", &message.id, "c").await.unwrap();
        assert!(detached(world).await.is_empty());
        for _ in 0..2 {
            world.session().delete_message(&user("u1"), &message.id).await.unwrap();
        }
        // The other one is attached to another message, and readable there.
        assert_eq!(detached(world).await, std::slice::from_ref(&two));
        assert!(may_read(world, "u2", &one).await && !may_read(world, "u2", &two).await);
        world.session().delete_message(&user("u1"), &again.id).await.unwrap();
        let mut both = detached(world).await;
        both.sort();
        let mut expected = vec![one, two];
        expected.sort();
        assert_eq!(both, expected);
        world.session().forget_detached_files(&both).await.unwrap();
        assert!(detached(world).await.is_empty());
        world.session().forget_detached_files(&both).await.unwrap();
    }

    async fn files_go_with_their_thread_and_channel(world: &World) {
        let channel = world.channel("u1", &[], false).await;
        let mut files = Vec::new();
        for _ in 0..2 {
            let thread = world.thread("u1", &channel).await;
            let file = ids::new_uuid();
            post(world, &thread, "a", &[&file]).await;
            files.push((thread, file));
        }
        world.session().delete_thread(&user("u1"), &files[0].0).await.unwrap();
        assert_eq!(detached(world).await, [files[0].1.clone()]);
        world.session().delete_channel(&user("u1"), &channel).await.unwrap();
        assert_eq!(detached(world).await.len(), 2);
    }

    async fn messages_of_a_deleted_user_lose_their_files(world: &World) {
        for kept in [MessagesOfDeleted::Keep, MessagesOfDeleted::Delete] {
            let channel = world.channel("u2", &["u1"], false).await;
            let thread = world.thread("u2", &channel).await;
            let (one, two) = (ids::new_uuid(), ids::new_uuid());
            let text = post(world, &thread, "With a text", &[&one]).await;
            let picture = post(world, &thread, "", &[&two]).await;
            world.session().react("u2", &picture.id, "x").await.unwrap();
            world.session().delete_user("u1", kept).await.unwrap();
            assert!(!may_read(world, "u2", &one).await && !may_read(world, "u2", &two).await);
            let left = detached(world).await;
            assert!(left.contains(&one) && left.contains(&two));
            let text = world.session().get_message(&user("u2"), &text.id).await.unwrap();
            assert!(text.attachments.is_empty() && text.sender.is_none());
            assert_eq!(text.deleted, kept == MessagesOfDeleted::Delete);
            // Nothing is left of a message that was a picture only.
            let picture = world.session().get_message(&user("u2"), &picture.id).await.unwrap();
            assert!(picture.deleted && picture.attachments.is_empty() && picture.reactions.is_empty());
        }
    }
}

//! Ids of private channels, and of their threads and messages, give no access to others, whether guessed or known.
//! `GOLDFISH_GUESSED_IDS` sets the number of requests; 2,000 without it.

use futures::{StreamExt as _, stream};
use serde_json::json;
use uuid::Uuid;

use super::on_each_database;
use crate::harness::{User, repetitions, text_field};

/// Sends the `number`th request of a series, with this id in it.
async fn attempt(user: &User, number: usize, id: &str) -> u16 {
    let body = match number % 12 {
        0 => return user.get(&format!("/api/channels/{id}")).await.status,
        1 => return user.get(&format!("/api/members/{id}")).await.status,
        2 => return user.get(&format!("/api/threads/channel/{id}")).await.status,
        3 => return user.get(&format!("/api/threads/{id}")).await.status,
        4 => return user.get(&format!("/api/messages/thread/{id}")).await.status,
        5 => return user.get(&format!("/api/messages/{id}")).await.status,
        6 => return user.delete(&format!("/api/messages/{id}")).await.status,
        7 => {
            return user
                .get(&format!("/api/members/invitations/{id}"))
                .await
                .status;
        }
        8 => return user.delete(&format!("/api/threads/{id}")).await.status,
        9 => ("/api/members", json!({ "channelId": id })),
        10 => ("/api/threads", json!({ "channelId": id, "name": "Mine" })),
        _ => ("/api/messages", json!({ "threadId": id, "content": "hi" })),
    };
    user.post(body.0, body.1).await.status
}

#[tokio::test]
async fn ids_that_are_guessed_or_belong_to_others_give_no_access() {
    on_each_database(
        "team::ids_that_are_guessed_or_belong_to_others_give_no_access",
        async |app| {
            let client = app.client();
            let (owner, stranger) = (client.user().await, client.user().await);
            let channel = owner.channel(true).await;
            let thread = owner.thread(&channel).await;
            let message = text_field(&owner.post_message(&thread, "private").await, "id");
            let private_ids = [channel.clone(), thread.clone(), message];
            let count = repetitions("GOLDFISH_GUESSED_IDS", 2_000);
            let attempts = (0..count).map(|number| {
                // Every other id is one that there is; a part of them is damaged.
                let id = match number % 4 {
                    0 | 2 => Uuid::new_v4().to_string(),
                    1 => private_ids[number / 4 % private_ids.len()].clone(),
                    _ => {
                        let id = &private_ids[number / 4 % private_ids.len()];
                        let (kept, _) = id.split_at(id.len() - 1);
                        format!("{kept}{:x}", number / 4 % 16)
                    }
                };
                let stranger = &stranger;
                async move { (number, attempt(stranger, number / 4, &id).await) }
            });
            let mut attempts = stream::iter(attempts).buffer_unordered(16);
            while let Some((number, status)) = attempts.next().await {
                assert_eq!(status, 404, "attempt {number}");
            }
            assert_eq!(owner.messages(&thread, "").await.len(), 1);
            let members = owner.list(&format!("/api/members/{channel}")).await;
            assert_eq!(members.len(), 1);
        },
    )
    .await;
}

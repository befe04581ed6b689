//! Rules that hold whatever requests meet.

use futures::future::{join_all, join3};
use serde_json::{Value, json};

use super::{on_each_database, rules::check_channel};
use crate::harness::{App, Client, User, text_field};

/// Attempts of each race: whether two requests meet is up to chance.
const ROUNDS: usize = 6;

async fn users(app: &App, count: usize) -> Vec<User> {
    let client = app.client();
    join_all((0..count).map(|number| {
        let client = client.clone();
        async move { client.user_named(&format!("User {number}")).await }
    }))
    .await
}

/// A channel of the first user, which the others have joined as admins.
async fn channel_of_admins(users: &[User]) -> String {
    let [owner, others @ ..] = users else {
        panic!("no users")
    };
    let channel = owner.channel(false).await;
    for user in others {
        user.join(&channel).await;
        owner.set_role(&channel, &user.id, "admin").await;
    }
    channel
}

async fn admins(client: &Client, channel: &str) -> usize {
    let members = client.all_pages(&format!("/api/members/{channel}")).await;
    members
        .iter()
        .filter(|member| member["role"] == "admin")
        .count()
}

#[tokio::test]
async fn a_channel_with_members_keeps_an_admin() {
    on_each_database("team::a_channel_with_members_keeps_an_admin", async |app| {
        for round in 0..ROUNDS {
            let users = users(app, 4).await;
            let channel = channel_of_admins(&users[..3]).await;
            users[3].join(&channel).await;
            // All admins leave, or step down, at once.
            let statuses = join_all(users[..3].iter().enumerate().map(|(number, user)| {
                let channel = &channel;
                async move {
                    let response = if (number + round).is_multiple_of(2) {
                        user.delete(&format!("/api/members/{channel}")).await
                    } else {
                        let path = format!("/api/members/{channel}/{}/role", user.id);
                        user.patch(&path, json!({ "role": "member" })).await
                    };
                    if response.status != 200 {
                        response.is_error(409, "CONFLICT");
                    }
                    response.status
                }
            }))
            .await;
            assert_eq!(
                statuses.iter().filter(|status| **status == 200).count(),
                2,
                "{statuses:?}"
            );
            assert_eq!(admins(&app.client().admin(), &channel).await, 1);
            check_channel(&app.client().admin(), &channel).await;
        }
    })
    .await;
}

#[tokio::test]
async fn admins_who_demote_each_other_leave_one() {
    on_each_database(
        "team::admins_who_demote_each_other_leave_one",
        async |app| {
            for _ in 0..ROUNDS {
                let users = users(app, 3).await;
                let channel = channel_of_admins(&users).await;
                let demote = async |who: &User, whom: &User| {
                    let path = format!("/api/members/{channel}/{}/role", whom.id);
                    who.patch(&path, json!({ "role": "member" })).await.status
                };
                let (one, other, owner) = join3(
                    demote(&users[1], &users[2]),
                    demote(&users[2], &users[1]),
                    users[0].delete(&format!("/api/members/{channel}")),
                )
                .await;
                // The user who is demoted first cannot demote the others. The owner can leave while there is an admin.
                for status in [one, other, owner.status] {
                    assert!(
                        [200, 403, 404, 409].contains(&status),
                        "{one} {other} {owner:?}"
                    );
                }
                assert!(admins(&app.client().admin(), &channel).await >= 1);
                check_channel(&app.client().admin(), &channel).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn joining_many_times_at_once_is_one_membership() {
    on_each_database(
        "team::joining_many_times_at_once_is_one_membership",
        async |app| {
            let users = users(app, 2).await;
            let channel = users[0].channel(false).await;
            let body = json!({ "channelId": channel });
            let joins = (0..12).map(|_| users[1].post("/api/members", body.clone()));
            let responses = join_all(joins).await;
            let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
            assert_eq!(
                statuses.iter().filter(|status| **status == 201).count(),
                1,
                "{statuses:?}"
            );
            assert_eq!(
                statuses.iter().filter(|status| **status == 200).count(),
                11,
                "{statuses:?}"
            );
            let id = text_field(&responses[0].json(), "id");
            assert!(
                responses
                    .iter()
                    .all(|response| response.json()["id"] == id.as_str())
            );
            check_channel(&app.client().admin(), &channel).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_ban_wins_over_a_concurrent_join() {
    on_each_database("team::a_ban_wins_over_a_concurrent_join", async |app| {
        for _ in 0..ROUNDS {
            let users = users(app, 2).await;
            let channel = users[0].channel(false).await;
            let invitations = format!("/api/members/{channel}/invitations");
            let created = users[0].post(&invitations, json!({})).await.json();
            let accept = format!("/api/members/invitations/{}", text_field(&created, "token"));
            let ban = format!("/api/members/{channel}/bans/{}", users[1].id);
            let join = json!({ "channelId": channel });
            let (banned, joined, accepted) = join3(
                users[0].put(&ban, json!({})),
                join_all((0..3).map(|_| users[1].post("/api/members", join.clone()))),
                users[1].send("POST", &accept, None),
            )
            .await;
            assert_eq!(banned.status, 200, "{banned:?}");
            for response in joined.iter().chain([&accepted]) {
                assert!([200, 201, 403].contains(&response.status), "{response:?}");
            }
            let role = format!("/api/members/{channel}/role/{}", users[1].id);
            users[0].get(&role).await.is_error(404, "NOT_FOUND");
            users[1]
                .post("/api/members", join)
                .await
                .is_error(403, "FORBIDDEN");
            check_channel(&app.client().admin(), &channel).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_change_and_a_removal_at_once_end_without_the_member() {
    on_each_database(
        "team::a_role_change_and_a_removal_at_once_end_without_the_member",
        async |app| {
            for _ in 0..ROUNDS {
                let users = users(app, 3).await;
                let channel = channel_of_admins(&users[..2]).await;
                users[2].join(&channel).await;
                let path = format!("/api/members/{channel}/{}", users[2].id);
                let role = format!("{path}/role");
                let (removed, moderator, admin) = join3(
                    users[0].delete(&path),
                    users[1].patch(&role, json!({ "role": "moderator" })),
                    users[0].patch(&role, json!({ "role": "admin" })),
                )
                .await;
                assert_eq!(removed.status, 200, "{removed:?}");
                for response in [&moderator, &admin] {
                    assert!([200, 403, 404].contains(&response.status), "{response:?}");
                }
                let role = users[0]
                    .get(&format!("/api/members/{channel}/role/{}", users[2].id))
                    .await;
                role.is_error(404, "NOT_FOUND");
                assert!(users[2].list("/api/members/joined").await.is_empty());
                check_channel(&app.client().admin(), &channel).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn ownership_is_transferred_once() {
    on_each_database("team::ownership_is_transferred_once", async |app| {
        for _ in 0..ROUNDS {
            let users = users(app, 3).await;
            let channel = channel_of_admins(&users).await;
            let path = format!("/api/members/{channel}/transfer");
            let to = |user: &User| json!({ "userId": user.id });
            let (one, other, left) = join3(
                users[0].post(&path, to(&users[1])),
                users[0].post(&path, to(&users[2])),
                users[1].delete(&format!("/api/members/{channel}")),
            )
            .await;
            for response in [&one, &other, &left] {
                assert!([200, 403, 404].contains(&response.status), "{response:?}");
            }
            assert!(
                one.status == 200 || other.status == 200,
                "{one:?} {other:?}"
            );
            check_channel(&app.client().admin(), &channel).await;
        }
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_posted_at_once_have_numbers_without_gaps() {
    on_each_database(
        "team::messages_that_are_posted_at_once_have_numbers_without_gaps",
        async |app| {
            let users = users(app, 6).await;
            let channel = channel_of_admins(&users).await;
            let thread = users[0].thread(&channel).await;
            // A reader follows the thread while it is written, and never sees a number before a lower one.
            let reader = users[0].clone();
            let followed = tokio::spawn({
                let thread = thread.clone();
                async move {
                    let mut seen = Vec::new();
                    while seen.len() < 60 {
                        let query = format!("?limit=7&after={}", seen.len());
                        for message in reader.messages(&thread, &query).await {
                            seen.push(message["number"].as_u64().unwrap());
                        }
                    }
                    seen
                }
            });
            let posts = users
                .iter()
                .flat_map(|user| (0..10).map(move |number| (user, number)));
            let posted = join_all(posts.map(|(user, number)| {
                let thread = &thread;
                async move {
                    user.post_message(thread, &format!("{} {number}", user.id))
                        .await
                }
            }))
            .await;
            assert_eq!(posted.len(), 60);
            let expected: Vec<u64> = (1..=60).collect();
            let seen = crate::harness::in_time("the reader", followed)
                .await
                .unwrap();
            assert_eq!(seen, expected);
            check_channel(&app.client().admin(), &channel).await;
        },
    )
    .await;
}

#[tokio::test]
async fn archiving_takes_effect_for_all_messages_after_it() {
    on_each_database(
        "team::archiving_takes_effect_for_all_messages_after_it",
        async |app| {
            for _ in 0..ROUNDS {
                let users = users(app, 3).await;
                let channel = channel_of_admins(&users).await;
                let thread = users[0].thread(&channel).await;
                let body = json!({ "threadId": thread, "content": "a" });
                let archive = format!("/api/threads/{thread}/archive");
                let (archived, posts, _) = join3(
                    users[0].send("POST", &archive, None),
                    join_all((0..8).map(|_| users[1].post("/api/messages", body.clone()))),
                    users[2].post("/api/messages", body.clone()),
                )
                .await;
                assert_eq!(archived.status, 200, "{archived:?}");
                for post in &posts {
                    assert!([201, 409].contains(&post.status), "{post:?}");
                }
                users[1]
                    .post("/api/messages", body)
                    .await
                    .is_error(409, "CONFLICT");
                check_channel(&app.client().admin(), &channel).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn deleting_a_message_wins_over_edits_and_reactions() {
    on_each_database(
        "team::deleting_a_message_wins_over_edits_and_reactions",
        async |app| {
            for _ in 0..ROUNDS {
                let users = users(app, 2).await;
                let channel = channel_of_admins(&users).await;
                let thread = users[0].thread(&channel).await;
                let message = text_field(&users[1].post_message(&thread, "secret").await, "id");
                let path = format!("/api/messages/{message}");
                let reaction = format!("{path}/reactions/x");
                let (deleted, edits, reactions) = join3(
                    users[0].delete(&path),
                    join_all(
                        (0..4).map(|_| users[1].patch(&path, json!({ "content": "secret 2" }))),
                    ),
                    join_all((0..4).map(|_| users[1].send("PUT", &reaction, None))),
                )
                .await;
                assert_eq!(deleted.status, 200, "{deleted:?}");
                for response in edits.iter().chain(&reactions) {
                    assert!([200, 409].contains(&response.status), "{response:?}");
                }
                let left = users[0].messages(&thread, "").await;
                assert_eq!(
                    (&left[0]["deleted"], &left[0]["content"]),
                    (&json!(true), &json!(""))
                );
                check_channel(&app.client().admin(), &channel).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn reactions_that_are_added_and_removed_concurrently_are_counted_right() {
    on_each_database(
        "team::reactions_that_are_added_and_removed_concurrently_are_counted_right",
        async |app| {
            let users = users(app, 6).await;
            let channel = channel_of_admins(&users).await;
            let thread = users[0].thread(&channel).await;
            let message = text_field(&users[0].post_message(&thread, "react").await, "id");
            let path = format!("/api/messages/{message}/reactions/x");
            join_all(users.iter().enumerate().map(|(number, user)| {
                let path = &path;
                async move {
                    for _ in 0..4 {
                        assert_eq!(user.send("PUT", path, None).await.status, 200);
                        assert_eq!(user.delete(path).await.status, 200);
                    }
                    if number < 4 {
                        assert_eq!(user.send("PUT", path, None).await.status, 200);
                    }
                }
            }))
            .await;
            let shown = users[0].messages(&thread, "").await;
            assert_eq!(
                shown[0]["reactions"],
                json!([{ "emoji": "x", "count": 4, "mine": true }])
            );
        },
    )
    .await;
}

#[tokio::test]
async fn deleting_a_user_who_is_writing_leaves_only_their_messages() {
    on_each_database(
        "team::deleting_a_user_who_is_writing_leaves_only_their_messages",
        async |app| {
            for _ in 0..ROUNDS {
                let users = users(app, 2).await;
                let channel = users[0].channel(false).await;
                users[1].join(&channel).await;
                let thread = users[0].thread(&channel).await;
                let body = json!({ "threadId": thread, "content": "still here" });
                let path = format!("/api/users/{}", users[1].id);
                let (deleted, posts, joined) = join3(
                    users[1].delete(&path),
                    join_all((0..6).map(|_| users[1].post("/api/messages", body.clone()))),
                    users[1].post("/api/members", json!({ "channelId": channel })),
                )
                .await;
                assert_eq!(deleted.status, 200, "{deleted:?}");
                for response in posts.iter().chain([&joined]) {
                    assert!(
                        [200, 201, 401, 403, 404].contains(&response.status),
                        "{response:?} {}",
                        app.logs_of(response)
                    );
                }
                users[0].get(&path).await.is_error(404, "NOT_FOUND");
                let acknowledged = posts.iter().filter(|post| post.status == 201).count();
                let kept = users[0].messages(&thread, "").await;
                assert!(kept.len() >= acknowledged, "{kept:?}");
                assert!(
                    kept.iter()
                        .all(|message| message["senderId"] == Value::Null),
                    "{kept:?}"
                );
                let members = users[0].list(&format!("/api/members/{channel}")).await;
                assert_eq!(members.len(), 1, "{members:?}");
                check_channel(&app.client().admin(), &channel).await;
            }
        },
    )
    .await;
}

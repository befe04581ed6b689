//! A day of a team: 20 users in 5 channels, 2 of them private, write in 200 threads while roles change,
//! members come and go, and one user is deleted. At the end everything is where it was acknowledged to be.
//!
//! `GOLDFISH_TEAM_MESSAGES` sets the number of messages; 2,000 without it, 10,000 for a whole day.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    on_each_database,
    rules::{check_channel, check_thread},
};
use crate::harness::{App, Client, Database, User, repetitions, text_field};

const USERS: usize = 20;
const CHANNELS: usize = 5;
const PRIVATE_CHANNELS: usize = 2;
const THREADS: usize = 200;
/// Users who own a channel, and stay members of it.
const OWNERS: usize = CHANNELS;

/// A deterministic sequence of numbers (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ (seed + 1))
    }

    /// A number less than `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

struct Channel {
    id: String,
    is_private: bool,
    threads: Vec<String>,
}

/// What the API returned to a user about a message.
#[derive(Clone, Debug)]
struct Acknowledged {
    thread: String,
    number: u64,
    content: String,
    deleted: bool,
}

struct Team {
    users: Vec<User>,
    channels: Vec<Channel>,
}

/// The users, and channels with threads; the `n`th channel is that of the `n`th user.
async fn team(instances: &[Client]) -> Team {
    let users = join_all((0..USERS).map(|number| {
        let client = instances[number % instances.len()].clone();
        async move { client.user_named(&format!("User {number}")).await }
    }))
    .await;
    let channels = join_all((0..CHANNELS).map(|number| {
        let users = &users;
        async move { channel(users, number).await }
    }))
    .await;
    Team { users, channels }
}

async fn channel(users: &[User], number: usize) -> Channel {
    let is_private = number < PRIVATE_CHANNELS;
    let owner = &users[number];
    let id = owner.channel(is_private).await;
    for (place, user) in users.iter().enumerate() {
        // Every third user is a member of a private channel.
        match is_private {
            _ if place == number => {}
            true if place % 3 == number => owner.add_member(&id, &user.id).await,
            true => {}
            false => drop(user.join(&id).await),
        }
    }
    let mut threads = Vec::new();
    for _ in 0..THREADS / CHANNELS {
        threads.push(owner.thread(&id).await);
    }
    Channel {
        id,
        is_private,
        threads,
    }
}

/// What a user does all day. Responses are checked as far as concurrent requests of others allow.
async fn work(team: &Team, place: usize, posts: usize) -> BTreeMap<String, Acknowledged> {
    let mut random = Random::new(u64::try_from(place).unwrap());
    let user = &team.users[place];
    let mut written = BTreeMap::new();
    for _ in 0..posts {
        let channel = &team.channels[random.below(CHANNELS)];
        let thread = &channel.threads[random.below(channel.threads.len())];
        let content = format!("{} writes {}", user.id, random.below(1_000_000));
        let body = json!({ "threadId": thread, "content": content });
        let posted = user.post("/api/messages", body).await;
        match posted.status {
            201 => {
                let message = posted.json();
                let acknowledged = Acknowledged {
                    thread: thread.clone(),
                    number: message["number"].as_u64().unwrap(),
                    content,
                    deleted: false,
                };
                written.insert(text_field(&message, "id"), acknowledged);
            }
            // Not a member, or an archived thread.
            403 | 404 | 409 => {}
            _ => panic!("{posted:?}"),
        }
        match random.below(20) {
            0 => edit(user, &mut written, &mut random).await,
            1 => delete(user, &mut written, &mut random).await,
            2 => read(user, channel, &mut random).await,
            3 => react(user, &written, &mut random).await,
            4 if place >= OWNERS => come_and_go(user, channel).await,
            5 if place < OWNERS => manage(team, place, &mut random).await,
            _ => {}
        }
    }
    written
}

fn pick(written: &BTreeMap<String, Acknowledged>, random: &mut Random) -> Option<String> {
    let ids: Vec<_> = written.keys().collect();
    (!ids.is_empty()).then(|| ids[random.below(ids.len())].clone())
}

async fn edit(user: &User, written: &mut BTreeMap<String, Acknowledged>, random: &mut Random) {
    let Some(id) = pick(written, random) else {
        return;
    };
    let content = format!("{} edits {}", user.id, random.below(1_000_000));
    let response = user
        .patch(
            &format!("/api/messages/{id}"),
            json!({ "content": content }),
        )
        .await;
    match response.status {
        200 => written.get_mut(&id).unwrap().content = content,
        403 | 404 | 409 => {}
        _ => panic!("{response:?}"),
    }
}

async fn delete(user: &User, written: &mut BTreeMap<String, Acknowledged>, random: &mut Random) {
    let Some(id) = pick(written, random) else {
        return;
    };
    let response = user.delete(&format!("/api/messages/{id}")).await;
    match response.status {
        200 => written.get_mut(&id).unwrap().deleted = true,
        403 | 404 => {}
        _ => panic!("{response:?}"),
    }
}

async fn react(user: &User, written: &BTreeMap<String, Acknowledged>, random: &mut Random) {
    let Some(id) = pick(written, random) else {
        return;
    };
    let path = format!("/api/messages/{id}/reactions/%F0%9F%90%A0");
    let response = user.send("PUT", &path, None).await;
    assert!(
        [200, 403, 404, 409].contains(&response.status),
        "{response:?}"
    );
}

async fn read(user: &User, channel: &Channel, random: &mut Random) {
    let thread = &channel.threads[random.below(channel.threads.len())];
    let path = format!("/api/threads/{thread}/read");
    let response = user.put(&path, json!({ "number": 1_000_000 })).await;
    assert!([200, 403, 404].contains(&response.status), "{response:?}");
}

/// Leaves a public channel and joins it again.
async fn come_and_go(user: &User, channel: &Channel) {
    if channel.is_private {
        return;
    }
    let left = user.delete(&format!("/api/members/{}", channel.id)).await;
    assert!([200, 404].contains(&left.status), "{left:?}");
    let joined = user
        .post("/api/members", json!({ "channelId": channel.id }))
        .await;
    assert!([200, 201].contains(&joined.status), "{joined:?}");
}

/// An owner changes a role, or archives a thread and opens it again.
async fn manage(team: &Team, place: usize, random: &mut Random) {
    let (owner, channel) = (&team.users[place], &team.channels[place]);
    if random.below(2) == 0 {
        let thread = &channel.threads[random.below(channel.threads.len())];
        for action in ["archive", "unarchive"] {
            let path = format!("/api/threads/{thread}/{action}");
            assert_eq!(owner.send("POST", &path, None).await.status, 200);
        }
        return;
    }
    let other = &team.users[OWNERS + random.below(USERS - OWNERS)];
    let role = ["member", "moderator", "admin"][random.below(3)];
    let path = format!("/api/members/{}/{}/role", channel.id, other.id);
    let response = owner.patch(&path, json!({ "role": role })).await;
    assert!([200, 404].contains(&response.status), "{response:?}");
}

/// Every acknowledged message is there as it was last acknowledged.
async fn check_messages(
    operator: &Client,
    team: &Team,
    written: &BTreeMap<String, Acknowledged>,
    senders: &BTreeMap<String, Option<String>>,
) {
    let mut stored = BTreeMap::new();
    for thread in team.channels.iter().flat_map(|channel| &channel.threads) {
        let thread = operator.get(&format!("/api/threads/{thread}")).await.json();
        for message in check_thread(operator, &thread).await {
            stored.insert(text_field(&message, "id"), message);
        }
    }
    for (id, acknowledged) in written {
        let message = stored
            .get(id)
            .unwrap_or_else(|| panic!("lost: {id} {acknowledged:?}"));
        assert_eq!(message["threadId"], acknowledged.thread.as_str());
        assert_eq!(message["number"], acknowledged.number);
        assert_eq!(message["deleted"], acknowledged.deleted, "{message}");
        let content = if acknowledged.deleted {
            ""
        } else {
            &acknowledged.content
        };
        assert_eq!(message["content"], content);
        assert_eq!(message["senderId"], json!(senders[id]), "{message}");
    }
    let written: BTreeSet<_> = written.keys().collect();
    let unknown: Vec<_> = stored.keys().filter(|id| !written.contains(id)).collect();
    assert!(unknown.is_empty(), "not acknowledged: {unknown:?}");
}

/// Everybody reads what they are a member of, and nothing else.
async fn check_access(team: &Team, members: &BTreeMap<&str, BTreeSet<String>>, deleted: &str) {
    for user in team.users.iter().filter(|user| user.id != deleted) {
        let joined = user.all_pages("/api/members/joined").await;
        let joined: BTreeSet<_> = joined
            .iter()
            .map(|channel| text_field(channel, "id"))
            .collect();
        for channel in &team.channels {
            let is_member = members[channel.id.as_str()].contains(&user.id);
            assert_eq!(joined.contains(&channel.id), is_member);
            let expected = match (is_member, channel.is_private) {
                (true, _) => [200, 200],
                (false, true) => [404, 404],
                (false, false) => [200, 403],
            };
            let statuses = [
                user.get(&format!("/api/channels/{}", channel.id))
                    .await
                    .status,
                user.get(&format!("/api/messages/thread/{}", channel.threads[0]))
                    .await
                    .status,
            ];
            assert_eq!(statuses, expected, "{} {}", user.id, channel.id);
            if is_member {
                check_unread(user, channel).await;
            }
        }
    }
}

/// The unread messages of a channel are those of its threads. After reading there are none.
async fn check_unread(user: &User, channel: &Channel) {
    let unread = async || {
        let threads = user
            .all_pages(&format!("/api/threads/channel/{}", channel.id))
            .await;
        let sum = threads
            .iter()
            .map(|thread| thread["unreadCount"].as_u64().unwrap())
            .sum::<u64>();
        let joined = user.all_pages("/api/members/joined").await;
        let mut of_channel = joined
            .iter()
            .filter(|joined| joined["id"] == channel.id.as_str());
        (
            sum,
            of_channel.next().unwrap()["unreadCount"].as_u64().unwrap(),
        )
    };
    let (threads, shown) = unread().await;
    assert_eq!(threads, shown, "{} {}", user.id, channel.id);
    for thread in &channel.threads {
        let path = format!("/api/threads/{thread}/read");
        assert_eq!(
            user.put(&path, json!({ "number": 1_000_000 })).await.status,
            200
        );
    }
    assert_eq!(unread().await, (0, 0), "{} {}", user.id, channel.id);
}

/// A day on one or more instances, each of which serves a part of the users.
async fn a_day(app: &App, instances: &[Client]) {
    let operator = app.client().admin();
    let team = team(instances).await;
    let posts = repetitions("GOLDFISH_TEAM_MESSAGES", 2_000).div_ceil(USERS);
    let day = (0..USERS).map(|place| work(&team, place, posts));
    let written = join_all(day).await;

    // One user, who owns a private channel, is deleted in the evening.
    let deleted = &team.users[0];
    let response = deleted.delete(&format!("/api/users/{}", deleted.id)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let gone: Vec<String> =
        serde_json::from_value(response.json()["channelsDeleted"].clone()).unwrap();
    let passed: Vec<String> =
        serde_json::from_value(response.json()["channelsPassedOn"].clone()).unwrap();
    assert_eq!(gone.len() + passed.len(), 1, "{response:?}");
    let is_gone = |thread: &String| {
        let mut channels = team
            .channels
            .iter()
            .filter(|channel| gone.contains(&channel.id));
        channels.any(|channel| channel.threads.contains(thread))
    };
    let mut senders = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (place, written) in written.into_iter().enumerate() {
        for (id, acknowledged) in written {
            if !is_gone(&acknowledged.thread) {
                senders.insert(
                    id.clone(),
                    (place != 0).then(|| team.users[place].id.clone()),
                );
                all.insert(id, acknowledged);
            }
        }
    }
    assert!(all.len() > posts * USERS / 4, "{} messages", all.len());

    let team = Team {
        channels: team
            .channels
            .into_iter()
            .filter(|channel| !gone.contains(&channel.id))
            .collect(),
        users: team.users,
    };
    for channel in &team.channels {
        check_channel(&operator, &channel.id).await;
    }
    check_messages(&operator, &team, &all, &senders).await;
    let mut members: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for channel in &team.channels {
        let listed: Vec<Value> = operator
            .all_pages(&format!("/api/members/{}", channel.id))
            .await;
        let ids: BTreeSet<_> = listed
            .iter()
            .map(|member| text_field(member, "userId"))
            .collect();
        assert!(!ids.contains(&team.users[0].id), "a deleted member");
        members.insert(&channel.id, ids);
    }
    check_access(&team, &members, &team.users[0].id).await;
}

#[tokio::test]
async fn a_day_of_a_team_breaks_no_rule() {
    on_each_database("team::a_day_of_a_team", async |app| {
        a_day(app, &[app.client()]).await;
    })
    .await;
}

#[tokio::test]
async fn a_day_on_two_instances_with_one_database_breaks_no_rule() {
    let database = match Database::each("team::a_day_on_two_instances").await.pop() {
        Some(database @ Database::Postgres(_)) => database,
        _ => return,
    };
    let builder = App::with_defaults().admin().database(&database);
    let app = builder.clone().start().await;
    let other = builder.state_of(&app).start().await;
    a_day(&app, &[app.client(), other.client()]).await;
}

//! What ends a subscription: sockets are told at once, and see nothing that is published later.
//!
//! `GOLDFISH_REMOVAL_ROUNDS` sets how often a member is removed while others post; 32 without it, 1,000 for a whole run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Setup, Socket, contents, on_each};
use crate::harness::{App, ProxyKind, User, in_time, repetitions};

/// A socket is checked every 25 seconds in any case. What comes within this time is not due to that.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Two members of a channel, and another channel that stays as it is.
struct Members {
    setup: Setup,
    ada: User,
    bob: User,
    channel: String,
    thread: String,
    other_channel: String,
    other_thread: String,
}

impl Members {
    async fn of(setup: Setup) -> Self {
        let client = setup.client();
        let (ada, bob) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        let other_channel = ada.channel(false).await;
        for joined in [&channel, &other_channel] {
            bob.join(joined).await;
        }
        let thread = ada.thread(&channel).await;
        let other_thread = ada.thread(&other_channel).await;
        Self {
            setup,
            ada,
            bob,
            channel,
            thread,
            other_channel,
            other_thread,
        }
    }

    /// A socket of Bob's for both threads, and one for both channels.
    async fn sockets(&self) -> [Socket; 2] {
        let mut by_thread = self.setup.socket(&self.bob.token).await;
        for thread in [&self.thread, &self.other_thread] {
            by_thread.join(thread, None).await;
        }
        let mut by_channel = self.setup.socket(&self.bob.token).await;
        for channel in [&self.channel, &self.other_channel] {
            let join = json!({ "type": "JOIN_CHANNEL", "channelId": channel });
            by_channel.send(join).await;
            by_channel.next_of("JOINED_CHANNEL").await;
        }
        self.setup.settled().await;
        for socket in [&mut by_thread, &mut by_channel] {
            socket.pings.clear();
        }
        [by_thread, by_channel]
    }

    /// Posts to the thread, and then a message to the other one that Bob sees.
    async fn post_and_mark(&self, content: &str, mark: &str) {
        self.ada.post_message(&self.thread, content).await;
        self.ada.post_message(&self.other_thread, mark).await;
    }
}

/// The messages on a socket up to one with this content.
async fn until_mark(socket: &mut Socket, mark: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        messages.push(socket.next().await);
        if contents(&messages).contains(&mark) {
            return messages;
        }
    }
}

/// The next message of a type, which is due to the ping that asks the socket to check what it follows. What comes before
/// it is returned too.
async fn told_at_once(socket: &mut Socket, r#type: &str) -> (Vec<Value>, Value) {
    let told = async {
        let mut before = Vec::new();
        loop {
            let message = socket.next().await;
            if message["type"] == r#type {
                return (before, message);
            }
            before.push(message);
        }
    };
    let told = timeout(AT_ONCE, told).await;
    let told = told.unwrap_or_else(|_| panic!("{type} did not come at once"));
    assert!(socket.pings.iter().any(|content| content == "check"));
    told
}

async fn sees_nothing_after(members: &Members, sockets: [Socket; 2]) {
    members.post_and_mark("secret", "mark").await;
    let [mut by_thread, mut by_channel] = sockets;
    let (before, left) = told_at_once(&mut by_thread, "LEFT_THREAD").await;
    assert_eq!(
        (&left["threadId"], &left["reason"]),
        (&json!(members.thread), &json!("NOT_A_MEMBER"))
    );
    assert!(!contents(&before).contains(&"secret"), "{before:?}");
    let (before, left) = told_at_once(&mut by_channel, "LEFT_CHANNEL").await;
    assert_eq!(left["channelId"], members.channel.as_str());
    assert!(!contents(&before).contains(&"secret"), "{before:?}");
    members.post_and_mark("later secret", "later mark").await;
    for socket in [&mut by_thread, &mut by_channel] {
        let seen = until_mark(socket, "later mark").await;
        assert!(
            contents(&seen).iter().all(|one| !one.contains("secret")),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_removed_member_is_told_at_once_and_sees_nothing_more() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        let sockets = members.sockets().await;
        let path = format!("/api/members/{}/{}", members.channel, members.bob.id);
        let response = members.ada.delete(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        sees_nothing_after(&members, sockets).await;
    };
    on_each(
        "a_removed_member_is_told_at_once_and_sees_nothing_more",
        test,
    )
    .await;
}

#[tokio::test]
async fn a_banned_member_is_told_at_once_and_sees_nothing_more() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        let sockets = members.sockets().await;
        let path = format!("/api/members/{}/bans/{}", members.channel, members.bob.id);
        let response = members.ada.put(&path, json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        sees_nothing_after(&members, sockets).await;
    };
    on_each(
        "a_banned_member_is_told_at_once_and_sees_nothing_more",
        test,
    )
    .await;
}

#[tokio::test]
async fn a_channel_that_turns_private_goes_on_for_its_members_alone() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        // Bob leaves before, and has no right to come back then.
        let sockets = members.sockets().await;
        let path = format!("/api/members/{}", members.channel);
        let response = members.bob.delete(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        let mut of_ada = members.setup.socket(&members.ada.token).await;
        of_ada.join(&members.thread, None).await;
        members.setup.settled().await;
        let path = format!("/api/channels/{}", members.channel);
        let private = json!({ "isPrivate": true });
        let response = members.ada.patch(&path, private).await;
        assert_eq!(response.status, 200, "{response:?}");
        sees_nothing_after(&members, sockets).await;
        assert_eq!(
            contents(&until_mark(&mut of_ada, "later secret").await),
            ["secret", "later secret"]
        );
        let mut socket = members.setup.socket(&members.bob.token).await;
        let join = json!({ "type": "JOIN_THREAD", "threadId": members.thread });
        socket.send(join).await;
        assert_eq!(socket.next().await["code"], "NOT_FOUND");
    };
    on_each(
        "a_channel_that_turns_private_goes_on_for_its_members_alone",
        test,
    )
    .await;
}

#[tokio::test]
async fn a_deleted_thread_or_channel_is_told_at_once() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        let [mut by_thread, mut by_channel] = members.sockets().await;
        let second = members.ada.thread(&members.channel).await;
        by_thread.join(&second, None).await;
        members.setup.settled().await;
        by_thread.pings.clear();
        let path = format!("/api/threads/{}", members.thread);
        members.ada.delete(&path).await;
        let (_, left) = told_at_once(&mut by_thread, "LEFT_THREAD").await;
        assert_eq!(left["threadId"], members.thread.as_str());
        by_thread.pings.clear();
        let path = format!("/api/channels/{}", members.channel);
        members.ada.delete(&path).await;
        let (_, left) = told_at_once(&mut by_thread, "LEFT_THREAD").await;
        assert_eq!(left["threadId"], second.as_str());
        let (_, left) = told_at_once(&mut by_channel, "LEFT_CHANNEL").await;
        assert_eq!(left["channelId"], members.channel.as_str());
        // What is left is followed further, and nothing of the deleted ones is.
        let thread = &members.other_thread;
        members.ada.post_message(thread, "mark").await;
        for socket in [&mut by_thread, &mut by_channel] {
            until_mark(socket, "mark").await;
        }
        let info = members.bob.get("/api/websocket/info").await.json();
        let mut followed = Vec::new();
        for connection in info["connections"].as_array().unwrap() {
            followed.extend(connection["follows"].as_array().unwrap());
        }
        assert_eq!(followed.len(), 2, "{info}");
        let channel = members.other_channel.as_str();
        assert!(followed.iter().all(|one| one["channelId"] == channel));
    };
    on_each("a_deleted_thread_or_channel_is_told_at_once", test).await;
}

#[tokio::test]
async fn signing_out_closes_the_sockets_and_streams_of_the_session() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        let (setup, bob) = (&members.setup, &members.bob);
        let other = setup.client().again(bob).await;
        let ticket = bob.post("/api/websocket/ticket", json!({})).await.json();
        let path = format!("/ws?token={}", ticket["ticket"].as_str().unwrap());
        let address = setup.proxy.address();
        let mut by_ticket = Socket::try_open(address, &path, &[]).await.unwrap();
        let mut stream = bob.open("GET", "/api/events", None).await.accepted().await;
        let mut by_token = setup.socket(&bob.token).await;
        let mut kept = setup.socket(&other.token).await;
        for socket in [&mut by_ticket, &mut by_token, &mut kept] {
            socket.join(&members.thread, None).await;
        }
        setup.settled().await;
        let response = bob.post("/api/v1/auth/logout", json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        members.ada.post_message(&members.thread, "secret").await;
        for socket in [&mut by_token, &mut by_ticket] {
            let (before, code) = socket.until_closed().await;
            assert_eq!(code, 4401);
            assert!(contents(&before).is_empty(), "{before:?}");
        }
        while stream.next().await.is_some() {}
        until_mark(&mut kept, "secret").await;
    };
    on_each(
        "signing_out_closes_the_sockets_and_streams_of_the_session",
        test,
    )
    .await;
}

#[tokio::test]
async fn revoking_an_api_key_closes_its_sockets_and_streams() {
    let test = |setup: Setup| async move {
        let members = Members::of(setup).await;
        let (setup, bob) = (&members.setup, &members.bob);
        let keys = [
            json!({ "name": "one", "scopes": ["read"] }),
            json!({ "name": "other" }),
        ];
        let [one, other] = keys.map(|body| bob.new_key(body));
        let (one, other) = futures::future::join(one, other).await;
        let by_key = setup
            .client()
            .with("authorization", &format!("Bearer {}", one.secret));
        let mut stream = by_key
            .open("GET", "/api/events", None)
            .await
            .accepted()
            .await;
        let mut closed = setup.socket(&one.secret).await;
        let mut kept = setup.socket(&other.secret).await;
        for socket in [&mut closed, &mut kept] {
            socket.join(&members.thread, None).await;
        }
        setup.settled().await;
        let path = format!("/api-keys/revoke/{}", one.id);
        let response = bob.post(&path, json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        members.ada.post_message(&members.thread, "secret").await;
        let (before, code) = closed.until_closed().await;
        assert_eq!(code, 4401);
        assert!(contents(&before).is_empty(), "{before:?}");
        while stream.next().await.is_some() {}
        until_mark(&mut kept, "secret").await;
    };
    on_each("revoking_an_api_key_closes_its_sockets_and_streams", test).await;
}

/// Waits until the application has answered the pongs that were sent. A later one could read what the user may read when
/// they have joined again.
async fn have_pongs_answered(socket: &mut Socket) {
    socket.send(json!({ "type": "PING" })).await;
    socket.next_of("PONG").await;
}

/// A channel in which a member is removed while somebody posts, and joins again.
struct Race<'a> {
    setup: &'a Setup,
    ada: User,
    bob: User,
    channel: String,
    thread: String,
}

/// Messages that Bob's sockets got between `LEFT_…` and their next joining. Whoever removed him could not know whether
/// they would be in time.
#[derive(Default)]
struct Late {
    rounds: usize,
    messages: usize,
}

/// Rounds of one socket, which takes 100 messages in a minute.
const ROUNDS_OF_A_SOCKET: usize = 20;
/// Channels in which rounds are played at the same time.
const RACES: usize = 16;

impl<'a> Race<'a> {
    async fn start(setup: &'a Setup) -> Self {
        let client = setup.client();
        let (ada, bob) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let thread = ada.thread(&channel).await;
        Self {
            setup,
            ada,
            bob,
            channel,
            thread,
        }
    }

    fn join_thread(&self) -> Value {
        json!({ "type": "JOIN_THREAD", "threadId": self.thread })
    }

    fn join_channel(&self) -> Value {
        json!({ "type": "JOIN_CHANNEL", "channelId": self.channel })
    }

    /// A socket that follows, and whose pongs are answered.
    async fn socket_of(&self, user: &User, join: Value) -> Socket {
        let joined = joined_by(&join);
        let mut socket = self.setup.socket(&user.token).await;
        socket.send(join).await;
        socket.next_of(joined).await;
        // The first one has the client's pong sent.
        for _ in 0..2 {
            have_pongs_answered(&mut socket).await;
        }
        socket
    }

    async fn play(&self, rounds: std::ops::Range<usize>, late: &Mutex<Late>) {
        let rounds: Vec<usize> = rounds.collect();
        for some in rounds.chunks(ROUNDS_OF_A_SOCKET) {
            let mut of_ada = self.socket_of(&self.ada, self.join_channel()).await;
            let mut of_bob = [
                self.socket_of(&self.bob, self.join_thread()).await,
                self.socket_of(&self.bob, self.join_channel()).await,
            ];
            self.setup.settled().await;
            for round in some {
                let played = self.round(*round, &mut of_ada, &mut of_bob, late);
                in_time("a round", played).await;
            }
        }
    }

    async fn round(
        &self,
        round: usize,
        of_ada: &mut Socket,
        of_bob: &mut [Socket; 2],
        late: &Mutex<Late>,
    ) {
        // Somebody posts until both sockets have left.
        let has_left = AtomicBool::new(false);
        let posting = async {
            for n in 0.. {
                if has_left.load(Ordering::Relaxed) {
                    break;
                }
                let content = format!("during {round} {n}");
                self.ada.post_message(&self.thread, &content).await;
            }
        };
        let path = format!("/api/members/{}/{}", self.channel, self.bob.id);
        let removing = self.ada.delete(&path);
        let leaving = async {
            let [by_thread, by_channel] = &mut *of_bob;
            let both = futures::future::join(
                until_type(by_thread, "LEFT_THREAD"),
                until_type(by_channel, "LEFT_CHANNEL"),
            );
            let seen = both.await;
            has_left.store(true, Ordering::Relaxed);
            [seen.0, seen.1]
        };
        let (_, removed, before) = futures::future::join3(posting, removing, leaving).await;
        assert_eq!(removed.status, 200, "{removed:?}");
        let secret = format!("secret {round}");
        self.ada.post_message(&self.thread, &secret).await;
        // It is published before the member may read it again.
        let mut events = until_mark(of_ada, &secret).await;
        self.bob.join(&self.channel).await;
        events.extend(until_type(of_ada, "MEMBER_ADDED").await);
        let (removed, added) = (
            number_of(&events, "MEMBER_REMOVED"),
            number_of(&events, "MEMBER_ADDED"),
        );
        let joins = [self.join_thread(), self.join_channel()];
        let mut after = [Vec::new(), Vec::new()];
        for ((socket, join), after) in of_bob.iter_mut().zip(joins).zip(&mut after) {
            let joined = joined_by(&join);
            socket.send(join).await;
            *after = until_type(socket, joined).await;
            let mut late = late.lock().unwrap();
            let messages = contents(after).len();
            late.messages += messages;
            late.rounds += usize::from(messages > 0);
        }
        self.setup.settled().await;
        let again = format!("again {round}");
        self.ada.post_message(&self.thread, &again).await;
        let seen = before.into_iter().zip(after);
        for (socket, (before, after)) in of_bob.iter_mut().zip(seen) {
            let last = until_mark(socket, &again).await;
            have_pongs_answered(socket).await;
            for message in [before, after, last].concat() {
                let number = message["number"].as_u64();
                assert!(
                    number.is_none_or(|number| number <= removed || added <= number),
                    "round {round}: removed by {removed}, added by {added}, seen {message}"
                );
            }
        }
        until_mark(of_ada, &again).await;
    }
}

fn joined_by(join: &Value) -> &'static str {
    match join["type"] == "JOIN_THREAD" {
        true => "JOINED_THREAD",
        false => "JOINED_CHANNEL",
    }
}

/// The messages on a socket up to one of this type.
async fn until_type(socket: &mut Socket, r#type: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        messages.push(socket.next().await);
        if messages.last().is_some_and(|one| one["type"] == r#type) {
            return messages;
        }
    }
}

/// The number of the only event of a type.
fn number_of(events: &[Value], r#type: &str) -> u64 {
    let mut numbers = events.iter().filter(|event| event["type"] == r#type);
    let number = numbers.next().and_then(|event| event["number"].as_u64());
    assert!(numbers.next().is_none(), "{events:?}");
    number.unwrap_or_else(|| panic!("no {type}: {events:?}"))
}

#[tokio::test]
async fn what_is_posted_after_a_member_was_removed_does_not_reach_them() {
    const TEST: &str = "what_is_posted_after_a_member_was_removed_does_not_reach_them";
    let rounds = repetitions("GOLDFISH_REMOVAL_ROUNDS", 32);
    for kind in ProxyKind::each(&format!("realtime::removal::{TEST}")) {
        let setup = Setup::start(kind, App::with_defaults().admin()).await;
        let late = Mutex::new(Late::default());
        let started = Instant::now();
        let count = RACES.min(rounds);
        let races = (0..count).map(|race| {
            let (setup, late) = (&setup, &late);
            let rounds = rounds * race / count..rounds * (race + 1) / count;
            async move { Race::start(setup).await.play(rounds, late).await }
        });
        futures::future::join_all(races).await;
        let late = late.into_inner().unwrap();
        eprintln!(
            "{rounds} rounds on {kind:?} in {:?}; {} messages came between leaving and joining again, in {} rounds",
            started.elapsed(),
            late.messages,
            late.rounds
        );
    }
}

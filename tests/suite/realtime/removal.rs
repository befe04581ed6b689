//! What ends a subscription: sockets are told at once, and see nothing that is published later.
//!
//! `GOLDFISH_REMOVAL_ROUNDS` sets how often a member is removed while others post; 20 without it, 1,000 for a whole run.

use std::time::Duration;

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
    // Pushpin can deliver to a socket that has just left what was in its queue before (docs/operations.md).
    let hidden = match members.setup.kind {
        ProxyKind::Local => "secret",
        ProxyKind::Pushpin => "later secret",
    };
    for socket in [&mut by_thread, &mut by_channel] {
        let seen = until_mark(socket, "later mark").await;
        assert!(
            contents(&seen).iter().all(|one| !one.contains(hidden)),
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

/// Waits until the application has answered the pongs that were sent. A later one could read what the user may read when
/// they have joined again.
async fn have_pongs_answered(socket: &mut Socket) {
    socket.send(json!({ "type": "PING" })).await;
    socket.next_of("PONG").await;
}

/// A member is removed while somebody posts, and joins again.
struct Race {
    setup: Setup,
    ada: User,
    bob: User,
    channel: String,
    thread: String,
}

impl Race {
    async fn start(kind: ProxyKind) -> Self {
        let setup = Setup::start(kind, App::with_defaults().admin()).await;
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

    async fn socket_of(&self, user: &User) -> Socket {
        let mut socket = self.setup.socket(&user.token).await;
        socket.join(&self.thread, None).await;
        // The first one has the client's pong sent.
        for _ in 0..2 {
            have_pongs_answered(&mut socket).await;
        }
        self.setup.settled().await;
        socket
    }

    async fn round(&self, round: usize, of_ada: &mut Socket, of_bob: &mut Socket) {
        // Somebody posts all the time.
        let posting = async {
            for n in 0..5 {
                let content = format!("during {round} {n}");
                self.ada.post_message(&self.thread, &content).await;
            }
        };
        let path = format!("/api/members/{}/{}", self.channel, self.bob.id);
        let removing = self.ada.delete(&path);
        let (_, removed) = futures::future::join(posting, removing).await;
        assert_eq!(removed.status, 200, "{removed:?}");
        let secret = format!("secret {round}");
        self.ada.post_message(&self.thread, &secret).await;
        // It is published before the member may read it again.
        until_mark(of_ada, &secret).await;
        self.bob.join(&self.channel).await;
        // The removal has ended the subscription.
        let join = json!({ "type": "JOIN_THREAD", "threadId": self.thread });
        of_bob.send(join).await;
        let mut seen = Vec::new();
        while seen
            .last()
            .is_none_or(|last: &Value| last["type"] != "JOINED_THREAD")
        {
            seen.push(of_bob.next().await);
        }
        self.setup.settled().await;
        let again = format!("again {round}");
        self.ada.post_message(&self.thread, &again).await;
        seen.extend(until_mark(of_bob, &again).await);
        have_pongs_answered(of_bob).await;
        let contents = contents(&seen);
        assert!(
            contents.iter().all(|one| !one.starts_with("secret")),
            "{contents:?}"
        );
    }
}

#[tokio::test]
async fn what_is_posted_after_a_member_was_removed_does_not_reach_them() {
    const TEST: &str = "what_is_posted_after_a_member_was_removed_does_not_reach_them";
    let rounds = repetitions("GOLDFISH_REMOVAL_ROUNDS", 20);
    for kind in ProxyKind::each(&format!("realtime::removal::{TEST}")) {
        let race = Race::start(kind).await;
        eprintln!("{TEST} on {kind:?}");
        let mut round = 0;
        while round < rounds {
            // A socket takes 100 messages in a minute.
            let end = rounds.min(round + 30);
            let mut of_ada = race.socket_of(&race.ada).await;
            let mut of_bob = race.socket_of(&race.bob).await;
            while round < end {
                let played = race.round(round, &mut of_ada, &mut of_bob);
                in_time("a round", played).await;
                round += 1;
            }
        }
    }
}

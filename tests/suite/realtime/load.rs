//! Many writers and subscribers over two instances, while connections, the proxy and an instance end again and again.
//!
//! `GOLDFISH_REALTIME_MESSAGES` sets the messages of each of ten writers, `GOLDFISH_REALTIME_SUBSCRIBERS` the
//! subscribers, and `GOLDFISH_REALTIME_RESTARTS` how often the proxy and an instance end; 15, 8 and 1 without them, 1,000,
//! 50 and 5 for a whole run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{Socket, history};
use crate::harness::{
    App, Client, Database, GRIP_KEY, GripProxy, Postgres, ProxyKind, User, repetitions,
    skip_or_fail,
};

const WRITERS: usize = 10;
/// Subscribers of one user, who has 50 sockets at most, those included that the proxy has lost.
const OF_USER: usize = 5;
/// A subscriber without news for this long comes back.
const SILENCE: Duration = Duration::from_secs(40);

/// Numbers without a pattern (Knuth's linear congruential generator).
struct Random(usize);

impl Random {
    /// A number less than `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Posts messages at an instance, and again where there was no response.
async fn write(
    instance: &RefCell<Client>,
    thread: &str,
    writer: usize,
    messages: usize,
    written: &Cell<usize>,
) {
    for number in 0..messages {
        let id = format!("{writer} {number}");
        let body =
            json!({ "threadId": thread, "clientId": format!("{writer}-{number}"), "content": id });
        loop {
            let client = instance.borrow().clone();
            match client
                .attempt("POST", "/api/messages", Some(body.clone()))
                .await
            {
                Ok(response) if response.status < 500 => {
                    assert!([200, 201].contains(&response.status), "{response:?}");
                    break;
                }
                // The instance is being killed or started.
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
        written.set(written.get() + 1);
    }
}

/// Reads all messages of a thread, each once, and goes away and comes back at times of its own.
async fn subscribe(
    proxy: SocketAddr,
    user: &User,
    thread: &str,
    expected: usize,
    seed: usize,
) -> Vec<String> {
    // By their numbers in the thread.
    let mut kept: BTreeMap<u64, String> = BTreeMap::new();
    let mut position = 0;
    let mut random = Random(seed);
    while kept.len() < expected {
        let headers = [("authorization", format!("Bearer {}", user.token))];
        let Ok(mut socket) = Socket::try_open(proxy, "/ws", &headers).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let join = json!({ "type": "JOIN_THREAD", "threadId": thread, "after": position });
        if socket.try_send(join).await.is_err() {
            continue;
        }
        let mut left = 50 + random.below(400);
        while kept.len() < expected && left > 0 {
            let Ok(Some(Ok(message))) = timeout(SILENCE, socket.stream.next()).await else {
                break;
            };
            let Message::Text(text) = message else {
                continue;
            };
            let event: Value = serde_json::from_str(&text).unwrap();
            match event["type"].as_str().unwrap() {
                "HEADS" => {
                    let head = event["payload"]["threads"][thread].as_u64();
                    if head.is_some_and(|head| head > position) {
                        break;
                    }
                }
                // It was away for more events than are sent.
                "RESET" => {
                    position = event["number"].as_u64().unwrap();
                    let stored = history(user, thread).await;
                    kept = (1..).zip(stored).collect();
                }
                "NEW_MESSAGE" => {
                    let number = event["number"].as_u64().unwrap();
                    // A gap is read by coming back.
                    if event["previous"].as_u64().unwrap() > position {
                        break;
                    }
                    // Otherwise it is known already.
                    if number > position {
                        position = number;
                        let message = &event["payload"];
                        let content = message["content"].as_str().unwrap().to_owned();
                        kept.insert(message["number"].as_u64().unwrap(), content);
                        left -= 1;
                    }
                }
                _ => {
                    if event["scope"] == "thread" {
                        position = position.max(event["number"].as_u64().unwrap());
                    }
                }
            }
        }
    }
    kept.into_values().collect()
}

#[tokio::test]
async fn subscribers_have_the_history_whatever_ends_meanwhile() {
    const TEST: &str = "realtime::subscribers_have_the_history_whatever_ends_meanwhile";
    let messages = repetitions("GOLDFISH_REALTIME_MESSAGES", 15);
    let subscribers = repetitions("GOLDFISH_REALTIME_SUBSCRIBERS", 8);
    let restarts = repetitions("GOLDFISH_REALTIME_RESTARTS", 1);
    for kind in ProxyKind::each(TEST) {
        let database = match Postgres::new().await {
            Ok(postgres) => Database::Postgres(Box::new(postgres)),
            Err(missing) => return skip_or_fail(TEST, &missing),
        };
        let begun = Instant::now();
        let bound = GripProxy::bind(kind).await;
        let builder = App::with_defaults()
            .process()
            .database(&database)
            .variable("grip_key", GRIP_KEY)
            .variable("grip_control_url", bound.control_url());
        let kept = builder.clone().start().await;
        let killed = RefCell::new(builder.clone().state_of(&kept).start().await);
        let proxy = RefCell::new(Some(bound.serve(kept.address()).await));
        let address = proxy.borrow().as_ref().unwrap().address();

        let owner = kept.client().user().await;
        let channel = owner.channel(false).await;
        let thread = owner.thread(&channel).await;
        let mut users: Vec<User> = Vec::new();
        for _ in 0..subscribers.div_ceil(OF_USER) {
            let user = kept.client().user().await;
            user.join(&channel).await;
            users.push(user);
        }
        let instances = [&kept.client(), &killed.borrow().client()]
            .map(|client| RefCell::new(client.bearer(&owner.token)));
        let written = Cell::new(0);
        let total = WRITERS * messages;
        let writing = join_all(
            (0..WRITERS)
                .map(|writer| write(&instances[writer % 2], &thread, writer, messages, &written)),
        );
        let following = join_all((0..subscribers).map(|number| {
            subscribe(
                address,
                &users[number / OF_USER],
                &thread,
                total,
                number + 1,
            )
        }));
        // Spread over the time in which messages are written.
        let ending = async {
            for number in 1..=2 * restarts {
                while written.get() < number * total / (2 * restarts + 1) {
                    sleep(Duration::from_millis(20)).await;
                }
                if number % 2 == 0 {
                    let old = proxy.borrow_mut().take().unwrap();
                    let new = old.restart(kept.address()).await;
                    *proxy.borrow_mut() = Some(new);
                } else {
                    let mut old = killed.replace(builder.clone().state_of(&kept).start().await);
                    old.signal("KILL").await;
                    old.ended().await;
                    let client = killed.borrow().client().bearer(&owner.token);
                    instances[1].replace(client);
                }
            }
        };
        let ((_, ()), lists) =
            futures::future::join(futures::future::join(writing, ending), following).await;
        let expected = history(&owner, &thread).await;
        assert_eq!(expected.len(), total);
        for list in lists {
            assert_eq!(list, expected);
        }
        eprintln!(
            "{total} messages, {subscribers} subscribers on {kind:?}: {:?}",
            begun.elapsed()
        );
    }
}

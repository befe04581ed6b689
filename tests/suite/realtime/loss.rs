//! What breaks in between loses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Setup, Socket, history, on_each};
use crate::harness::{App, Client, GRIP_KEY, GripProxy, ProxyKind, User, in_time};

/// A client that comes back whenever it is disconnected, and keeps each event once, by its number.
async fn follow(
    setup: &Setup,
    user: &User,
    thread: &str,
    last: usize,
    disconnects: bool,
) -> Vec<String> {
    let mut kept: BTreeMap<u64, String> = BTreeMap::new();
    let mut position = 0;
    let mut received = 0_usize;
    while kept.len() < last {
        let headers = [("authorization", format!("Bearer {}", user.token))];
        let opened = Socket::try_open(setup.proxy.address(), "/ws", &headers).await;
        let Ok(mut socket) = opened else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let join =
            serde_json::json!({ "type": "JOIN_THREAD", "threadId": thread, "after": position });
        socket.send(join).await;
        while kept.len() < last {
            let Some(event) = socket.try_next_or_heads().await else {
                break;
            };
            if event["type"] == "HEADS" {
                // What was lost last is found out by this alone.
                let head = &event["payload"]["threads"][thread];
                if head.as_u64().is_some_and(|head| head > position) {
                    break;
                }
            } else if event["type"] == "NEW_MESSAGE" {
                let number = event["number"].as_u64().unwrap();
                // A gap would be read again by coming back.
                if event["previous"].as_u64().unwrap() > position {
                    break;
                }
                position = position.max(number);
                let content = event["payload"]["content"].as_str().unwrap();
                kept.insert(number, content.to_owned());
                received += 1;
                if disconnects && received.is_multiple_of(37) {
                    break;
                }
            } else if let Some(number) = event["number"].as_u64() {
                position = position.max(number);
            }
        }
    }
    kept.into_values().collect()
}

#[tokio::test]
async fn subscribers_that_disconnect_have_the_history_in_order_and_once() {
    let test = |setup: Setup| async move {
        let ada = setup.client().user().await;
        let channel = ada.channel(false).await;
        let thread = ada.thread(&channel).await;
        let (writers, messages, subscribers) = (5, 40, 8);
        let writing = futures::future::join_all((0..writers).map(|writer| {
            let (ada, thread) = (ada.clone(), thread.clone());
            async move {
                for n in 0..messages {
                    ada.post_message(&thread, &format!("{writer} {n}")).await;
                }
            }
        }));
        let following = futures::future::join_all(
            (0..subscribers).map(|n| follow(&setup, &ada, &thread, writers * messages, n % 2 == 0)),
        );
        let (_, lists) = futures::future::join(writing, following).await;
        let expected = history(&ada, &thread).await;
        assert_eq!(expected.len(), writers * messages);
        for list in lists {
            assert_eq!(list, expected);
        }
    };
    on_each(
        "subscribers_that_disconnect_have_the_history_in_order_and_once",
        test,
    )
    .await;
}

#[tokio::test]
async fn an_event_whose_publication_was_lost_is_published_by_the_next_request() {
    for kind in ProxyKind::each("realtime::an_event_whose_publication_was_lost") {
        let proxy = GripProxy::bind(kind).await;
        let builder = App::with_defaults().variable("grip_key", GRIP_KEY);
        // This instance publishes nowhere, as one that was killed after the commit.
        let lost = builder.clone().start().await;
        let builder = builder.variable("grip_control_url", proxy.control_url());
        let app = builder.state_of(&lost).start().await;
        let proxy = proxy.serve(app.address()).await;
        let ada = Client::new(proxy.address()).user().await;
        let channel = ada.channel(false).await;
        let thread = ada.thread(&channel).await;
        let setup = Setup { app, proxy, kind };
        let mut socket = setup.socket(&ada.token).await;
        socket.join(&thread, None).await;
        setup.settled().await;
        let through_lost = lost.client().bearer(&ada.token);
        through_lost.post_message(&thread, "lost").await;
        ada.post_message(&thread, "next").await;
        in_time("both messages", async {
            for content in ["lost", "next"] {
                assert_eq!(
                    socket.next_of("NEW_MESSAGE").await["payload"]["content"],
                    content
                );
            }
        })
        .await;
    }
}

//! Who may open a socket and follow what, and that losing the right ends it.
//!
//! `GOLDFISH_REMOVAL_ROUNDS` sets how often a member is removed while others post; 20 without it, 1,000 for a whole run.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::{Setup, Socket, on_each};
use crate::harness::{App, Client, repetitions};

async fn status(setup: &Setup, path: &str, headers: &[(&'static str, String)]) -> u16 {
    match Socket::try_open(setup.proxy.address(), path, headers).await {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_socket_opens_with_each_credential_and_with_none_not() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let ada = client.user().await;
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let cookie = || ("cookie", format!("goldfish-session={}", ada.cookie));
        let own = ("origin", format!("http://{}", setup.proxy.address()));
        let foreign = ("origin", "https://evil.example".to_owned());
        assert_eq!(status(&setup, "/ws", &[]).await, 401);
        assert_eq!(status(&setup, "/ws", &[bearer("x")]).await, 401);
        assert_eq!(status(&setup, "/ws", &[bearer(&ada.token)]).await, 101);
        assert_eq!(status(&setup, "/ws", &[cookie(), own]).await, 101);
        assert_eq!(status(&setup, "/ws", &[cookie(), foreign]).await, 403);
        for path in ["/ws?token=", "/ws?token=x"] {
            assert_eq!(status(&setup, path, &[]).await, 401, "{path}");
        }
        let ticket = || async {
            let response = ada.post("/api/websocket/ticket", json!({})).await;
            assert_eq!(response.status, 201, "{response:?}");
            response.json()["ticket"].as_str().unwrap().to_owned()
        };
        let path = format!("/ws?token={}", ticket().await);
        assert_eq!(status(&setup, &path, &[]).await, 101);
        assert_eq!(status(&setup, &path, &[]).await, 401);
        let protocol = (
            "sec-websocket-protocol",
            format!("goldfish, {}", ticket().await),
        );
        assert_eq!(status(&setup, "/ws", &[protocol]).await, 101);
    };
    on_each(
        "a_socket_opens_with_each_credential_and_with_none_not",
        test,
    )
    .await;
}

#[tokio::test]
async fn others_than_members_follow_neither_thread_nor_channel() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, eve) = (client.user().await, client.user().await);
        let mut socket = setup.socket(&eve.token).await;
        for (is_private, code) in [(false, "FORBIDDEN"), (true, "NOT_FOUND")] {
            let channel = ada.channel(is_private).await;
            let thread = ada.thread(&channel).await;
            for message in [
                json!({ "type": "JOIN_THREAD", "threadId": thread }),
                json!({ "type": "JOIN_CHANNEL", "channelId": channel }),
                json!({ "type": "TYPING", "threadId": thread }),
            ] {
                socket.send(message).await;
                assert_eq!(socket.next().await["code"], code);
            }
            let response = eve.get(&format!("/api/events?threads={thread}")).await;
            assert_eq!(response.json()["code"], code, "{response:?}");
        }
    };
    on_each(
        "others_than_members_follow_neither_thread_nor_channel",
        test,
    )
    .await;
}

#[tokio::test]
async fn what_is_posted_after_a_member_was_removed_does_not_reach_them() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let thread = ada.thread(&channel).await;
        let (mut of_ada, mut of_bob) = (
            setup.socket(&ada.token).await,
            setup.socket(&bob.token).await,
        );
        of_ada.join(&thread, None).await;
        of_bob.join(&thread, None).await;
        setup.settled().await;
        ada.post_message(&thread, "before").await;
        assert_eq!(of_bob.next().await["payload"]["content"], "before");
        for round in 0..repetitions("GOLDFISH_REMOVAL_ROUNDS", 20) {
            // Somebody posts all the time.
            let posting = async {
                for n in 0..5 {
                    ada.post_message(&thread, &format!("during {round} {n}"))
                        .await;
                }
            };
            let path = format!("/api/members/{channel}/{}", bob.id);
            let removing = ada.delete(&path);
            let (_, removed) = futures::future::join(posting, removing).await;
            assert_eq!(removed.status, 200, "{removed:?}");
            let secret = format!("secret {round}");
            ada.post_message(&thread, &secret).await;
            // It is published before the member may read it again.
            while of_ada.next_of("NEW_MESSAGE").await["payload"]["content"] != secret.as_str() {}
            bob.join(&channel).await;
            // The removal has ended the subscription.
            let join = json!({ "type": "JOIN_THREAD", "threadId": thread });
            of_bob.send(join).await;
            of_bob.next_of("JOINED_THREAD").await;
            setup.settled().await;
            ada.post_message(&thread, &format!("again {round}")).await;
            loop {
                let event = of_bob.next_of("NEW_MESSAGE").await;
                let content = event["payload"]["content"].as_str().unwrap().to_owned();
                assert!(!content.starts_with("secret"), "{content}");
                if content == format!("again {round}") {
                    break;
                }
            }
        }
    };
    on_each(
        "what_is_posted_after_a_member_was_removed_does_not_reach_them",
        test,
    )
    .await;
}

#[tokio::test]
async fn signing_out_closes_the_sockets_and_streams_of_the_session() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let ada = client.user().await;
        let other = client.again(&ada).await;
        let mut socket = setup.socket(&ada.token).await;
        let mut kept = setup.socket(&other.token).await;
        let ticket = ada.post("/api/websocket/ticket", json!({})).await.json();
        let path = format!("/ws?token={}", ticket["ticket"].as_str().unwrap());
        let mut by_ticket = Socket::try_open(setup.proxy.address(), &path, &[])
            .await
            .unwrap();
        let mut stream = ada.open("GET", "/api/events", None).await.accepted().await;
        setup.settled().await;
        let response = ada.post("/api/v1/auth/logout", json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(socket.close_code().await, 4401);
        assert_eq!(by_ticket.close_code().await, 4401);
        while stream.next().await.is_some() {}
        kept.send(json!({ "type": "PING" })).await;
        assert_eq!(kept.next().await["type"], "PONG");
    };
    on_each(
        "signing_out_closes_the_sockets_and_streams_of_the_session",
        test,
    )
    .await;
}

#[tokio::test]
async fn websockets_without_a_proxy_are_426_and_forged_events_403() {
    let client = App::shared().await.client();
    let ada = client.user().await;
    let response = ada.get("/ws").await;
    response.is_error(426, "UPGRADE_REQUIRED");
    let forged = |client: &Client| {
        client
            .with("content-type", "application/websocket-events")
            .with("connection-id", "forged")
            .with("meta-user", "user_other")
            .with("grip-sig", "a.b.c")
    };
    let send = |client: Client| async move {
        let body = Some(b"OPEN\r\n".to_vec());
        client.send("POST", "/ws", body).await
    };
    send(forged(&client)).await.is_error(401, "UNAUTHORIZED");
    send(forged(&ada)).await.is_error(403, "FORBIDDEN");
    let response = forged(&ada).get("/api/events/next?id=1").await;
    response.is_error(403, "FORBIDDEN");
    let _: Value = response.json();
}

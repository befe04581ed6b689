//! Who may open a socket and follow what.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::{Setup, Socket, on_each};
use crate::harness::{App, Client};

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
        // An ordinary request is told what is wrong with it, and not that there is no proxy.
        let response = ada.get("/ws").await;
        response.is_error(426, "UPGRADE_REQUIRED");
        let message = response.json()["error"].as_str().unwrap().to_owned();
        assert!(message.contains("WebSocket client"), "{message}");
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

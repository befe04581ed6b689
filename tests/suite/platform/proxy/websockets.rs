//! WebSockets over HTTP.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::backend::{BackendResponse, Received, control, event};
use super::passing_on::claims;
use super::{Setup, on_each};
use crate::harness::Client;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(setup: &Setup) -> Socket {
    let url = format!("ws://{}/ws?a=b", setup.proxy.address());
    let mut request = url.into_client_request().unwrap();
    for (name, value) in [
        ("cookie", "session=secret"),
        ("meta-user", "forged"),
        ("grip-sig", "forged"),
        ("connection-id", "forged"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (client, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    let private = ["set-meta-user", "keep-alive-interval", "content-type"];
    for name in private {
        assert!(!response.headers().contains_key(name), "{response:?}");
    }
    setup.settled().await;
    client
}

async fn next_text(client: &mut Socket) -> String {
    match client.next().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The code of the close frame that comes next.
async fn close_code(client: &mut Socket) -> u16 {
    match client.next().await {
        Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => code.into(),
        other => panic!("{other:?}"),
    }
}

fn is_open(received: &Received) -> bool {
    received.text() == "OPEN\r\n"
}

/// Accepts a connection that subscribes to `c`, and sends back what it gets.
fn echo(received: &Received) -> BackendResponse {
    if is_open(received) {
        let subscribe = control(&json!({ "type": "subscribe", "channel": "c" }));
        return BackendResponse::open(&subscribe)
            .header("Set-Meta-User", "u1")
            .header("Keep-Alive-Interval", "60");
    }
    BackendResponse::events(received.body.clone())
}

fn message(channel: &str, content: &str) -> serde_json::Value {
    json!({ "channel": channel, "formats": { "ws-message": { "content": content } } })
}

#[tokio::test]
async fn each_message_is_a_request_of_the_same_connection() {
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("hello".into()).await.unwrap();
        assert_eq!(next_text(&mut client).await, "hello");
        client.send(Message::binary(vec![0, 255])).await.unwrap();
        let echoed = client.next().await.unwrap().unwrap();
        assert_eq!(echoed, Message::binary(vec![0, 255]));
        let received = setup.backend.received();
        assert_eq!(received.len(), 3, "{received:?}");
        assert_eq!(received[1].text(), event("TEXT", "hello"));
        assert_eq!(received[2].body, &b"BINARY 2\r\n\x00\xff\r\n"[..]);
        let id = received[0].header("connection-id");
        assert!(id.len() > 20, "{id}");
        for (number, one) in received.iter().enumerate() {
            assert_eq!(one.method, "POST");
            assert_eq!(one.target, "/ws?a=b");
            assert_eq!(one.header("connection-id"), id);
            assert_eq!(one.header("cookie"), "session=secret");
            assert_eq!(one.header("content-type"), "application/websocket-events");
            assert_eq!(one.header("sec-websocket-extensions"), "grip");
            assert_eq!(claims(one.header("grip-sig"))["iss"], "pushpin");
            assert_eq!(one.header("meta-user"), if number == 0 { "" } else { "u1" });
        }
    };
    on_each(
        "each_message_is_a_request_of_the_same_connection",
        echo,
        test,
    )
    .await;
}

#[tokio::test]
async fn many_messages_keep_their_order() {
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        for number in 0..50 {
            client.send(number.to_string().into()).await.unwrap();
        }
        for number in 0..50 {
            assert_eq!(next_text(&mut client).await, number.to_string());
        }
    };
    on_each("many_messages_keep_their_order", echo, test).await;
}

#[tokio::test]
async fn pings_are_answered_by_the_application() {
    let respond = |received: &Received| match received.text() == event("PING", "p") {
        true => BackendResponse::events(event("PONG", "p")),
        false => echo(received),
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send(Message::Ping("p".into())).await.unwrap();
        let pong = client.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong("p".into()));
    };
    on_each("pings_are_answered_by_the_application", respond, test).await;
}

#[tokio::test]
async fn published_items_reach_the_subscribers_of_the_channel() {
    let respond = |received: &Received| match received.text() == event("TEXT", "leave") {
        true => {
            let leave = control(&json!({ "type": "unsubscribe", "channel": "c" }));
            BackendResponse::events(leave + &event("TEXT", "left"))
        }
        false => echo(received),
    };
    let test = |setup: Setup| async move {
        let (mut one, mut other) = (connect(&setup).await, connect(&setup).await);
        let items = json!([message("d", "no"), message("c", "first")]);
        assert_eq!(setup.publish(items).await, 200);
        assert_eq!(next_text(&mut one).await, "first");
        assert_eq!(next_text(&mut other).await, "first");
        one.send("leave".into()).await.unwrap();
        assert_eq!(next_text(&mut one).await, "left");
        setup.settled().await;
        setup.publish(json!([message("c", "second")])).await;
        assert_eq!(next_text(&mut other).await, "second");
        one.send("after".into()).await.unwrap();
        assert_eq!(next_text(&mut one).await, "after");
    };
    let name = "published_items_reach_the_subscribers_of_the_channel";
    on_each(name, respond, test).await;
}

#[tokio::test]
async fn subscriptions_beyond_the_limit_are_ignored() {
    let respond = |received: &Received| {
        if !is_open(received) {
            return echo(received);
        }
        let subscribe =
            |number| control(&json!({ "type": "subscribe", "channel": format!("n{number}") }));
        BackendResponse::open(&(0..405).map(subscribe).collect::<String>())
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("ready".into()).await.unwrap();
        assert_eq!(next_text(&mut client).await, "ready");
        let items = ["n404", "n400", "n399", "n0"].map(|name| message(name, name));
        setup.publish(json!(items)).await;
        assert_eq!(next_text(&mut client).await, "n399");
        assert_eq!(next_text(&mut client).await, "n0");
    };
    on_each("subscriptions_beyond_the_limit_are_ignored", respond, test).await;
}

#[tokio::test]
async fn filters_leave_out_the_sender_and_the_users_that_are_named() {
    let respond = |received: &Received| {
        if !is_open(received) {
            return echo(received);
        }
        let user = control(&json!({ "type": "set-meta", "name": "user", "value": "u1" }));
        let filters = json!(["skip-self", "skip-users"]);
        let subscribe = json!({ "type": "subscribe", "channel": "c", "filters": filters });
        BackendResponse::open(&format!("{user}{}", control(&subscribe)))
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        let with = |content: &str, meta: serde_json::Value| {
            let mut item = message("c", content);
            item["meta"] = meta;
            item
        };
        setup
            .publish(json!([
                with("own", json!({ "sender": "u1" })),
                with("named", json!({ "skip_users": "u2, u1" })),
                with("others", json!({ "sender": "u2", "skip_users": "u2,u3" })),
            ]))
            .await;
        assert_eq!(next_text(&mut client).await, "others");
    };
    let name = "filters_leave_out_the_sender_and_the_users_that_are_named";
    on_each(name, respond, test).await;
}

#[tokio::test]
async fn control_messages_and_messages_without_the_prefix_do_not_reach_the_client() {
    let respond = |received: &Received| {
        if is_open(received) {
            let events = [
                event("TEXT", "no prefix"),
                event("TEXT", "c:{}"),
                event("TEXT", "c:no JSON"),
                event("TEXT", "m:with prefix"),
            ];
            return BackendResponse::events(format!("OPEN\r\n{}", events.concat()))
                .header("Sec-WebSocket-Extensions", "grip");
        }
        echo(received)
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        assert_eq!(next_text(&mut client).await, "with prefix");
    };
    let name = "control_messages_and_messages_without_the_prefix_do_not_reach_the_client";
    on_each(name, respond, test).await;
}

#[tokio::test]
async fn a_rejection_is_the_response_to_the_client() {
    let respond = |_: &Received| {
        BackendResponse::new("{\"error\":1}")
            .status(401)
            .header("X-Own", "kept")
    };
    let test = |setup: Setup| async move {
        // The client of WebSockets does not wait for the body of a refusal.
        let client = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .into_iter()
        .fold(
            Client::new(setup.proxy.address()),
            |client, (name, value)| client.with(name, value),
        );
        let response = client.get("/socket").await;
        assert_eq!(response.status, 401, "{response:?}");
        assert_eq!(response.headers["x-own"], "kept");
        assert_eq!(response.text(), "{\"error\":1}");
    };
    on_each("a_rejection_is_the_response_to_the_client", respond, test).await;
}

#[tokio::test]
async fn the_close_frame_of_a_client_is_forwarded_and_answered() {
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        let frame = CloseFrame {
            code: 4000.into(),
            reason: "bye".into(),
        };
        client.close(Some(frame)).await.unwrap();
        assert_eq!(close_code(&mut client).await, 4000);
        let is_close = |one: &Received| one.body == b"CLOSE 5\r\n\x0f\xa0bye\r\n"[..];
        setup.backend.wait_for(is_close).await;
    };
    on_each(
        "the_close_frame_of_a_client_is_forwarded_and_answered",
        echo,
        test,
    )
    .await;
}

#[tokio::test]
async fn the_application_closes_by_an_event_and_by_publishing() {
    let respond = |received: &Received| match received.text() == event("TEXT", "close") {
        true => BackendResponse::events(&b"CLOSE 5\r\n\x11\x31bye\r\n"[..]),
        false => echo(received),
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("close".into()).await.unwrap();
        assert_eq!(close_code(&mut client).await, 4401);
        let mut client = connect(&setup).await;
        let close = json!({ "action": "close", "code": 4001, "reason": "out" });
        let item = json!({ "channel": "c", "formats": { "ws-message": close } });
        setup.publish(json!([item])).await;
        assert_eq!(close_code(&mut client).await, 4001);
    };
    on_each(
        "the_application_closes_by_an_event_and_by_publishing",
        respond,
        test,
    )
    .await;
}

#[tokio::test]
async fn a_client_that_disconnects_without_a_close_frame_is_forwarded_as_disconnect() {
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("hello".into()).await.unwrap();
        next_text(&mut client).await;
        drop(client);
        let is_disconnect = |one: &Received| one.text() == "DISCONNECT\r\n";
        let request = setup.backend.wait_for(is_disconnect).await;
        assert_eq!(request.header("meta-user"), "u1");
    };
    on_each(
        "a_client_that_disconnects_without_a_close_frame_is_forwarded_as_disconnect",
        echo,
        test,
    )
    .await;
}

#[tokio::test]
async fn a_detached_connection_gets_published_items_and_sends_no_requests() {
    let respond = |received: &Received| match received.text() == event("TEXT", "detach") {
        true => BackendResponse::events(control(&json!({ "type": "detach" }))),
        false => echo(received),
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("detach".into()).await.unwrap();
        setup
            .backend
            .wait_for(|one| one.text().starts_with("CLOSE"))
            .await;
        client.send("unheard".into()).await.unwrap();
        setup.publish(json!([message("c", "published")])).await;
        assert_eq!(next_text(&mut client).await, "published");
        let requests = setup.backend.received();
        assert!(!requests.iter().any(|one| one.text().contains("unheard")));
    };
    on_each(
        "a_detached_connection_gets_published_items_and_sends_no_requests",
        respond,
        test,
    )
    .await;
}

#[tokio::test]
async fn an_invalid_response_ends_the_connection() {
    let respond = |received: &Received| match is_open(received) {
        true => echo(received),
        false => BackendResponse::new("no events").status(500),
    };
    let test = |setup: Setup| async move {
        let mut client = connect(&setup).await;
        client.send("hello".into()).await.unwrap();
        let next = client.next().await;
        assert!(!matches!(next, Some(Ok(Message::Text(_)))), "{next:?}");
    };
    on_each("an_invalid_response_ends_the_connection", respond, test).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_delay_others() {
    let test = |setup: Setup| async move {
        let _silent = connect(&setup).await;
        let mut reader = connect(&setup).await;
        let content = "x".repeat(4000);
        for number in 0..400 {
            let item = message("c", &format!("{number} {content}"));
            assert_eq!(setup.publish(json!([item])).await, 200);
            let text = next_text(&mut reader).await;
            assert!(text.starts_with(&format!("{number} ")), "{number}");
        }
    };
    on_each(
        "a_client_that_does_not_read_does_not_delay_others",
        echo,
        test,
    )
    .await;
}

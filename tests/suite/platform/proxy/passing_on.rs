//! Requests that are passed on, their signature, and the address for publishing.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::backend::{BackendResponse, Received};
use super::{Setup, on_each, read_until, text};
use crate::harness::GRIP_KEY;

/// Checks a JWT and returns its claims.
pub(super) fn claims(token: &str) -> Value {
    let (signed, tag) = token.rsplit_once('.').unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, GRIP_KEY.as_bytes());
    let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let json = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(json(head)["alg"], "HS256");
    json(claims)
}

#[tokio::test]
async fn requests_and_responses_are_passed_on_unchanged() {
    let respond = |received: &Received| {
        let body = format!("{} bytes", received.body.len());
        BackendResponse::new(body)
            .status(201)
            .header("X-Own", "response")
    };
    let test = |setup: Setup| async move {
        let request = Request::put("/a/b?c=%20d")
            .header("X-Own", "request")
            .header("Cookie", "a=b")
            .header("Grip-Sig", "forged")
            .header("Meta-User", "forged");
        let body = Bytes::from(vec![b'a'; 300_000]);
        let response = setup.send(request.body(body).unwrap()).await;
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-own"], "response");
        assert_eq!(text(response).await, "300000 bytes");
        let received = &setup.backend.received()[0];
        assert_eq!(received.method, "PUT");
        assert_eq!(received.target, "/a/b?c=%20d");
        assert_eq!(received.header("host"), "app.example");
        assert_eq!(received.header("x-own"), "request");
        assert_eq!(received.header("cookie"), "a=b");
        // It is removed only from requests for WebSockets.
        assert_eq!(received.header("meta-user"), "forged");
        let claims = claims(received.header("grip-sig"));
        assert_eq!(claims["iss"], "pushpin");
        assert!(claims["exp"].is_u64(), "{claims}");
    };
    on_each(
        "requests_and_responses_are_passed_on_unchanged",
        respond,
        test,
    )
    .await;
}

#[tokio::test]
async fn a_response_is_passed_on_while_it_is_written() {
    type Parts = Mutex<Option<mpsc::UnboundedSender<Bytes>>>;
    static PARTS: Parts = Mutex::new(None);
    let respond = |_: &Received| {
        let (sender, parts) = mpsc::unbounded_channel();
        sender.send("first".into()).unwrap();
        *PARTS.lock().unwrap() = Some(sender);
        BackendResponse::parts(parts)
    };
    let test = |setup: Setup| async move {
        let request = Request::get("/").body(Bytes::new()).unwrap();
        let mut body = setup.send(request).await.into_body();
        assert_eq!(read_until(&mut body, "first").await, "first");
        let sender = PARTS.lock().unwrap().take().unwrap();
        sender.send("second".into()).unwrap();
        assert_eq!(read_until(&mut body, "second").await, "second");
    };
    on_each("a_response_is_passed_on_while_it_is_written", respond, test).await;
}

#[tokio::test]
async fn events_of_a_websocket_that_a_client_sends_itself_are_403() {
    let test = |setup: Setup| async move {
        let request = Request::post("/ws")
            .header("Content-Type", "application/websocket-events")
            .header("Connection-Id", "forged");
        let body = Bytes::from_static(b"TEXT 1\r\na\r\n");
        let response = setup.send(request.body(body).unwrap()).await;
        assert_eq!(response.status(), 403);
        assert!(setup.backend.received().is_empty());
    };
    let respond = |_: &Received| BackendResponse::open("");
    on_each(
        "events_of_a_websocket_that_a_client_sends_itself_are_403",
        respond,
        test,
    )
    .await;
}

#[tokio::test]
async fn publishing_checks_the_method_and_the_body() {
    let test = |setup: Setup| async move {
        let item = json!([{ "channel": "c", "formats": { "ws-message": { "content": "a" } } }]);
        assert_eq!(setup.publish(item).await, 200);
        assert_eq!(setup.publish(json!([{ "channel": "c" }])).await, 400);
        let nowhere = json!([{ "formats": { "ws-message": { "content": "a" } } }]);
        assert_eq!(setup.publish(nowhere).await, 400);
        let refresh = json!({ "ws-message": { "action": "refresh" } });
        let refresh = json!([{ "channel": "c", "formats": refresh }]);
        assert_eq!(setup.publish(refresh).await, 400);
        assert_eq!(setup.control("POST", "{".to_owned()).await, 400);
        assert_eq!(setup.control("PUT", "{}".to_owned()).await, 405);
    };
    on_each(
        "publishing_checks_the_method_and_the_body",
        |_: &Received| BackendResponse::new(""),
        test,
    )
    .await;
}

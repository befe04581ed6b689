//! Streams that the proxy holds.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::backend::{BackendResponse, Received};
use super::{Setup, on_each, read_until};

fn get(target: &str) -> Request<Bytes> {
    let request = Request::get(target).header("Cookie", "session=secret");
    request.body(Bytes::new()).unwrap()
}

fn item(channel: &str, content: &str) -> Value {
    json!({ "channel": channel, "formats": { "http-stream": { "content": content } } })
}

fn numbered(id: &str, prev_id: &str, content: &str) -> Value {
    let mut item = item("c", content);
    item["id"] = id.into();
    item["prev-id"] = prev_id.into();
    item
}

#[tokio::test]
async fn a_held_stream_gets_its_beginning_and_the_published_items_of_its_channels() {
    let respond = |_: &Received| {
        BackendResponse::new("beginning\n")
            .header("Content-Type", "text/event-stream")
            .header("Grip-Hold", "stream")
            .header("Grip-Channel", "c, d")
    };
    let test = |setup: Setup| async move {
        let response = setup.send(get("/events")).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let names = response.headers().keys();
        assert!(
            !names
                .into_iter()
                .any(|name| name.as_str().starts_with("grip-"))
        );
        let mut body = response.into_body();
        read_until(&mut body, "beginning\n").await;
        setup.settled().await;
        let items = json!([
            item("other", "no\n"),
            item("c", "one\n"),
            item("d", "two\n")
        ]);
        assert_eq!(setup.publish(items).await, 200);
        assert_eq!(read_until(&mut body, "two\n").await, "one\ntwo\n");
        let close = json!({ "channel": "c", "formats": { "http-stream": { "action": "close" } } });
        setup.publish(json!([close])).await;
        assert!(body.frame().await.is_none());
    };
    let name = "a_held_stream_gets_its_beginning_and_the_published_items_of_its_channels";
    on_each(name, respond, test).await;
}

#[tokio::test]
async fn a_quiet_stream_gets_the_keep_alive() {
    let respond = |_: &Received| {
        BackendResponse::new("beginning\n")
            .header("Grip-Hold", "stream")
            .header("Grip-Channel", "c")
            .header(
                "Grip-Keep-Alive",
                r":\x20alive\n\n; format=cstring; timeout=2",
            )
    };
    let test = |setup: Setup| async move {
        let mut body = setup.send(get("/events")).await.into_body();
        let text = read_until(&mut body, "alive\n\n").await;
        assert_eq!(text, "beginning\n: alive\n\n");
        assert_eq!(read_until(&mut body, "alive\n\n").await, ": alive\n\n");
    };
    on_each("a_quiet_stream_gets_the_keep_alive", respond, test).await;
}

/// An application whose stream begins at item 1; the next link knows the items up to 3.
fn reliable(received: &Received) -> BackendResponse {
    let (body, last) = match received.target.as_str() {
        "/events" => ("1\n", "c; prev-id=1"),
        _ => ("2\n3\n", "c; prev-id=3"),
    };
    BackendResponse::new(body)
        .header("Grip-Hold", "stream")
        .header("Grip-Channel", last)
        .header("Grip-Link", "</next>; rel=next; timeout=120")
}

#[tokio::test]
async fn items_in_order_are_sent_once_and_a_gap_is_filled_from_the_next_link() {
    let test = |setup: Setup| async move {
        let mut body = setup.send(get("/events")).await.into_body();
        read_until(&mut body, "1\n").await;
        setup.settled().await;
        // Item 2 was lost.
        setup.publish(json!([numbered("3", "2", "3\n")])).await;
        assert_eq!(read_until(&mut body, "3\n").await, "2\n3\n");
        let next = setup.backend.wait_for(|one| one.target == "/next").await;
        assert_eq!(next.header("grip-last"), "c; last-id=1");
        assert_eq!(next.header("cookie"), "");
        assert!(!next.header("grip-sig").is_empty());
        let items = json!([numbered("4", "3", "4\n"), numbered("4", "3", "4\n")]);
        setup.publish(items).await;
        // Out of order.
        setup.publish(json!([numbered("6", "5", "6\n")])).await;
        setup.publish(json!([numbered("5", "4", "5\n")])).await;
        assert_eq!(read_until(&mut body, "6\n").await, "4\n5\n6\n");
        assert_eq!(setup.backend.received().len(), 2);
    };
    let name = "items_in_order_are_sent_once_and_a_gap_is_filled_from_the_next_link";
    on_each(name, reliable, test).await;
}

#[tokio::test]
async fn a_stream_that_begins_before_the_last_item_fetches_the_next_link_at_once() {
    let test = |setup: Setup| async move {
        let mut first = setup.send(get("/events")).await.into_body();
        read_until(&mut first, "1\n").await;
        setup.settled().await;
        let items = json!([numbered("2", "1", "2\n"), numbered("3", "2", "3\n")]);
        setup.publish(items).await;
        assert_eq!(read_until(&mut first, "3\n").await, "2\n3\n");
        let mut second = setup.send(get("/events")).await.into_body();
        assert_eq!(read_until(&mut second, "3\n").await, "1\n2\n3\n");
    };
    let name = "a_stream_that_begins_before_the_last_item_fetches_the_next_link_at_once";
    on_each(name, reliable, test).await;
}

#[tokio::test]
async fn a_hint_makes_a_stream_fetch_its_next_link() {
    let test = |setup: Setup| async move {
        let mut body = setup.send(get("/events")).await.into_body();
        read_until(&mut body, "1\n").await;
        setup.settled().await;
        let mut hint = numbered("2", "1", "");
        hint["formats"] = json!({ "http-stream": { "action": "hint" } });
        setup.publish(json!([hint])).await;
        assert_eq!(read_until(&mut body, "3\n").await, "2\n3\n");
    };
    on_each("a_hint_makes_a_stream_fetch_its_next_link", reliable, test).await;
}

#[tokio::test]
async fn ids_without_a_next_link_end_the_stream() {
    let respond = |_: &Received| {
        BackendResponse::new("beginning\n")
            .header("Grip-Hold", "stream")
            .header("Grip-Channel", "c; prev-id=1")
    };
    let test = |setup: Setup| async move {
        let body = setup.send(get("/events")).await.into_body();
        // Pushpin cuts the connection.
        if let Ok(body) = body.collect().await {
            assert_eq!(body.to_bytes(), "beginning\n");
        }
    };
    on_each("ids_without_a_next_link_end_the_stream", respond, test).await;
}

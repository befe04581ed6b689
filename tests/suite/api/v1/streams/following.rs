//! Following a stream live, on one instance and on several.

use super::{append, next_offset, on_each_database, path, put};
use crate::harness::{App, Database, StreamingResponse};

on_each_database!(
    events_have_content_and_positions_until_the_stream_is_closed,
    a_long_poll_gets_the_next_append_or_the_end,
    a_deleted_stream_ends_its_followers,
);

/// The data of the next event of that name.
async fn next_data(events: &mut StreamingResponse, name: &str) -> String {
    loop {
        match events.next().await {
            Some(event) if event.name() == name => return event.data().to_owned(),
            Some(_) => {}
            None => panic!("no event {name}"),
        }
    }
}

async fn events_have_content_and_positions_until_the_stream_is_closed(app: &App) {
    let guest = app.client().guest().await;
    put(&guest, "s", "text/plain").await;
    append(&guest, "s", "one").await;
    let following = format!("{}?offset=-1&live=sse", path("s"));
    let mut events = guest
        .undescribed()
        .open("GET", &following, None)
        .await
        .accepted()
        .await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(next_data(&mut events, "data").await, "one");
    let control = next_data(&mut events, "control").await;
    assert!(control.contains("\"upToDate\":true"), "{control}");
    let appended = append(&guest, "s", "two\r\nevent: control").await;
    assert_eq!(next_data(&mut events, "data").await, "two\nevent: control");
    let control = next_data(&mut events, "control").await;
    assert!(control.contains(&next_offset(&appended)), "{control}");
    let closing = guest.with("stream-closed", "true");
    assert_eq!(append(&closing, "s", "end").await.status, 204);
    assert_eq!(next_data(&mut events, "data").await, "end");
    let control = next_data(&mut events, "control").await;
    assert!(control.contains("\"streamClosed\":true"), "{control}");
    assert!(events.next().await.is_none());
}

async fn a_long_poll_gets_the_next_append_or_the_end(app: &App) {
    let guest = app.client().guest().await;
    put(&guest, "s", "text/plain").await;
    let following = format!("{}?offset=now&live=long-poll", path("s"));
    let (polled, appended) = tokio::join!(guest.get(&following), async {
        tokio::task::yield_now().await;
        append(&guest, "s", "news").await
    });
    // The append may have come before the poll, which then waits for the next one.
    if polled.status == 200 {
        assert_eq!(polled.text(), "news");
        assert_eq!(next_offset(&polled), next_offset(&appended));
        assert!(polled.header("stream-cursor").is_some());
    }
    let close = guest.with("stream-closed", "true");
    let closed = close.send("POST", &path("s"), None).await;
    assert_eq!(closed.status, 204, "{closed:?}");
    let response = guest.get(&following).await;
    assert_eq!(response.status, 204, "{response:?}");
    assert_eq!(response.header("stream-closed"), Some("true"));
}

async fn a_deleted_stream_ends_its_followers(app: &App) {
    let guest = app.client().guest().await;
    put(&guest, "s", "text/plain").await;
    let following = format!("{}?offset=-1&live=sse", path("s"));
    let mut events = guest
        .undescribed()
        .open("GET", &following, None)
        .await
        .accepted()
        .await;
    next_data(&mut events, "control").await;
    assert_eq!(guest.delete(&path("s")).await.status, 204);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn followers_on_another_instance_get_each_append_in_order() {
    for database in Database::each("followers_on_another_instance").await {
        let builder = App::with_defaults().database(&database);
        let app = builder.clone().start().await;
        let other = builder.state_of(&app).start().await;
        let guest = app.client().guest().await;
        let there = other.client().bearer(&guest.token);
        put(&guest, "s", "text/plain").await;
        let following = format!("{}?offset=-1&live=sse", path("s"));
        let mut events = there
            .undescribed()
            .open("GET", &following, None)
            .await
            .accepted()
            .await;
        next_data(&mut events, "control").await;
        for number in 0..20 {
            let response = append(&guest, "s", &format!("{number};")).await;
            assert_eq!(response.status, 204, "{response:?}");
        }
        let expected: String = (0..20).map(|number| format!("{number};")).collect();
        let mut received = String::new();
        while received.len() < expected.len() {
            received.push_str(&next_data(&mut events, "data").await);
        }
        assert_eq!(received, expected);
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_killed_process() {
    let mut app = App::with_defaults().process().start().await;
    let guest = app.client().guest().await;
    put(&guest, "s", "text/plain").await;
    let mut acknowledged = String::new();
    for number in 0..30 {
        let text = format!("{number};");
        if append(&guest, "s", &text).await.status == 204 {
            acknowledged.push_str(&text);
        }
    }
    let builder = App::with_defaults().state_of(&app);
    app.signal("KILL").await;
    app.ended().await;
    let again = builder.start().await;
    let guest = again.client().bearer(&guest.token);
    assert_eq!(guest.get(&path("s")).await.text(), acknowledged);
}

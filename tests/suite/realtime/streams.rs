//! `GET /api/events`, behind a proxy and without one.

use serde_json::json;

use super::{Setup, on_each};
use crate::harness::{App, Client, Event, StreamingResponse, User};

/// The next event that is no comment.
async fn next(stream: &mut StreamingResponse) -> Event {
    loop {
        match stream.next().await {
            Some(Event::Comment(_)) => {}
            Some(event) => return event,
            None => panic!("the stream ended"),
        }
    }
}

async fn open(user: &Client, path: &str, last: Option<&str>) -> StreamingResponse {
    let user = match last {
        Some(last) => user.with("last-event-id", last),
        None => user.clone(),
    };
    user.open("GET", path, None).await.accepted().await
}

async fn streams_follow_and_resume(ada: &User) {
    let channel = ada.channel(false).await;
    let (thread, other) = (ada.thread(&channel).await, ada.thread(&channel).await);
    let path = format!("/api/events?threads={thread},{other}");
    let mut stream = open(ada, &path, None).await;
    let ready = next(&mut stream).await;
    assert_eq!(ready.name(), "ready");
    let mut ids = vec![ready.id().unwrap().to_owned()];
    for (thread, content) in [(&thread, "a"), (&other, "b"), (&thread, "c")] {
        ada.post_message(thread, content).await;
        let event = next(&mut stream).await;
        assert_eq!(event.json()["payload"]["content"], content);
        assert_eq!(event.json()["threadId"], thread.as_str());
        ids.push(event.id().unwrap().to_owned());
    }
    drop(stream);
    ada.post_message(&other, "d").await;
    // Each id resumes exactly after its event.
    for (n, id) in ids.iter().enumerate() {
        let mut stream = open(ada, &path, Some(id)).await;
        let mut contents = Vec::new();
        while contents.len() < 4 - n {
            let event = next(&mut stream).await;
            contents.push(
                event.json()["payload"]["content"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        contents.sort_unstable();
        assert_eq!(contents.concat(), &"abcd"[n..], "after {id}");
    }
    for id in ["x", "other-1.2.3", "other-1"] {
        let mut stream = open(ada, &path, Some(id)).await;
        let reset = next(&mut stream).await;
        assert_eq!(reset.name(), "reset", "{id}");
        ada.post_message(&thread, id).await;
        assert_eq!(next(&mut stream).await.json()["payload"]["content"], id);
    }
}

#[tokio::test]
async fn streams_behind_a_proxy_follow_and_resume() {
    let test = |setup: Setup| async move {
        let ada = setup.client().user().await;
        streams_follow_and_resume(&ada).await;
    };
    on_each("streams_behind_a_proxy_follow_and_resume", test).await;
}

#[tokio::test]
async fn streams_without_a_proxy_follow_and_resume() {
    let app = App::with_defaults()
        .variable("realtime_poll_ms", "100")
        .start()
        .await;
    let ada = app.client().user().await;
    streams_follow_and_resume(&ada).await;
}

#[tokio::test]
async fn streams_of_a_removed_member_leave_the_thread() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let thread = ada.thread(&channel).await;
        let mut stream = open(&bob, &format!("/api/events?threads={thread}"), None).await;
        assert_eq!(next(&mut stream).await.name(), "ready");
        setup.settled().await;
        ada.delete(&format!("/api/members/{channel}/{}", bob.id))
            .await;
        ada.post_message(&thread, "secret").await;
        let mut names = [next(&mut stream).await, next(&mut stream).await]
            .map(|event| event.json()["type"].as_str().unwrap().to_owned());
        names.sort_unstable();
        assert_eq!(names, ["LEFT", "MEMBER_REMOVED"]);
    };
    on_each("streams_of_a_removed_member_leave_the_thread", test).await;
}

#[tokio::test]
async fn streams_of_a_banned_member_and_of_a_deleted_channel_leave_the_thread() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        for is_ban in [true, false] {
            let (ada, bob) = (client.user().await, client.user().await);
            let channel = ada.channel(false).await;
            bob.join(&channel).await;
            let thread = ada.thread(&channel).await;
            let path = format!("/api/events?threads={thread}&channels={channel}");
            let mut stream = open(&bob, &path, None).await;
            assert_eq!(next(&mut stream).await.name(), "ready");
            setup.settled().await;
            if is_ban {
                let path = format!("/api/members/{channel}/bans/{}", bob.id);
                let response = ada.put(&path, json!({})).await;
                assert_eq!(response.status, 200, "{response:?}");
                ada.post_message(&thread, "secret").await;
            } else {
                let response = ada.delete(&format!("/api/channels/{channel}")).await;
                assert_eq!(response.status, 200, "{response:?}");
            }
            let mut left = 0;
            while left < 2 {
                let event = next(&mut stream).await.json();
                assert!(!event.to_string().contains("secret"), "{event}");
                left += usize::from(event["type"] == "LEFT");
            }
        }
    };
    on_each(
        "streams_of_a_banned_member_and_of_a_deleted_channel_leave_the_thread",
        test,
    )
    .await;
}

#[tokio::test]
async fn events_with_a_malformed_query_are_400_and_of_unknown_threads_404() {
    let client = App::shared().await.client();
    client
        .get("/api/events")
        .await
        .is_error(401, "UNAUTHORIZED");
    let response = client.get("/api/events?ticket=x").await;
    response.is_error(401, "UNAUTHORIZED");
    let ada = client.user().await;
    ada.get("/api/events?threads=x")
        .await
        .is_error(404, "NOT_FOUND");
    let unknown = "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001";
    for path in [format!("threads={unknown}"), format!("channels={unknown}")] {
        let response = ada.get(&format!("/api/events?{path}")).await;
        response.is_error(404, "NOT_FOUND");
    }
    let many = vec![unknown; 17].join(",");
    let response = ada.get(&format!("/api/events?threads={many}")).await;
    response.is_error(400, "VALIDATION_ERROR");
    let ticket = ada.post("/api/websocket/ticket", json!({})).await.json();
    let path = format!("/api/events?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut stream = open(&client, &path, None).await;
    assert_eq!(next(&mut stream).await.name(), "ready");
}

//! A reply is read along, resumed and read again from elsewhere: from another tab, on another
//! instance, after a restart; each event exactly once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Client, Event, Guest, StreamingResponse, text_of};

fn words(from: usize, to: usize) -> String {
    (from..to).map(|number| format!("w{number} ")).collect()
}

fn chat_body() -> Value {
    json!({ "message": "Tell me everything.", "model": "gpt-4o" })
}

/// The same guest at another instance.
fn at(app: &App, guest: &Guest) -> Client {
    app.client().bearer(&guest.token)
}

async fn follow(client: &Client, id: &str, last: Option<&str>) -> StreamingResponse {
    let client = match last {
        Some(last) => client.with("last-event-id", last),
        None => client.clone(),
    };
    let path = format!("/api/conversations/{id}/stream");
    client.open("GET", &path, None).await
}

fn ids(events: &[Event]) -> Vec<usize> {
    let ids = events.iter().filter_map(Event::id);
    ids.map(|id| id.parse().unwrap()).collect()
}

fn names(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event.content().is_none())
        .map(Event::name)
        .collect()
}

#[tokio::test]
async fn stream_in_another_tab_starts_at_the_beginning() {
    let upstream = Upstream::start(Script::words(40).delay(Duration::from_millis(60)))
        .await
        .unwrap();
    let builder = App::with_defaults().openai(&upstream);
    let app = builder.clone().start().await;
    let elsewhere = builder.state_of(&app).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    for _ in 0..5 {
        chat.next_content().await.unwrap();
    }
    // Two readers at once, one on another instance.
    let there = at(&elsewhere, &guest);
    let (first, second) = (
        follow(&there, &id, None).await.accepted().await,
        follow(&guest, &id, None).await.accepted().await,
    );
    assert_eq!(first.header("x-conversation-id"), Some(id.as_str()));
    assert!(
        first
            .header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    let (first, second, original) = futures::join!(first.events(), second.events(), chat.events());
    for events in [&first, &second] {
        assert_eq!(text_of(events), words(0, 40));
        assert_eq!(ids(events), (1..=40).collect::<Vec<_>>());
        assert_eq!(names(events), ["conversation", "usage", "message"]);
        assert!(events.last().unwrap().is_done());
        assert_eq!(events[0].json()["conversationId"], id.as_str());
        assert_eq!(events[0].json()["model"], "gpt-4o");
    }
    // Down to the numbers these are the events that the first tab got.
    assert_eq!(original.last(), first.last());
    assert_eq!(original[original.len() - 10..], first[first.len() - 10..]);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn stream_delivers_deltas_without_long_delay() {
    let upstream = Upstream::start(Script::words(60).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let mut followed = follow(&guest, &id, None).await.accepted().await;
    // The reply takes three seconds: without being followed most of it is stored at the end.
    let mut arrived = Vec::new();
    while let Some(event) = followed.next().await {
        if event.content().is_some() {
            arrived.push(Instant::now());
        }
    }
    let first = *arrived.first().unwrap();
    let moments = arrived
        .iter()
        .map(|at| at.duration_since(first).as_millis() / 200)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(arrived.len(), 60);
    assert!(moments.len() >= 5, "pieces came at {moments:?}");
}

#[tokio::test]
async fn stream_with_last_event_id_resumes_after_it() {
    let upstream = Upstream::start(Script::words(30).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let mut text = String::new();
    for _ in 0..7 {
        text.push_str(&chat.next_content().await.unwrap());
    }
    drop(chat);
    // It is lost again and again, and what was read is never read twice.
    let mut last = 7;
    while last < 25 {
        let mut resumed = follow(&guest, &id, Some(&last.to_string()))
            .await
            .accepted()
            .await;
        for _ in 0..6 {
            let event = loop {
                match resumed.next().await.unwrap() {
                    event @ Event::Message { .. } => break event,
                    Event::Comment(_) => {}
                }
            };
            last += 1;
            assert_eq!(event.id(), Some(last.to_string().as_str()), "{event:?}");
            text.push_str(&event.content().unwrap());
        }
    }
    let rest = follow(&guest, &id, Some(&last.to_string())).await;
    let rest = rest.accepted().await.events().await;
    assert_eq!(names(&rest), ["usage", "message"]);
    text.push_str(&text_of(&rest));
    assert_eq!(text, words(0, 30));
}

#[tokio::test]
async fn stream_of_a_finished_reply_replays_the_missed_events() {
    let upstream = Upstream::start(Script::words(10)).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let original = chat.events().await;
    let rest = follow(&guest, &id, Some("4"))
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(text_of(&rest), words(4, 10));
    assert_eq!(ids(&rest), [5, 6, 7, 8, 9, 10]);
    assert_eq!(rest, original[5..]);
    // The query does what the header does, for clients that cannot set it.
    let path = format!("/api/conversations/{id}/stream?lastEventId=9");
    let rest = guest
        .open("GET", &path, None)
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(text_of(&rest), words(9, 10));
    // Nothing is under way, or nothing is missing: then there is nothing to come again for.
    for last in [None, Some("10"), Some("11"), Some("99999")] {
        let response = follow(&guest, &id, last).await.collect().await;
        assert_eq!((response.status, response.body.len()), (204, 0), "{last:?}");
    }
    for wrong in ["x", "-1", "1.5"] {
        let response = follow(&guest, &id, Some(wrong)).await.collect().await;
        response
            .is_error(400, "VALIDATION_ERROR")
            .names("Last-Event-ID");
    }
}

#[tokio::test]
async fn stream_with_a_message_id_returns_that_reply() {
    let upstream = Upstream::start(Script::words(3)).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let reply = chat.events().await[0].json()["messageId"]
        .as_str()
        .unwrap()
        .to_owned();
    upstream.set(Script::new(["other"]));
    let body = json!({ "message": "And?", "conversationId": id, "model": "gpt-4o" });
    guest.chat(body).await.events().await;
    let path = format!("/api/conversations/{id}/stream?messageId={reply}&lastEventId=1");
    let rest = guest
        .open("GET", &path, None)
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(text_of(&rest), words(1, 3));
    let path = format!("/api/conversations/{id}/stream?messageId=nothing");
    guest.get(&path).await.is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn stream_of_another_users_reply_is_404() {
    let upstream = Upstream::start(Script::new(["a", "b"]).fault(Fault::HangAfter(1)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let other = app.client().guest().await;
    let chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    for id in [
        id.as_str(),
        "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001",
        "nonsense",
    ] {
        let path = format!("/api/conversations/{id}");
        other
            .get(&format!("{path}/stream"))
            .await
            .is_error(404, "NOT_FOUND");
        for action in ["stop", "regenerate"] {
            let response = other.post(&format!("{path}/{action}"), json!({})).await;
            response.is_error(404, "NOT_FOUND");
        }
    }
    assert_eq!(
        guest.conversation(&id).await["messages"][1]["status"],
        "streaming"
    );
}

#[tokio::test]
async fn stream_of_an_interrupted_reply_ends_with_an_error() {
    let script = Script::words(20)
        .delay(Duration::from_millis(80))
        .fault(Fault::CutAfter(12));
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let followed = follow(&guest, &id, None).await.accepted().await;
    let events = followed.events().await;
    assert_eq!(text_of(&events), words(0, 12));
    assert_eq!(names(&events), ["conversation", "error", "message"]);
    assert_eq!(events[events.len() - 2].json()["code"], "PROVIDER_ERROR");
}

#[tokio::test]
async fn stream_of_a_reply_whose_process_was_killed_ends_with_an_error() {
    let script = Script::words(200).delay(Duration::from_millis(100));
    let upstream = Upstream::start(script).await.unwrap();
    let builder = App::with_defaults().openai(&upstream).process();
    let mut app = builder.clone().start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let mut followed = follow(&guest, &id, None).await.accepted().await;
    let mut seen = 0;
    while seen < 10 {
        followed.next_content().await.unwrap();
        seen += 1;
    }
    chat.next_content().await.unwrap();
    app.signal("KILL").await;
    app.ended().await;
    let again = builder.state_of(&app).start().await;
    let guest = at(&again, &guest);
    // A writer that does not respond is dead: no reader waits for the three minutes after which silence
    // would mean the same, which is longer than the harness waits.
    let rest = follow(&guest, &id, Some("10"))
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(names(&rest), ["error", "message"], "{rest:?}");
    let numbers = ids(&rest);
    assert_eq!(numbers, (11..11 + numbers.len()).collect::<Vec<_>>());
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["status"], "incomplete");
    assert_eq!(
        stored["messages"][1]["content"],
        words(0, 10 + numbers.len())
    );
    // Now that the outcome is stored, the reply can be regenerated.
    upstream.set(Script::new(["At last."]));
    let path = format!("/api/conversations/{id}/regenerate");
    let events = guest
        .open("POST", &path, None)
        .await
        .accepted()
        .await
        .events()
        .await;
    assert_eq!(text_of(&events), "At last.");
}

#[tokio::test]
async fn stream_that_is_closed_early_changes_nothing() {
    let upstream = Upstream::start(Script::words(20).delay(Duration::from_millis(50)))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest.chat(chat_body()).await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.next_content().await.unwrap();
    let mut followed = follow(&guest, &id, None).await.accepted().await;
    followed.next_content().await.unwrap();
    drop(followed);
    let events = chat.events().await;
    assert!(events.last().unwrap().is_done());
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], words(0, 20));
    assert_eq!(stored["messages"][1]["status"], "complete");
}

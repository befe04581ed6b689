//! Nothing acknowledged is lost: not when the reader leaves, not when the process is killed, not
//! when it is terminated.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Guest, eventually, spin_is_the_host, talk, text_of, world};

fn words(count: usize) -> String {
    (0..count).map(|number| format!("w{number} ")).collect()
}

/// The second message of a conversation, once it has that status.
async fn reply_when(guest: &Guest, id: &str, status: &str) -> Value {
    eventually(&format!("a reply that is {status}"), || async {
        let reply = guest.conversation(id).await["messages"][1].clone();
        (reply["status"] == status).then_some(reply)
    })
    .await
}

#[tokio::test]
async fn a_reply_whose_reader_disconnects_is_stored_in_full() {
    let script = Script::words(30).delay(Duration::from_millis(40));
    let (world, guest, mut chat) = talk(script).await;
    let id = chat.conversation_id();
    chat.next_content().await.unwrap();
    drop(chat);
    let reply = reply_when(&guest, &id, "complete").await;
    assert_eq!(reply["content"], words(30).as_str());
    assert!(
        !world.upstream.closed_early(0).await,
        "the provider's whole reply was read"
    );
}

#[tokio::test]
async fn disconnecting_at_any_time_loses_nothing() {
    let script = Script::words(12).delay(Duration::from_millis(20));
    let world = world(script).await;
    let client = world.app.client();
    futures::future::join_all((0..16).map(|pieces| {
        let client = client.clone();
        async move {
            let guest = client.guest().await;
            let mut chat = guest.ask("Hi").await;
            let id = chat.conversation_id();
            for _ in 0..pieces {
                if chat.next_content().await.is_none() {
                    break;
                }
            }
            drop(chat);
            let reply = reply_when(&guest, &id, "complete").await;
            assert_eq!(reply["content"], words(12).as_str());
        }
    }))
    .await;
}

#[tokio::test]
async fn kill_loses_no_acknowledged_write() {
    let script = Script::words(1000).delay(Duration::from_millis(20));
    let upstream = Upstream::start(script).await.unwrap();
    let builder = App::with_defaults().openai(&upstream).process();
    let mut app = builder.clone().start().await;
    let guest = app.client().guest().await;
    upstream.push(Script::new(["An earlier reply."]));
    let earlier = guest.ask("Before.").await;
    let earlier_id = earlier.conversation_id();
    earlier.events().await;

    let mut chat = guest.ask("Hi").await;
    let id = chat.conversation_id();
    chat.next_content().await.unwrap();
    // The part of the reply that another reader has received was flushed.
    let flushed = eventually("a part of the reply that is stored", || async {
        let reply = guest.conversation(&id).await["messages"][1].clone();
        let content = reply["content"].as_str()?.to_owned();
        (!content.is_empty()).then_some(content)
    })
    .await;
    app.signal("KILL").await;
    app.ended().await;
    drop(chat);

    let again = builder.state_of(&app).start().await;
    let guest = Guest {
        client: again.client().bearer(&guest.token),
        ..guest
    };
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], "Hi");
    let kept = stored["messages"][1]["content"].as_str().unwrap();
    assert!(
        kept.starts_with(&flushed),
        "{flushed:?} was there, now {kept:?}"
    );
    assert!(words(1000).starts_with(kept), "{kept:?}");
    assert_ne!(stored["messages"][1]["status"], "complete");
    let earlier = guest.conversation(&earlier_id).await;
    assert_eq!(earlier["messages"][1]["content"], "An earlier reply.");
    assert_eq!(earlier["messages"][1]["status"], "complete");

    // Messages work, in that conversation and in new ones.
    upstream.set(Script::new(["Afterwards."]));
    let body = json!({ "message": "And now?", "conversationId": id, "model": "gpt-4o" });
    assert_eq!(
        text_of(&guest.chat(body).await.events().await),
        "Afterwards."
    );
    let stored = guest.conversation(&id).await;
    let last = stored["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["content"], "Afterwards.");
    assert_eq!(
        text_of(&guest.ask("Hi").await.events().await),
        "Afterwards."
    );
    assert_eq!(guest.conversations().await.len(), 3);
}

#[tokio::test]
async fn kill_during_a_reply_marks_it_incomplete() {
    let script = Script::new(["never", "sent"]).fault(Fault::HangAfter(0));
    let upstream = Upstream::start(script).await.unwrap();
    let builder = App::with_defaults().openai(&upstream).process();
    let mut app = builder.clone().start().await;
    let guest = app.client().guest().await;
    let chat = guest.ask("Hi").await;
    let id = chat.conversation_id();
    app.signal("KILL").await;
    app.ended().await;
    drop(chat);
    let again = builder.state_of(&app).start().await;
    let guest = Guest {
        client: again.client().bearer(&guest.token),
        ..guest
    };
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], "Hi");
    let reply = &stored["messages"][1];
    assert!(reply.is_null() || reply["content"] == "", "{stored}");
    assert_ne!(reply["status"], "complete", "{stored}");
}

#[tokio::test]
async fn sigterm_during_a_stream_waits_for_its_end() {
    if spin_is_the_host() {
        eprintln!("SKIPPED: Spin ends its streams on SIGTERM; this is the embedded host's promise");
        return;
    }
    let script = Script::words(20).delay(Duration::from_millis(50));
    let upstream = Upstream::start(script).await.unwrap();
    let builder = App::with_defaults().openai(&upstream).process();
    let mut app = builder.clone().start().await;
    let guest = app.client().guest().await;
    let mut read = guest.ask("Hi").await;
    let read_id = read.conversation_id();
    read.next_content().await.unwrap();
    // A second one, whose reader has left already.
    let mut left = guest.ask("Hi").await;
    let left_id = left.conversation_id();
    left.next_content().await.unwrap();
    drop(left);

    app.signal("TERM").await;
    let events = read.events().await;
    assert!(
        events.last().is_some_and(|event| event.is_done()),
        "{events:?}"
    );
    assert!(text_of(&events).ends_with("w19 "), "{events:?}");
    assert_eq!(app.ended().await, Some(0));

    let again = builder.state_of(&app).start().await;
    let guest = Guest {
        client: again.client().bearer(&guest.token),
        ..guest
    };
    for id in [read_id, left_id] {
        let stored = guest.conversation(&id).await;
        assert_eq!(stored["messages"][1]["content"], words(20).as_str());
        assert_eq!(stored["messages"][1]["status"], "complete");
    }
}

#[tokio::test]
async fn sigterm_of_an_idle_process_ends_it_at_once() {
    if spin_is_the_host() {
        eprintln!("SKIPPED: the exit code is the embedded host's");
        return;
    }
    for name in ["TERM", "INT"] {
        let mut app = App::with_defaults().process().start().await;
        assert_eq!(app.client().get("/health").await.status, 200);
        app.signal(name).await;
        assert_eq!(app.ended().await, Some(0), "{name}: {}", app.logs());
    }
}

#[tokio::test]
async fn restart_keeps_tokens_conversations_and_preferences() {
    let builder = App::with_defaults();
    let mut app = builder.clone().start().await;
    let guest = app.client().guest().await;
    let id = guest.say("remember").await;
    guest
        .put("/api/preferences", json!({ "theme": "light" }))
        .await;
    let before = guest.conversation(&id).await;
    app.stop().await;
    let again = builder.state_of(&app).start().await;
    let guest = Guest {
        client: again.client().bearer(&guest.token),
        ..guest
    };
    assert_eq!(guest.conversation(&id).await, before);
    assert_eq!(guest.get("/api/preferences").await.json()["theme"], "light");
    let body = json!({ "refreshToken": guest.refresh_token });
    assert_eq!(
        again
            .client()
            .post("/api/v1/auth/refresh", body)
            .await
            .status,
        200
    );
}

//! A reply arrives while it is being written, proved by order: the first piece is read while the
//! provider still holds back the last.

use std::time::Duration;

use upstream::{Fault, Script};

use crate::harness::{Event, eventually, talk, text_of, world};

#[tokio::test]
async fn first_delta_arrives_before_the_provider_sends_the_last() {
    // The provider never sends more than these, and never ends.
    let script = Script::new(["first ", "second ", "never"]).fault(Fault::HangAfter(2));
    let (world, _, mut chat) = talk(script).await;
    assert_eq!(chat.next().await.unwrap().name(), "conversation");
    assert_eq!(chat.next_content().await.as_deref(), Some("first "));
    assert_eq!(chat.next_content().await.as_deref(), Some("second "));
    assert_eq!(
        world.upstream.requests()[0].outcome,
        upstream::Outcome::Open
    );
}

#[tokio::test]
async fn conversation_event_arrives_before_the_provider_responds() {
    let (_world, guest, mut chat) = talk(Script::new(["a"]).fault(Fault::HangAfter(0))).await;
    let id = chat.conversation_id();
    assert_eq!(
        chat.next().await.unwrap().json()["conversationId"],
        id.as_str()
    );
    // The message is there for other readers while the reply is not.
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], "Hi");
}

#[tokio::test]
async fn a_silent_stream_sends_comments() {
    let (_world, _, mut chat) = talk(Script::new(["a"]).fault(Fault::HangAfter(1))).await;
    loop {
        match chat.next().await.expect("the stream stays open") {
            Event::Comment(text) => {
                assert_eq!(text, "keep-alive");
                break;
            }
            Event::Message { .. } => {}
        }
    }
}

#[tokio::test]
async fn sixty_four_concurrent_replies_are_complete() {
    let script = Script::new(["a", "b", "never"]).fault(Fault::HangAfter(2));
    let world = world(script).await;
    let client = world.app.client();
    let chats = futures::future::join_all((0..64).map(|_| async {
        let guest = client.guest().await;
        guest.ask("Hi").await
    }))
    .await;
    // All are open at once, and each has had its pieces: none waits for another to end.
    for mut chat in chats {
        assert_eq!(chat.next_content().await.as_deref(), Some("a"));
        assert_eq!(chat.next_content().await.as_deref(), Some("b"));
    }
    assert_eq!(world.upstream.open(), 64);
}

#[tokio::test]
async fn event_ids_are_consecutive() {
    let (_world, _, chat) = talk(Script::words(25)).await;
    let events = chat.events().await;
    let ids: Vec<u32> = events
        .iter()
        .filter(|event| event.content().is_some())
        .map(|event| event.id().unwrap().parse().unwrap())
        .collect();
    assert!(
        ids.iter()
            .enumerate()
            .all(|(index, id)| index + 1 == *id as usize),
        "{ids:?}"
    );
    assert!(ids.len() > 1);
    let all: String = (0..25).map(|number| format!("w{number} ")).collect();
    assert_eq!(text_of(&events), all);
}

#[tokio::test]
async fn conversation_get_shows_a_reply_in_progress_then_complete() {
    let script = Script::words(40).delay(Duration::from_millis(50));
    let (_world, guest, mut chat) = talk(script).await;
    let id = chat.conversation_id();
    chat.next_content().await.unwrap();
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["status"], "streaming", "{stored}");
    let events = chat.events().await;
    assert!(events.last().unwrap().is_done());
    let stored = eventually("the whole reply", || async {
        let stored = guest.conversation(&id).await;
        (stored["messages"][1]["status"] == "complete").then_some(stored)
    })
    .await;
    let all: String = (0..40).map(|number| format!("w{number} ")).collect();
    assert_eq!(stored["messages"][1]["content"], all.as_str());
}

//! Sixteen tabs of one user at once: nothing acknowledged is lost, nothing is done twice.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::{Fault, Script};

use crate::harness::{App, Guest, eventually, talk, world};

const TABS: usize = 16;

fn contents(conversation: &Value, role: &str) -> Vec<String> {
    conversation["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == role)
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn concurrent_messages_in_one_conversation_are_all_kept() {
    let world = world(Script::new(["a ", "reply"])).await;
    let guest = world.app.client().guest().await;
    let first = guest.ask("first").await;
    let id = first.conversation_id();
    first.events().await;

    join_all((0..TABS).map(|tab| {
        let (guest, id) = (guest.clone(), id.clone());
        async move {
            let message = format!("from tab {tab}");
            let body = json!({ "message": message, "conversationId": id, "model": "gpt-4o" });
            let chat = guest.chat(body).await.accepted().await;
            assert!(chat.events().await.last().unwrap().is_done());
            // A message that was acknowledged to this tab can be read by it at once.
            let stored = guest.conversation(&id).await;
            assert!(contents(&stored, "user").contains(&message), "{stored}");
        }
    }))
    .await;

    let stored = guest.conversation(&id).await;
    let stored_messages: BTreeSet<_> = contents(&stored, "user").into_iter().collect();
    let expected: BTreeSet<_> = (0..TABS)
        .map(|tab| format!("from tab {tab}"))
        .chain(["first".to_owned()])
        .collect();
    assert_eq!(stored_messages, expected);
    assert_eq!(contents(&stored, "user").len(), TABS + 1, "none twice");
    assert_eq!(contents(&stored, "assistant"), vec!["a reply"; TABS + 1]);
    let ids: BTreeSet<_> = stored["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2 * (TABS + 1), "ids are unique");
}

async fn ids(guest: &Guest) -> Vec<String> {
    let list = guest.conversations().await;
    list.iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn concurrent_new_conversations_leave_three() {
    let guest = App::shared().await.client().guest().await;
    let made: BTreeSet<_> = join_all((0..TABS).map(|tab| {
        let guest = guest.clone();
        async move {
            let chat = guest.chat(json!({ "message": format!("tab {tab}") })).await;
            assert_eq!(chat.status, 200);
            let id = chat.conversation_id();
            chat.collect().await;
            id
        }
    }))
    .await
    .into_iter()
    .collect();
    assert_eq!(made.len(), TABS);

    let readers = join_all((0..TABS).map(|_| ids(&guest))).await;
    assert_eq!(readers[0].len(), 3, "{readers:?}");
    assert!(
        readers.iter().all(|reader| *reader == readers[0]),
        "{readers:?}"
    );
    assert!(readers[0].iter().all(|id| made.contains(id)), "{readers:?}");
    for id in &made {
        let status = guest.get(&format!("/api/conversations/{id}")).await.status;
        let expected = if readers[0].contains(id) { 200 } else { 404 };
        assert_eq!(status, expected, "the list and the single read agree");
    }
    let history = guest.get("/api/history").await.json();
    let listed: Vec<_> = history["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, readers[0]);
}

#[tokio::test]
async fn rename_during_a_reply_is_kept() {
    let script = Script::new(["one ", "two"]).delay(std::time::Duration::from_millis(500));
    let (_world, guest, mut chat) = talk(script).await;
    let id = chat.conversation_id();
    chat.next_content().await.unwrap();
    let path = format!("/api/conversations/{id}");
    let renamed = guest.patch(&path, json!({ "title": "Renamed" })).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert!(chat.events().await.last().unwrap().is_done());
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["title"], "Renamed");
    assert_eq!(contents(&stored, "assistant"), ["one two"]);
}

#[tokio::test]
async fn delete_during_a_reply_is_kept() {
    let script = Script::new(["one ", "two"]).delay(std::time::Duration::from_millis(500));
    let (_world, guest, mut chat) = talk(script).await;
    let id = chat.conversation_id();
    chat.next_content().await.unwrap();
    let path = format!("/api/conversations/{id}");
    assert_eq!(guest.delete(&path).await.status, 200);
    // The stream ends in order, whatever it says.
    assert!(chat.events().await.last().unwrap().is_done());
    guest.get(&path).await.is_error(404, "NOT_FOUND");
    assert!(guest.conversations().await.is_empty());
}

#[tokio::test]
async fn clear_during_chats_leaves_a_consistent_list() {
    let guest = App::shared().await.client().guest().await;
    let writers = (0..8).map(|tab| {
        let guest = guest.clone();
        async move {
            guest
                .chat(json!({ "message": format!("tab {tab}") }))
                .await
                .collect()
                .await
                .status
        }
    });
    let clearers = (0..4).map(|_| {
        let guest = guest.clone();
        async move { guest.delete("/api/clear").await.status }
    });
    let (written, cleared) = tokio::join!(join_all(writers), join_all(clearers));
    assert!(
        written.iter().chain(&cleared).all(|status| *status == 200),
        "{written:?}{cleared:?}"
    );
    let readers = join_all((0..4).map(|_| ids(&guest))).await;
    assert!(readers[0].len() <= 3 && readers.iter().all(|reader| *reader == readers[0]));
    for id in &readers[0] {
        guest.conversation(id).await;
    }
    guest.delete("/api/clear").await;
    assert!(guest.conversations().await.is_empty());
}

#[tokio::test]
async fn requests_during_hanging_replies_succeed() {
    let world = world(Script::new(["a"]).fault(Fault::HangAfter(1))).await;
    let guest = world.app.client().guest().await;
    let hanging = join_all((0..40).map(|_| {
        let guest = guest.clone();
        async move {
            let mut chat = guest.ask("Hi").await;
            assert_eq!(chat.next_content().await.as_deref(), Some("a"));
            chat
        }
    }))
    .await;
    // A conversation counts once the first word of its reply is stored.
    eventually("three conversations", || async {
        (guest.conversations().await.len() == 3).then_some(())
    })
    .await;
    assert_eq!(world.app.client().get("/health").await.status, 200);
    let demo = guest
        .chat(json!({ "message": "quick", "model": "demo" }))
        .await;
    assert!(demo.events().await.last().unwrap().is_done());
    assert_eq!(world.upstream.open(), 40);
    drop(hanging);
}

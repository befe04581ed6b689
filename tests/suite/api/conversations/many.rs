//! `max_conversations` of 0 and of more than a page: lists in pages, old conversations, what a turn costs.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use serde_json::{Value, json};
use upstream::{Script, Upstream};

use crate::harness::{App, Client, spin_is_the_host};

/// The number of conversations of these tests, or of the variable `GOLDFISH_CONVERSATIONS`, for measuring.
fn many() -> usize {
    let given = std::env::var("GOLDFISH_CONVERSATIONS").ok();
    given.map_or(130, |text| text.parse().unwrap())
}

async fn app(upstream: &Upstream, max_conversations: &str) -> App {
    App::with_defaults()
        .openai(upstream)
        .variable("max_conversations", max_conversations)
        .start()
        .await
}

async fn upstream() -> Upstream {
    Upstream::start(Script::new(["Fine."])).await.unwrap()
}

/// A turn; returns the id of the conversation.
async fn say(client: &Client, conversation: Option<&str>, message: &str) -> String {
    let mut body = json!({ "message": message, "model": "gpt-4o" });
    if let Some(id) = conversation {
        body["conversationId"] = json!(id);
    }
    let chat = client.chat(body).await.accepted().await;
    let id = chat.conversation_id();
    chat.events().await;
    id
}

/// New conversations, several at once; returns their ids.
async fn fill(client: &Client, count: usize) -> BTreeSet<String> {
    let turns = (0..count).map(|number| async move {
        let message = format!("MARKER {number}");
        say(client, None, &message).await
    });
    futures::stream::iter(turns)
        .buffer_unordered(4)
        .collect()
        .await
}

/// All items of a list, page by page.
async fn pages(client: &Client, path: &str, field: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let response = client.get(&format!("{path}{cursor}")).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let items = page[field].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 100, "{}", items.len());
        found.extend(items.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => {
                let sign = if path.contains('?') { '&' } else { '?' };
                cursor = format!("{sign}cursor={next}");
            }
            None => return found,
        }
    }
}

fn id_of(one: &Value) -> String {
    one["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_limit_pages_have_every_conversation_once_and_old_ones_can_be_used() {
    let upstream = upstream().await;
    let app = app(&upstream, "0").await;
    let guest = app.client().guest().await;
    let first = say(&guest, None, "MARKER first").await;
    let mut ids = fill(&guest, 129).await;
    ids.insert(first.clone());

    let history = guest.get("/api/history").await.json();
    assert_eq!(history["maxConversations"], 0);
    assert_eq!(history["nextEvicted"], Value::Null);
    assert_eq!(history["conversations"].as_array().unwrap().len(), 100);
    for (path, field) in [
        ("/api/history", "conversations"),
        ("/api/history?limit=7", "conversations"),
        ("/api/conversations?limit=60", "conversations"),
        ("/api/v1/chats", "chats"),
        ("/api/v1/chats?limit=100", "chats"),
    ] {
        let listed = pages(&guest, path, field).await;
        assert_eq!(listed.len(), ids.len(), "{path}");
        let found: BTreeSet<String> = listed.iter().map(id_of).collect();
        assert_eq!(found, ids, "{path}");
        let times = listed.iter().map(|one| one["updatedAt"].as_u64().unwrap());
        assert!(times.rev().is_sorted(), "{path}");
        assert_eq!(id_of(listed.last().unwrap()), first, "{path}");
    }
    for query in ["limit=0", "limit=101", "cursor=x"] {
        let response = guest.get(&format!("/api/history?{query}")).await;
        response.is_error(400, "VALIDATION_ERROR");
    }

    // The oldest one: read, continued (on another instance), renamed, pinned.
    let shown = guest
        .get(&format!("/api/conversations/{first}"))
        .await
        .json();
    assert_eq!(shown["messages"][0]["content"], "MARKER first");
    let other = App::with_defaults()
        .openai(&upstream)
        .variable("max_conversations", "0")
        .state_of(&app)
        .start()
        .await;
    let elsewhere = other.client().bearer(&guest.token);
    say(&elsewhere, Some(&first), "MARKER again").await;
    let listed = pages(&guest, "/api/history", "conversations").await;
    assert_eq!(
        (id_of(&listed[0]), &listed[0]["messageCount"]),
        (first.clone(), &json!(4))
    );
    let old = id_of(listed.last().unwrap());
    let path = format!("/api/conversations/{old}");
    assert_eq!(
        guest
            .patch(&path, json!({ "title": "renamed" }))
            .await
            .status,
        200
    );
    assert_eq!(
        guest.put(&format!("{path}/pin"), json!({})).await.status,
        200
    );
    let listed = pages(&elsewhere, "/api/history", "conversations").await;
    let last = listed.last().unwrap();
    assert_eq!(
        (id_of(last), &last["title"], &last["pinned"]),
        (old, &json!("renamed"), &json!(true))
    );
    assert_eq!(guest.delete(&path).await.status, 200);
    guest.get(&path).await.is_error(404, "NOT_FOUND");
    assert_eq!(
        pages(&guest, "/api/history", "conversations").await.len(),
        129
    );

    assert_eq!(guest.delete("/api/clear").await.status, 200);
    assert!(guest.conversations().await.is_empty());
    assert!(!app.stored().iter().any(|row| row.contains("MARKER")));
}

#[tokio::test]
async fn a_limit_of_fifty_evicts_the_oldest() {
    let upstream = upstream().await;
    let app = app(&upstream, "50").await;
    let guest = app.client().guest().await;
    let mut ids = Vec::new();
    for number in 0..56 {
        ids.push(say(&guest, None, &format!("MARKER {number}")).await);
    }
    let listed = pages(&guest, "/api/history", "conversations").await;
    let listed: Vec<String> = listed.iter().map(id_of).collect();
    let newest: Vec<String> = ids.iter().rev().take(50).cloned().collect();
    assert_eq!(listed, newest);
    let history = guest.get("/api/history").await.json();
    assert_eq!(history["nextEvicted"]["id"], ids[6].as_str());
    let restored = guest
        .post(&format!("/api/conversations/{}/restore", ids[5]), json!({}))
        .await;
    assert_eq!(restored.status, 200, "{restored:?}");
    assert_eq!(restored.json()["evicted"][0]["id"], ids[6].as_str());
}

#[tokio::test]
async fn two_instances_at_once_lose_no_conversation() {
    let upstream = upstream().await;
    let app = app(&upstream, "0").await;
    let guest = app.client().guest().await;
    let other = App::with_defaults()
        .openai(&upstream)
        .variable("max_conversations", "0")
        .state_of(&app)
        .start()
        .await;
    let elsewhere = other.client().bearer(&guest.token);
    let old = fill(&guest, 50).await;
    let (mut here, there) = futures::join!(fill(&guest, 30), fill(&elsewhere, 30));
    let continued = old.iter().take(10);
    futures::future::join_all(continued.enumerate().map(|(at, id)| {
        let client: &Client = if at % 2 == 0 { &guest } else { &elsewhere };
        say(client, Some(id), "MARKER more")
    }))
    .await;
    here.extend(there);
    here.extend(old.clone());
    let listed = pages(&guest, "/api/history", "conversations").await;
    assert_eq!(listed.len(), 110);
    assert_eq!(listed.iter().map(id_of).collect::<BTreeSet<_>>(), here);
    for id in old.iter().take(10) {
        let one = guest.get(&format!("/api/conversations/{id}")).await.json();
        assert_eq!(one["messages"].as_array().unwrap().len(), 4, "{one}");
    }
}

#[tokio::test]
async fn a_turn_reads_and_writes_the_same_with_three_and_with_many_conversations() {
    let upstream = upstream().await;
    let app = app(&upstream, "0").await;
    let Some(host) = app.embedded() else {
        assert!(spin_is_the_host());
        eprintln!("SKIPPED: Spin does not count key-value calls");
        return;
    };
    let mut costs = Vec::new();
    let guest = app.client().guest().await;
    let mut number = 0;
    for count in [3, many()] {
        fill(&guest, count - number).await;
        number = count;
        let id = say(&guest, None, "measured").await;
        number += 1;
        let mut turns = Vec::new();
        for _ in 0..15 {
            let before = host.kv_counts();
            let begun = std::time::Instant::now();
            say(&guest, Some(&id), "Hi").await;
            let time = begun.elapsed();
            let after = host.kv_counts();
            turns.push((
                after.reads - before.reads,
                after.writes - before.writes,
                time,
            ));
        }
        // Now and then a counter is read anew or a snapshot is due.
        turns.sort();
        let (reads, writes, _) = turns[turns.len() / 2];
        let bytes: usize = app
            .stored()
            .iter()
            .filter(|row| row.starts_with("conv:") && row.contains(":s "))
            .map(String::len)
            .max()
            .unwrap();
        eprintln!(
            "{count} conversations: {reads} reads, {writes} writes, {:?}, snapshot {bytes} bytes",
            turns.iter().map(|turn| turn.2).min()
        );
        costs.push((reads, writes));
    }
    assert_eq!(costs[0], costs[1]);
}

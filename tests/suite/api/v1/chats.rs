//! `/api/v1/chats`: conversations under the shapes of alleato.

use serde_json::{Value, json};
use upstream::{Script, Upstream};

use crate::harness::{App, Client, Event, text_of};

const CHATS: &str = "/api/v1/chats";

async fn create(client: &Client, body: Value) -> Value {
    let response = client.post(CHATS, body).await;
    assert_eq!(response.status, 201, "{response:?}");
    let chat = response.json()["chat"].clone();
    let path = format!("{CHATS}/{}", chat["id"].as_str().unwrap());
    assert_eq!(response.header("location"), Some(path.as_str()));
    chat
}

/// Sends a message in a chat, and returns the text of the reply.
async fn send(client: &Client, chat: &Value, content: &str) -> String {
    let path = format!("{CHATS}/{}/messages", chat["id"].as_str().unwrap());
    let body = json!({ "messages": [{ "role": "user", "content": content }] });
    let client = client.with("content-type", "application/json");
    let body = body.to_string().into_bytes();
    let reply = client.open("POST", &path, Some(body)).await;
    let events = reply.accepted().await.events().await;
    assert!(events.last().is_some_and(Event::is_done), "{events:?}");
    text_of(&events)
}

async fn show(client: &Client, chat: &Value) -> Value {
    let path = format!("{CHATS}/{}", chat["id"].as_str().unwrap());
    let response = client.get(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["chat"].clone()
}

#[tokio::test]
async fn a_chat_is_a_conversation_that_begins_with_its_first_message() {
    let upstream = Upstream::start(Script::new(["Hello", " there"]))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let values = json!({ "title": " New Chat ", "model": "gpt-4o", "system": "Be brief." });
    let chat = create(&guest, values).await;
    assert_eq!(chat["title"], "New Chat");
    assert_eq!(chat["messageCount"], 0);
    assert_eq!(show(&guest, &chat).await["messages"], json!([]));
    // It is not yet a conversation.
    assert!(guest.conversations().await.is_empty());
    assert_eq!(send(&guest, &chat, "Hi").await, "Hello there");
    let shown = show(&guest, &chat).await;
    assert_eq!(shown["title"], "New Chat");
    assert_eq!(shown["model"], "gpt-4o");
    let messages = shown["messages"].as_array().unwrap();
    let contents: Vec<_> = messages
        .iter()
        .map(|message| (message["role"].as_str(), message["content"].as_str()))
        .collect();
    assert_eq!(
        contents,
        [
            (Some("user"), Some("Hi")),
            (Some("assistant"), Some("Hello there"))
        ]
    );
    let conversations = guest.conversations().await;
    assert_eq!(conversations[0]["id"], chat["id"]);
    assert_eq!(conversations[0]["title"], "New Chat");
    // The system prompt is used for every reply, and the prompt has no messages of other chats.
    send(&guest, &chat, "Again").await;
    for request in upstream.requests() {
        assert_eq!(request.json()["messages"][0]["content"], "Be brief.");
    }
}

#[tokio::test]
async fn list_has_chats_with_and_without_messages_page_by_page() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    guest.say("Hello").await;
    create(&guest, json!({})).await;
    create(&guest, json!({ "title": "Empty" })).await;
    let mut titles = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = guest.get(&format!("{CHATS}{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        for chat in page["chats"].as_array().unwrap() {
            titles.push(chat["title"].as_str().map(str::to_owned));
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let expected = [Some("Empty".to_owned()), None, Some("Hello".to_owned())];
    assert_eq!(titles, expected);
    for query in ["?limit=0", "?cursor=x", "?other=1"] {
        let response = guest.get(&format!("{CHATS}{query}")).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn deleting_and_clearing_remove_chats_without_messages_too() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let first = create(&guest, json!({ "title": "secret-title" })).await;
    let path = format!("{CHATS}/{}", first["id"].as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    for response in [guest.get(&path).await, guest.delete(&path).await] {
        response.is_error(404, "NOT_FOUND");
    }
    let second = create(&guest, json!({})).await;
    assert_eq!(guest.delete("/api/clear").await.status, 200);
    let path = format!("{CHATS}/{}", second["id"].as_str().unwrap());
    guest.get(&path).await.is_error(404, "NOT_FOUND");
    assert_eq!(guest.get(CHATS).await.json()["chats"], json!([]));
    assert!(!app.stored().iter().any(|row| row.contains("secret-title")));
}

#[tokio::test]
async fn beyond_max_conversations_the_oldest_chat_without_messages_is_removed() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    for title in ["1", "2", "3", "4"] {
        create(&guest, json!({ "title": title })).await;
    }
    let chats = guest.get(CHATS).await.json();
    let titles: Vec<_> = chats["chats"].as_array().unwrap().iter().collect();
    let titles: Vec<_> = titles.iter().map(|chat| chat["title"].as_str()).collect();
    assert_eq!(titles, [Some("4"), Some("3"), Some("2")]);
}

#[tokio::test]
async fn chats_of_others_and_malformed_bodies_are_refused() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let chat = create(&guest, json!({})).await;
    let path = format!("{CHATS}/{}", chat["id"].as_str().unwrap());
    let other = app.client().guest().await;
    let message = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    let messages = format!("{path}/messages");
    for response in [
        other.get(&path).await,
        other.delete(&path).await,
        other.post(&messages, message.clone()).await,
        guest.get(&format!("{CHATS}/nonsense")).await,
    ] {
        response.is_error(404, "NOT_FOUND");
    }
    let client = app.client();
    for response in [
        client.get(CHATS).await,
        client.post(&messages, message).await,
    ] {
        response.is_error(401, "UNAUTHORIZED");
    }
    for body in [
        json!({ "title": "" }),
        json!({ "title": "x".repeat(201) }),
        json!({ "model": "no-such-model" }),
        json!({ "system": "x".repeat(10_001) }),
        json!({ "other": 1 }),
    ] {
        let response = guest.post(CHATS, body).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    for body in [
        json!({ "messages": [] }),
        json!({ "messages": [{ "role": "assistant", "content": "x" }] }),
        json!({ "messages": [{ "role": "user", "content": "" }] }),
        json!({ "messages": [{ "role": "user", "content": "x" }], "model": "no-such-model" }),
    ] {
        let response = guest.post(&messages, body).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    assert_eq!(show(&guest, &chat).await["messageCount"], 0);
}

//! `POST /api/chat`: what it accepts, what it streams, what it stores.

mod ai_sdk;
pub(crate) mod attachments;
mod context_window;
mod idempotency;
mod reasoning;
mod streaming;
mod structured_output;

use serde_json::{Value, json};
use upstream::{Fault, Script, Upstream};
use uuid::Uuid;

use crate::harness::{App, Event, Guest, text_of};

/// An application whose `gpt-4o` says `words`, a guest of it, and the fake itself.
async fn saying(words: &[&str]) -> (Upstream, App, Guest) {
    let upstream = Upstream::start(Script::new(words.iter().copied()))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    (upstream, app, guest)
}

#[tokio::test]
async fn chat_returns_the_documented_event_stream() {
    let (_upstream, _app, guest) = saying(&["Hello", " there"]).await;
    let chat = guest
        .chat(json!({ "message": "Hi!", "model": "gpt-4o" }))
        .await;
    assert_eq!(chat.status, 200);
    assert!(
        chat.header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert!(chat.header("cache-control").unwrap().contains("no-cache"));
    assert!(chat.header("x-request-id").is_some());
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    assert!(Uuid::parse_str(&id).is_ok(), "{id}");

    let events = chat.events().await;
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(
        names,
        ["conversation", "message", "message", "usage", "message"],
        "{events:?}"
    );
    let conversation = events[0].json();
    assert_eq!(conversation["conversationId"], id.as_str());
    assert!(Uuid::parse_str(conversation["messageId"].as_str().unwrap()).is_ok());
    assert_eq!(conversation["model"], "gpt-4o");
    assert!(conversation["title"].as_str().unwrap().contains("Hi!"));
    assert_eq!(events[1].json(), json!({ "content": "Hello" }));
    assert_eq!(events[2].json(), json!({ "content": " there" }));
    assert_eq!((events[1].id(), events[2].id()), (Some("1"), Some("2")));
    let usage = events[3].json();
    assert_eq!(usage["promptTokens"], 10);
    assert_eq!(usage["completionTokens"], 2);
    assert_eq!(usage["model"], "gpt-4o");
    assert!(events[4].is_done());

    let stored = guest.conversation(&id).await;
    let messages = stored["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{stored}");
    assert_eq!(messages[0]["role"], "user");
    assert_eq!(messages[0]["content"], "Hi!");
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(messages[1]["content"], "Hello there");
    assert_eq!(messages[1]["status"], "complete");
    assert_eq!(messages[1]["model"], "gpt-4o");
    assert_eq!(messages[1]["id"], conversation["messageId"]);
}

/// The client of the goldfish frontend, as its documents describe it: `data:` lines with
/// `{"content"}`, and `[DONE]`. It knows no events, ids or comments.
fn read_as_the_goldfish_frontend(body: &str) -> Option<String> {
    let mut reply = String::new();
    for line in body.split('\n').filter(|line| line.starts_with("data: ")) {
        let data = &line["data: ".len()..];
        if data == "[DONE]" {
            return Some(reply);
        }
        if let Ok(value) = serde_json::from_str::<Value>(data)
            && let Some(content) = value["content"].as_str()
        {
            reply.push_str(content);
        }
    }
    None
}

#[tokio::test]
async fn chat_stream_is_readable_by_the_goldfish_frontend() {
    let (_upstream, _app, guest) = saying(&["Grüße", ", ", "🐠\n", "und tschüs"]).await;
    // It sends exactly these fields, and leaves the first out for a new conversation.
    let first = guest
        .chat(json!({ "message": "Hallo", "model": "gpt-4o" }))
        .await;
    let id = first.header("x-conversation-id").unwrap().to_owned();
    let reply = read_as_the_goldfish_frontend(first.collect().await.text());
    assert_eq!(reply.as_deref(), Some("Grüße, 🐠\nund tschüs"));
    let next = json!({ "conversationId": id, "message": "Mehr", "model": "gpt-4o" });
    let reply = read_as_the_goldfish_frontend(guest.chat(next).await.collect().await.text());
    assert_eq!(reply.as_deref(), Some("Grüße, 🐠\nund tschüs"));
    // And it lists.
    let list = guest.conversations().await;
    assert_eq!(list.len(), 1);
    let keys = ["id", "title", "model", "messages", "createdAt", "updatedAt"];
    assert!(keys.iter().all(|key| !list[0][key].is_null()), "{list:?}");
    let message = &list[0]["messages"][0];
    assert!(
        message["timestamp"].is_u64() && message["role"] == "user",
        "{message}"
    );
}

#[tokio::test]
async fn chat_sends_the_previous_messages_to_the_model() {
    let (upstream, _app, guest) = saying(&["Yes."]).await;
    let first = guest
        .chat(json!({ "message": "One?", "model": "gpt-4o" }))
        .await;
    let id = first.header("x-conversation-id").unwrap().to_owned();
    first.events().await;
    let body = json!({
        "conversationId": id, "message": "Two?", "model": "gpt-4o-mini",
        "system": "Response yes.", "temperature": 0.5, "maxTokens": 7,
    });
    let second = guest.chat(body).await;
    assert_eq!(second.header("x-conversation-id"), Some(id.as_str()));
    second.events().await;

    let request = upstream.request(1).await.json();
    assert_eq!(request["model"], "gpt-4o-mini");
    assert_eq!(request["stream"], true);
    assert_eq!(request["temperature"], 0.5);
    assert!(
        request["max_tokens"] == 7 || request["max_completion_tokens"] == 7,
        "{request}"
    );
    let said: Vec<_> = request["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("system", "Response yes."),
            ("user", "One?"),
            ("assistant", "Yes."),
            ("user", "Two?")
        ]
    );
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"].as_array().unwrap().len(), 4);
    assert_eq!(stored["model"], "gpt-4o-mini");
}

#[tokio::test]
async fn chat_without_a_model_uses_that_of_the_conversation_then_the_preference() {
    let (upstream, _app, guest) = saying(&["ok"]).await;
    let response = guest
        .put("/api/preferences", json!({ "defaultModel": "gpt-4o-mini" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    guest.say("by preference").await;
    assert_eq!(upstream.request(0).await.json()["model"], "gpt-4o-mini");
    let other = guest
        .chat(json!({ "message": "explicit", "model": "gpt-4o" }))
        .await;
    let id = other.header("x-conversation-id").unwrap().to_owned();
    other.events().await;
    guest
        .chat(json!({ "message": "as before", "conversationId": id }))
        .await
        .events()
        .await;
    assert_eq!(upstream.request(2).await.json()["model"], "gpt-4o");
}

#[tokio::test]
async fn system_prompt_is_of_request_then_preference_then_operator() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let builder = App::with_defaults()
        .openai(&upstream)
        .variable("system_prompt", "house");
    let app = builder.start().await;
    let guest = app.client().guest().await;
    let chat = |extra: Value| {
        let mut body = json!({ "message": "Hi", "model": "gpt-4o" });
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let guest = guest.clone();
        async move { guest.chat(body).await.events().await }
    };
    let system = |number: usize| {
        let upstream = &upstream;
        async move { upstream.request(number).await.json()["messages"][0]["content"].clone() }
    };
    chat(json!({})).await;
    assert_eq!(system(0).await, "house");
    guest
        .put("/api/preferences", json!({ "systemPrompt": "mine" }))
        .await;
    chat(json!({})).await;
    assert_eq!(system(1).await, "mine");
    chat(json!({ "system": "now" })).await;
    assert_eq!(system(2).await, "now");
}

#[tokio::test]
async fn chat_without_a_provider_uses_the_demo_model() {
    let guest = App::shared().await.client().guest().await;
    let chat = guest.chat(json!({ "message": "Are you there?" })).await;
    assert_eq!(chat.status, 200);
    let events = chat.events().await;
    assert_eq!(events[0].json()["model"], "demo");
    assert!(
        text_of(&events).to_lowercase().contains("demo"),
        "{events:?}"
    );
    assert!(
        events
            .iter()
            .filter(|event| event.content().is_some())
            .count()
            > 1,
        "{events:?}"
    );
}

#[tokio::test]
async fn chat_with_an_invalid_field_is_400_with_the_path() {
    let guest = App::shared().await.client().guest().await;
    let long = "x".repeat(10_001);
    for (body, path) in [
        (json!({}), "message"),
        (json!({ "message": "" }), "message"),
        (json!({ "message": 1 }), "message"),
        (json!({ "message": null }), "message"),
        (json!({ "message": long }), "message"),
        (
            json!({ "message": "a", "conversationId": "nonsense" }),
            "conversationId",
        ),
        (
            json!({ "message": "a", "conversationId": 7 }),
            "conversationId",
        ),
        (json!({ "message": "a", "model": "gpt-0" }), "model"),
        (json!({ "message": "a", "model": {} }), "model"),
        (json!({ "message": "a", "temperature": 9 }), "temperature"),
        (
            json!({ "message": "a", "temperature": "warm" }),
            "temperature",
        ),
        (json!({ "message": "a", "maxTokens": 0 }), "maxTokens"),
        (json!({ "message": "a", "maxTokens": -5 }), "maxTokens"),
        (json!({ "message": "a", "maxTokens": 1.5 }), "maxTokens"),
        (json!({ "message": "a", "system": 3 }), "system"),
    ] {
        let response = guest.post("/api/chat", body.clone()).await;
        assert_eq!(response.status, 400, "{body} got {response:?}");
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
    assert!(
        guest.conversations().await.is_empty(),
        "a refused message is not stored"
    );
}

#[tokio::test]
async fn chat_with_a_body_that_is_no_json_object_is_400() {
    let guest = App::shared().await.client().guest().await;
    let client = guest.with("content-type", "application/json");
    let deep = format!("{{\"message\":{}", "[".repeat(200_000));
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"\"a\"",
        b"null",
        b"\xff\xfe",
        b"{\"message\":\"a\"} trailing",
        b"{\"message\":\"a\",\"message\":\"b\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let response = client.send("POST", "/api/chat", Some(body.to_vec())).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn message_limit_counts_characters_not_bytes() {
    let guest = App::shared().await.client().guest().await;
    let message = "ü".repeat(10_000);
    let id = guest.say(&message).await;
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], message.as_str());
}

#[tokio::test]
async fn chat_with_another_content_type_is_415() {
    let guest = App::shared().await.client().guest().await;
    let body = br#"{"message":"a"}"#.to_vec();
    let client = guest.with("content-type", "text/plain");
    let response = client.send("POST", "/api/chat", Some(body)).await;
    response.is_error(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn chat_in_an_unknown_conversation_is_404() {
    let guest = App::shared().await.client().guest().await;
    let id = Uuid::new_v4().to_string();
    let response = guest
        .post("/api/chat", json!({ "message": "a", "conversationId": id }))
        .await;
    response.is_error(404, "NOT_FOUND");
    assert!(guest.conversations().await.is_empty());
}

#[tokio::test]
async fn chat_with_an_unconfigured_model_is_refused_and_stores_nothing() {
    let guest = App::shared().await.client().guest().await;
    let response = guest
        .post("/api/chat", json!({ "message": "a", "model": "gpt-4o" }))
        .await;
    assert!(matches!(response.status, 400 | 503), "{response:?}");
    assert!(guest.conversations().await.is_empty(), "{response:?}");
}

#[tokio::test]
async fn message_text_is_stored_unchanged() {
    let (_upstream, _app, guest) = saying(&["data: [DONE]\n\n", "\u{0}\r\n", "🐠"]).await;
    let message = "line\r\n\u{2028}\"quotes\" \\ \u{0}\u{1} 👩‍👩‍👧 data: [DONE]\n\nevent: error";
    let chat = guest
        .chat(json!({ "message": message, "model": "gpt-4o" }))
        .await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let events = chat.events().await;
    assert_eq!(text_of(&events), "data: [DONE]\n\n\u{0}\r\n🐠");
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][0]["content"], message);
    assert_eq!(
        stored["messages"][1]["content"],
        "data: [DONE]\n\n\u{0}\r\n🐠"
    );
}

#[tokio::test]
async fn a_new_conversation_has_its_first_message_as_title() {
    let guest = App::shared().await.client().guest().await;
    let id = guest.say("What do goldfish remember?").await;
    let title = guest.conversation(&id).await["title"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(title.starts_with("What do goldfish remember?"), "{title}");
    let id = guest.say(&"long ".repeat(100)).await;
    let title = guest.conversation(&id).await["title"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(title.chars().count() <= 60, "{title}");
}

#[tokio::test]
async fn chat_without_a_user_is_401() {
    let client = App::shared().await.client();
    let response = client.post("/api/chat", json!({ "message": "a" })).await;
    response.is_error(401, "UNAUTHORIZED");
}

/// A client of the first goldfish appends `.content` of every `data:` line.
#[tokio::test]
async fn every_event_has_content() {
    let (_upstream, _app, guest) = saying(&["Hel", "lo"]).await;
    let events = guest.client.chat(json!({ "message": "Hi" })).await;
    let events = events.accepted().await.events().await;
    let mut appended = String::new();
    for event in events.iter().filter(|event| !event.is_done()) {
        let data = event.json();
        let content = data["content"].as_str();
        appended.push_str(content.unwrap_or_else(|| panic!("{event:?}")));
    }
    assert_eq!(appended, "Hello");
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert!(names.contains(&"conversation") && names.contains(&"usage"));
}

#[tokio::test]
async fn error_event_has_content() {
    let script = Script::new(["Hel", "lo"]).fault(Fault::CutAfter(1));
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let events = guest
        .client
        .chat(json!({ "message": "Hi", "model": "gpt-4o" }));
    let events = events.await.accepted().await.events().await;
    let error = events.iter().find(|event| event.name() == "error");
    assert_eq!(error.expect("an error").json()["content"], "");
}

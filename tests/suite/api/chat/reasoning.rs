//! What a model thinks before it replies: streamed, moderated, stored, resumed, and sent back to models that take it.

use serde_json::{Value, json};
use upstream::{Gate, RawResponse, Script, Upstream};

use crate::harness::gateway::chunk;
use crate::harness::{App, ChangedManifest, Event, Guest};
use crate::providers::anthropic;

/// A model that takes the text of its own earlier reasoning.
const ROW: &str = r#"[{"id":"thinker","provider":"openai","reasoningInput":"reasoningContent","reasoningTurns":"always"},
    {"id":"other","provider":"openai","reasoningInput":"reasoningContent","reasoningTurns":"always"}]"#;

async fn app(upstream: &Upstream) -> App {
    App::with_defaults()
        .openai(upstream)
        .variable("models", ROW)
        .start()
        .await
}

/// A reply of a model that thinks first, and once more in mid-reply.
fn thoughtful(thoughts: [&str; 3]) -> RawResponse {
    let [first, second, third] = thoughts;
    let thought = |text: &str| chunk(json!({ "reasoning_content": text }), Value::Null);
    let said = |text: &str| chunk(json!({ "content": text }), Value::Null);
    let events = [
        thought(first),
        thought(second),
        said("It is "),
        thought(third),
        said("42."),
        chunk(json!({}), json!("stop")),
    ];
    RawResponse::events(events).then("data: [DONE]\n\n")
}

async fn ask(guest: &Guest, conversation: Option<&str>, model: &str) -> (String, Vec<Event>) {
    let mut body = json!({ "message": "What is 6 * 7?", "model": model });
    if let Some(id) = conversation {
        body["conversationId"] = json!(id);
    }
    let chat = guest.chat(body).await.accepted().await;
    (chat.conversation_id(), chat.events().await)
}

/// The names of the events with the text of each.
fn told(events: &[Event]) -> Vec<(String, String)> {
    let told = events.iter().filter(|event| !event.is_done());
    told.map(|event| {
        let data = event.json();
        let text = data["reasoning"].as_str().or(data["content"].as_str());
        (event.name().to_owned(), text.unwrap().to_owned())
    })
    .collect()
}

#[tokio::test]
async fn reasoning_is_streamed_and_stored_beside_the_text() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let app = app(&upstream).await;
    let guest = app.client().guest().await;
    upstream.push(thoughtful(["Six sevens: ", "42", "."]).into());
    let (id, events) = ask(&guest, None, "thinker").await;
    let expected = [
        ("conversation", ""),
        ("reasoning", "Six sevens: "),
        ("reasoning", "42"),
        ("message", "It is "),
        ("reasoning", "."),
        ("message", "42."),
        ("usage", ""),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(told(&events), expected);
    for event in &events {
        // Simple clients append `content`, and resume by the numbers of the text alone.
        if event.name() == "reasoning" {
            assert_eq!((&event.json()["content"], event.id()), (&json!(""), None));
        }
    }
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["content"], "It is 42.");
    assert_eq!(stored["messages"][1]["reasoning"], "Six sevens: 42.");
    assert!(stored["messages"][0].get("reasoning").is_none(), "{stored}");
    // Another reply to the same message has its own.
    upstream.push(Script::new(["42."]));
    let path = format!("/api/conversations/{id}/regenerate");
    let again = guest.open("POST", &path, None).await.accepted().await;
    again.events().await;
    let stored = guest.conversation(&id).await;
    assert!(stored["messages"][1].get("reasoning").is_none(), "{stored}");
    assert!(app.stored().concat().contains("Six sevens"));
    assert_eq!(
        stored["messages"][1]["versions"].as_array().unwrap().len(),
        2
    );
    // Deleting the conversation erases it.
    let deleted = guest.delete(&format!("/api/conversations/{id}")).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert!(!app.stored().concat().contains("Six sevens"));
}

#[tokio::test]
async fn a_reply_without_text_keeps_its_reasoning_and_a_long_one_is_cut() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let app = app(&upstream).await;
    let guest = app.client().guest().await;
    let long = "Hm, ä\n".repeat(8_000);
    let thought = chunk(json!({ "reasoning_content": long }), Value::Null);
    let cut_off = RawResponse::events([thought]);
    upstream.push(cut_off.into());
    let (id, events) = ask(&guest, None, "thinker").await;
    assert!(
        events.iter().any(|event| event.name() == "error"),
        "{events:?}"
    );
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["status"], "incomplete");
    let kept = stored["messages"][1]["reasoning"].as_str().unwrap();
    assert!(long.starts_with(kept) && kept.len() > 25_000 && kept.len() <= 32 * 1024);
}

#[tokio::test]
async fn the_ai_sdk_receives_reasoning_as_parts_of_their_own() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let app = app(&upstream).await;
    let guest = app.client().guest().await;
    upstream.push(thoughtful(["Six sevens: ", "42", "."]).into());
    let message = json!({ "id": "m", "role": "user", "parts": [{ "type": "text", "text": "What is 6 * 7?" }] });
    let body = json!({ "model": "thinker", "id": "c", "messages": [message], "trigger": "submit-message" });
    let events = guest.chat(body).await.accepted().await.events().await;
    let chunks = events.iter().filter(|event| !event.is_done());
    let chunks: Vec<_> = chunks
        .map(|event| {
            let chunk = event.json();
            let text = |field: &str| chunk[field].as_str().unwrap_or_default().to_owned();
            (text("type"), text("id"), text("delta"))
        })
        .collect();
    let expected = [
        ("start", "", ""),
        ("start-step", "", ""),
        ("reasoning-start", "reasoning-1", ""),
        ("reasoning-delta", "reasoning-1", "Six sevens: "),
        ("reasoning-delta", "reasoning-1", "42"),
        ("reasoning-end", "reasoning-1", ""),
        ("text-start", "0", ""),
        ("text-delta", "0", "It is "),
        ("reasoning-start", "reasoning-2", ""),
        ("reasoning-delta", "reasoning-2", "."),
        ("reasoning-end", "reasoning-2", ""),
        ("text-delta", "0", "42."),
        ("text-end", "0", ""),
        ("message-metadata", "", ""),
        ("finish-step", "", ""),
        ("finish", "", ""),
    ]
    .map(|(kind, id, delta)| (kind.to_owned(), id.to_owned(), delta.to_owned()));
    assert_eq!(chunks, expected);
}

#[tokio::test]
async fn earlier_reasoning_goes_back_to_its_own_model_only() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = app(&upstream).await;
    let guest = app.client().guest().await;
    upstream.push(thoughtful(["Six sevens: ", "42", "."]).into());
    let (id, _) = ask(&guest, None, "thinker").await;
    for (model, expected) in [
        ("thinker", json!("Six sevens: 42.")),
        ("other", Value::Null),
    ] {
        ask(&guest, Some(&id), model).await;
        let sent = upstream.requests().pop().unwrap().json();
        assert_eq!(sent["messages"][1]["content"], "It is 42.", "{sent}");
        assert_eq!(
            sent["messages"][1]["reasoning_content"], expected,
            "{model}"
        );
    }
}

#[tokio::test]
async fn reasoning_is_moderated_like_the_text() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
    let app = App::with_defaults()
        .openai(&upstream)
        .manifest(manifest.path())
        .variable("models", ROW)
        .variable("moderation_words", "piranha")
        .variable("moderation_replies", "on")
        .variable("moderation_action", "block")
        .start()
        .await;
    let guest = app.client().guest().await;
    upstream.push(thoughtful(["Feed it to the ", "piranha", " then."]).into());
    let (id, events) = ask(&guest, None, "thinker").await;
    let all = format!("{events:?}");
    assert!(
        all.contains("CONTENT_BLOCKED") && !all.contains("piranha"),
        "{all}"
    );
    let stored = guest.conversation(&id).await.to_string();
    assert!(!stored.contains("piranha"), "{stored}");
}

/// The reasoning of events by its offsets, as clients put it together, and the text.
fn put_together(events: &[Event]) -> (String, String) {
    let (mut reasoning, mut text) = (Vec::new(), String::new());
    for event in events.iter().filter(|event| !event.is_done()) {
        let data = event.json();
        if event.name() == "reasoning" {
            let offset = usize::try_from(data["offset"].as_u64().unwrap()).unwrap();
            assert!(offset <= reasoning.len(), "a gap before {data}");
            reasoning.truncate(offset);
            reasoning.extend(data["reasoning"].as_str().unwrap().encode_utf16());
        }
        text += data["content"].as_str().unwrap();
    }
    (String::from_utf16(&reasoning).unwrap(), text)
}

#[tokio::test]
async fn a_stream_that_is_resumed_begins_with_the_reasoning_again() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let app = app(&upstream).await;
    let guest = app.client().guest().await;
    let gate = Gate::default();
    let thought = |text: &str| chunk(json!({ "reasoning_content": text }), Value::Null);
    let said = |text: &str, reason: Value| chunk(json!({ "content": text }), reason);
    let framed = |event: Value| format!("data: {event}\n\n");
    let response = RawResponse::events([thought("Six 🐟 sevens: ")])
        .gate(&gate)
        .then(framed(thought("42.")))
        .then(framed(said("It is ", Value::Null)))
        .then(framed(said("42.", json!("stop"))))
        .then("data: [DONE]\n\n");
    upstream.push(response.into());
    let body = json!({ "message": "What is 6 * 7?", "model": "thinker" });
    let first = guest.chat(body).await.accepted().await;
    let id = first.conversation_id();
    // Another client, while the model thinks.
    let path = format!("/api/conversations/{id}/stream");
    let second = guest.open("GET", &path, None).await.accepted().await;
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["status"], "streaming");
    gate.open();
    let expected = ("Six 🐟 sevens: 42.".to_owned(), "It is 42.".to_owned());
    assert_eq!(put_together(&second.events().await), expected);
    assert_eq!(put_together(&first.events().await), expected);
    // One that has a part of the text.
    let query = format!("{path}?lastEventId=1");
    let rest = guest.open("GET", &query, None).await.accepted().await;
    let rest = rest.events().await;
    assert_eq!(put_together(&rest), (expected.0, "42.".to_owned()));
    assert!(rest.iter().all(|event| event.name() != "conversation"));
}

/// A reply of Anthropic's API that thinks first.
fn thinking_blocks() -> RawResponse {
    let thinking = (
        json!({ "type": "thinking", "thinking": "", "signature": "" }),
        vec![
            json!({ "type": "thinking_delta", "thinking": "Six sevens: " }),
            json!({ "type": "thinking_delta", "thinking": "42." }),
            json!({ "type": "signature_delta", "signature": "c2ln" }),
        ],
    );
    let redacted = (
        json!({ "type": "redacted_thinking", "data": "ZGF0YQ==" }),
        Vec::new(),
    );
    let blocks = [thinking, redacted, anthropic::text("It is 42.")];
    anthropic::reply(&blocks, "end_turn", &anthropic::usage())
}

#[tokio::test]
async fn blocks_go_back_to_anthropic_with_their_signatures() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults().anthropic(&upstream).start().await;
    let guest = app.client().guest().await;
    upstream.push(thinking_blocks().into());
    let (id, events) = ask(&guest, None, "claude-sonnet-5").await;
    assert_eq!(put_together(&events).0, "Six sevens: 42.");
    assert!(!format!("{events:?}").contains("c2ln"));
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["reasoning"], "Six sevens: 42.");
    for (model, expected) in [
        (
            "claude-sonnet-5",
            json!([
                { "type": "thinking", "thinking": "Six sevens: 42.", "signature": "c2ln" },
                { "type": "redacted_thinking", "data": "ZGF0YQ==" },
                { "type": "text", "text": "It is 42." },
            ]),
        ),
        ("claude-opus-5-5", json!("It is 42.")),
    ] {
        ask(&guest, Some(&id), model).await;
        let sent = upstream.requests().pop().unwrap().json();
        let content = &sent["messages"][1]["content"];
        let text = json!([{ "type": "text", "text": "It is 42." }]);
        let is_expected = *content == expected || (expected.is_string() && *content == text);
        assert!(is_expected, "{model}: {content}");
    }
    // The blocks are erased with the conversation.
    assert!(app.stored().concat().contains("c2ln"));
    guest.delete(&format!("/api/conversations/{id}")).await;
    assert!(!app.stored().concat().contains("c2ln"));
}

#[tokio::test]
async fn a_block_that_moderation_changed_does_not_go_back() {
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let manifest = ChangedManifest::with_capability("moderation", "moderation-words");
    let app = App::with_defaults()
        .anthropic(&upstream)
        .manifest(manifest.path())
        .variable("moderation_words", "sevens")
        .variable("moderation_replies", "on")
        .variable("moderation_action", "redact")
        .start()
        .await;
    let guest = app.client().guest().await;
    upstream.push(thinking_blocks().into());
    let (id, events) = ask(&guest, None, "claude-sonnet-5").await;
    let (reasoning, text) = put_together(&events);
    assert!(
        reasoning.ends_with(": 42.") && !reasoning.contains("sevens"),
        "{reasoning}"
    );
    assert_eq!(text, "It is 42.");
    ask(&guest, Some(&id), "claude-sonnet-5").await;
    let sent = upstream.requests().pop().unwrap().json();
    let content = sent["messages"][1]["content"].to_string();
    assert!(
        content.contains("It is 42.") && !content.contains("c2ln"),
        "{content}"
    );
}

#[tokio::test]
async fn reasoning_details_go_back_as_they_came() {
    let row = r#"[{"id":"router","provider":"openai","reasoningInput":"reasoningDetails"}]"#;
    let upstream = Upstream::start(Script::new(["ok"])).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("models", row)
        .start()
        .await;
    let guest = app.client().guest().await;
    let detail = |detail: Value| chunk(json!({ "reasoning_details": [detail] }), Value::Null);
    let events = [
        detail(json!({ "type": "reasoning.text", "index": 0, "text": "Six sevens: " })),
        detail(json!({ "type": "reasoning.text", "index": 0, "text": "42.", "signature": "c2ln" })),
        detail(json!({ "type": "reasoning.encrypted", "index": 1, "data": "ZGF0" })),
        detail(json!({ "type": "reasoning.encrypted", "index": 1, "data": "YQ==" })),
        chunk(json!({ "content": "It is 42." }), json!("stop")),
    ];
    upstream.push(RawResponse::events(events).then("data: [DONE]\n\n").into());
    let (id, events) = ask(&guest, None, "router").await;
    assert_eq!(put_together(&events).0, "Six sevens: 42.");
    ask(&guest, Some(&id), "router").await;
    let sent = upstream.requests().pop().unwrap().json();
    assert_eq!(
        sent["messages"][1]["reasoning_details"],
        json!([
            { "type": "reasoning.text", "index": 0, "text": "Six sevens: 42.", "signature": "c2ln" },
            { "type": "reasoning.encrypted", "index": 1, "data": "ZGF0YQ==" },
        ])
    );
}

//! The AI SDK's `useChat` on `/api/chat`: as bytes, and with the real packages of two major versions.
//! `tests/clients/ai-sdk` has the script and the lockfile.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use upstream::{Fault, Gate, Script, Upstream};

use crate::harness::{
    Client, Event, Guest, Scripts, StreamingResponse, World, eventually, skip_or_fail, world,
};

/// As the AI SDK makes them up.
const CHAT: &str = "MSiOEAfVn9dLTrDK";

fn said(id: &str, text: &str) -> Value {
    json!({ "id": id, "role": "user", "parts": [{ "type": "text", "text": text }] })
}

fn replied(text: &str) -> Value {
    json!({ "id": "r", "role": "assistant", "parts": [
        { "type": "step-start" },
        { "type": "text", "text": text, "state": "done" },
    ]})
}

/// What `DefaultChatTransport` sends.
fn submit(messages: &[Value]) -> Value {
    json!({ "model": "gpt-4o", "id": CHAT, "messages": messages, "trigger": "submit-message" })
}

fn submit_first() -> Value {
    submit(&[said("first", "Hi!")])
}

async fn chat(client: &Client, body: Value) -> Vec<Event> {
    client.chat(body).await.accepted().await.events().await
}

async fn resume(client: &Client, id: &str) -> StreamingResponse {
    client
        .open("GET", &format!("/api/chat/{id}/stream"), None)
        .await
}

fn stop_path(id: &str) -> String {
    format!("/api/chat/{id}/stop")
}

/// The chunks of a stream that is well formed: each a `data:` line and nothing else, the last one
/// `[DONE]`.
fn chunks(events: &[Event]) -> Vec<Value> {
    let (last, chunks) = events.split_last().expect("events");
    assert!(last.is_done(), "{events:?}");
    for event in events {
        assert_eq!((event.name(), event.id()), ("message", None), "{event:?}");
    }
    chunks.iter().map(Event::json).collect()
}

fn kinds(chunks: &[Value]) -> Vec<&str> {
    chunks
        .iter()
        .map(|chunk| chunk["type"].as_str().unwrap())
        .collect()
}

fn text_of(chunks: &[Value]) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["delta"].as_str())
        .collect()
}

/// What was said in the user's only conversation.
async fn stored(client: &Client) -> Vec<(String, String)> {
    let all = client.conversations().await;
    assert_eq!(all.len(), 1, "{all:?}");
    let found = client.conversation(all[0]["id"].as_str().unwrap()).await;
    let messages = found["messages"].as_array().unwrap().iter();
    messages
        .map(|message| {
            let text = |field: &str| message[field].as_str().unwrap().to_owned();
            (text("content"), text("status"))
        })
        .collect()
}

fn complete(texts: &[&str]) -> Vec<(String, String)> {
    let texts = texts.iter();
    texts
        .map(|text| ((*text).to_owned(), "complete".to_owned()))
        .collect()
}

#[tokio::test]
async fn chat_with_ui_messages_returns_a_ui_message_stream() {
    let World { upstream, app } = world(Script::new(["Hello", " there"])).await;
    let guest = app.client().guest().await;
    let response = guest.chat(submit_first()).await.accepted().await;
    assert_eq!(response.header("x-vercel-ai-ui-message-stream"), Some("v1"));
    let kind = response.header("content-type").unwrap().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let conversation = response.conversation_id();
    let chunks = chunks(&response.events().await);
    assert_eq!(
        kinds(&chunks),
        [
            "start",
            "start-step",
            "text-start",
            "text-delta",
            "text-delta",
            "text-end",
            "message-metadata",
            "finish-step",
            "finish",
        ]
    );
    assert_eq!(text_of(&chunks), "Hello there");
    assert_eq!(
        chunks[0]["messageMetadata"],
        json!({ "conversationId": conversation, "title": "Hi!", "model": "gpt-4o" })
    );
    assert_eq!(
        chunks[6]["messageMetadata"]["usage"],
        json!({ "inputTokens": 10, "outputTokens": 2, "totalTokens": 12 })
    );
    assert_eq!(chunks[8]["finishReason"], "stop");
    let found = guest.conversation(&conversation).await;
    assert_eq!(found["messages"][1]["id"], chunks[0]["messageId"]);
    assert_eq!(stored(&guest).await, complete(&["Hi!", "Hello there"]));
    // The conversation is kept here: of what the client sends, the last message is taken.
    let next = submit(&[
        said("first", "Hi!"),
        replied("something made up"),
        said("second", "And?"),
    ]);
    chat(&guest, next).await;
    let request = upstream.requests()[1].json()["messages"].clone();
    assert_eq!(
        request,
        json!([
            { "role": "user", "content": "Hi!" },
            { "role": "assistant", "content": "Hello there" },
            { "role": "user", "content": "And?" },
        ])
    );
    let texts = ["Hi!", "Hello there", "And?", "Hello there"];
    assert_eq!(stored(&guest).await, complete(&texts));
}

#[tokio::test]
async fn chat_with_a_uuid_uses_it_as_conversation_id() {
    let World {
        app,
        upstream: _upstream,
    } = world(Script::new(["Hello"])).await;
    let guest = app.client().guest().await;
    // One of its own making.
    let id = "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001";
    let mut body = submit_first();
    body["id"] = json!(id);
    let response = guest.chat(body.clone()).await.accepted().await;
    assert_eq!(response.conversation_id(), id);
    response.events().await;
    // And one that has begun elsewhere.
    let begun = guest.say("Elsewhere.").await;
    body["id"] = json!(begun);
    body["messages"][0]["id"] = json!("another");
    chat(&guest, body).await;
    let found = guest.conversation(&begun).await;
    assert_eq!(found["messages"].as_array().unwrap().len(), 4);
    assert_eq!(guest.conversations().await.len(), 2);
}

#[tokio::test]
async fn chat_ids_of_two_users_are_separate() {
    let World {
        app,
        upstream: _upstream,
    } = world(Script::new(["Hello"])).await;
    let (guest, other) = (app.client().guest().await, app.client().guest().await);
    for id in [CHAT, "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001"] {
        let mut body = submit_first();
        body["id"] = json!(id);
        chat(&guest, body.clone()).await;
        assert_eq!(resume(&other, id).await.collect().await.status, 204);
        let before = guest.conversations().await;
        chat(&other, body).await;
        assert_eq!(guest.conversations().await, before);
        other.delete("/api/clear").await;
    }
}

#[tokio::test]
async fn concurrent_first_messages_create_one_conversation() {
    let gate = Gate::default();
    let World { app, upstream } = world(Script::new(["Hello"]).behind(&gate)).await;
    let guest = app.client().guest().await;
    let first = chat(&guest, submit_first());
    let second = chat(&guest, submit(&[said("other", "Hello!")]));
    let open = async {
        upstream.request(1).await;
        gate.open();
    };
    futures::join!(first, second, open);
    let all = guest.conversations().await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["messages"].as_array().unwrap().len(), 4, "{all:?}");
}

#[tokio::test]
async fn a_repeated_message_is_stored_once() {
    let World { app, upstream } = world(Script::new(["Hello"])).await;
    let guest = app.client().guest().await;
    let first = chat(&guest, submit_first()).await;
    // Whatever else the client sends along this time.
    let mut body = submit_first();
    body["attempt"] = json!(2);
    let again = guest
        .with("last-event-id", "1")
        .chat(body)
        .await
        .accepted()
        .await;
    assert_eq!(again.header("x-vercel-ai-ui-message-stream"), Some("v1"));
    let again = chunks(&again.events().await);
    assert_eq!(again, chunks(&first), "the same reply, from its beginning");
    assert_eq!(upstream.requests().len(), 1);
    // In another chat the same id is another message.
    let mut body = submit_first();
    body["id"] = json!("another chat");
    chat(&guest, body).await;
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(guest.conversations().await.len(), 2);
}

#[tokio::test]
async fn chat_after_deletion_starts_a_new_conversation() {
    let World { app, upstream } = world(Script::new(["Hello"])).await;
    let guest = app.client().guest().await;
    chat(&guest, submit_first()).await;
    let id = guest.conversations().await[0]["id"].clone();
    let path = format!("/api/conversations/{}", id.as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    chat(&guest, submit(&[said("first", "Hi again!")])).await;
    assert_eq!(stored(&guest).await, complete(&["Hi again!", "Hello"]));
    let request = upstream.requests()[1].json();
    assert_eq!(
        request["messages"].as_array().unwrap().len(),
        1,
        "{request}"
    );
}

#[tokio::test]
async fn edit_and_regenerate_add_versions_of_any_message() {
    let World { app, upstream } = world(Script::new(["Hello"])).await;
    let guest = app.client().guest().await;
    chat(&guest, submit_first()).await;
    chat(
        &guest,
        submit(&[
            said("first", "Hi!"),
            replied("Hello"),
            said("second", "Two"),
        ]),
    )
    .await;
    upstream.set(Script::new(["Changed"]));
    let mut edit = submit(&[
        said("first", "Hi!"),
        replied("Hello"),
        said("second", "Zwei"),
    ]);
    edit["messageId"] = json!("second");
    chat(&guest, edit.clone()).await;
    let texts = ["Hi!", "Hello", "Zwei", "Changed"];
    assert_eq!(stored(&guest).await, complete(&texts));
    let request = upstream.requests()[2].json();
    assert_eq!(
        request["messages"].as_array().unwrap().len(),
        3,
        "{request}"
    );
    upstream.set(Script::new(["Again"]));
    edit["trigger"] = json!("regenerate-message");
    chat(&guest, edit).await;
    let texts = ["Hi!", "Hello", "Zwei", "Again"];
    assert_eq!(stored(&guest).await, complete(&texts));
    let conversation = guest.conversations().await.remove(0);
    let messages = conversation["messages"].as_array().unwrap();
    let counts = messages
        .iter()
        .map(|one| one["versions"].as_array().map_or(1, Vec::len));
    assert_eq!(counts.collect::<Vec<_>>(), [1, 1, 2, 2], "{conversation}");
    // Of an earlier one, too: what followed stays with the old version.
    let original = messages[0]["id"].as_str().unwrap();
    let mut earlier = submit(&[said("first", "Changed first")]);
    earlier["messageId"] = json!("first");
    upstream.set(Script::new(["Branch"]));
    chat(&guest, earlier).await;
    assert_eq!(stored(&guest).await, complete(&["Changed first", "Branch"]));
    let id = conversation["id"].as_str().unwrap();
    let path = format!("/api/conversations/{id}/messages/{original}");
    let chosen = guest.patch(&path, json!({ "active": original })).await;
    assert_eq!(chosen.status, 200, "{chosen:?}");
    assert_eq!(stored(&guest).await, complete(&texts));
}

#[tokio::test]
async fn invalid_ui_messages_are_400_with_the_path() {
    let World { app, upstream } = world(Script::new(["Hello"])).await;
    let guest = app.client().guest().await;
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "https://elsewhere.example/a.png" });
    let mut photo = said("a", "What is this?");
    photo["parts"].as_array_mut().unwrap().insert(0, file);
    for (body, path) in [
        (submit(&[photo]), "messages[0].parts[0].url"),
        (submit(&[]), "messages[0]"),
        (submit(&[said("a", "Hi"), replied("Hello")]), "messages[1]"),
        (
            submit(&[said("a", &"x".repeat(10_001))]),
            "messages[0].parts",
        ),
        (json!({ "messages": [said("a", "Hi")] }), "id"),
        (json!({ "id": CHAT, "messages": "Hi" }), "messages"),
        (
            json!({ "id": CHAT, "message": { "role": "user" } }),
            "message.parts",
        ),
        // What is not used is validated too.
        (
            json!({
                "id": CHAT,
                "messages": [said("a", "Hi")],
                "message": { "id": "x".repeat(129), "role": "user" },
            }),
            "message.id",
        ),
        (
            json!({ "id": CHAT, "messages": [said(&"x".repeat(129), "Hi"), said("b", "Hi")] }),
            "messages[0].id",
        ),
    ] {
        let response = guest.post("/api/chat", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
    let long = "i".repeat(129);
    let response = guest.get(&format!("/api/chat/{long}/stream")).await;
    response.is_error(404, "NOT_FOUND");
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(guest.conversations().await.len(), 0);
}

#[tokio::test]
async fn a_reply_can_be_resumed_and_stopped() {
    let World { app, upstream } =
        world(Script::new(["a", "b", "c"]).fault(Fault::HangAfter(2))).await;
    let guest = app.client().guest().await;
    assert_eq!(resume(&guest, CHAT).await.collect().await.status, 204);
    let stopped = guest.post(&stop_path(CHAT), json!({})).await;
    assert_eq!(stopped.json(), json!({ "success": true, "stopped": false }));
    let mut first = guest.chat(submit_first()).await.accepted().await;
    while first.next().await.unwrap().data()
        != "{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"b\"}"
    {}
    let mut other = resume(&guest, CHAT).await.accepted().await;
    assert_eq!(other.header("x-vercel-ai-ui-message-stream"), Some("v1"));
    let mut beginning = Vec::new();
    while beginning.len() < 5 {
        let event = other.next().await.unwrap();
        if !matches!(event, Event::Comment(_)) {
            beginning.push(event.json());
        }
    }
    assert_eq!(text_of(&beginning), "ab");
    let stopped = guest.post(&stop_path(CHAT), json!({})).await;
    assert_eq!(stopped.json(), json!({ "success": true, "stopped": true }));
    for rest in [first, other] {
        let chunks = chunks(&rest.events().await);
        assert_eq!(kinds(&chunks), ["text-end", "message-metadata", "abort"]);
    }
    assert!(upstream.closed_early(0).await);
    assert_eq!(stored(&guest).await[1], ("ab".into(), "stopped".into()));
    assert_eq!(resume(&guest, CHAT).await.collect().await.status, 204);
}

#[tokio::test]
async fn an_interrupted_reply_ends_with_an_error_chunk() {
    let World {
        app,
        upstream: _upstream,
    } = world(Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2))).await;
    let guest = app.client().guest().await;
    let chunks = chunks(&chat(&guest, submit_first()).await);
    let expected = ["text-end", "error", "finish-step", "finish"];
    assert_eq!(kinds(&chunks)[5..], expected, "{chunks:?}");
    let text = chunks[6]["errorText"].as_str().unwrap();
    assert!(text.ends_with('.') && !text.contains('{'), "{text}");
    assert_eq!(stored(&guest).await[1].1, "incomplete");
}

/// What the real packages need.
async fn node(test: &str) -> Option<&'static Scripts> {
    static NODE: OnceCell<Result<Scripts, String>> = OnceCell::const_new();
    let found = NODE.get_or_init(|| Scripts::node("ai-sdk", (20, 15))).await;
    found
        .as_ref()
        .map_err(|missing| skip_or_fail(test, missing))
        .ok()
}

/// Somebody whose browser runs the AI SDK of one major version.
struct Tab {
    scripts: &'static Scripts,
    major: &'static str,
    world: World,
    guest: Guest,
    base: String,
}

/// For each version a world of its own.
async fn tabs(test: &str, script: Script) -> Vec<Tab> {
    let mut tabs = Vec::new();
    let Some(scripts) = node(test).await else {
        return tabs;
    };
    for major in ["6", "7"] {
        let world = world(script.clone()).await;
        tabs.push(Tab {
            scripts,
            major,
            guest: world.app.client().guest().await,
            base: format!("http://{}", world.app.address()),
            world,
        });
    }
    tabs
}

impl Tab {
    async fn run(&self, step: &str) -> Value {
        let arguments = [step, self.major, &self.base, &self.guest.token, "gpt-4o"];
        self.scripts.run("use-chat.mjs", &arguments).await
    }

    fn upstream(&self) -> &Upstream {
        &self.world.upstream
    }
}

/// The texts of a chat's messages.
fn texts(shown: &Value) -> Vec<&str> {
    let messages = shown["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["text"].as_str().unwrap())
        .collect()
}

fn is_ready(shown: &Value) -> bool {
    shown["status"] == "ready" && shown["error"].is_null()
}

#[tokio::test]
async fn use_chat_sends_and_receives_messages() {
    let script = Script::new(["Hello", " there", "."]).delay(Duration::from_millis(30));
    for tab in tabs("use_chat_sends_and_receives_messages", script).await {
        let shown = tab.run("talk").await;
        assert!(is_ready(&shown), "{shown}");
        assert_eq!(
            texts(&shown),
            ["Hi!", "Hello there.", "And?", "Hello there."]
        );
        // Words were shown as they came.
        let seen = shown["seen"].as_array().unwrap();
        for text in ["Hello", "Hello there", "Hello there."] {
            assert!(seen.iter().any(|seen| seen == text), "{shown}");
        }
        assert_eq!(shown["reasons"], json!(["stop"]), "{shown}");
        let reply = &shown["messages"][1];
        assert_eq!(
            reply["states"],
            json!([["step-start", null], ["text", "done"]])
        );
        assert_eq!(reply["metadata"]["usage"]["totalTokens"], 13, "{shown}");
        assert_eq!(reply["metadata"]["model"], "gpt-4o", "{shown}");
        let request = tab.upstream().requests()[1].json();
        assert_eq!(
            request["messages"].as_array().unwrap().len(),
            3,
            "{request}"
        );
        // The conversation is there for everything else.
        let id = reply["metadata"]["conversationId"].as_str().unwrap();
        let found = tab.guest.conversation(id).await;
        assert_eq!(found["messages"][1]["id"], reply["id"]);
        assert_eq!(stored(&tab.guest).await, complete(&texts(&shown)));
    }
}

#[tokio::test]
async fn use_chat_regenerates_and_edits() {
    for tab in tabs("use_chat_regenerates_and_edits", Script::new(["5"])).await {
        for reply in ["1", "2", "3", "4"] {
            tab.upstream().push(Script::new([reply]));
        }
        let shown = tab.run("again").await;
        assert_eq!(texts(&shown["regenerated"]), ["One.", "1", "Two.", "3"]);
        assert_eq!(texts(&shown["edited"]), ["One.", "1", "Three.", "4"]);
        assert!(is_ready(&shown["edited"]), "{shown}");
        assert_eq!(texts(&shown["branched"]), ["Four.", "5"]);
        let request = tab.upstream().requests()[3].json();
        assert_eq!(request["messages"][2]["content"], "Three.", "{request}");
        assert_eq!(stored(&tab.guest).await, complete(&["Four.", "5"]));
    }
}

#[tokio::test]
async fn use_chat_stop_stops_the_reply() {
    let script = Script::new(["a", "b", "c"]).fault(Fault::HangAfter(2));
    for tab in tabs("use_chat_stop_stops_the_reply", script).await {
        let shown = tab.run("stop").await;
        assert!(is_ready(&shown), "{shown}");
        assert_eq!(texts(&shown), ["Hi!", "ab"]);
        assert_eq!(shown["answer"], json!({ "success": true, "stopped": true }));
        assert_eq!(shown["finished"], 1, "{shown}");
        assert!(tab.upstream().closed_early(0).await);
        assert_eq!(stored(&tab.guest).await[1], ("ab".into(), "stopped".into()));
    }
}

#[tokio::test]
async fn use_chat_handles_a_reply_that_is_in_progress() {
    let script = Script::new(["a", "b", "c"]).fault(Fault::HangAfter(2));
    for tab in tabs(
        "use_chat_handles_a_reply_that_is_in_progress",
        script.clone(),
    )
    .await
    {
        tab.upstream().push(script.clone());
        tab.upstream().set(Script::new(["Another."]));
        let shown = tab.run("leave").await;
        assert_eq!(texts(&shown["left"]), ["Hi!", "ab"], "{shown}");
        assert!(is_ready(&shown["regenerated"]), "{shown}");
        assert_eq!(texts(&shown["regenerated"]), ["Hi!", "Another."]);
        assert_eq!(stored(&tab.guest).await, complete(&["Hi!", "Another."]));
    }
}

#[tokio::test]
async fn use_chat_resumes_in_another_tab() {
    let script = Script::words(60).delay(Duration::from_millis(40));
    for tab in tabs("use_chat_resumes_in_another_tab", script).await {
        let shown = tab.run("resume").await;
        let whole: String = (0..60).map(|number| format!("w{number} ")).collect();
        assert_eq!(texts(&shown["original"]), ["Hi!", &whole]);
        for moment in ["resumed", "later"] {
            assert!(is_ready(&shown[moment]), "{shown}");
            assert_eq!(shown[moment]["messages"], shown["original"]["messages"]);
        }
        assert!(shown["pieces"].as_u64().unwrap() > 3, "{shown}");
        assert!(is_ready(&shown["fresh"]), "{shown}");
        assert_eq!(tab.upstream().requests().len(), 1);
    }
}

#[tokio::test]
async fn use_chat_after_a_refusal_can_retry() {
    for tab in tabs("use_chat_after_a_refusal_can_retry", Script::new(["Hello"])).await {
        let shown = tab.run("refused").await;
        assert_eq!(shown["refused"]["status"], "error", "{shown}");
        let error: Value =
            serde_json::from_str(shown["refused"]["error"].as_str().unwrap()).unwrap();
        assert_eq!(error["details"][0]["path"], "model", "{error}");
        assert!(is_ready(&shown["retried"]), "{shown}");
        assert_eq!(stored(&tab.guest).await, complete(&["Hi!", "Hello"]));
    }
}

#[tokio::test]
async fn use_chat_with_an_interrupted_reply_reports_an_error() {
    let script = Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2));
    for tab in tabs(
        "use_chat_with_an_interrupted_reply_reports_an_error",
        script,
    )
    .await
    {
        let shown = tab.run("broken").await;
        assert_eq!(shown["status"], "error", "{shown}");
        assert_eq!(texts(&shown), ["Hi!", "ab"], "{shown}");
        let error = shown["error"].as_str().unwrap();
        assert!(error.ends_with('.') && !error.contains('{'), "{error}");
    }
}

#[tokio::test]
async fn use_chat_stores_each_message_once() {
    for tab in tabs("use_chat_stores_each_message_once", Script::new(["Hello"])).await {
        let shown = tab.run("retry").await;
        assert!(is_ready(&shown), "{shown}");
        assert_eq!(texts(&shown), ["Hi!", "Hello"]);
        eventually("the end of the reply", async || {
            let stored = stored(&tab.guest).await;
            (stored == complete(&["Hi!", "Hello"])).then_some(())
        })
        .await;
        assert_eq!(tab.upstream().requests().len(), 1);
    }
}

#[tokio::test]
async fn use_chat_may_send_the_last_message_only() {
    let script = Script::new(["Hello"]);
    for tab in tabs("use_chat_may_send_the_last_message_only", script).await {
        let shown = tab.run("last").await;
        assert!(is_ready(&shown), "{shown}");
        assert_eq!(stored(&tab.guest).await, complete(&texts(&shown)));
        let refused = tab.run("archive").await;
        let error: Value = serde_json::from_str(refused["error"].as_str().unwrap()).unwrap();
        assert_eq!(
            error["details"][0]["path"], "messages[0].parts[0]",
            "{error}"
        );
    }
}

#[tokio::test]
async fn use_chat_sends_files_as_data_and_by_url() {
    let script = Script::new(["A fish"]);
    for tab in tabs("use_chat_sends_files_as_data_and_by_url", script).await {
        let shown = tab.run("files").await;
        assert!(is_ready(&shown), "{shown}");
        assert_eq!(texts(&shown), ["What is this?", "A fish"]);
        let requests = tab.upstream().requests();
        assert_eq!(requests.len(), 2, "a reply and another one");
        for request in requests {
            let content = request.json()["messages"][0]["content"].clone();
            let image = content[0]["image_url"]["url"].as_str().unwrap();
            assert!(
                image.starts_with("data:image/png;base64,iVBORw0KGgo"),
                "{content}"
            );
            let notes = content[1]["text"].as_str().unwrap();
            assert!(
                notes.contains("notes.md") && notes.contains("Peas."),
                "{content}"
            );
            assert_eq!(content[2]["text"], "What is this?", "{content}");
        }
        let messages = tab.guest.conversations().await[0]["messages"].clone();
        let names = messages[0]["attachments"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["fish.png", "notes.md"]);
        let files = tab.guest.get("/api/v1/files").await.json()["files"].clone();
        assert_eq!(files.as_array().unwrap().len(), 2, "{files}");
    }
}

#[tokio::test]
async fn use_chat_hook_renders_a_chat() {
    let script = Script::new(["Hello", " there"]).delay(Duration::from_millis(30));
    for tab in tabs("use_chat_hook_renders_a_chat", script).await {
        let shown = tab.run("hook").await;
        assert_eq!(
            shown["children"],
            json!(["user: Hi!", "assistant: Hello there"])
        );
        assert_eq!(shown["status"], "ready", "{shown}");
        assert_eq!(stored(&tab.guest).await, complete(&["Hi!", "Hello there"]));
    }
}

//! A reply to a chat message as a stream.

use serde_json::json;
use upstream::{Gate, Script, Upstream};

use super::{next_offset, path};
use crate::harness::App;

#[tokio::test]
async fn a_reply_is_read_by_its_id_like_a_closed_stream() {
    let upstream = Upstream::start(Script::new(["Hello", " there", "!"]))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let conversation = guest.say("Hi").await;
    let conversation = guest.conversation(&conversation).await;
    let reply = conversation["messages"][1]["id"].as_str().unwrap();
    let whole = guest.get(&path(reply)).await;
    assert_eq!((whole.status, whole.text()), (200, "Hello there!"));
    assert_eq!(whole.header("stream-closed"), Some("true"));
    assert_eq!(
        whole.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let head = guest.send("HEAD", &path(reply), None).await;
    assert_eq!(next_offset(&head), next_offset(&whole));
    // From within: after the first of its three deltas.
    let rest = guest
        .get(&format!(
            "{}?offset=0000000000000001_0000000000000005",
            path(reply)
        ))
        .await;
    assert_eq!(rest.text(), " there!");
    let end = format!("{}?offset={}", path(reply), next_offset(&whole));
    assert_eq!(guest.get(&end).await.text(), "");
    let response = guest.get(&format!("{end}&live=long-poll")).await;
    assert_eq!(response.status, 204, "{response:?}");
    assert_eq!(response.header("stream-closed"), Some("true"));
    // Reading only, and by its user only.
    let text = guest.with("content-type", "text/plain");
    let response = text
        .send("POST", &path(reply), Some(b"more".to_vec()))
        .await;
    response.is_error(404, "NOT_FOUND");
    guest.delete(&path(reply)).await.is_error(404, "NOT_FOUND");
    let other = app.client().guest().await;
    other.get(&path(reply)).await.is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_reply_that_is_being_written_is_followed_to_its_end() {
    let gate = Gate::default();
    let script = Script::new(["Hello", " there"]).pausing(1, &gate);
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let mut chat = guest
        .chat(json!({ "message": "Hi" }))
        .await
        .accepted()
        .await;
    assert_eq!(chat.next_content().await.as_deref(), Some("Hello"));
    let conversation = chat.conversation_id();
    let conversation = guest.conversation(&conversation).await;
    let reply = conversation["messages"][1]["id"].as_str().unwrap();
    let following = format!("{}?offset=-1&live=sse", path(reply));
    let mut events = guest
        .undescribed()
        .open("GET", &following, None)
        .await
        .accepted()
        .await;
    let mut text = String::new();
    gate.open();
    while let Some(bytes) = events.bytes().await {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(text.contains("data:Hello"), "{text}");
    assert!(text.contains(" there"), "{text}");
    assert!(text.contains("\"streamClosed\":true"), "{text}");
}

//! Long conversations in models with small windows: the oldest turns are left out, whole.

use serde_json::json;
use upstream::{Script, Upstream};

use crate::harness::App;

#[tokio::test]
async fn chat_beyond_the_context_window_omits_the_oldest_turns() {
    let upstream = Upstream::start(Script::new(["r".repeat(400)]))
        .await
        .unwrap();
    let models =
        r#"[{"id": "small", "name": "Small", "provider": "openai", "contextWindow": 1000}]"#;
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("models", models)
        .start()
        .await;
    let guest = app.client().guest().await;
    let mut id = None;
    for turn in 0..6 {
        let mut body = json!({
            "message": format!("turn {turn} {}", "m".repeat(392)), "model": "small",
            "system": "Keep me.", "maxTokens": 200,
        });
        if let Some(id) = &id {
            body["conversationId"] = json!(id);
        }
        let chat = guest.chat(body).await.accepted().await;
        id = chat.header("x-conversation-id").map(str::to_owned);
        chat.events().await;
    }
    let requests = upstream.requests();
    let request = requests[5].json();
    let said: Vec<String> = request["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            message["content"]
                .as_str()
                .unwrap()
                .chars()
                .take(6)
                .collect()
        })
        .collect();
    assert_eq!(
        said,
        ["Keep m", "turn 3", "rrrrrr", "turn 4", "rrrrrr", "turn 5"]
    );
    // All is there for the user, and for a model with room for it.
    let stored = guest.conversation(id.as_deref().unwrap()).await;
    assert_eq!(stored["messages"].as_array().unwrap().len(), 12);
    let body = json!({ "message": "more", "model": "gpt-4o", "conversationId": id });
    guest.chat(body).await.events().await;
    let request = upstream.requests()[6].json();
    assert_eq!(request["messages"].as_array().unwrap().len(), 13);
}

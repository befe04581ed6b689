//! Titles of conversations: of the first message, or, if `title_model` is set, by a model.

use serde_json::{Value, json};
use upstream::{Failure, Script, Upstream};

use crate::harness::{App, Builder, Guest, eventually, text_of};

const MESSAGE: &str = "How do I keep a goldfish happy in a bowl that is rather small?";
const SEED: &str = "How do I keep a goldfish happy in a bowl that is r...";

fn naming(upstream: &Upstream, titles: &Upstream) -> Builder {
    App::with_defaults()
        .openai(upstream)
        .local(titles)
        .variable("title_model", "local-model")
}

async fn chat(guest: &Guest) -> (String, Value) {
    let body = json!({ "message": MESSAGE, "model": "gpt-4o" });
    let chat = guest.chat(body).await.accepted().await;
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    let events = chat.events().await;
    assert_eq!(text_of(&events), "Change its water.");
    assert!(events.last().unwrap().is_done());
    (id, events[0].json())
}

async fn title(guest: &Guest, id: &str) -> String {
    guest.conversation(id).await["title"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn title_model_sets_the_title_after_the_first_reply() {
    let upstream = Upstream::start(Script::new(["Change its water."]))
        .await
        .unwrap();
    let titles = Upstream::start(Script::new(["\"Happy ", "goldfish\".\n"]))
        .await
        .unwrap();
    let app = naming(&upstream, &titles).start().await;
    let guest = app.client().guest().await;
    let (id, first) = chat(&guest).await;
    assert_eq!(first["title"], SEED);
    eventually("the title", || async {
        (title(&guest, &id).await == "Happy goldfish").then_some(())
    })
    .await;
    let request = titles.requests()[0].json().to_string();
    assert!(
        request.contains("bowl") && request.contains("Change its water."),
        "{request}"
    );
    let history = guest.get("/api/history").await.json();
    assert_eq!(history["conversations"][0]["title"], "Happy goldfish");
    // Only once, and not over the user's own.
    let body = json!({ "message": "And?", "conversationId": id, "model": "gpt-4o" });
    guest.chat(body).await.events().await;
    guest
        .patch(
            &format!("/api/conversations/{id}"),
            json!({ "title": "Mine" }),
        )
        .await;
    assert_eq!(title(&guest, &id).await, "Mine");
    assert_eq!(titles.requests().len(), 1);
}

#[tokio::test]
async fn title_model_failure_keeps_the_first_message_as_title() {
    let upstream = Upstream::start(Script::new(["Change its water."]))
        .await
        .unwrap();
    for script in [Script::refuse(Failure::Internal), Script::new(["\"", "\""])] {
        let titles = Upstream::start(script).await.unwrap();
        let app = naming(&upstream, &titles).start().await;
        let guest = app.client().guest().await;
        let (id, _) = chat(&guest).await;
        titles.request(0).await;
        assert_eq!(title(&guest, &id).await, SEED);
    }
}

#[tokio::test]
async fn title_without_a_model_calls_no_provider() {
    let upstream = Upstream::start(Script::new(["Change its water."]))
        .await
        .unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let (id, _) = chat(&guest).await;
    assert_eq!(title(&guest, &id).await, SEED);
    assert_eq!(upstream.requests().len(), 1);
}

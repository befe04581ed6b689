//! `responseFormat` and `reasoningEffort` of `POST /api/chat`.

use serde_json::{Value, json};
use upstream::{Script, Upstream};

use crate::harness::App;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "z": { "type": "string" }, "a": { "type": "integer" } },
        "required": ["z", "a"],
    })
}

#[tokio::test]
async fn the_format_and_the_effort_reach_the_provider() {
    let upstream = Upstream::start(Script::new(["{}"])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let sent = || upstream.requests().pop().unwrap().json();
    let format =
        json!({ "type": "json_schema", "name": "fish", "schema": schema(), "strict": true });
    let body = json!({
        "message": "A fish", "model": "gpt-6-astra", "responseFormat": format, "reasoningEffort": "high",
    });
    let chat = guest.chat(body).await.accepted().await;
    let id = chat.conversation_id();
    chat.events().await;
    let request = sent();
    assert_eq!(
        request["response_format"],
        json!({ "type": "json_schema", "json_schema": { "name": "fish", "schema": schema(), "strict": true } })
    );
    // Models generate in the order of the schema.
    let properties = request["response_format"]["json_schema"]["schema"]["properties"].to_string();
    assert!(properties.starts_with(r#"{"z""#), "{properties}");
    assert_eq!(request["reasoning_effort"], "high");
    // Regenerating takes its own, and a plain request has neither.
    let path = format!("/api/conversations/{id}/regenerate");
    let again = json!({ "responseFormat": { "type": "json_object" }, "reasoningEffort": "none" });
    let again = Some(again.to_string().into_bytes());
    let again = guest
        .with("content-type", "application/json")
        .open("POST", &path, again)
        .await
        .accepted()
        .await;
    again.events().await;
    let request = sent();
    assert_eq!(request["response_format"], json!({ "type": "json_object" }));
    assert_eq!(request["reasoning_effort"], "none");
    let plain = json!({ "message": "And now?", "conversationId": id, "responseFormat": null });
    guest.chat(plain).await.accepted().await.events().await;
    let request = sent();
    assert!(request.get("response_format").is_none(), "{request}");
    assert!(request.get("reasoning_effort").is_none(), "{request}");
    // The AI SDK has them beside its own fields.
    let message =
        json!({ "id": "m", "role": "user", "parts": [{ "type": "text", "text": "A fish" }] });
    let body = json!({
        "id": "c", "messages": [message], "trigger": "submit-message", "model": "gpt-6-astra",
        "responseFormat": { "type": "json_schema", "schema": schema() }, "reasoningEffort": "low",
    });
    guest.chat(body).await.accepted().await.events().await;
    let request = sent();
    assert_eq!(request["response_format"]["json_schema"]["name"], "reply");
    assert_eq!(request["reasoning_effort"], "low");
}

#[tokio::test]
async fn anthropic_gets_a_schema_and_an_effort_in_its_own_fields() {
    let upstream = Upstream::start(Script::new(["{}"])).await.unwrap();
    let app = App::with_defaults().anthropic(&upstream).start().await;
    let guest = app.client().guest().await;
    let body = json!({
        "message": "A fish", "model": "claude-sonnet-5", "reasoningEffort": "low",
        "responseFormat": { "type": "json_schema", "schema": schema() },
    });
    guest.chat(body).await.accepted().await.events().await;
    let request = upstream.requests().pop().unwrap().json();
    assert_eq!(
        request["output_config"],
        json!({ "effort": "low", "format": { "type": "json_schema", "schema": schema() } })
    );
    // It has no JSON without a schema.
    let body = json!({ "message": "A fish", "model": "claude-sonnet-5", "responseFormat": { "type": "json_object" } });
    let refused = guest.post("/api/chat", body).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(
        refused.text().contains("responseFormat.type"),
        "{refused:?}"
    );
    assert!(!refused.text().contains("response_format"), "{refused:?}");
}

#[tokio::test]
async fn the_demo_model_replies_with_json_that_matches_the_schema() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    let body = json!({
        "message": "A fish", "model": "demo",
        "responseFormat": { "type": "json_schema", "schema": schema() },
    });
    let events = guest.chat(body).await.accepted().await.events().await;
    let texts = events
        .iter()
        .filter(|event| event.name() == "message" && !event.is_done());
    let text: String = texts
        .map(|event| event.json()["content"].as_str().unwrap().to_owned())
        .collect();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["z"].is_string() && value["a"].is_i64(), "{value}");
}

#[tokio::test]
async fn other_shapes_are_refused_with_their_path() {
    let app = App::shared().await;
    let guest = app.client().guest().await;
    for (field, value, path) in [
        ("responseFormat", json!("json_object"), "responseFormat"),
        (
            "responseFormat",
            json!({ "type": "grammar" }),
            "responseFormat",
        ),
        (
            "responseFormat",
            json!({ "type": "json_schema" }),
            "responseFormat",
        ),
        (
            "responseFormat",
            json!({ "type": "json_schema", "schema": {}, "name": "a b" }),
            "responseFormat.name",
        ),
        ("reasoningEffort", json!("huge"), "reasoningEffort"),
        ("reasoningEffort", json!(1), "reasoningEffort"),
    ] {
        let mut body = json!({ "message": "A fish" });
        body[field] = value;
        let refused = guest.post("/api/chat", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        assert!(refused.text().contains(path), "{body}: {refused:?}");
    }
}

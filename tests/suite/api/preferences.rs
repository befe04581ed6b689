//! `GET` and `PUT /api/preferences`.

use serde_json::json;

use crate::harness::App;

#[tokio::test]
async fn get_without_stored_preferences_returns_defaults() {
    let guest = App::shared().await.client().guest().await;
    let response = guest.get("/api/preferences").await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    assert_eq!(
        body["defaultModel"], "demo",
        "the first model that is available"
    );
    assert!(
        ["light", "dark"].contains(&body["theme"].as_str().unwrap()),
        "{body}"
    );
}

#[tokio::test]
async fn put_changes_only_the_given_fields() {
    let guest = App::shared().await.client().guest().await;
    let response = guest
        .put("/api/preferences", json!({ "theme": "light" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["theme"], "light");
    let response = guest
        .put("/api/preferences", json!({ "systemPrompt": "Be brief." }))
        .await;
    assert_eq!(response.json()["theme"], "light", "{response:?}");
    let response = guest
        .put("/api/preferences", json!({ "defaultModel": "gpt-4o" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = guest.get("/api/preferences").await.json();
    assert_eq!(body["theme"], "light");
    assert_eq!(body["systemPrompt"], "Be brief.");
    assert_eq!(body["defaultModel"], "gpt-4o");
}

#[tokio::test]
async fn put_with_an_unknown_field_is_400() {
    let guest = App::shared().await.client().guest().await;
    for (body, path) in [
        (json!({ "theme": "mauve" }), "theme"),
        (json!({ "theme": 1 }), "theme"),
        (json!({ "defaultModel": "gpt-0" }), "defaultModel"),
        (json!({ "defaultModel": 4 }), "defaultModel"),
        (json!({ "systemPrompt": ["a"] }), "systemPrompt"),
        (json!({ "colour": "dark" }), "colour"),
    ] {
        let response = guest.put("/api/preferences", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
    let body = guest.get("/api/preferences").await.json();
    assert_ne!(body["defaultModel"], "gpt-0");
}

#[tokio::test]
async fn clear_resets_preferences() {
    let guest = App::shared().await.client().guest().await;
    let before = guest.get("/api/preferences").await.json();
    guest
        .put(
            "/api/preferences",
            json!({ "theme": "light", "systemPrompt": "x" }),
        )
        .await;
    assert_eq!(guest.delete("/api/clear").await.status, 200);
    let after = guest.get("/api/preferences").await.json();
    assert_eq!(after, before);
}

#[tokio::test]
async fn concurrent_puts_of_different_fields_are_all_kept() {
    let guest = App::shared().await.client().guest().await;
    let writers = (0..16).map(|number| {
        let guest = guest.clone();
        let body = match number % 3 {
            0 => json!({ "theme": "light" }),
            1 => json!({ "systemPrompt": "Be kind." }),
            _ => json!({ "defaultModel": "gpt-4o-mini" }),
        };
        async move { guest.put("/api/preferences", body).await.status }
    });
    let statuses = futures::future::join_all(writers).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let body = guest.get("/api/preferences").await.json();
    assert_eq!(body["theme"], "light");
    assert_eq!(body["systemPrompt"], "Be kind.");
    assert_eq!(body["defaultModel"], "gpt-4o-mini");
}

#[tokio::test]
async fn preferences_without_a_user_are_401() {
    let client = App::shared().await.client();
    client
        .get("/api/preferences")
        .await
        .is_error(401, "UNAUTHORIZED");
    client
        .put("/api/preferences", json!({}))
        .await
        .is_error(401, "UNAUTHORIZED");
}

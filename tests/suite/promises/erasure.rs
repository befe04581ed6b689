//! Deleting an account erases everything of the user, looked for in the store itself.

use serde_json::json;

use crate::harness::{App, Client, PASSWORD, User};

/// Markers that are stored in every place. All differ, so that a failure shows the place.
const MARKERS: [&str; 9] = [
    "marker-erased-address",
    "marker-erased-name",
    "marker-erased-agent",
    "marker-erased-message",
    "marker-erased-title",
    "marker-erased-prompt",
    "marker-erased-key",
    "marker-erased-grant",
    "marker-erased-attachment",
];

/// The markers that are in the store.
fn markers_in(app: &App) -> Vec<&'static str> {
    let stored = app.stored();
    let holds = |marker: &&str| {
        stored
            .iter()
            .any(|text| text.contains(*marker) || text.contains(&marker.to_lowercase()))
    };
    MARKERS.into_iter().filter(holds).collect()
}

/// An account with something in every corner.
async fn furnished(app: &App) -> User {
    let client = app.client().with("user-agent", "marker-erased-agent");
    let email = "marker-erased-address@example.com";
    let body = json!({ "email": email, "password": PASSWORD, "name": "marker-erased-name" });
    let response = client.post("/api/v1/auth/register", body).await;
    assert_eq!(response.status, 201, "{response:?}");
    let response = client.log_in(email, PASSWORD).await;
    let user = User::of(&client, email, &response);
    let id = user.say("marker-erased-message").await;
    let file = user.uploaded("marker-erased-attachment.txt", b"text").await;
    let body = json!({ "message": "Read.", "conversationId": id, "attachments": [file["id"]] });
    user.chat(body).await.accepted().await.events().await;
    let path = format!("/api/conversations/{id}");
    user.patch(&path, json!({ "title": "marker-erased-title" }))
        .await;
    let prompt = json!({ "systemPrompt": "marker-erased-prompt" });
    user.put("/api/preferences", prompt).await;
    user.new_key(json!({ "name": "marker-erased-key" })).await;
    let grant = json!({ "amount": 5, "reason": "marker-erased-grant" });
    let path = format!("/api/admin/users/{}/credits", user.id);
    assert_eq!(client.admin().post(&path, grant).await.status, 200);
    let path = format!("/api/admin/users/{}/export", user.id);
    let exported = client.admin().get(&path).await;
    assert_eq!(exported.status, 200, "{exported:?}");
    for marker in MARKERS {
        assert!(exported.text().contains(marker), "{marker}: {exported:?}");
    }
    for secret in ["argon2", &user.token, &user.refresh_token] {
        assert!(
            !exported.text().contains(secret),
            "a credential is exported"
        );
    }
    assert_eq!(markers_in(app), MARKERS, "all are there before");
    user
}

async fn nothing_is_left(app: &App, user: &User, machine: &Client) {
    assert_eq!(markers_in(app), Vec::<&str>::new());
    assert!(!app.stored().iter().any(|text| text.contains("argon2")));
    assert_eq!(user.status().await, 401);
    assert_eq!(machine.get("/api/models").await.status, 401);
    let client = app.client();
    assert_eq!(client.refresh(&user.refresh_token).await.status, 401);
    assert_eq!(client.log_in(&user.email, PASSWORD).await.status, 401);
    // The address is free again, for a new user.
    let response = client.register(&user.email).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_ne!(response.json()["user"]["id"], user.id.as_str());
}

#[tokio::test]
async fn delete_me_erases_everything_of_the_user() {
    let app = App::with_defaults().admin().start().await;
    let user = furnished(&app).await;
    let key = user.new_key(json!({ "name": "a" })).await;
    let machine = app.client().bearer(&key.secret);
    assert_eq!(machine.get("/api/models").await.status, 200);
    let send = async |body: serde_json::Value| {
        let client = user.with("content-type", "application/json");
        let body = body.to_string().into_bytes();
        client.send("DELETE", "/api/v1/auth/me", Some(body)).await
    };
    let wrong = send(json!({ "password": "wrong" })).await;
    wrong.is_error(403, "FORBIDDEN");
    assert_eq!(user.status().await, 200);
    let response = send(json!({ "password": PASSWORD })).await;
    assert_eq!(response.status, 200, "{response:?}");
    nothing_is_left(&app, &user, &machine).await;
}

#[tokio::test]
async fn delete_user_erases_everything_of_the_user() {
    let app = App::with_defaults().admin().start().await;
    let user = furnished(&app).await;
    let machine = app.client().bearer("gf_none");
    let body = json!({ "password": PASSWORD });
    let response = user.post("/api/auth/delete-user", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    nothing_is_left(&app, &user, &machine).await;
}

#[tokio::test]
async fn admin_delete_erases_everything_of_the_user() {
    let app = App::with_defaults().admin().start().await;
    let user = furnished(&app).await;
    let key = user.new_key(json!({ "name": "a" })).await;
    let machine = app.client().bearer(&key.secret);
    let path = format!("/api/admin/users/{}", user.id);
    for _ in 0..2 {
        // It may be repeated.
        let response = app.client().admin().delete(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    nothing_is_left(&app, &user, &machine).await;
    let response = app.client().admin().get(&path).await;
    response.is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn delete_me_of_a_guest_erases_everything() {
    let app = App::with_defaults().start().await;
    let guest = app.client().guest().await;
    guest.say("marker-erased-message").await;
    assert!(!markers_in(&app).is_empty());
    let response = guest.delete("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(markers_in(&app), Vec::<&str>::new());
    assert_eq!(guest.get("/api/v1/auth/me").await.status, 401);
}

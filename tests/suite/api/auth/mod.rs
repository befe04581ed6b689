//! `/api/auth/*` as Better Auth's client calls it; the client itself is in `clients`, OAuth in
//! `oauth`, emails in `recovery`.

mod social;

use serde_json::{Value, json};

use crate::harness::{App, Browser, ORIGIN, PASSWORD, Response, User, new_email};

const OTHER_PASSWORD: &str = "Granite-flute-19-harbour";

async fn browser() -> Browser {
    Browser::new(&App::shared().await.client())
}

/// A browser in which that user's session is.
async fn browser_of(user: &User) -> Browser {
    let browser = browser().await;
    browser.plant("goldfish-session", &user.cookie);
    browser
}

fn sign_up(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Ada Lovelace" })
}

fn sign_in(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[track_caller]
fn assert_code(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    let body = response.json();
    assert_eq!(body["code"], code, "{response:?}");
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{response:?}"
    );
}

fn is_iso(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() >= 20 && text.ends_with('Z'))
}

#[tokio::test]
async fn sign_up_creates_a_cookie_session() {
    let browser = browser().await;
    let email = new_email();
    let response = browser
        .post("/api/auth/sign-up/email", sign_up(&email))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    let user = &body["user"];
    assert_eq!(user["email"], email.as_str());
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["emailVerified"], false);
    assert_eq!(user["image"], Value::Null);
    assert!(
        is_iso(&user["createdAt"]) && is_iso(&user["updatedAt"]),
        "{user}"
    );
    assert!(body["token"].is_string(), "{body}");
    for path in ["/api/auth/get-session", "/api/auth/session"] {
        let current = browser.get(path).await.json();
        assert_eq!(current["user"]["id"], user["id"], "{current}");
        let session = &current["session"];
        assert_eq!(session["userId"], user["id"], "{session}");
        assert!(is_iso(&session["expiresAt"]), "{session}");
        for field in ["id", "token", "createdAt", "updatedAt", "ipAddress"] {
            assert!(session[field].is_string(), "{field}: {session}");
        }
    }
    // The other routes know the same session, and the other way round.
    let me = browser.get("/api/v1/auth/me").await;
    assert_eq!(me.json()["user"]["id"], user["id"]);
}

#[tokio::test]
async fn get_session_without_a_session_is_null() {
    let browser = browser().await;
    let response = browser.get("/api/auth/get-session").await;
    assert_eq!((response.status, response.json()), (200, Value::Null));
    browser.plant("goldfish-session", "broken");
    let response = browser.get("/api/auth/get-session").await;
    assert_eq!((response.status, response.json()), (200, Value::Null));
    assert!(
        browser.cookie("goldfish-session").is_none(),
        "it is taken away"
    );
    let response = browser.get("/api/auth/ok").await;
    assert_eq!(response.json(), json!({ "ok": true }));
}

#[tokio::test]
async fn errors_have_better_auths_code_and_message() {
    let browser = browser().await;
    let email = new_email();
    browser
        .post("/api/auth/sign-up/email", sign_up(&email))
        .await;
    let again = browser
        .post("/api/auth/sign-up/email", sign_up(&email))
        .await;
    assert_code(&again, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let wrong = browser
        .post("/api/auth/sign-in/email", sign_in(&email, "wrong"))
        .await;
    assert_code(&wrong, 401, "INVALID_EMAIL_OR_PASSWORD");
    let short = json!({ "email": new_email(), "password": "short", "name": "a" });
    let response = browser.post("/api/auth/sign-up/email", short).await;
    assert_code(&response, 400, "PASSWORD_TOO_SHORT");
    let long = json!({ "email": new_email(), "password": "x1Y-".repeat(40), "name": "a" });
    let response = browser.post("/api/auth/sign-up/email", long).await;
    assert_code(&response, 400, "PASSWORD_TOO_LONG");
    let common = json!({ "email": new_email(), "password": "password1", "name": "a" });
    let response = browser.post("/api/auth/sign-up/email", common).await;
    assert_code(&response, 400, "PASSWORD_COMPROMISED");
    let invalid = json!({ "email": "nobody", "password": PASSWORD, "name": "a" });
    let response = browser.post("/api/auth/sign-up/email", invalid).await;
    assert_code(&response, 400, "INVALID_EMAIL");
}

#[tokio::test]
async fn session_cookie_has_the_flags_of_the_transport() {
    let of = async |app: &App| {
        let email = new_email();
        let client = app.client().with("origin", ORIGIN);
        let response = client
            .post("/api/auth/sign-up/email", sign_up(&email))
            .await;
        let lines = response.set_cookies();
        assert_eq!(lines.len(), 1, "{response:?}");
        lines[0].to_owned()
    };
    let plain = of(App::shared().await).await;
    assert!(plain.starts_with("goldfish-session="), "{plain}");
    for flag in [
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
        "; Max-Age=2592000",
    ] {
        assert!(plain.contains(flag), "{flag}: {plain}");
    }
    // A browser on http://localhost keeps no `Secure` cookie.
    assert!(
        !plain.contains("Secure") && !plain.contains("Domain"),
        "{plain}"
    );
    let https = App::with_defaults()
        .variable("public_url", "https://chat.example.com")
        .start()
        .await;
    let secure = of(&https).await;
    assert!(
        secure.contains("; Secure") && secure.contains("; HttpOnly"),
        "{secure}"
    );
}

#[tokio::test]
async fn sign_in_without_remember_me_sets_a_session_cookie() {
    let browser = browser().await;
    let email = new_email();
    browser
        .post("/api/auth/sign-up/email", sign_up(&email))
        .await;
    let body = json!({ "email": email, "password": PASSWORD, "rememberMe": false });
    let response = browser.post("/api/auth/sign-in/email", body).await;
    assert!(
        !response.set_cookies()[0].contains("Max-Age"),
        "{response:?}"
    );
}

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let client = App::shared().await.client().with("user-agent", "suite/1.0");
    let first = client.user().await;
    let (second, third) = (client.again(&first).await, client.again(&first).await);
    let browser = browser_of(&first).await;
    let list = async || browser.get("/api/auth/list-sessions").await.json();
    let sessions = list().await;
    assert_eq!(sessions.as_array().unwrap().len(), 3, "{sessions}");
    for session in sessions.as_array().unwrap() {
        assert_eq!(session["userId"], first.id.as_str(), "{session}");
        assert_eq!(session["userAgent"], "suite/1.0", "{session}");
        assert!(session["ipAddress"].is_string(), "{session}");
    }
    for secret in [&first.token, &first.cookie, &first.refresh_token] {
        assert!(
            !sessions.to_string().contains(secret.as_str()),
            "{sessions}"
        );
    }
    let own = browser.get("/api/auth/get-session").await.json();
    let own = own["session"]["id"].as_str().unwrap();
    let newest = &sessions[0];
    assert_ne!(newest["id"], own, "newest first");
    let body = json!({ "token": newest["token"] });
    let response = browser.post("/api/auth/revoke-session", body).await;
    assert_eq!(response.json(), json!({ "status": true }));
    assert_eq!((second.status().await, third.status().await), (200, 401));
    assert_eq!(list().await.as_array().unwrap().len(), 2);

    let response = browser
        .post("/api/auth/revoke-other-sessions", json!({}))
        .await;
    assert_eq!(response.json(), json!({ "status": true }));
    assert_eq!((first.status().await, second.status().await), (200, 401));
    let refused = client.refresh(&second.refresh_token).await;
    refused.is_error(401, "UNAUTHORIZED");

    let fourth = client.again(&first).await;
    let response = browser.post("/api/auth/revoke-sessions", json!({})).await;
    assert_eq!(response.json(), json!({ "status": true }));
    assert_eq!((first.status().await, fourth.status().await), (401, 401));
    assert!(browser.cookie("goldfish-session").is_none());
}

#[tokio::test]
async fn sign_out_ends_the_session_and_is_repeatable() {
    let user = App::shared().await.client().user().await;
    let browser = browser_of(&user).await;
    for _ in 0..2 {
        let response = browser.post("/api/auth/sign-out", json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["success"], true);
    }
    assert_eq!(user.status().await, 401);
    assert!(browser.cookie("goldfish-session").is_none());
}

#[tokio::test]
async fn change_password_requires_the_current_password() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let other = client.again(&user).await;
    let browser = browser_of(&user).await;
    let change = |current: &str, new: &str, revoke: bool| json!({ "currentPassword": current, "newPassword": new, "revokeOtherSessions": revoke });
    let path = "/api/auth/change-password";
    let wrong = browser
        .post(path, change("wrong", OTHER_PASSWORD, true))
        .await;
    assert_code(&wrong, 400, "INVALID_PASSWORD");
    let weak = browser
        .post(path, change(PASSWORD, "password1", true))
        .await;
    assert_code(&weak, 400, "PASSWORD_COMPROMISED");
    assert_eq!(other.status().await, 200);
    let response = browser
        .post(path, change(PASSWORD, OTHER_PASSWORD, true))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(other.status().await, 401);
    assert!(browser.get("/api/auth/get-session").await.json()["user"].is_object());
    assert_eq!(client.log_in(&user.email, PASSWORD).await.status, 401);
    assert_eq!(client.log_in(&user.email, OTHER_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn sign_in_anonymous_creates_a_session() {
    let browser = browser().await;
    let response = browser.post("/api/auth/sign-in/anonymous", json!({})).await;
    assert_eq!(response.status, 200, "{response:?}");
    let guest = browser.get("/api/auth/get-session").await.json();
    assert_eq!(guest["user"]["isAnonymous"], true, "{guest}");
    let email = new_email();
    browser
        .post("/api/auth/sign-up/email", sign_up(&email))
        .await;
    let user = browser.get("/api/auth/get-session").await.json();
    assert_eq!(user["user"]["id"], guest["user"]["id"]);
    assert_ne!(user["session"]["id"], guest["session"]["id"]);
    assert_eq!(user["user"]["isAnonymous"], false, "{user}");
}

#[tokio::test]
async fn update_user_changes_the_profile() {
    let user = App::shared().await.client().user().await;
    let browser = browser_of(&user).await;
    let body = json!({ "name": "Countess", "image": "https://example.com/a.png" });
    let response = browser.post("/api/auth/update-user", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let session = browser.get("/api/auth/get-session").await.json();
    assert_eq!(session["user"]["name"], "Countess");
    assert_eq!(session["user"]["image"], "https://example.com/a.png");
    for image in ["javascript:alert(1)", "data:text/html,x", "x"] {
        let response = browser
            .post("/api/auth/update-user", json!({ "image": image }))
            .await;
        assert_eq!(response.status, 400, "{image}: {response:?}");
    }
}

#[tokio::test]
async fn update_user_with_null_or_blank_clears_the_field() {
    let user = App::shared().await.client().user().await;
    let browser = browser_of(&user).await;
    let picture = "https://example.com/a.png";
    for (body, name, image) in [
        (
            json!({ "name": "Ada", "image": picture }),
            "Ada",
            json!(picture),
        ),
        (json!({ "image": null }), "Ada", Value::Null),
        (json!({ "name": "", "image": picture }), "", json!(picture)),
        (json!({ "name": "Ada", "image": "" }), "Ada", Value::Null),
        (json!({ "name": null }), "", Value::Null),
    ] {
        let response = browser.post("/api/auth/update-user", body.clone()).await;
        assert_eq!(response.status, 200, "{body}: {response:?}");
        let session = browser.get("/api/auth/get-session").await.json();
        assert_eq!(session["user"]["name"], name, "{body}: {session}");
        assert_eq!(session["user"]["image"], image, "{body}: {session}");
    }
    for body in [json!({}), json!({ "image": 1 }), json!({ "other": null })] {
        let response = browser.post("/api/auth/update-user", body.clone()).await;
        assert_eq!(response.status, 400, "{body}: {response:?}");
    }
}

//! `/api/v1/auth/*`, `/register` and `/login`, and what counts as a credential.

mod email;

use serde_json::json;

use crate::harness::{App, Browser, Client, PASSWORD, credentials, eventually, new_email};

async fn me(client: &Client) -> String {
    let response = client.get("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["user"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn guest_returns_a_session() {
    let app = App::shared().await;
    let response = app.client().send("POST", "/api/v1/auth/guest", None).await;
    assert_eq!(response.status, 201, "{response:?}");
    let body = response.json();
    let id = body["user"]["id"].as_str().unwrap();
    assert!(id.starts_with("guest_"), "{id}");
    assert!(body["token"].as_str().is_some_and(|token| token.len() > 20));
    assert!(
        body["refreshToken"]
            .as_str()
            .is_some_and(|token| token.len() > 20)
    );
    assert_ne!(body["token"], body["refreshToken"]);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!(
        u128::from(body["expiresAt"].as_u64().unwrap()) > now.as_millis(),
        "{body}"
    );
    let cache = response.header("cache-control").unwrap_or_default();
    assert!(
        cache.contains("no-store"),
        "a token is not for caches: {cache:?}"
    );
}

#[tokio::test]
async fn guest_creates_a_new_user_each_time() {
    let client = App::shared().await.client();
    let (one, other) = (client.guest().await, client.guest().await);
    assert_ne!(one.id, other.id);
    assert_ne!(one.token, other.token);
    assert_eq!(me(&one).await, one.id);
    assert_eq!(me(&other).await, other.id);
}

#[tokio::test]
async fn access_token_and_cookie_both_authenticate() {
    let client = App::shared().await.client();
    let user = client.user().await;
    assert_eq!(me(&client.bearer(&user.token)).await, user.id);
    let cookie = format!("theme=dark; goldfish-session={}; other=1", user.cookie);
    assert_eq!(me(&client.with("cookie", &cookie)).await, user.id);
    // The scheme's name is case-insensitive (RFC 9110, 11.1).
    let header = format!("bearer {}", user.token);
    assert_eq!(me(&client.with("authorization", &header)).await, user.id);
}

#[tokio::test]
async fn forged_or_damaged_tokens_are_401() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let parts: Vec<_> = guest.token.split('.').collect();
    assert_eq!(parts.len(), 3, "a JWT");
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    let mut signature: Vec<char> = parts[2].chars().collect();
    signature[5] = if signature[5] == 'A' { 'B' } else { 'A' };
    let signature: String = signature.into_iter().collect();
    let other = client.guest().await;
    let others: Vec<_> = other.token.split('.').collect();
    let long = "a".repeat(5000);
    for token in [
        "",
        "x",
        "a.b.c",
        "..",
        &unsigned,
        &format!("{}.{}.{signature}", parts[0], parts[1]),
        &format!("{}.{}.{}", parts[0], others[1], parts[2]),
        &format!("{}.{}", parts[0], parts[1]),
        &format!("{}.", guest.token),
        &guest.token[..guest.token.len() - 1],
        &guest.refresh_token,
        &long,
    ] {
        let response = client.bearer(token).get("/api/conversations").await;
        assert_eq!(response.status, 401, "{token:?}: {response:?}");
        response.is_error(401, "UNAUTHORIZED");
        if !token.is_empty() {
            let client = client.with("cookie", &format!("goldfish-session={token}"));
            let response = client.get("/api/conversations").await;
            response.is_error(401, "UNAUTHORIZED");
        }
    }
}

#[tokio::test]
async fn an_invalid_bearer_token_is_401_despite_a_valid_cookie() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let by_cookie = user.by_cookie(&client);
    assert_eq!(me(&by_cookie).await, user.id);
    let response = by_cookie.bearer("broken").get("/api/v1/auth/me").await;
    response.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_of_another_installation_is_401() {
    let (one, other) = tokio::join!(App::with_defaults().start(), App::with_defaults().start());
    let guest = one.client().guest().await;
    let response = other
        .client()
        .bearer(&guest.token)
        .get("/api/conversations")
        .await;
    response.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_of_an_installation_with_the_same_secret_is_accepted() {
    let start = || {
        let secret = "a-secret-of-more-than-thirty-two-bytes!";
        App::with_defaults().variable("jwt_secret", secret).start()
    };
    let (one, other) = tokio::join!(start(), start());
    let guest = one.client().guest().await;
    assert_eq!(me(&other.client().bearer(&guest.token)).await, guest.id);
}

#[tokio::test]
async fn refresh_returns_tokens_of_the_same_user() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let id = guest.say("before").await;
    let body = json!({ "refreshToken": guest.refresh_token });
    let response = client.post("/api/v1/auth/refresh", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    assert_eq!(body["user"]["id"], guest.id.as_str());
    let renewed = client.bearer(body["token"].as_str().unwrap());
    assert_eq!(renewed.conversations().await[0]["id"], id.as_str());
}

#[tokio::test]
async fn refresh_with_another_token_is_401() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    for token in ["", "x", &guest.token] {
        let body = json!({ "refreshToken": token });
        let response = client.post("/api/v1/auth/refresh", body).await;
        assert!(
            matches!(response.status, 400 | 401),
            "{token:?}: {response:?}"
        );
    }
    let response = client
        .post(
            "/api/v1/auth/refresh",
            json!({ "refreshToken": guest.token }),
        )
        .await;
    response.is_error(401, "UNAUTHORIZED");
    let response = client
        .post("/api/v1/auth/refresh", json!({ "refreshToken": 1 }))
        .await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("refreshToken");
}

#[tokio::test]
async fn me_without_a_user_is_401() {
    App::shared()
        .await
        .client()
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn unauthorized_responses_have_www_authenticate() {
    let response = App::shared().await.client().get("/api/v1/auth/me").await;
    let challenge = response
        .header("www-authenticate")
        .expect("RFC 9110, 15.5.2");
    assert!(challenge.starts_with("Bearer"), "{challenge}");
}

#[tokio::test]
async fn register_creates_an_account_and_a_session() {
    let client = App::shared().await.client();
    let email = new_email();
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ada Lovelace" });
    let response = client.post("/api/v1/auth/register", body).await;
    assert_eq!(response.status, 201, "{response:?}");
    let body = response.json();
    let id = body["user"]["id"].as_str().unwrap();
    assert!(id.starts_with("user_"), "{body}");
    assert_eq!(body["user"]["kind"], "registered");
    assert_eq!(body["user"]["email"], email.as_str());
    assert_eq!(body["user"]["name"], "Ada Lovelace");
    assert_eq!(body["user"]["emailVerified"], false);
    let token = body["token"].as_str().unwrap();
    assert_ne!(token, body["refreshToken"].as_str().unwrap());
    let response = client.bearer(token).get("/api/v1/auth/me").await;
    assert_eq!(response.json()["user"], body["user"]);
}

#[tokio::test]
async fn access_tokens_expire_within_the_configured_time() {
    let client = App::shared().await.client();
    let response = client.register(&new_email()).await;
    let ends = response.json()["expiresAt"].as_u64().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let life = u128::from(ends) - now.as_millis();
    assert!((600_000..=900_000).contains(&life), "{life} ms");
}

#[tokio::test]
async fn login_email_is_case_insensitive() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let response = client.log_in(&user.email.to_uppercase(), PASSWORD).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["user"]["id"], user.id.as_str());
    assert!(response.cookie("goldfish-session").is_some());
}

#[tokio::test]
async fn register_with_a_taken_email_is_409() {
    let client = App::shared().await.client();
    let user = client.user().await;
    client.register(&user.email).await.is_error(409, "CONFLICT");
    let response = client.register(&user.email.to_uppercase()).await;
    response.is_error(409, "CONFLICT");
    // The account is as it was.
    assert_eq!(client.again(&user).await.id, user.id);
}

#[tokio::test]
async fn concurrent_registrations_of_one_email_create_one_account() {
    let client = App::shared().await.client();
    let email = new_email();
    let responses = futures::future::join_all((0..6).map(|_| client.register(&email))).await;
    let made = responses.iter().filter(|response| response.status == 201);
    assert_eq!(made.count(), 1, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != 201) {
        // A request that arrived during the winner's may get 503 and has to be retried.
        assert!(matches!(response.status, 409 | 503), "{response:?}");
    }
    assert_eq!(client.log_in(&email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn register_with_an_invalid_field_is_400_with_the_path() {
    let client = App::shared().await.client();
    let long_name = "x".repeat(101);
    for (email, password, name, path) in [
        ("", PASSWORD, "Ada", "email"),
        ("ada", PASSWORD, "Ada", "email"),
        ("ada@", PASSWORD, "Ada", "email"),
        ("a b@example.com", PASSWORD, "Ada", "email"),
        (
            "ada@example.com\r\nBcc: x@example.com",
            PASSWORD,
            "Ada",
            "email",
        ),
        ("ada@example.com", "short", "Ada", "password"),
        ("ada@example.com", &"x1Y-".repeat(40), "Ada", "password"),
        ("ada@example.com", "password", "Ada", "password"),
        ("ada@example.com", "12345678", "Ada", "password"),
        (
            "ada.lovelace@example.com",
            "ada.lovelace",
            "Ada",
            "password",
        ),
        ("ada@example.com", PASSWORD, &long_name, "name"),
    ] {
        let body = json!({ "email": email, "password": password, "name": name });
        let response = client.post("/api/v1/auth/register", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
}

#[tokio::test]
async fn worker_api_register_and_login_return_a_token() {
    let client = App::shared().await.client();
    let body = credentials(&new_email(), PASSWORD);
    let response = client.post("/register", body.clone()).await;
    assert_eq!(response.status, 201, "{response:?}");
    let made = response.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(made, json!({ "message": "User created", "token": token }));
    let id = me(&client.bearer(token)).await;
    let response = client.post("/login", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let made = response.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(made, json!({ "token": token }));
    assert_eq!(me(&client.bearer(token)).await, id);
}

#[tokio::test]
async fn logout_ends_only_its_session() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let other = client.again(&user).await;
    let response = user.send("POST", "/api/v1/auth/logout", None).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["success"], true);
    assert_eq!(user.status().await, 401);
    let by_cookie = user.by_cookie(&client);
    assert_eq!(by_cookie.get("/api/v1/auth/me").await.status, 401);
    let response = client.refresh(&user.refresh_token).await;
    response.is_error(401, "UNAUTHORIZED");
    assert_eq!(other.status().await, 200);
}

#[tokio::test]
async fn logout_removes_the_cookie() {
    let browser = Browser::new(&App::shared().await.client());
    let body = credentials(&new_email(), PASSWORD);
    browser.post("/api/v1/auth/register", body).await;
    assert!(browser.cookie("goldfish-session").is_some());
    assert_eq!(browser.get("/api/v1/auth/me").await.status, 200);
    let response = browser.send("POST", "/api/v1/auth/logout").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(browser.cookie("goldfish-session"), None);
    assert_eq!(browser.get("/api/v1/auth/me").await.status, 401);
}

#[tokio::test]
async fn logout_ends_the_session_on_every_instance() {
    let builder = App::with_defaults();
    let one = builder.clone().start().await;
    let other = builder.state_of(&one).start().await;
    let user = one.client().user().await;
    let there = other.client().bearer(&user.token);
    assert_eq!(there.get("/api/v1/auth/me").await.status, 200);
    user.send("POST", "/api/v1/auth/logout", None).await;
    assert_eq!(there.get("/api/v1/auth/me").await.status, 401);
}

#[tokio::test]
async fn logout_of_a_guest_ends_the_session() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let response = guest.send("POST", "/api/v1/auth/logout", None).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(guest.get("/api/v1/auth/me").await.status, 401);
    let response = client.refresh(&guest.refresh_token).await;
    response.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn register_with_a_guest_token_keeps_the_guests_data() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let conversation = guest.say("before there was an account").await;
    guest
        .put("/api/preferences", json!({ "theme": "light" }))
        .await;
    let response = guest.register(&new_email()).await;
    assert_eq!(response.status, 201, "{response:?}");
    let body = response.json();
    assert_eq!(body["user"]["id"], guest.id.as_str());
    assert_eq!(body["user"]["kind"], "registered");
    let email = body["user"]["email"].as_str().unwrap().to_owned();
    let response = client.log_in(&email, PASSWORD).await;
    let user = client.bearer(response.json()["token"].as_str().unwrap());
    assert_eq!(me(&user).await, guest.id);
    let list = user.conversations().await;
    assert_eq!(list[0]["id"], conversation.as_str());
    assert_eq!(user.get("/api/preferences").await.json()["theme"], "light");
}

#[tokio::test]
async fn register_with_a_guest_cookie_keeps_the_guests_data() {
    let browser = Browser::new(&App::shared().await.client());
    let response = browser.send("POST", "/api/v1/auth/guest").await;
    let guest = response.json()["user"]["id"].clone();
    let body = credentials(&new_email(), PASSWORD);
    let response = browser.post("/api/v1/auth/register", body).await;
    assert_eq!(response.json()["user"]["id"], guest, "{response:?}");
}

/// worker-api's own example, and fields of its users' frontends.
#[tokio::test]
async fn example_password_and_unknown_fields_of_compatible_routes_are_accepted() {
    let client = App::shared().await.client();
    let email = new_email();
    let body = json!({
        "email": email, "password": "yourpassword", "username": "ada", "plan": "free",
    });
    let response = client.undescribed().post("/register", body.clone()).await;
    assert_eq!(response.status, 201, "{response:?}");
    let response = client.undescribed().post("/login", body.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let response = client.undescribed().post("/api/v1/auth/login", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let refresh = json!({ "refreshToken": response.json()["refreshToken"], "clientId": "x" });
    let response = client
        .undescribed()
        .post("/api/v1/auth/refresh", refresh)
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = json!({
        "email": new_email(), "password": "yourpassword", "name": "a", "role": "admin",
    });
    let response = client
        .undescribed()
        .post("/api/auth/sign-up/email", body)
        .await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn common_and_short_passwords_are_400() {
    let client = App::shared().await.client();
    for password in ["password", "12345678", "qwertyuiop", "Password1", "1234567"] {
        let body = json!({ "email": new_email(), "password": password });
        let response = client.undescribed().post("/register", body).await;
        response.is_error(400, "VALIDATION_ERROR").names("password");
    }
}

#[tokio::test]
async fn password_min_score_without_its_component_is_an_error_of_the_operator() {
    let app = App::with_defaults()
        .variable("password_min_score", "3")
        .start()
        .await;
    let body = json!({ "email": new_email(), "password": "yourpassword" });
    let response = app.client().post("/register", body).await;
    response.is_error(500, "INTERNAL");
    // The log is written after the response.
    eventually("the cause in the log", || async {
        app.logs()
            .contains("accounts-strict-passwords")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn session_cookie_follows_the_cookie_variables() {
    for (variables, attributes) in [
        ([].as_slice(), "; HttpOnly; SameSite=Lax"),
        (
            &[("cookie_same_site", "strict")],
            "; HttpOnly; SameSite=Strict",
        ),
        (
            &[("cookie_same_site", "none"), ("cookie_partitioned", "on")],
            "; HttpOnly; SameSite=None; Secure; Partitioned",
        ),
        (
            &[
                ("cookie_domain", "example.com"),
                ("cookie_same_site", "none"),
            ],
            "; HttpOnly; SameSite=None; Secure; Domain=example.com",
        ),
    ] {
        let mut app = App::with_defaults();
        for (name, value) in variables {
            app = app.variable(name, *value);
        }
        let app = app.start().await;
        let response = app.client().send("POST", "/api/v1/auth/guest", None).await;
        let line = response.set_cookies()[0];
        assert!(line.starts_with("goldfish-session="), "{line}");
        assert!(line.ends_with(attributes), "{line} has not {attributes}");
    }
}

#[tokio::test]
async fn cross_site_cookies_are_still_protected_against_csrf() {
    let app = App::with_defaults()
        .variable("cookie_same_site", "none")
        .variable("cors_origins", "https://app.example")
        .start()
        .await;
    let client = app.client();
    let user = client.user().await;
    let by_cookie = user.by_cookie(&client);
    let body = json!({ "theme": "dark" });
    let own = by_cookie.with("origin", "https://app.example");
    assert_eq!(own.put("/api/preferences", body.clone()).await.status, 200);
    for origin in ["https://evil.example", "null", "https://sub.app.example"] {
        let foreign = by_cookie.with("origin", origin);
        let response = foreign.put("/api/preferences", body.clone()).await;
        assert_eq!(response.status, 403, "{origin}: {response:?}");
    }
    // A browser that sends no `Origin` says so otherwise.
    let hidden = by_cookie.with("sec-fetch-site", "cross-site");
    let response = hidden.put("/api/preferences", body).await;
    assert_eq!(response.status, 403, "{response:?}");
}

#[tokio::test]
async fn two_instances_with_different_cookie_prefixes_keep_both_sessions() {
    let start = async |prefix: &str| {
        let app = App::with_defaults().variable("cookie_prefix", prefix);
        app.start().await
    };
    let (one, other) = (start("one").await, start("other").await);
    let mut cookies = Vec::new();
    for (app, name) in [(&one, "one-session"), (&other, "other-session")] {
        let response = app.client().send("POST", "/api/v1/auth/guest", None).await;
        let cookie = response.cookie(name).expect(name);
        cookies.push(format!("{name}={cookie}"));
    }
    let cookies = cookies.join("; ");
    for app in [&one, &other] {
        let client = app.client().with("cookie", &cookies);
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 200, "{response:?}");
        assert!(response.set_cookies().is_empty(), "{response:?}");
    }
}

#[tokio::test]
async fn refresh_token_predecessor_is_accepted_within_the_leeway() {
    let client = App::shared().await.client();
    let response = client.send("POST", "/api/v1/auth/guest", None).await;
    let first = response.json()["refreshToken"].as_str().unwrap().to_owned();
    assert_eq!(client.refresh(&first).await.status, 200);
    // Another tab with the same token.
    assert_eq!(client.refresh(&first).await.status, 200);
}

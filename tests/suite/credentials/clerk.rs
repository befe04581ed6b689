//! Clerk session tokens, checked against a key set that a fake Clerk serves. Tokens of the real SDK
//! are in `clients`.

use serde_json::{Value, json};
use upstream::{Clerk, ServiceFailure};

use crate::harness::{App, Builder, ORIGIN, Response};

async fn fake() -> (Clerk, Builder) {
    let clerk = Clerk::start().await.unwrap();
    let app = App::with_defaults()
        .variable("clerk_base_url", clerk.base_url())
        .variable("clerk_authorized_parties", ORIGIN);
    (clerk, app)
}

async fn me(app: &App, token: &str) -> Response {
    app.client().bearer(token).get("/api/v1/auth/me").await
}

#[tokio::test]
async fn session_token_as_bearer_or_cookie_authenticates() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let token = clerk.session_token("user_2abc", &Value::Null);
    let response = me(&app, &token).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["user"]["id"], "clerk_user_2abc");
    assert_eq!(response.json()["user"]["kind"], "external");
    let browser = app
        .client()
        .with("cookie", &format!("__session={token}; __client_uat=1"))
        .with("origin", ORIGIN);
    let conversation = browser.say("from a page with Clerk").await;
    let by_bearer = app.client().bearer(&token).conversations().await;
    assert_eq!(by_bearer[0]["id"], conversation.as_str());
    // A new token of Clerk's session is for the same user.
    let next = clerk.session_token("user_2abc", &Value::Null);
    let again = app.client().bearer(&next).conversations().await;
    assert_eq!(again, by_bearer);
}

#[tokio::test]
async fn tokens_with_wrong_claims_are_401() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for changes in [
        json!({ "exp": now - 120 }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "nbf": now + 600 }),
        json!({ "azp": "https://evil.example" }),
        json!({ "azp": "http://localhost:3000.evil.example" }),
        json!({ "iss": "https://clerk.evil.example" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": "../admin" }),
        json!({ "sub": "a:b" }),
        json!({ "sub": "x".repeat(200) }),
        // Somebody who has still to do something before the session counts.
        json!({ "sts": "pending" }),
    ] {
        let token = clerk.session_token("user_2abc", &changes);
        let response = me(&app, &token).await;
        assert_eq!(response.status, 401, "{changes}: {response:?}");
    }
    let good = clerk.session_token("user_2abc", &Value::Null);
    assert_eq!(me(&app, &good).await.status, 200);
    let parts: Vec<_> = good.split('.').collect();
    let other = clerk.session_token("user_2other", &Value::Null);
    let others: Vec<_> = other.split('.').collect();
    for forged in [
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        // {"alg":"none","typ":"JWT"}
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]),
    ] {
        assert_eq!(me(&app, &forged).await.status, 401, "{forged}");
    }
    // A key that is not Clerk's.
    let stranger = upstream::SigningKey::generate();
    let claims = json!({
        "iss": clerk.base_url(), "sub": "user_2abc", "sid": "sess_1", "azp": ORIGIN,
        "iat": now, "nbf": now, "exp": now + 60,
    });
    assert_eq!(me(&app, &stranger.sign(&claims)).await.status, 401);
    assert_eq!(me(&app, &clerk.key().sign(&claims)).await.status, 200);
}

#[tokio::test]
async fn unknown_keys_are_fetched_once() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let old = clerk.session_token("user_2abc", &Value::Null);
    assert_eq!(me(&app, &old).await.status, 200);
    clerk.rotate();
    let new = clerk.session_token("user_2abc", &Value::Null);
    let accepted = crate::harness::eventually("the rotated key", || async {
        (me(&app, &new).await.status == 200).then_some(())
    });
    accepted.await;
    assert_eq!(me(&app, &old).await.status, 200);
    let before = clerk.calls("jwks.json").len();
    let stranger = upstream::SigningKey::generate();
    let forged = stranger.sign(&json!({ "sub": "user_2abc" }));
    for _ in 0..50 {
        assert_eq!(me(&app, &forged).await.status, 401);
    }
    let fetched = clerk.calls("jwks.json").len() - before;
    assert!(fetched <= 5, "50 strangers made us ask {fetched} times");
}

#[tokio::test]
async fn an_unreachable_clerk_is_503_and_other_credentials_work() {
    let (clerk, app) = fake().await;
    clerk.fail("", usize::MAX, ServiceFailure::Cut);
    let app = app.start().await;
    let token = clerk.session_token("user_2abc", &Value::Null);
    let response = me(&app, &token).await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    app.client().guest().await.say("unimpressed").await;
    for failure in [
        ServiceFailure::Html,
        ServiceFailure::Oversized(3_000_000),
        ServiceFailure::Status(500),
    ] {
        clerk.recover();
        clerk.fail("", usize::MAX, failure);
        let response = me(&app, &token).await;
        assert_eq!(response.status, 503, "{failure:?}: {response:?}");
    }
}

#[tokio::test]
async fn tokens_without_a_clerk_configuration_are_401() {
    let clerk = Clerk::start().await.unwrap();
    let token = clerk.session_token("user_2abc", &Value::Null);
    let app = App::shared().await;
    assert_eq!(me(app, &token).await.status, 401);
    // Any site may set a cookie of this name. It must not hide a guest's cookie.
    let browser = crate::harness::Browser::new(&app.client());
    browser.plant("__session", &token);
    assert_eq!(browser.send("POST", "/api/v1/auth/guest").await.status, 201);
    assert_eq!(browser.get("/api/v1/auth/me").await.status, 200);
    assert!(clerk.calls("").is_empty());
}

#[tokio::test]
async fn logout_ends_the_clerk_session() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let session = json!({ "sid": "sess_one" });
    let token = clerk.session_token("user_2abc", &session);
    let client = app.client().bearer(&token);
    let response = client.send("POST", "/api/v1/auth/logout", None).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(me(&app, &token).await.status, 401);
    let next = clerk.session_token("user_2abc", &session);
    assert_eq!(
        me(&app, &next).await.status,
        401,
        "it is the session that ended"
    );
    let other = clerk.session_token("user_2abc", &json!({ "sid": "sess_two" }));
    assert_eq!(me(&app, &other).await.status, 200);
}

#[tokio::test]
async fn suffixed_and_several_session_cookies_are_tried() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let good = clerk.session_token("user_2abc", &Value::Null);
    let other = json!({ "iss": "https://another.clerk.example" });
    let foreign = clerk.session_token("user_2other", &other);
    for cookies in [
        format!("__session_aB3-x_9Z={good}"),
        format!("__session={foreign}; __session_aB3-x_9Z={good}"),
        format!("__session=; __session_1={foreign}; __session_2={good}"),
        format!("goldfish-session=stale; __session={good}"),
    ] {
        let client = app.client().with("cookie", &cookies);
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["user"]["id"], "clerk_user_2abc");
    }
    let client = app.client().with("cookie", &format!("__sessions={good}"));
    client
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_without_azp_is_accepted() {
    let (clerk, app) = fake().await;
    let app = app.start().await;
    let token = clerk.session_token("user_2abc", &json!({ "azp": null }));
    assert_eq!(me(&app, &token).await.status, 200);
}

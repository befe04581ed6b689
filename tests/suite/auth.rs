//! `/api/v1/auth/*`, and what counts as a credential.

use serde_json::json;

use crate::harness::{App, Client};

async fn me(client: &Client) -> String {
    let answer = client.get("/api/v1/auth/me").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["user"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_gets_a_session() {
    let app = App::shared().await;
    let answer = app.client().send("POST", "/api/v1/auth/guest", None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = answer.json();
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
    let cache = answer.header("cache-control").unwrap_or_default();
    assert!(
        cache.contains("no-store"),
        "a token is not for caches: {cache:?}"
    );
}

#[tokio::test]
async fn two_guests_are_two_users() {
    let client = App::shared().await.client();
    let (one, other) = (client.guest().await, client.guest().await);
    assert_ne!(one.id, other.id);
    assert_ne!(one.token, other.token);
    assert_eq!(me(&one).await, one.id);
    assert_eq!(me(&other).await, other.id);
}

#[tokio::test]
async fn the_token_works_as_bearer_and_as_cookie() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    assert_eq!(me(&client.bearer(&guest.token)).await, guest.id);
    let cookie = format!("theme=dark; goldfish-session={}; other=1", guest.token);
    assert_eq!(me(&client.with("cookie", &cookie)).await, guest.id);
    // The scheme's name is case-insensitive (RFC 9110, 11.1).
    let header = format!("bearer {}", guest.token);
    assert_eq!(me(&client.with("authorization", &header)).await, guest.id);
}

#[tokio::test]
async fn forged_and_damaged_tokens_are_refused() {
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
        let answer = client.bearer(token).get("/api/conversations").await;
        assert_eq!(answer.status, 401, "{token:?}: {answer:?}");
        answer.is_error(401, "UNAUTHORIZED");
        if !token.is_empty() {
            let cookie = format!("goldfish-session={token}");
            let answer = client
                .with("cookie", &cookie)
                .get("/api/conversations")
                .await;
            answer.is_error(401, "UNAUTHORIZED");
        }
    }
}

#[tokio::test]
async fn a_broken_bearer_is_not_rescued_by_a_good_cookie() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let cookie = format!("goldfish-session={}", guest.token);
    let answer = client
        .bearer("broken")
        .with("cookie", &cookie)
        .get("/api/v1/auth/me")
        .await;
    answer.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn another_installations_token_is_worth_nothing() {
    let (one, other) = tokio::join!(App::with_defaults().start(), App::with_defaults().start());
    let guest = one.client().guest().await;
    let answer = other
        .client()
        .bearer(&guest.token)
        .get("/api/conversations")
        .await;
    answer.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn installations_with_one_secret_accept_each_others_tokens() {
    let start = || {
        let secret = "a-secret-of-more-than-thirty-two-bytes!";
        App::with_defaults().variable("jwt_secret", secret).start()
    };
    let (one, other) = tokio::join!(start(), start());
    let guest = one.client().guest().await;
    assert_eq!(me(&other.client().bearer(&guest.token)).await, guest.id);
}

#[tokio::test]
async fn refreshing_keeps_the_user() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let id = guest.say("before").await;
    let body = json!({ "refreshToken": guest.refresh_token });
    let answer = client.post("/api/v1/auth/refresh", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["user"]["id"], guest.id.as_str());
    let renewed = client.bearer(body["token"].as_str().unwrap());
    assert_eq!(renewed.conversations().await[0]["id"], id.as_str());
}

#[tokio::test]
async fn only_a_refresh_token_refreshes() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    for token in ["", "x", &guest.token] {
        let body = json!({ "refreshToken": token });
        let answer = client.post("/api/v1/auth/refresh", body).await;
        assert!(matches!(answer.status, 400 | 401), "{token:?}: {answer:?}");
    }
    let answer = client
        .post(
            "/api/v1/auth/refresh",
            json!({ "refreshToken": guest.token }),
        )
        .await;
    answer.is_error(401, "UNAUTHORIZED");
    let answer = client
        .post("/api/v1/auth/refresh", json!({ "refreshToken": 1 }))
        .await;
    answer
        .is_error(400, "VALIDATION_ERROR")
        .names("refreshToken");
}

#[tokio::test]
async fn me_needs_a_user() {
    App::shared()
        .await
        .client()
        .get("/api/v1/auth/me")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn unauthorized_answers_say_how_to_sign_in() {
    let answer = App::shared().await.client().get("/api/v1/auth/me").await;
    let challenge = answer.header("www-authenticate").expect("RFC 9110, 15.5.2");
    assert!(challenge.starts_with("Bearer"), "{challenge}");
}

//! `/api-keys/*`, and what a key opens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use upstream::Script;

use crate::harness::{App, Client, eventually, new_email, world};

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

fn scoped(scopes: &[&str]) -> Value {
    json!({ "name": "scoped", "scopes": scopes })
}

#[tokio::test]
async fn api_keys_responses_have_worker_apis_shapes() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let response = user.post("/api-keys/create", named("My machine")).await;
    assert_eq!(response.status, 201, "{response:?}");
    let body = response.json();
    let message = "API key created successfully. Save this key as it won't be shown again.";
    assert_eq!(body["message"], message);
    let key = body["key"].as_str().unwrap();
    let list = user.keys().await;
    assert_eq!(list.len(), 1);
    let row = &list[0];
    assert_eq!(row["name"], "My machine");
    assert_eq!(row["active"], true);
    assert!(
        row["created_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z')),
        "{row}"
    );
    assert!(
        row["createdAt"]
            .as_u64()
            .is_some_and(|at| at.abs_diff(now()) < 60_000),
        "{row}"
    );
    assert_eq!(row["expiresAt"], Value::Null);
    let prefix = row["prefix"].as_str().unwrap();
    assert!(
        key.starts_with(prefix.trim_end_matches(['…', '.', '*'])),
        "{prefix}"
    );
    assert!(prefix.len() < 16, "{prefix} tells too much");
    assert!(!row.to_string().contains(key), "the secret is shown once");
    let id = row["id"].as_str().unwrap();
    let response = user
        .send("POST", &format!("/api-keys/revoke/{id}"), None)
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        response.json(),
        json!({ "message": "API key revoked successfully" })
    );
    assert_eq!(user.keys().await[0]["active"], false);
}

#[tokio::test]
async fn created_keys_have_a_prefix_and_checksum() {
    let user = App::shared().await.client().user().await;
    let secret = user.new_key(named("a")).await.secret;
    let body = secret.strip_prefix("gf_").unwrap();
    assert!(
        body.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{body}"
    );
    // 160 bits are 27 digits of base 62; six more are the checksum (CRC-32, as GitHub's).
    assert!(body.len() >= 27 + 6, "{body}");
    let (random, checksum) = body.split_at(body.len() - 6);
    let crc = |text: &str| {
        !text.bytes().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
            })
        })
    };
    let base62 = |mut number: u32| {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut text = [0; 6];
        for place in text.iter_mut().rev() {
            *place = digits[(number % 62) as usize];
            number /= 62;
        }
        String::from_utf8(text.to_vec()).unwrap()
    };
    let candidates = [random.to_owned(), format!("gf_{random}")];
    assert!(
        candidates.iter().any(|text| base62(crc(text)) == checksum),
        "{checksum} is no checksum"
    );
    let other = user.new_key(named("b")).await.secret;
    assert_ne!(secret, other);
}

#[tokio::test]
async fn an_api_key_is_accepted_in_either_header() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let key = user.new_key(named("a")).await;
    for client in [
        client.bearer(&key.secret),
        client.with("x-api-key", &key.secret),
    ] {
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["user"]["id"], user.id.as_str());
        let id = client.say("from a machine").await;
        assert_eq!(user.conversation(&id).await["id"], id.as_str());
    }
    let used = eventually("the last use", || async {
        user.keys().await[0]["lastUsedAt"].as_u64()
    })
    .await;
    assert!(used.abs_diff(now()) < 120_000, "{used}");
}

#[tokio::test]
async fn revoke_ends_a_key_on_every_instance() {
    let builder = App::with_defaults();
    let one = builder.clone().start().await;
    let other = builder.state_of(&one).start().await;
    let user = one.client().user().await;
    let key = user.new_key(named("a")).await;
    let kept = user.new_key(named("kept")).await;
    let there = other.client().bearer(&key.secret);
    assert_eq!(there.get("/api/models").await.status, 200);
    let path = format!("/api-keys/revoke/{}", key.id);
    assert_eq!(user.post(&path, json!({})).await.status, 200);
    there.get("/api/models").await.is_error(401, "UNAUTHORIZED");
    // Revoking a revoked one is fine.
    assert_eq!(user.post(&path, json!({})).await.status, 200);
    let kept = other.client().bearer(&kept.secret);
    assert_eq!(kept.get("/api/models").await.status, 200);
}

#[tokio::test]
async fn an_expired_key_is_401() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let ends = now() + 2_000;
    let key = user
        .new_key(json!({ "name": "short", "expiresAt": ends }))
        .await;
    let machine = client.bearer(&key.secret);
    if machine.get("/api/models").await.status != 200 {
        assert!(now() >= ends, "it was refused before its time");
    }
    tokio::time::sleep(Duration::from_millis(ends.saturating_sub(now()) + 50)).await;
    machine
        .get("/api/models")
        .await
        .is_error(401, "UNAUTHORIZED");
    let past = json!({ "name": "past", "expiresAt": now() - 1000 });
    let response = user.post("/api-keys/create", past).await;
    response
        .is_error(400, "VALIDATION_ERROR")
        .names("expiresAt");
}

async fn statuses(client: &Client) -> [u16; 4] {
    let chat = client.chat(json!({ "message": "Hi" })).await;
    let chat = chat.collect().await.status;
    [
        client.get("/api/conversations").await.status,
        chat,
        client
            .put("/api/preferences", json!({ "theme": "dark" }))
            .await
            .status,
        client.get("/api-keys/list").await.status,
    ]
}

#[tokio::test]
async fn a_key_without_the_scope_is_403() {
    let client = App::shared().await.client();
    let user = client.user().await;
    for (request, expected) in [
        (scoped(&["read"]), [200, 403, 403, 403]),
        (scoped(&["chat"]), [403, 200, 403, 403]),
        (scoped(&["write"]), [403, 403, 200, 403]),
        (scoped(&["admin"]), [403, 403, 403, 200]),
        // The scopes of a key that was requested without any.
        (scoped(&[]), [200, 200, 200, 403]),
        (named("none named"), [200, 200, 200, 403]),
    ] {
        let key = user.new_key(request.clone()).await;
        let machine = client.bearer(&key.secret);
        assert_eq!(statuses(&machine).await, expected, "{request}");
    }
    let response = user.post("/api-keys/create", scoped(&["root"])).await;
    response.is_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_key_without_admin_cannot_create_keys_or_end_sessions() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let key = user.new_key(named("a")).await;
    let machine = client.bearer(&key.secret);
    for (method, path) in [
        ("POST", "/api-keys/create"),
        ("POST", &format!("/api-keys/revoke/{}", key.id)),
        ("DELETE", "/api/v1/auth/me"),
        ("GET", "/api/auth/list-sessions"),
        ("POST", "/api/auth/revoke-sessions"),
    ] {
        let response = machine.send(method, path, Some(b"{}".to_vec())).await;
        assert_eq!(response.status, 403, "{method} {path}: {response:?}");
    }
    assert_eq!(user.status().await, 200);
}

#[tokio::test]
async fn key_limits_and_budgets_are_enforced() {
    let world = world(Script::new(["a", "b"]).usage(10, 10)).await;
    let client = world.app.client();
    let user = client.user().await;
    let chats = async |request: Value| {
        let key = user.new_key(request).await;
        let machine = client.bearer(&key.secret);
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let chat = machine.ask("Hi").await;
            statuses.push(chat.collect().await.status);
        }
        statuses
    };
    let limited = json!({ "name": "slow", "chatPerMinute": 2 });
    assert_eq!(chats(limited).await, [200, 200, 429, 429]);
    let requests = json!({ "name": "few", "requestBudget": 3 });
    assert_eq!(chats(requests).await, [200, 200, 200, 402]);
    // Whatever a chat takes of these, it is 20 tokens; a prompt's estimate must fit too.
    let tokens = json!({ "name": "short", "tokenBudget": 45 });
    let statuses = chats(tokens).await;
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert_eq!(statuses[3], 402, "{statuses:?}");
    // The budgets are the keys', not the user's.
    assert_eq!(user.ask("Hi").await.collect().await.status, 200);
}

#[tokio::test]
async fn create_with_an_invalid_field_is_400_with_the_path() {
    let user = App::shared().await.client().user().await;
    let long = "x".repeat(101);
    for (body, path) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": long }), "name"),
        (json!({ "name": 1 }), "name"),
        (json!({ "name": "a", "expiresAt": "soon" }), "expiresAt"),
        (json!({ "name": "a", "requestBudget": -1 }), "requestBudget"),
    ] {
        let response = user.post("/api-keys/create", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(path);
    }
    for id in ["6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001", "x", "..%2f"] {
        let response = user
            .post(&format!("/api-keys/revoke/{id}"), json!({}))
            .await;
        response.is_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn create_beyond_the_maximum_is_refused() {
    let user = App::shared().await.client().user().await;
    for number in 0..1000 {
        let response = user.post("/api-keys/create", named("one of many")).await;
        if response.status != 201 {
            response.is_error(409, "CONFLICT");
            assert!(number >= 10, "{number} keys are few");
            return;
        }
    }
    panic!("no end of keys");
}

#[tokio::test]
async fn register_revokes_the_keys_of_a_guest() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let key = guest.new_key(named("a")).await;
    let machine = client.bearer(&key.secret);
    let response = machine.get("/api/v1/auth/me").await;
    assert_eq!(
        response.json()["user"]["id"],
        guest.id.as_str(),
        "{response:?}"
    );
    assert_eq!(guest.register(&new_email()).await.status, 201);
    // The guest of the session may be another person than the one who registers.
    let response = machine.get("/api/v1/auth/me").await;
    response.is_error(401, "UNAUTHORIZED");
}

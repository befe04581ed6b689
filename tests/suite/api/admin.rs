//! `/api/admin/*`: the operator.

use serde_json::json;

use crate::harness::{ADMIN_KEY, App, PASSWORD};

#[tokio::test]
async fn admin_routes_without_a_valid_key_are_refused() {
    let app = App::with_defaults().start().await;
    let open = app.client().with("x-admin-key", "");
    for client in [app.client(), open, app.client().admin()] {
        client
            .get("/api/admin/users")
            .await
            .is_error(404, "NOT_FOUND");
    }
    // A key that could be guessed is none.
    let app = App::with_defaults()
        .variable("admin_api_key", "short")
        .start()
        .await;
    let guessed = app.client().with("x-admin-key", "short");
    assert_eq!(guessed.get("/api/admin/users").await.status, 404);

    let client = App::shared().await.client();
    let user = client.user().await;
    let cut = &ADMIN_KEY[..ADMIN_KEY.len() - 1];
    let long = format!("{ADMIN_KEY}x");
    for key in ["", "x", cut, &long, &ADMIN_KEY.to_uppercase()] {
        let wrong = user.with("x-admin-key", key);
        let response = wrong.get("/api/admin/users").await;
        response.is_error(401, "UNAUTHORIZED");
    }
    // It is a header of its own, and no bearer token.
    let bearer = client.bearer(ADMIN_KEY);
    assert_eq!(bearer.get("/api/admin/users").await.status, 401);
}

#[tokio::test]
async fn admin_routes_with_wrong_keys_are_rate_limited() {
    let app = App::with_defaults()
        .admin()
        .variable("rate_limit_auth_per_minute", "3")
        .start()
        .await;
    let wrong = app.client().with("x-admin-key", "wrong");
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(wrong.get("/api/admin/users").await.status);
    }
    // The next minute may begin once during the test.
    assert!(
        statuses.iter().filter(|status| **status == 401).count() <= 6,
        "{statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");
    let right = app.client().admin();
    assert_eq!(right.get("/api/admin/users").await.status, 200);
}

#[tokio::test]
async fn users_list_returns_pages_and_finds_by_query() {
    let app = App::with_defaults().admin().start().await;
    let client = app.client();
    let admin = client.admin();
    let mut made = Vec::new();
    for number in 0..5 {
        let email = format!("user{number}.Marker@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": format!("N{number}") });
        let response = client.post("/api/v1/auth/register", body).await;
        made.push(response.json()["user"]["id"].as_str().unwrap().to_owned());
    }
    client.guest().await.say("a guest has no account").await;

    let mut listed = Vec::new();
    let mut path = "/api/admin/users?limit=2".to_owned();
    loop {
        let response = admin.get(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let users = page["users"].as_array().unwrap();
        assert!(users.len() <= 2, "{page}");
        listed.extend(
            users
                .iter()
                .map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/admin/users?limit=2&cursor={cursor}"),
            None => break,
        }
        assert!(listed.len() <= 10, "no end of pages");
    }
    assert_eq!(listed, made, "oldest first, each once");

    let listed_ids = async |query: &str| {
        let response = admin.get(&format!("/api/admin/users?{query}")).await;
        assert_eq!(response.status, 200, "{query}: {response:?}");
        let users = response.json()["users"].as_array().unwrap().clone();
        let ids = users
            .iter()
            .map(|user| user["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed_ids("search=USER3").await, [made[3].clone()]);
    assert_eq!(listed_ids("search=n4").await, [made[4].clone()]);
    assert_eq!(
        listed_ids("email=user1.marker%40EXAMPLE.com").await,
        [made[1].clone()]
    );
    assert!(listed_ids("email=nobody%40example.com").await.is_empty());
    for wrong in ["limit=0", "limit=101", "limit=x", "unknown=1"] {
        let response = admin.get(&format!("/api/admin/users?{wrong}")).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    let response = admin.get("/api/admin/users?cursor=nonsense").await;
    assert!(matches!(response.status, 200 | 400), "{response:?}");

    let response = admin.get("/api/admin/statistics").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["accounts"], 5);
    client
        .admin()
        .delete(&format!("/api/admin/users/{}", made[0]))
        .await;
    let statistics = admin.get("/api/admin/statistics").await.json();
    assert_eq!(statistics["accounts"], 4);
    assert_eq!(statistics["registeredEver"], 5);
    assert_eq!(statistics["deletedEver"], 1);
}

#[tokio::test]
async fn user_get_returns_no_secrets() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let key = user.new_key(json!({ "name": "a" })).await;
    let response = client
        .admin()
        .get(&format!("/api/admin/users/{}", user.id))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    assert_eq!(body["user"]["email"], user.email.as_str());
    assert_eq!(body["user"]["hasPassword"], true);
    assert_eq!(body["apiKeys"], 1);
    for secret in ["argon2", PASSWORD, &key.secret, &user.refresh_token] {
        assert!(!response.text().contains(secret), "{secret} in {body}");
    }
    for unknown in [
        "user_6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001",
        "x",
        "a%2Fb",
        "a:b",
    ] {
        let response = client
            .admin()
            .get(&format!("/api/admin/users/{unknown}"))
            .await;
        response.is_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn revoke_sessions_ends_sessions_and_keys() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let again = client.again(&user).await;
    let key = user.new_key(json!({ "name": "a" })).await;
    let machine = client.bearer(&key.secret);
    let path = |action: &str| format!("/api/admin/users/{}/{action}", user.id);
    let response = client
        .admin()
        .post(&path("revoke-sessions"), json!({}))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["revoked"], 2);
    assert_eq!((user.status().await, again.status().await), (401, 401));
    assert_eq!(client.refresh(&user.refresh_token).await.status, 401);
    assert_eq!(machine.get("/api/models").await.status, 200);
    let response = client.admin().post(&path("revoke-keys"), json!({})).await;
    assert_eq!(response.json()["revoked"], 1, "{response:?}");
    assert_eq!(machine.get("/api/models").await.status, 401);
    // The account is there still.
    assert_eq!(client.again(&user).await.status().await, 200);
}

#[tokio::test]
async fn revoke_sessions_of_a_guest_ends_its_sessions() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let path = format!("/api/admin/users/{}/revoke-sessions", guest.id);
    let response = client.admin().post(&path, json!({})).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(guest.get("/api/v1/auth/me").await.status, 401);
}

#[tokio::test]
async fn stats_counts_store_keys_by_capability() {
    let app = App::with_defaults().admin().start().await;
    let client = app.client();
    let storage = async || {
        let response = client.admin().get("/api/admin/statistics").await;
        assert_eq!(response.status, 200, "{response:?}");
        let storage = response.json()["storage"].clone();
        assert_eq!(storage["complete"], true, "{storage}");
        let count = |name: &str| storage["keys"][name].as_u64().unwrap();
        ["identity", "conversations", "quota", "other"].map(count)
    };
    let empty = storage().await;
    assert_eq!((empty[1], empty[3]), (0, 0), "{empty:?}");

    let user = client.user().await;
    for number in 0..3 {
        user.say(&format!("message {number}")).await;
    }
    let path = format!("/api/admin/users/{}/credits", user.id);
    let response = client.admin().post(&path, json!({ "amount": 5 })).await;
    assert_eq!(response.status, 200, "{response:?}");
    let full = storage().await;
    assert!(full[0] > empty[0] && full[1] > 0 && full[2] > 0, "{full:?}");
    assert_eq!(full[3], 0, "every key is counted in a known group");
    // Keys may still be added after the response, but none are removed.
    let stored = u64::try_from(app.stored().len()).unwrap();
    assert!(stored >= full.iter().sum(), "{stored} {full:?}");

    let path = format!("/api/admin/users/{}", user.id);
    assert_eq!(client.admin().delete(&path).await.status, 200);
    // Entries of journals are blanked and keep their keys, and the end itself is a few facts more,
    // however much there was.
    let purged = storage().await;
    for (before, after) in full.into_iter().zip(purged) {
        assert!(after <= before + 4, "{full:?} {purged:?}");
    }
}

#[tokio::test]
async fn user_get_with_only_a_ledger_returns_the_user() {
    let client = App::shared().await.client();
    let admin = client.admin();
    let guest = client.guest().await;
    let outside = format!("workos_user_{}", uuid::Uuid::new_v4().simple());
    for (id, kind) in [(&guest.id, "guest"), (&outside, "external")] {
        let path = format!("/api/admin/users/{id}");
        admin.get(&path).await.is_error(404, "NOT_FOUND");
        let grant = json!({ "amount": 5 });
        let response = admin.post(&format!("{path}/credits"), grant).await;
        assert_eq!(response.status, 200, "{response:?}");
        let response = admin.get(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        let body = response.json();
        assert_eq!(body["user"]["id"], id.as_str());
        assert_eq!(body["user"]["kind"], kind);
        assert_eq!(body["user"]["email"], serde_json::Value::Null);
        assert_eq!(body["credits"]["grantedLeft"], 5, "{body}");
        assert_eq!(body["apiKeys"], 0);
        assert_eq!(admin.delete(&path).await.status, 200);
        admin.get(&path).await.is_error(404, "NOT_FOUND");
    }
    // Nobody can be these, whatever was granted to them.
    for id in ["x", "guest_x", "user_6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c002"] {
        let path = format!("/api/admin/users/{id}");
        let grant = json!({ "amount": 5 });
        admin.post(&format!("{path}/credits"), grant).await;
        admin.get(&path).await.is_error(404, "NOT_FOUND");
    }
}

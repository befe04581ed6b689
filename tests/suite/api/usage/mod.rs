//! `/api/usage`, `/api/credits/transactions`, and what plans and credits do to chats.

mod cost;

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::{Failure, Script, Upstream};

use crate::harness::{App, Client, World, eventually};

/// A provider that takes one token for the prompt and five for the reply: less than is held.
fn six_tokens() -> Script {
    Script::words(5).usage(1, 5)
}

/// With plans, and an operator.
async fn limited(plans: Value) -> World {
    let upstream = Upstream::start(six_tokens()).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .admin()
        .variable("plans", plans.to_string())
        .start()
        .await;
    World { upstream, app }
}

/// The status of a chat whose reply may have five tokens.
async fn chat(client: &Client) -> u16 {
    let body = json!({ "message": "Hi", "model": "gpt-4o", "maxTokens": 5 });
    client.chat(body).await.collect().await.status
}

async fn usage(client: &Client) -> Value {
    let response = client.get("/api/usage").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

async fn transactions(client: &Client) -> Vec<Value> {
    let response = client.get("/api/credits/transactions").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["transactions"].as_array().unwrap().clone()
}

/// The usage once nothing is held any more: replies are settled after their last event.
async fn settled(client: &Client, requests: u64) -> Value {
    eventually("the chats to be settled", || async {
        let usage = usage(client).await;
        let rows = usage["usage"].as_array().unwrap();
        let counted: u64 = rows
            .iter()
            .map(|row| row["requests"].as_u64().unwrap())
            .sum();
        let held = usage["credits"]["reserved"].as_u64().unwrap_or(0);
        (counted == requests && held == 0).then_some(usage)
    })
    .await
}

#[tokio::test]
async fn usage_lists_tokens_by_day_model_and_key() {
    let world = limited(json!({})).await;
    let client = world.app.client();
    let guest = client.guest().await;
    let empty = usage(&guest).await;
    assert_eq!(empty["plan"], "free");
    assert_eq!(empty["usage"], json!([]));
    assert_eq!(empty["credits"]["left"], Value::Null, "without a limit");
    assert_eq!(chat(&guest).await, 200);
    assert_eq!(chat(&guest).await, 200);
    let key = guest.new_key(json!({ "name": "a" })).await;
    assert_eq!(chat(&client.bearer(&key.secret)).await, 200);
    let demo = json!({ "message": "Hi", "model": "demo" });
    assert_eq!(guest.chat(demo).await.collect().await.status, 200);
    let usage = settled(&guest, 4).await;
    let row = |model: &str| {
        let rows = usage["usage"].as_array().unwrap();
        rows.iter().find(|row| row["model"] == model).cloned()
    };
    let row = row("gpt-4o").unwrap();
    assert_eq!(row["requests"], 3, "{usage}");
    assert_eq!(row["promptTokens"], 3, "{usage}");
    assert_eq!(row["completionTokens"], 15, "{usage}");
    let day = row["day"].as_str().unwrap();
    assert!(day.len() == 10 && day.starts_with("20"), "{day}");
    assert_eq!(usage["keys"][0]["id"], key.id.as_str(), "{usage}");
    assert_eq!(usage["keys"][0]["requests"], 1, "{usage}");
    assert_eq!(usage["keys"][0]["tokens"], 6, "{usage}");
    let list = transactions(&guest).await;
    assert_eq!(list.len(), 4, "{list:?}");
    assert!(list.iter().all(|one| one["kind"] == "usage"), "{list:?}");
    assert!(
        list.iter()
            .any(|one| one["amount"] == -6 && one["model"] == "gpt-4o")
    );
    // Another user has no usage.
    let other = client.guest().await;
    assert_eq!(self::usage(&other).await["usage"], json!([]));
    assert!(transactions(&other).await.is_empty());
}

#[tokio::test]
async fn usage_when_switched_off_is_not_stored() {
    let upstream = Upstream::start(six_tokens()).await.unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("usage_ledger", "off")
        .start()
        .await;
    let guest = app.client().guest().await;
    assert_eq!(chat(&guest).await, 200);
    assert_eq!(usage(&guest).await["usage"], json!([]));
    assert!(transactions(&guest).await.is_empty());
}

#[tokio::test]
async fn chat_without_credits_is_402_and_stores_nothing() {
    // Three chats leave 1: not the prompt and a token more.
    let world = limited(json!({ "free": { "monthlyCredits": 19 } })).await;
    let guest = world.app.client().guest().await;
    let mut requests = 0;
    while chat(&guest).await == 200 {
        requests += 1;
        settled(&guest, requests).await;
        assert!(requests <= 3, "18 of 19 credits are three chats");
    }
    assert!(requests >= 1);
    let requests_before = world.upstream.requests().len();
    let before = guest.conversations().await;
    let body = json!({ "message": "Hi", "model": "gpt-4o", "maxTokens": 5 });
    let response = guest.post("/api/chat", body).await;
    response.is_error(402, "INSUFFICIENT_CREDITS");
    assert_eq!(guest.conversations().await, before);
    assert_eq!(
        world.upstream.requests().len(),
        requests_before,
        "no request to a provider"
    );
    let usage = usage(&guest).await;
    let credits = &usage["credits"];
    assert_eq!(credits["monthly"], 19);
    assert_eq!(credits["usedThisMonth"], 6 * requests);
    assert_eq!(credits["left"], 19 - 6 * requests);
    assert!(credits["resetsAt"].as_u64().is_some(), "{usage}");
    // It is this user's; reading still works, and so do others.
    let other = world.app.client().guest().await;
    assert_eq!(chat(&other).await, 200);
}

#[tokio::test]
async fn concurrent_requests_stay_within_the_credits() {
    // The provider ignores the token limit, so there may be no credits for a shorter reply after the sixth.
    let world = limited(json!({ "free": { "monthlyCredits": 37 } })).await;
    let guest = world.app.client().guest().await;
    let statuses = join_all((0..16).map(|_| chat(&guest))).await;
    let good = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert!(good >= 1, "{statuses:?}");
    assert!(good * 6 <= 37, "{statuses:?}");
    let others = statuses.iter().filter(|status| **status != 200);
    assert!(others.clone().all(|status| *status == 402), "{statuses:?}");
    let usage = settled(&guest, good).await;
    assert_eq!(usage["credits"]["usedThisMonth"], 6 * good, "{usage}");
    assert_eq!(usage["credits"]["left"], 37 - 6 * good, "{usage}");
}

#[tokio::test]
async fn reservations_of_running_chats_stay_within_the_credits() {
    let world = limited(json!({ "free": { "monthlyCredits": 40 } })).await;
    let guest = world.app.client().guest().await;
    // No reservation is settled before all requests were sent. This provider respects each limit of tokens.
    let script = Script::words(3).usage(1, 3);
    world
        .upstream
        .set(script.first_delay(Duration::from_secs(5)));
    let statuses = join_all((0..16).map(|_| chat(&guest))).await;
    let good = statuses.iter().filter(|status| **status == 200).count() as u64;
    // The prompt's token and the bound on the reply, of each.
    let requests = world.upstream.requests();
    let held: u64 = requests.iter().map(|one| 1 + bound_of(&one.json())).sum();
    assert!(held <= 40, "{held} credits of 40 for {good} chats");
    assert!(good >= 6, "{statuses:?}");
    let usage = settled(&guest, good).await;
    assert_eq!(usage["credits"]["usedThisMonth"], 4 * good, "{usage}");
    assert_eq!(usage["credits"]["left"], 40 - 4 * good, "{usage}");
}

/// The bound on the reply that the provider was given.
fn bound_of(request: &Value) -> u64 {
    ["max_tokens", "max_completion_tokens"]
        .iter()
        .find_map(|field| request[*field].as_u64())
        .unwrap_or_else(|| panic!("no bound in {request}"))
}

#[tokio::test]
async fn a_failed_chat_costs_nothing() {
    let world = limited(json!({ "free": { "monthlyCredits": 40 } })).await;
    let guest = world.app.client().guest().await;
    world.upstream.set(Script::refuse(Failure::InvalidRequest));
    for _ in 0..5 {
        assert_eq!(chat(&guest).await, 400);
    }
    let usage = settled(&guest, 0).await;
    assert_eq!(usage["credits"]["left"], 40, "{usage}");
    world.upstream.set(six_tokens());
    assert_eq!(chat(&guest).await, 200);
}

#[tokio::test]
async fn max_tokens_is_limited_by_the_remaining_credits() {
    let world = limited(json!({ "free": { "monthlyCredits": 30 } })).await;
    let guest = world.app.client().guest().await;
    let chat = guest.ask("Hi").await.accepted().await;
    chat.collect().await;
    let bound = bound_of(&world.upstream.request(0).await.json());
    assert!((1..30).contains(&bound), "{bound}");
}

#[tokio::test]
async fn granted_credits_are_spent_after_the_monthly_ones() {
    let world = limited(json!({ "free": { "monthlyCredits": 1 } })).await;
    let client = world.app.client();
    let user = client.user().await;
    assert_eq!(chat(&user).await, 402);
    let path = format!("/api/admin/users/{}/credits", user.id);
    let grant = json!({ "amount": 50, "reason": "for the trouble", "id": "grant-1" });
    for _ in 0..2 {
        // The same id counts once.
        let response = client.admin().post(&path, grant.clone()).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["grantedLeft"], 50, "{response:?}");
    }
    assert_eq!(chat(&user).await, 200);
    let usage = settled(&user, 1).await;
    assert_eq!(usage["credits"]["left"], 45, "{usage}");
    let list = transactions(&user).await;
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(list[0]["kind"], "usage");
    assert_eq!(list[0]["amount"], -6);
    assert_eq!(list[1]["kind"], "grant");
    assert_eq!(list[1]["amount"], 50);
    assert_eq!(list[1]["note"], "for the trouble");
    for (body, path_of) in [
        (json!({ "amount": 0 }), "amount"),
        (json!({ "amount": -5 }), "amount"),
        (json!({ "amount": 5, "id": "a/b" }), "id"),
        (json!({ "amount": 5, "reason": "x".repeat(201) }), "reason"),
    ] {
        let response = client.admin().post(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(path_of);
    }
}

#[tokio::test]
async fn set_plan_changes_the_limits() {
    let plans = json!({
        "free": { "monthlyCredits": 1 },
        "pro": { "monthlyCredits": 1000, "chatPerMinute": 2 },
    });
    let world = limited(plans).await;
    let client = world.app.client();
    let user = client.user().await;
    assert_eq!(chat(&user).await, 402);
    let path = format!("/api/admin/users/{}/plan", user.id);
    let response = client.admin().put(&path, json!({ "plan": "pro" })).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["plan"], "pro");
    let statuses = [chat(&user).await, chat(&user).await, chat(&user).await];
    // The next minute may begin once during the test, and a rejected chat may have been counted.
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429)),
        "{statuses:?}"
    );
    assert_eq!(usage(&user).await["plan"], "pro");
    let list = transactions(&user).await;
    let change = list.iter().find(|one| one["kind"] == "plan").unwrap();
    assert_eq!(change["note"], "pro");
    let response = client.admin().put(&path, json!({ "plan": "golden" })).await;
    response.is_error(400, "VALIDATION_ERROR").names("plan");
    let response = client
        .admin()
        .put(&path, json!({ "plan": "business" }))
        .await;
    assert_eq!(response.json()["creditsLeft"], Value::Null, "{response:?}");
}

#[tokio::test]
async fn invalid_plans_refuse_all_chats() {
    let world = limited(json!("unlimited")).await;
    let guest = world.app.client().guest().await;
    let status = chat(&guest).await;
    assert!(status >= 500, "{status}");
    assert_eq!(world.app.client().get("/health").await.status, 200);
}

//! The cost and the model of chats: `GET /api/usage` after replies of all kinds.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::{Failure, Script, Upstream};

use crate::harness::{App, Client, Event, Guest, World, eventually, text_of, world};

const MODEL: &str = "gpt-4o";
const FALLBACK: &str = "claude-3-haiku";

/// At 2.50 dollars a million for the prompt, 1.25 for what of it is cached, 10 for the reply:
/// 0.0015 + 0.0005 + 0.001.
fn a_third_of_a_cent() -> Script {
    Script::words(4).usage(1_000, 100).cached(400)
}
const COST: f64 = 0.003;

/// An application with Claude as fallback of GPT-4o, which fails.
async fn with_fallback(reply: Script) -> (Upstream, World) {
    let openai = Upstream::start(Script::refuse(Failure::Internal)).await;
    let openai = openai.unwrap();
    let upstream = Upstream::start(reply).await.unwrap();
    let app = App::with_defaults()
        .openai(&openai)
        .anthropic(&upstream)
        .variable("llm_max_attempts", "2")
        .variable("model_fallbacks", r#"{"gpt-4o": ["claude-3-haiku"]}"#)
        .start()
        .await;
    (openai, World { upstream, app })
}

async fn complete(client: &Client, stream: bool) {
    let body = json!({
        "model": MODEL, "stream": stream,
        "messages": [{ "role": "user", "content": "Hi!" }],
    });
    let response = client.post("/v1/chat/completions", body).await;
    assert_eq!(response.status, 200, "{response:?}");
}

async fn chat(client: &Client) -> Vec<Event> {
    let body = json!({ "message": "Hi", "model": MODEL });
    client.chat(body).await.accepted().await.events().await
}

/// The response of `/api/usage`, once so many requests are settled.
async fn settled(client: &Client, requests: u64) -> Value {
    eventually("the requests to be settled", || async {
        let usage = client.get("/api/usage").await.json();
        (usage["totals"]["requests"] == requests).then_some(usage)
    })
    .await
}

fn row<'a>(rows: &'a Value, model: &str) -> &'a Value {
    let mut rows = rows.as_array().unwrap().iter();
    rows.find(|row| row["model"] == model)
        .unwrap_or_else(|| panic!("no row of {model}"))
}

/// Costs are whole millionths of a dollar.
#[track_caller]
fn costs(of: &Value, dollars: f64) {
    let cost = of["costUsd"].as_f64();
    let cost = cost.unwrap_or_else(|| panic!("no cost in {of}"));
    assert!((cost - dollars).abs() < 1e-9, "{cost}, not {dollars}");
}

#[tokio::test]
async fn usage_lists_cost_by_day_model_and_key() {
    let world = world(a_third_of_a_cent()).await;
    let client = world.app.client();
    let guest = client.guest().await;
    let empty = settled(&guest, 0).await;
    assert_eq!(empty["totals"]["costUsd"], Value::Null);
    chat(&guest).await;
    complete(&guest, false).await;
    let key = guest.new_key(json!({ "name": "a" })).await;
    complete(&client.bearer(&key.secret), true).await;
    let demo = json!({ "message": "Hi", "model": "demo" });
    guest.chat(demo).await.accepted().await.events().await;

    let usage = settled(&guest, 4).await;
    costs(&usage["totals"], 3.0 * COST);
    let of_model = row(&usage["usage"], MODEL);
    assert_eq!(of_model["requests"], 3);
    assert_eq!(of_model["promptTokens"], 3_000);
    assert_eq!(of_model["completionTokens"], 300);
    assert_eq!(of_model["cachedTokens"], 1_200);
    assert_eq!(of_model["estimated"], false);
    costs(of_model, 3.0 * COST);
    // The demo has no price, and its tokens are estimates.
    let of_demo = row(&usage["usage"], "demo");
    assert_eq!(of_demo["costUsd"], Value::Null);
    assert_eq!(of_demo["estimated"], true);
    assert_eq!(usage["totals"]["estimated"], true);
    let [of_key] = usage["keys"].as_array().unwrap().as_slice() else {
        panic!("{usage}");
    };
    assert_eq!(of_key["id"], key.id.as_str());
    assert_eq!(of_key["requests"], 1);
    costs(of_key, COST);
    assert_eq!(of_key["usage"].as_array().unwrap().len(), 1);
    let day_of_key = row(&of_key["usage"], MODEL);
    assert_eq!(day_of_key["day"], of_model["day"]);
    costs(day_of_key, COST);
    let secret = key.secret.trim_start_matches("gf_");
    assert!(!world.app.stored().concat().contains(secret));
}

#[tokio::test]
async fn model_prices_set_by_the_operator_are_used() {
    let upstream = Upstream::start(Script::words(1).usage(1_000_000, 1_000_000));
    let upstream = upstream.await.unwrap();
    let rows = json!([{ "id": MODEL, "prices": { "input": 0.000_001, "output": 7 } }]);
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("models", rows.to_string())
        .start()
        .await;
    let guest = app.client().guest().await;
    chat(&guest).await;
    costs(&settled(&guest, 1).await["totals"], 7.000_001);
}

#[tokio::test]
async fn the_model_that_replied_is_reported_stored_and_charged() {
    let (_openai, world) = with_fallback(Script::new(["I ", "am"]).usage(4_000, 800)).await;
    let guest = world.app.client().guest().await;
    let stream = guest.ask("Hi").await.accepted().await;
    for (name, value) in [
        ("x-goldfish-provider", "anthropic"),
        ("x-goldfish-model", FALLBACK),
        ("x-goldfish-attempts", "2"),
    ] {
        assert_eq!(stream.header(name), Some(value));
    }
    let id = stream.conversation_id();
    let events = stream.events().await;
    // The first event has the requested model, since no model has replied yet.
    assert_eq!(events[0].json()["model"], MODEL);
    let usage = |events: &[Event]| {
        let usage = events.iter().find(|event| event.name() == "usage");
        usage.unwrap().json()
    };
    assert_eq!(usage(&events)["model"], FALLBACK);
    let stored = guest.conversation(&id).await;
    assert_eq!(stored["messages"][1]["model"], FALLBACK);
    assert_eq!(stored["model"], MODEL, "which is used for the next message");
    // A second reader gets the same usage.
    let again = guest.with("last-event-id", "0");
    let path = format!("/api/conversations/{id}/stream");
    let events = again.open("GET", &path, None).await.events().await;
    assert_eq!(text_of(&events), "I am");
    assert_eq!(usage(&events)["model"], FALLBACK);

    complete(&guest, false).await;
    complete(&guest, true).await;
    let usage = settled(&guest, 3).await;
    assert_eq!(usage["usage"].as_array().unwrap().len(), 1, "{usage}");
    // 0.25 dollars a million and 1.25.
    costs(row(&usage["usage"], FALLBACK), 3.0 * 0.002);
}

#[tokio::test]
async fn a_stopped_reply_is_charged_for_what_was_received() {
    let slow = Script::words(10_000).delay(Duration::from_millis(5));
    let world = world(slow).await;
    let guest = world.app.client().guest().await;
    let mut stream = guest.ask("Hi").await.accepted().await;
    let id = stream.conversation_id();
    stream.next_content().await.unwrap();
    let path = format!("/api/conversations/{id}/stop");
    assert_eq!(guest.post(&path, json!({})).await.status, 200);
    stream.events().await;
    part_is_paid(&guest).await;
}

#[tokio::test]
async fn an_abandoned_completion_is_charged_for_what_was_received() {
    let slow = Script::words(10_000).delay(Duration::from_millis(5));
    let world = world(slow).await;
    let guest = world.app.client().guest().await;
    let body = json!({
        "model": MODEL, "stream": true,
        "messages": [{ "role": "user", "content": "Hi!" }],
    });
    let client = guest.with("content-type", "application/json");
    let body = Some(body.to_string().into_bytes());
    let mut stream = client.open("POST", "/v1/chat/completions", body).await;
    stream.next().await.unwrap();
    drop(stream);
    assert!(world.upstream.closed_early(0).await);
    part_is_paid(&guest).await;
}

/// Some of the reply was paid, by our estimate.
async fn part_is_paid(guest: &Guest) {
    let usage = settled(guest, 1).await;
    let row = row(&usage["usage"], MODEL);
    assert_eq!(row["estimated"], true, "{usage}");
    let (prompt, completion) = (
        row["promptTokens"].as_u64().unwrap(),
        row["completionTokens"].as_u64().unwrap(),
    );
    assert!((1..10_000).contains(&completion), "{usage}");
    let millionths = (prompt * 5 + completion * 20).div_ceil(2);
    costs(row, f64::from(u32::try_from(millionths).unwrap()) / 1e6);
}

#[tokio::test]
async fn a_reply_without_a_reader_is_charged_in_full() {
    let script = a_third_of_a_cent().delay(Duration::from_millis(100));
    let world = world(script).await;
    let guest = world.app.client().guest().await;
    let mut stream = guest.ask("Hi").await.accepted().await;
    stream.next_content().await.unwrap();
    drop(stream);
    let usage = settled(&guest, 1).await;
    costs(row(&usage["usage"], MODEL), COST);
    assert_eq!(usage["totals"]["estimated"], false);
}

#[tokio::test]
async fn titles_are_charged_and_not_counted_as_requests() {
    let upstream = Upstream::start(a_third_of_a_cent()).await.unwrap();
    let titles = Upstream::start(Script::new(["Fish"]).usage(100, 10)).await;
    let titles = titles.unwrap();
    let rows = json!([{
        "id": "local-model", "provider": "local", "prices": { "input": 1, "output": 10 },
    }]);
    let app = App::with_defaults()
        .openai(&upstream)
        .local(&titles)
        .variable("models", rows.to_string())
        .variable("title_model", "local-model")
        .start()
        .await;
    let guest = app.client().guest().await;
    let key = guest
        .new_key(json!({ "name": "a", "requestBudget": 2 }))
        .await;
    let client = app.client().bearer(&key.secret);
    for paid in 1..=2_u32 {
        // Each begins a conversation, which gets a title.
        chat(&client).await;
        let usage = eventually("the title to be paid", || async {
            let usage = guest.get("/api/usage").await.json();
            let rows = usage["usage"].as_array().unwrap();
            let title = rows.iter().find(|row| row["model"] == "local-model");
            let tokens = title.map(|row| row["promptTokens"].clone());
            (tokens == Some(json!(100 * paid))).then_some(usage)
        })
        .await;
        let of_title = row(&usage["usage"], "local-model");
        assert_eq!(of_title["requests"], 0, "{usage}");
        costs(of_title, f64::from(paid) * 0.000_2);
        assert_eq!(usage["totals"]["requests"], paid);
        assert_eq!(usage["keys"][0]["requests"], paid);
        costs(&usage["keys"][0], f64::from(paid) * (COST + 0.000_2));
    }
    let body = json!({ "message": "Hi", "model": MODEL });
    let response = client.post("/api/chat", body).await;
    response.is_error(402, "INSUFFICIENT_CREDITS");
}

#[tokio::test]
async fn concurrent_requests_stay_within_the_budget_of_a_key() {
    let world = world(Script::words(5).usage(1, 5)).await;
    let guest = world.app.client().guest().await;
    let client = world.app.client();
    for (limits, most) in [
        (json!({ "name": "requests", "requestBudget": 4 }), 4),
        // The seventh is allowed the four that are left, so its reply is cut there.
        (json!({ "name": "tokens", "tokenBudget": 40 }), 7),
    ] {
        let key = guest.new_key(limits).await;
        let client = client.bearer(&key.secret);
        let statuses = join_all((0..16).map(|_| async {
            let body = json!({
                "model": MODEL, "max_tokens": 5,
                "messages": [{ "role": "user", "content": "Hi" }],
            });
            client.post("/v1/chat/completions", body).await.status
        }))
        .await;
        let good = statuses.iter().filter(|status| **status == 200).count();
        assert!((1..=most).contains(&good), "{statuses:?}");
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 429)),
            "{statuses:?}"
        );
        let usage = guest.get("/api/usage").await.json();
        let of_key = usage["keys"].as_array().unwrap().iter();
        let mut of_key = of_key.filter(|row| row["id"] == key.id.as_str());
        assert_eq!(of_key.next().unwrap()["tokens"], (6 * good).min(40));
    }
}

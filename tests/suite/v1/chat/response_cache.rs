//! Cached responses of `/v1/chat/completions`, which are returned for equal requests.

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::{Ending, Failure, Fault, Script, Upstream};

use crate::harness::{App, Builder, Client, Event, PASSWORD, Response, spin_is_the_host};

const PATH: &str = "/v1/chat/completions";
/// Part of the fake's responses. The store is searched for it.
const SECRET: &str = "marker-cached-response";

/// A fake whose responses all differ.
async fn provider() -> Upstream {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Upstream::choosing(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Script::new([format!("{SECRET} {number}")])
    })
    .await
    .unwrap()
}

fn with_cache(upstream: &Upstream) -> Builder {
    App::with_defaults()
        .openai(upstream)
        .variable("llm_max_attempts", "1")
        .variable("response_cache_seconds", "3600")
}

fn hi() -> Value {
    json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hi!" }] })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = hi();
    body[name] = value;
    body
}

/// Asks, and asserts whether the response is a kept one.
#[track_caller]
fn assert_cache(response: &Response, expected: Option<&str>) {
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        response.header("x-goldfish-cache"),
        expected,
        "{response:?}"
    );
    // A cached response has its age (RFC 9111, section 5.1), and no provider was called.
    let is_hit = expected == Some("hit");
    let age: Option<u32> = response.header("age").map(|age| age.parse().unwrap());
    assert_eq!(age.is_some(), is_hit, "{response:?}");
    let was_routed = response.header("x-goldfish-attempts").is_some();
    assert_eq!(was_routed, !is_hit, "{response:?}");
}

async fn ask(client: &Client, body: Value, expected: &str) -> Response {
    let response = client.post(PATH, body).await;
    assert_cache(&response, Some(expected));
    response
}

fn kept(app: &App) -> usize {
    let stored = app.stored();
    stored.iter().filter(|text| text.contains(SECRET)).count()
}

#[tokio::test]
async fn a_repeated_request_returns_the_cached_response() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let first = ask(&guest, hi(), "miss").await;
    let again = ask(&guest, hi(), "hit").await;
    // Byte for byte, including id, time and usage.
    assert_eq!(again.text(), first.text());
    assert_eq!(again.header("content-type"), Some("application/json"));
    assert_eq!(upstream.finished(), 1);
    // The order of the fields does not matter.
    let text = r#"{"messages":[{"role":"user","content":"Hi!"}],"stream":false,"model":"gpt-4o"}"#;
    let client = guest.with("content-type", "application/json");
    let body = Some(text.as_bytes().to_vec());
    assert_cache(&client.send("POST", PATH, body).await, Some("hit"));
    // By an API key of the same user.
    let user = app.client().user().await;
    ask(&user, hi(), "miss").await;
    let key = user.new_key(json!({ "name": "a" })).await;
    ask(&app.client().bearer(&key.secret), hi(), "hit").await;
}

#[tokio::test]
async fn a_different_request_is_not_cached() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let first = ask(&guest, hi(), "miss").await;
    let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
    for (name, value) in [
        ("model", json!("gpt-4o-mini")),
        ("messages", json!([{ "role": "user", "content": "Hi" }])),
        (
            "messages",
            json!([{ "role": "system", "content": "Hi!" }, { "role": "user", "content": "Hi!" }]),
        ),
        ("temperature", json!(0)),
        ("temperature", json!(0.5)),
        ("seed", json!(1)),
        ("max_tokens", json!(100)),
        ("top_p", json!(0.5)),
        ("stop", json!("x")),
        ("user", json!("ada")),
        ("tools", tool),
        ("response_format", json!({ "type": "json_object" })),
        ("unknown_field", json!(true)),
    ] {
        let other = ask(&guest, with(name, value.clone()), "miss").await;
        assert_ne!(other.text(), first.text(), "{name}");
        ask(&guest, with(name, value), "hit").await;
    }
}

#[tokio::test]
async fn cache_is_separate_for_each_user() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let (ada, bob) = (app.client().guest().await, app.client().guest().await);
    let adas = ask(&ada, hi(), "miss").await;
    let bobs = ask(&bob, hi(), "miss").await;
    assert_ne!(adas.text(), bobs.text());
    assert_eq!(ask(&ada, hi(), "hit").await.text(), adas.text());
    assert_eq!(ask(&bob, hi(), "hit").await.text(), bobs.text());
}

#[tokio::test]
async fn shared_cache_serves_all_users() {
    let upstream = provider().await;
    let app = with_cache(&upstream)
        .variable("response_cache_scope", "shared")
        .start()
        .await;
    let (ada, bob) = (app.client().guest().await, app.client().guest().await);
    let first = ask(&ada, hi(), "miss").await;
    assert_eq!(ask(&bob, hi(), "hit").await.text(), first.text());
    ask(&bob, with("seed", json!(1)), "miss").await;
    // It is still the first one's to erase.
    assert_eq!(bob.delete("/api/clear").await.status, 200);
    ask(&bob, hi(), "hit").await;
    assert_eq!(ada.delete("/api/clear").await.status, 200);
    assert_eq!(kept(&app), 0);
    ask(&bob, hi(), "miss").await;
    ask(&ada, hi(), "hit").await;
    // Without a credential there is no cached response.
    assert_eq!(app.client().post(PATH, hi()).await.status, 401);
}

#[tokio::test]
async fn cache_control_of_the_client_is_respected() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let wanting = |directives: &str| guest.with("cache-control", directives);
    let response = wanting("no-store").post(PATH, hi()).await;
    assert_cache(&response, None);
    assert_eq!(kept(&app), 0);
    let first = ask(&guest, hi(), "miss").await;
    assert_cache(&wanting("no-store").post(PATH, hi()).await, None);
    // A new response, which replaces the other one.
    let fresh = ask(&wanting("no-cache"), hi(), "miss").await;
    assert_ne!(fresh.text(), first.text());
    assert_eq!(ask(&guest, hi(), "hit").await.text(), fresh.text());
    ask(&wanting("max-age=3000"), hi(), "hit").await;
    ask(&wanting("max-age=0"), hi(), "miss").await;
}

#[tokio::test]
async fn streams_are_not_cached() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    ask(&guest, hi(), "miss").await;
    assert_eq!(kept(&app), 1);
    let client = guest.with("content-type", "application/json");
    let body = with("stream", json!(true)).to_string().into_bytes();
    for number in 1..=2 {
        let stream = client.open("POST", PATH, Some(body.clone())).await;
        assert_eq!(stream.header("x-goldfish-cache"), None);
        let text: String = stream.events().await.iter().filter_map(delta).collect();
        assert_eq!(text, format!("{SECRET} {number}"));
    }
    assert_eq!(kept(&app), 1);
}

fn delta(event: &Event) -> Option<String> {
    let chunk: Value = serde_json::from_str(event.data()).ok()?;
    let content = &chunk["choices"][0]["delta"]["content"];
    content.as_str().map(str::to_owned)
}

#[tokio::test]
async fn both_formats_of_the_plain_route_are_cached_separately() {
    let upstream = provider().await;
    let app = with_cache(&upstream)
        .variable("default_model", "gpt-4o")
        .start()
        .await;
    let guest = app.client().guest().await;
    let plain = json!({ "messages": [{ "role": "user", "content": "Hi!" }] });
    let ask = async |body: &Value, expected| {
        let response = guest.post("/chat/completions", body.clone()).await;
        assert_cache(&response, Some(expected));
        response.json()
    };
    let first = ask(&plain, "miss").await;
    assert_eq!(first, json!({ "response": format!("{SECRET} 0") }));
    assert_eq!(ask(&plain, "hit").await, first);
    let object = ask(&hi(), "miss").await;
    assert_eq!(object["object"], "chat.completion");
    assert_eq!(ask(&hi(), "hit").await, object);
}

#[tokio::test]
async fn failures_are_not_cached() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    for script in [
        Script::refuse(Failure::Internal),
        Script::new([SECRET, "b"]).fault(Fault::CutAfter(1)),
        Script::new([SECRET]).ending(Ending::ContentFilter),
    ] {
        upstream.push(script);
        let response = guest.post(PATH, hi()).await;
        assert_eq!(
            response.header("x-goldfish-cache"),
            Some("miss"),
            "{response:?}"
        );
        assert_eq!(kept(&app), 0, "{response:?}");
    }
    ask(&guest, hi(), "miss").await;
    ask(&guest, hi(), "hit").await;
    // A reply that ends at the client's limit is complete.
    upstream.push(Script::new([SECRET]).ending(Ending::Length));
    ask(&guest, with("max_tokens", json!(1)), "miss").await;
    ask(&guest, with("max_tokens", json!(1)), "hit").await;
    // Long ones have no room.
    upstream.push(Script::new(["x".repeat(200_000)]));
    ask(&guest, with("seed", json!(1)), "miss").await;
    ask(&guest, with("seed", json!(1)), "miss").await;
}

#[tokio::test]
async fn responses_of_a_fallback_are_not_cached() {
    let upstream = provider().await;
    let app = with_cache(&upstream)
        .variable("model_fallbacks", r#"{"gpt-4o": ["gpt-4o-mini"]}"#)
        .variable("llm_max_attempts", "2")
        .start()
        .await;
    let guest = app.client().guest().await;
    upstream.push(Script::refuse(Failure::UnknownModel));
    let response = ask(&guest, hi(), "miss").await;
    assert_eq!(response.header("x-goldfish-model"), Some("gpt-4o-mini"));
    ask(&guest, hi(), "miss").await;
    ask(&guest, hi(), "hit").await;
}

#[tokio::test]
async fn a_cached_response_costs_no_tokens_and_counts_as_a_request() {
    let upstream = provider().await;
    let app = with_cache(&upstream)
        .default_of("rate_limit_chat_per_minute")
        .start()
        .await;
    let guest = app.client().guest().await;
    let remaining = |response: &Response| -> u32 {
        let left = response.header("ratelimit-remaining").unwrap();
        left.parse().unwrap()
    };
    let first = ask(&guest, hi(), "miss").await;
    let again = ask(&guest, hi(), "hit").await;
    assert_eq!(again.json()["usage"], first.json()["usage"]);
    assert_eq!(remaining(&first), 59);
    assert_eq!(remaining(&again), 58);
    let usage = guest.get("/api/usage").await.json();
    assert_eq!(usage["usage"][0]["requests"], 1, "{usage}");
    assert_eq!(usage["usage"].as_array().unwrap().len(), 1, "{usage}");
}

#[tokio::test]
async fn cached_responses_expire() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    ask(&guest, hi(), "miss").await;
    let made_older = |by: u64| {
        app.tamper("response-cache:u:", |value| {
            let Ok(mut entry) = serde_json::from_str::<Value>(value) else {
                return value.to_owned();
            };
            let at = entry["at"].as_u64().unwrap();
            entry["at"] = (at - by).into();
            entry.to_string()
        });
    };
    made_older(1_800_000);
    let response = ask(&guest, hi(), "hit").await;
    let age: u32 = response.header("age").unwrap().parse().unwrap();
    assert!((1800..3600).contains(&age), "{age}");
    made_older(1_800_000);
    // A lookup erases it at once, even if the new response is not stored.
    upstream.push(Script::refuse(Failure::Internal));
    assert_eq!(guest.post(PATH, hi()).await.status, 502);
    assert!(
        !app.stored()
            .iter()
            .any(|text| text.contains(&format!("{SECRET} 0")))
    );
    ask(&guest, hi(), "miss").await;
    ask(&guest, hi(), "hit").await;
}

#[tokio::test]
async fn damaged_cache_values_are_a_miss() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let damages: [fn(&str) -> String; 4] = [
        |_| String::new(),
        |value| value.chars().rev().collect(),
        |value| value.replace("\"fingerprint\":\"", "\"fingerprint\":\"0"),
        |value| value.get(..value.len() / 2).unwrap().to_owned(),
    ];
    ask(&guest, hi(), "miss").await;
    for damage in damages {
        ask(&guest, hi(), "hit").await;
        app.tamper(&format!("response-cache:u:{}:", guest.id), damage);
        ask(&guest, hi(), "miss").await;
    }
    ask(&guest, hi(), "hit").await;
    app.tamper(&format!("response-cache:u:{}", guest.id), |_| {
        "?".to_owned()
    });
    ask(&guest, hi(), "miss").await;
}

#[tokio::test]
async fn concurrent_identical_requests_all_succeed() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let responses = join_all((0..16).map(|_| guest.post(PATH, hi()))).await;
    for response in &responses {
        assert_eq!(response.status, 200, "{response:?}");
    }
    // One of these responses is stored, and stays.
    let kept = ask(&guest, hi(), "hit").await;
    assert!(
        responses
            .iter()
            .any(|response| response.text() == kept.text())
    );
    assert_eq!(ask(&guest, hi(), "hit").await.text(), kept.text());
}

#[tokio::test]
async fn erasure_removes_cached_responses() {
    let upstream = provider().await;
    let app = with_cache(&upstream).admin().start().await;
    let other = app.client().guest().await;
    ask(&other, hi(), "miss").await;
    for path in ["/api/clear", "/api/conversations"] {
        let guest = app.client().guest().await;
        ask(&guest, hi(), "miss").await;
        assert_eq!(kept(&app), 2, "{path}");
        assert_eq!(guest.delete(path).await.status, 200, "{path}");
        assert_eq!(kept(&app), 1, "{path}");
        ask(&guest, hi(), "miss").await;
        ask(&guest, hi(), "hit").await;
        assert_eq!(guest.delete("/api/v1/auth/me").await.status, 200);
        assert_eq!(kept(&app), 1, "{path}");
    }
    let user = app.client().user().await;
    ask(&user, hi(), "miss").await;
    let path = format!("/api/admin/users/{}", user.id);
    assert_eq!(app.client().admin().delete(&path).await.status, 200);
    assert_eq!(kept(&app), 1);
    let user = app.client().user().await;
    ask(&user, hi(), "miss").await;
    let response = user
        .post("/api/auth/delete-user", json!({ "password": PASSWORD }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(kept(&app), 1);
    ask(&other, hi(), "hit").await;
}

#[tokio::test]
async fn a_response_in_progress_during_clear_is_not_cached() {
    let upstream = provider().await;
    let app = with_cache(&upstream).start().await;
    let guest = app.client().guest().await;
    let gate = upstream::Gate::default();
    upstream.push(Script::new([SECRET]).behind(&gate));
    let asking = tokio::spawn({
        let guest = guest.clone();
        async move { guest.post(PATH, hi()).await }
    });
    upstream.request(0).await;
    assert_eq!(guest.delete("/api/clear").await.status, 200);
    gate.open();
    assert_cache(&asking.await.unwrap(), Some("miss"));
    assert_eq!(kept(&app), 0);
    ask(&guest, hi(), "miss").await;
}

#[tokio::test]
async fn cache_is_off_by_default() {
    let upstream = provider().await;
    let app = with_cache(&upstream)
        .default_of("response_cache_seconds")
        .variable("usage_ledger", "off")
        .start()
        .await;
    let guest = app.client().guest().await;
    for _ in 0..2 {
        assert_cache(&guest.post(PATH, hi()).await, None);
    }
    assert_eq!(upstream.finished(), 2);
    assert!(
        !app.stored()
            .iter()
            .any(|text| text.contains("response-cache"))
    );
    let Some(host) = app.embedded() else {
        assert!(spin_is_the_host());
        eprintln!("SKIPPED: Spin does not count key-value calls");
        return;
    };
    // With very high limits, which are counted in large steps, the only access of most requests to the
    // store is the check whether their session was revoked.
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..8 {
        let before = host.kv_counts();
        assert_cache(&guest.post(PATH, hi()).await, None);
        let after = host.kv_counts();
        least = least.min((after.writes - before.writes, after.reads - before.reads));
    }
    assert_eq!(least, (0, 1));
}

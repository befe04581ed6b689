//! Providers at their worst: whatever they do, the conversation is stored and marked, the client is
//! told what is so, and the next message works.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use upstream::{Failure, Fault, Recorded, Script, Upstream};

use crate::harness::{
    ANTHROPIC_KEY, App, CLOUDFLARE_TOKEN, Event, Guest, OPENAI_KEY, eventually, text_of,
};

/// A model of each wire format.
const MODELS: [&str; 3] = ["gpt-4o", "claude-3-haiku", "@cf/meta/llama-3-8b-instruct"];

/// What is said first, unlike anything else, so that it can be looked for where it must not be.
const FIRST: &str = "A question of 7c1e.";

/// What is said after the fault, which is answered.
const NEXT: &str = "And now?";

/// Is in what fakes send that is no response.
const NOISE: &str = "xxxxxxxx";

/// What a client is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// A response with this status and this code.
    Refusal(u16, &'static str),
    /// A reply that begins like this, and then an event with this code.
    BrokenOff(&'static str, &'static str),
}

use Told::{BrokenOff, Refusal};

/// An application whose every provider is that fake, and impatient.
async fn application(upstream: &Upstream) -> App {
    let seconds =
        ["connect", "first_token", "idle"].map(|what| format!("llm_{what}_timeout_seconds"));
    let builder = App::with_defaults()
        .openai(upstream)
        .anthropic(upstream)
        .workers_ai(upstream)
        // Each fault is met by whoever asks.
        .variable("llm_circuit_failures", "0");
    seconds
        .iter()
        .fold(builder, |builder, name| builder.variable(name, "1"))
        .start()
        .await
}

/// A provider that fails in this way until it is asked what is said next.
async fn failing(script: Script) -> Upstream {
    Upstream::choosing(move |request| {
        if says(request, NEXT) {
            Script::new(["All is ", "well."])
        } else {
            script.clone()
        }
    })
    .await
    .unwrap()
}

fn says(request: &Recorded, words: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(words)
}

/// Requires that each provider which fails in this way is told of like that.
async fn assert_fault(script: Script, told: Told) {
    assert_faults(script, [told; 3]).await;
}

/// As [`assert_fault`], with what is told of each of the models.
async fn assert_faults(script: Script, told: [Told; 3]) {
    let upstream = failing(script).await;
    let app = application(&upstream).await;
    let models = MODELS.into_iter().zip(told);
    join_all(models.map(|(model, told)| assert_told(&app, model, model, told))).await;
    for request in upstream.requests() {
        assert!(says(&request, FIRST), "the question is asked every time");
    }
    let logs = app.logs();
    for secret in [
        OPENAI_KEY,
        ANTHROPIC_KEY,
        CLOUDFLARE_TOKEN,
        FIRST,
        NEXT,
        NOISE,
    ] {
        assert!(!logs.contains(secret), "{secret}");
    }
}

/// Asks a model that fails, and another one in the same conversation.
async fn assert_told(app: &App, model: &str, next: &str, told: Told) {
    let guest = app.client().guest().await;
    let chat = guest
        .chat(json!({ "message": FIRST, "model": model }))
        .await;
    let id = chat.conversation_id();
    let arrived = match told {
        Refusal(status, code) => {
            let response = chat.collect().await;
            assert_eq!(response.status, status, "{model}: {response:?}");
            response.is_error(status, code);
            assert!(!response.text().contains(NOISE), "{model}: {response:?}");
            ""
        }
        BrokenOff(arrived, code) => {
            let events = chat.accepted().await.events().await;
            assert_broken_off(&events, arrived, code);
            arrived
        }
    };
    let stored = guest.conversation(&id).await;
    assert_messages(&stored, &[(FIRST, "complete"), (arrived, "incomplete")]);

    let body = json!({ "message": NEXT, "conversationId": id, "model": next });
    let events = guest.chat(body).await.accepted().await.events().await;
    assert_eq!(text_of(&events), "All is well.", "{model}: {events:?}");
    let stored = guest.conversation(&id).await;
    assert_messages(
        &stored,
        &[
            (FIRST, "complete"),
            (arrived, "incomplete"),
            (NEXT, "complete"),
            ("All is well.", "complete"),
        ],
    );
    assert_eq!(guest.conversations().await.len(), 1, "{model}");
}

/// The text, an error with that code, and the end, in this order.
fn assert_broken_off(events: &[Event], arrived: &str, code: &str) {
    assert_eq!(text_of(events), arrived, "{events:?}");
    let [.., error, done] = events else {
        panic!("{events:?}")
    };
    assert!(done.is_done(), "{events:?}");
    assert_eq!(error.name(), "error", "{events:?}");
    let error = error.json();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["error"].is_string() && error["requestId"].is_string());
    assert!(!error.to_string().contains(NOISE), "{error}");
}

fn assert_messages(conversation: &Value, expected: &[(&str, &str)]) {
    let messages = conversation["messages"].as_array().unwrap();
    let found: Vec<_> = messages
        .iter()
        .map(|message| {
            let text = |name: &str| message[name].as_str().unwrap();
            (text("content"), text("status"))
        })
        .collect();
    assert_eq!(found, expected);
    let roles = messages.iter().map(|message| message["role"].as_str());
    assert!(
        roles.eq(["user", "assistant"]
            .iter()
            .cycle()
            .take(expected.len())
            .map(|role| Some(*role)))
    );
}

fn script() -> Script {
    Script::new(["one ", "two ", "three "])
}

#[tokio::test]
async fn provider_that_refuses_connections_is_an_error() {
    // A socket that does not listen keeps its port to itself and refuses whoever connects.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let other = Upstream::start(Script::new(["All is ", "well."]))
        .await
        .unwrap();
    let app = App::with_defaults()
        .openai(&other)
        .variable("openai_base_url", format!("http://{address}/v1"))
        .anthropic(&other)
        .start()
        .await;
    let told = Refusal(502, "PROVIDER_ERROR");
    assert_told(&app, "gpt-4o", "claude-3-haiku", told).await;
    assert_eq!(other.requests().len(), 1);
    assert!(says(&other.request(0).await, FIRST));
}

#[tokio::test]
async fn provider_that_hangs_before_headers_is_an_error() {
    let told = Refusal(504, "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangBeforeHeaders), told).await;
}

#[tokio::test]
async fn provider_that_hangs_before_the_first_delta_is_an_error() {
    let told = Refusal(504, "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangAfter(0)), told).await;
}

#[tokio::test]
async fn provider_that_hangs_in_mid_stream_is_an_error() {
    let told = BrokenOff("one two ", "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangAfter(2)), told).await;
}

#[tokio::test]
async fn provider_that_closes_before_the_first_delta_is_an_error() {
    let told = Refusal(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::CutAfter(0)), told).await;
}

#[tokio::test]
async fn provider_that_closes_in_mid_stream_is_an_error() {
    let told = BrokenOff("one two ", "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::CutAfter(2)), told).await;
}

#[tokio::test]
async fn provider_that_sends_garbage_is_an_error() {
    let told = Refusal(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Garbage), told).await;
}

#[tokio::test]
async fn provider_that_sends_html_is_an_error() {
    let told = Refusal(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Html), told).await;
}

/// How the errors of the fakes are told, by model: the first fails inside, the others are overloaded.
const ERRORS: [(u16, &str); 3] = [
    (502, "PROVIDER_ERROR"),
    (503, "PROVIDER_UNAVAILABLE"),
    (503, "PROVIDER_UNAVAILABLE"),
];

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

#[tokio::test]
async fn provider_that_sends_ten_megabytes_in_one_event_is_an_error() {
    let told = BrokenOff("one ", "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Oversized(TEN_MEGABYTES)), told).await;
}

#[tokio::test]
async fn provider_that_sends_ten_megabytes_of_text_is_an_error() {
    // An event as the protocol wants it, but for its size.
    let told = BrokenOff("one ", "PROVIDER_ERROR");
    let word = NOISE.repeat(TEN_MEGABYTES / NOISE.len());
    assert_fault(Script::new(["one ".to_owned(), word]), told).await;
}

#[tokio::test]
async fn provider_that_sends_200_with_an_error_object_is_an_error() {
    assert_faults(
        script().fault(Fault::JsonError),
        ERRORS.map(|(status, code)| Refusal(status, code)),
    )
    .await;
}

#[tokio::test]
async fn provider_that_starts_with_an_error_event_is_an_error() {
    assert_faults(
        script().fault(Fault::ErrorAfter(0)),
        ERRORS.map(|(status, code)| Refusal(status, code)),
    )
    .await;
}

#[tokio::test]
async fn provider_that_sends_an_error_event_in_mid_stream_is_an_error() {
    let told = ERRORS.map(|(_, code)| BrokenOff("one two ", code));
    assert_faults(script().fault(Fault::ErrorAfter(2)), told).await;
}

#[tokio::test]
async fn provider_that_always_rate_limits_is_an_error() {
    let told = Refusal(503, "PROVIDER_UNAVAILABLE");
    for after in [None, Some("0"), Some("3600"), Some("never")] {
        let failure = Failure::RateLimited(after.map(str::to_owned));
        assert_fault(Script::refuse(failure), told).await;
    }
}

#[tokio::test]
async fn provider_failure_without_a_reader_is_stored() {
    for (fault, arrived) in [
        (Fault::CutAfter(2), "one two "),
        (Fault::HangAfter(2), "one two "),
        (Fault::ErrorAfter(2), "one two "),
    ] {
        let upstream = failing(script().delay(Duration::from_millis(100)).fault(fault)).await;
        let app = application(&upstream).await;
        let guest = app.client().guest().await;
        let mut chat = guest
            .chat(json!({ "message": FIRST, "model": "gpt-4o" }))
            .await;
        let id = chat.conversation_id();
        chat.next_content().await.unwrap();
        drop(chat);
        let stored = incomplete(&guest, &id).await;
        assert_messages(&stored, &[(FIRST, "complete"), (arrived, "incomplete")]);
    }
}

/// The conversation, once its reply is marked as broken off.
async fn incomplete(guest: &Guest, id: &str) -> Value {
    eventually("a reply that broke off", || async {
        let stored = guest.conversation(id).await;
        (stored["messages"][1]["status"] == "incomplete").then_some(stored)
    })
    .await
}

//! Failing providers. Whatever they do, the conversation is stored, the reply is marked as incomplete, the
//! client gets an error with the right code, and the next message works.

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

/// The first message: a text that occurs nowhere else, so that logs can be searched for it.
const FIRST: &str = "A question of 7c1e.";

/// The message after the fault. Providers reply to it.
const NEXT: &str = "And now?";

/// Part of what the fakes send in place of a valid response.
const NOISE: &str = "xxxxxxxx";

/// What a client is expected to receive.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// An error response with this status and this code.
    ErrorResponse(u16, &'static str),
    /// A reply that begins with this text, and then an error event with this code.
    Interrupted(&'static str, &'static str),
}

use Expected::{ErrorResponse, Interrupted};

/// An application whose providers are all this fake, with timeouts of one second.
async fn application(upstream: &Upstream) -> App {
    let seconds =
        ["connect", "first_token", "idle"].map(|what| format!("llm_{what}_timeout_seconds"));
    let builder = App::with_defaults()
        .openai(upstream)
        .anthropic(upstream)
        .workers_ai(upstream)
        // No circuit breaker: every request reaches the fake.
        .variable("llm_circuit_failures", "0");
    seconds
        .iter()
        .fold(builder, |builder, name| builder.variable(name, "1"))
        .start()
        .await
}

/// A provider that fails in this way, except for a request that contains `NEXT`.
async fn failing(script: Script) -> Upstream {
    Upstream::choosing(move |request| {
        if contains(request, NEXT) {
            Script::new(["All is ", "well."])
        } else {
            script.clone()
        }
    })
    .await
    .unwrap()
}

fn contains(request: &Recorded, words: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(words)
}

/// Requires that a client receives this from each provider that fails in this way.
async fn assert_fault(script: Script, expected: Expected) {
    assert_faults(script, [expected; 3]).await;
}

/// As [`assert_fault`], with what a client receives from each of [`MODELS`].
async fn assert_faults(script: Script, expected: [Expected; 3]) {
    let upstream = failing(script).await;
    let app = application(&upstream).await;
    let models = MODELS.into_iter().zip(expected);
    join_all(models.map(|(model, expected)| assert_failure(&app, model, model, expected))).await;
    for request in upstream.requests() {
        assert!(contains(&request, FIRST), "every request has the message");
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

/// Sends a message to a model that fails, then one to another model in the same conversation.
async fn assert_failure(app: &App, model: &str, next: &str, expected: Expected) {
    let guest = app.client().guest().await;
    let chat = guest
        .chat(json!({ "message": FIRST, "model": model }))
        .await;
    let id = chat.conversation_id();
    let arrived = match expected {
        ErrorResponse(status, code) => {
            let response = chat.collect().await;
            assert_eq!(response.status, status, "{model}: {response:?}");
            response.is_error(status, code);
            assert!(!response.text().contains(NOISE), "{model}: {response:?}");
            ""
        }
        Interrupted(arrived, code) => {
            let events = chat.accepted().await.events().await;
            assert_interrupted(&events, arrived, code);
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
fn assert_interrupted(events: &[Event], arrived: &str, code: &str) {
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
    let actual: Vec<_> = messages
        .iter()
        .map(|message| {
            let text = |name: &str| message[name].as_str().unwrap();
            (text("content"), text("status"))
        })
        .collect();
    assert_eq!(actual, expected);
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
    // A socket that does not listen reserves its port and refuses connections.
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
    let expected = ErrorResponse(502, "PROVIDER_ERROR");
    assert_failure(&app, "gpt-4o", "claude-3-haiku", expected).await;
    assert_eq!(other.requests().len(), 1);
    assert!(contains(&other.request(0).await, FIRST));
}

#[tokio::test]
async fn provider_that_hangs_before_headers_is_an_error() {
    let expected = ErrorResponse(504, "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangBeforeHeaders), expected).await;
}

#[tokio::test]
async fn provider_that_hangs_before_the_first_delta_is_an_error() {
    let expected = ErrorResponse(504, "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangAfter(0)), expected).await;
}

#[tokio::test]
async fn provider_that_hangs_in_mid_stream_is_an_error() {
    let expected = Interrupted("one two ", "PROVIDER_TIMEOUT");
    assert_fault(script().fault(Fault::HangAfter(2)), expected).await;
}

#[tokio::test]
async fn provider_that_closes_before_the_first_delta_is_an_error() {
    let expected = ErrorResponse(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::CutAfter(0)), expected).await;
}

#[tokio::test]
async fn provider_that_closes_in_mid_stream_is_an_error() {
    let expected = Interrupted("one two ", "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::CutAfter(2)), expected).await;
}

#[tokio::test]
async fn provider_that_sends_garbage_is_an_error() {
    let expected = ErrorResponse(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Garbage), expected).await;
}

#[tokio::test]
async fn provider_that_sends_html_is_an_error() {
    let expected = ErrorResponse(502, "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Html), expected).await;
}

/// The error responses to the fakes' errors, by model: the first has an internal error, the others are overloaded.
const ERRORS: [(u16, &str); 3] = [
    (502, "PROVIDER_ERROR"),
    (503, "PROVIDER_UNAVAILABLE"),
    (503, "PROVIDER_UNAVAILABLE"),
];

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

#[tokio::test]
async fn provider_that_sends_ten_megabytes_in_one_event_is_an_error() {
    let expected = Interrupted("one ", "PROVIDER_ERROR");
    assert_fault(script().fault(Fault::Oversized(TEN_MEGABYTES)), expected).await;
}

#[tokio::test]
async fn provider_that_sends_ten_megabytes_of_text_is_an_error() {
    // An event as the protocol wants it, but for its size.
    let expected = Interrupted("one ", "PROVIDER_ERROR");
    let word = NOISE.repeat(TEN_MEGABYTES / NOISE.len());
    assert_fault(Script::new(["one ".to_owned(), word]), expected).await;
}

#[tokio::test]
async fn provider_that_sends_200_with_an_error_object_is_an_error() {
    assert_faults(
        script().fault(Fault::JsonError),
        ERRORS.map(|(status, code)| ErrorResponse(status, code)),
    )
    .await;
}

#[tokio::test]
async fn provider_that_starts_with_an_error_event_is_an_error() {
    assert_faults(
        script().fault(Fault::ErrorAfter(0)),
        ERRORS.map(|(status, code)| ErrorResponse(status, code)),
    )
    .await;
}

#[tokio::test]
async fn provider_that_sends_an_error_event_in_mid_stream_is_an_error() {
    let expected = ERRORS.map(|(_, code)| Interrupted("one two ", code));
    assert_faults(script().fault(Fault::ErrorAfter(2)), expected).await;
}

#[tokio::test]
async fn provider_that_always_rate_limits_is_an_error() {
    let expected = ErrorResponse(503, "PROVIDER_UNAVAILABLE");
    for after in [None, Some("0"), Some("3600"), Some("never")] {
        let failure = Failure::RateLimited(after.map(str::to_owned));
        assert_fault(Script::refuse(failure), expected).await;
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

/// The conversation, once its reply is marked as incomplete.
async fn incomplete(guest: &Guest, id: &str) -> Value {
    eventually("an incomplete reply", || async {
        let stored = guest.conversation(id).await;
        (stored["messages"][1]["status"] == "incomplete").then_some(stored)
    })
    .await
}

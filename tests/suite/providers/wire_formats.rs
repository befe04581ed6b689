//! Providers on good days and bad ones: their wire formats replayed, ugly parts included.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Ending, Failure, Fault, Script, Upstream};

use crate::harness::{
    ANTHROPIC_KEY, App, CLOUDFLARE_TOKEN, Event, Guest, OPENAI_KEY, Response, text_of,
};

/// The providers that use HTTP, each with its own model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    OpenAi,
    Anthropic,
    WorkersAi,
    Gateway,
    Local,
}

impl Provider {
    const ALL: [Self; 5] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::WorkersAi,
        Self::Gateway,
        Self::Local,
    ];

    fn model(self) -> &'static str {
        match self {
            Self::OpenAi => "gpt-4o",
            Self::Anthropic => "claude-3-haiku",
            Self::WorkersAi | Self::Gateway => "@cf/meta/llama-3-8b-instruct",
            Self::Local => "local-model",
        }
    }
}

/// An application with one provider configured, and a guest of it.
struct Fixture {
    provider: Provider,
    upstream: Upstream,
    app: App,
    guest: Guest,
}

impl Fixture {
    async fn new(provider: Provider) -> Self {
        Self::with(provider, &[]).await
    }

    async fn with(provider: Provider, variables: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start(Script::new(["unscripted"])).await.unwrap();
        let builder = App::with_defaults();
        let mut builder = match provider {
            Provider::OpenAi => builder.openai(&upstream),
            Provider::Anthropic => builder.anthropic(&upstream),
            Provider::WorkersAi => builder.workers_ai(&upstream),
            Provider::Gateway => builder
                .workers_ai(&upstream)
                .variable("workers_ai_base_url", upstream.gateway_base_url()),
            Provider::Local => builder.local(&upstream),
        };
        for (name, value) in variables {
            builder = builder.variable(name, *value);
        }
        let app = builder.start().await;
        let guest = app.client().guest().await;
        Self {
            provider,
            upstream,
            app,
            guest,
        }
    }

    fn body(&self) -> Value {
        json!({ "message": "Hi", "model": self.provider.model() })
    }

    /// A chat that is accepted, read to its end.
    async fn events(&self, script: Script) -> Vec<Event> {
        self.upstream.push(script);
        self.guest
            .chat(self.body())
            .await
            .accepted()
            .await
            .events()
            .await
    }

    /// A chat that is refused before its first byte.
    async fn refusal(&self, script: Script) -> Response {
        self.upstream.push(script);
        self.guest.post("/api/chat", self.body()).await
    }

    /// The reply that was stored last.
    async fn stored(&self) -> Value {
        let list = self.guest.conversations().await;
        list[0]["messages"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    }
}

#[tokio::test]
async fn each_provider_gets_its_own_request_format() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        fixture.events(Script::new(["ok"])).await;
        let request = fixture.upstream.request(0).await;
        let body = request.json();
        assert_eq!(body["stream"], true, "{provider:?}");
        assert_eq!(
            request.header("content-type"),
            Some("application/json"),
            "{provider:?}"
        );
        let authorization = request.header("authorization");
        match provider {
            Provider::OpenAi => {
                assert_eq!(authorization, Some(&*format!("Bearer {OPENAI_KEY}")));
                assert_eq!(body["stream_options"]["include_usage"], true);
                assert!(
                    request.path.ends_with("/chat/completions"),
                    "{}",
                    request.path
                );
            }
            Provider::Anthropic => {
                assert_eq!(request.header("x-api-key"), Some(ANTHROPIC_KEY));
                assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
                assert!(
                    body["max_tokens"].as_u64().unwrap() > 0,
                    "it is mandatory there"
                );
                assert_eq!(authorization, None);
            }
            Provider::WorkersAi => {
                assert_eq!(authorization, Some(&*format!("Bearer {CLOUDFLARE_TOKEN}")));
                assert!(
                    request.path.contains("/accounts/account/ai/run/@cf/"),
                    "{}",
                    request.path
                );
            }
            Provider::Gateway => {
                assert_eq!(authorization, Some(&*format!("Bearer {CLOUDFLARE_TOKEN}")));
                assert!(
                    request.path.contains("/workers-ai/@cf/"),
                    "{}",
                    request.path
                );
            }
            Provider::Local => {
                assert_eq!(authorization, None, "no key is configured for it");
                assert_eq!(body["model"], "local-model");
            }
        }
        assert_eq!(
            fixture.upstream.requests().len(),
            1,
            "one chat is one request"
        );
    }
}

#[tokio::test]
async fn system_prompt_is_placed_as_the_provider_expects() {
    let fixture = Fixture::new(Provider::Anthropic).await;
    let mut body = fixture.body();
    body["system"] = json!("Be brief.");
    fixture.guest.chat(body).await.events().await;
    let request = fixture.upstream.request(0).await.json();
    let messages = request["messages"].as_array().unwrap();
    assert!(
        messages.iter().all(|message| message["role"] != "system"),
        "{request}"
    );
    assert!(
        request["system"].to_string().contains("Be brief."),
        "{request}"
    );
}

const TOKENS: [&str; 6] = ["Grüße", " 🐠", "\n\n", "“data: {}”", " 日本語", " end"];

#[tokio::test]
async fn stream_split_at_any_byte_yields_the_same_reply() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        let script = || Script::new(TOKENS);
        for (name, script) in [
            ("plain", script()),
            ("a byte at a time", script().split(1)),
            ("three bytes at a time, CR LF", script().split(3).crlf()),
            ("CR LF", script().crlf()),
            ("CR", script().cr()),
            ("seven bytes at a time, CR", script().split(7).cr()),
            ("with a byte order mark", script().bom()),
            ("with comments", script().comments()),
            ("with comments, cut", script().comments().split(5).crlf()),
            ("in one piece", script().whole()),
            ("without an end", script().without_done()),
            ("without usage", script().without_usage()),
            ("without a reason to stop", script().ending(Ending::Missing)),
            ("stopped for its length", script().ending(Ending::Length)),
        ] {
            // Older models of Workers AI send only `[DONE]` when they stop.
            if name == "without an end"
                && matches!(provider, Provider::WorkersAi | Provider::Gateway)
            {
                assert_interrupted(&fixture, script, &TOKENS.concat()).await;
                continue;
            }
            let events = fixture.events(script).await;
            let last = events.last().unwrap();
            assert!(last.is_done(), "{provider:?}, {name}: {events:?}");
            let error = events.iter().find(|event| event.name() == "error");
            assert_eq!(error, None, "{provider:?}, {name}: {events:?}");
            assert_eq!(text_of(&events), TOKENS.concat(), "{provider:?}, {name}");
            let usage = events
                .iter()
                .find(|event| event.name() == "usage")
                .unwrap()
                .json();
            assert!(
                usage["completionTokens"].as_u64().unwrap() > 0,
                "{provider:?}, {name}"
            );
            let stored = fixture.stored().await;
            assert_eq!(stored["content"], TOKENS.concat(), "{provider:?}, {name}");
            assert_eq!(stored["status"], "complete", "{provider:?}, {name}");
        }
    }
}

#[tokio::test]
async fn workers_ai_in_openai_format_is_read() {
    for provider in [Provider::WorkersAi, Provider::Gateway] {
        let fixture = Fixture::new(provider).await;
        let events = fixture.events(Script::new(TOKENS).openai_shaped()).await;
        assert_eq!(text_of(&events), TOKENS.concat());
    }
}

#[tokio::test]
async fn usage_is_the_count_of_the_provider() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        let events = fixture.events(Script::new(TOKENS).usage(321, 45)).await;
        let usage = events
            .iter()
            .find(|event| event.name() == "usage")
            .unwrap()
            .json();
        assert_eq!(usage["promptTokens"], 321, "{provider:?}");
        assert_eq!(usage["completionTokens"], 45, "{provider:?}");
    }
}

#[tokio::test]
async fn a_slow_stream_is_not_a_failure() {
    for provider in Provider::ALL {
        let fixture = Fixture::with(provider, &[("llm_idle_timeout_seconds", "2")]).await;
        let delay = Duration::from_millis(400);
        let script = Script::new(TOKENS).first_delay(delay).delay(delay);
        let events = fixture.events(script).await;
        assert_eq!(text_of(&events), TOKENS.concat(), "{provider:?}");
    }
}

#[tokio::test]
async fn provider_refusals_map_to_http_statuses() {
    for provider in Provider::ALL {
        // No circuit breaker, so that each failure reaches the client.
        let fixture = Fixture::with(provider, &[("llm_circuit_failures", "0")]).await;
        for (failure, status, code) in [
            (Failure::BadKey, 502, "PROVIDER_ERROR"),
            (Failure::ContextTooLong, 400, "CONTEXT_LENGTH_EXCEEDED"),
            (Failure::InvalidRequest, 400, "VALIDATION_ERROR"),
            (Failure::RateLimited(None), 503, "PROVIDER_UNAVAILABLE"),
            (Failure::Overloaded(None), 503, "PROVIDER_UNAVAILABLE"),
            (Failure::Internal, 502, "PROVIDER_ERROR"),
        ] {
            // Twice, since a failure that may be retried is retried once.
            fixture.upstream.set(Script::refuse(failure.clone()));
            let response = fixture.guest.post("/api/chat", fixture.body()).await;
            let what = format!("{provider:?}, {failure:?}: {response:?}");
            assert_eq!(response.json()["code"], code, "{what}");
            assert_eq!(response.status, status, "{what}");
            response.is_error(status, code);
            // The fake quotes parts of the key and of the request, as real ones do.
            for secret in [OPENAI_KEY, ANTHROPIC_KEY, CLOUDFLARE_TOKEN, "marker"] {
                assert!(!response.text().contains(secret), "{what}");
                assert!(!fixture.app.logs().contains(secret), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn content_refused_by_a_provider_is_400() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let fixture = Fixture::new(provider).await;
        fixture
            .upstream
            .set(Script::refuse(Failure::ContentFiltered));
        let response = fixture.guest.post("/api/chat", fixture.body()).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn retry_after_of_a_provider_is_passed_to_the_client() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        fixture
            .upstream
            .set(Script::refuse(Failure::RateLimited(Some("37".to_owned()))));
        let response = fixture.guest.post("/api/chat", fixture.body()).await;
        assert_eq!(
            response.header("retry-after"),
            Some("37"),
            "{provider:?}: {response:?}"
        );
        let nonsense = Some("soon, I promise".to_owned());
        fixture
            .upstream
            .set(Script::refuse(Failure::Overloaded(nonsense)));
        let response = fixture.guest.post("/api/chat", fixture.body()).await;
        response.is_error(503, "PROVIDER_UNAVAILABLE");
    }
}

#[tokio::test]
async fn message_is_kept_when_the_provider_fails() {
    // Its sender got the error. It is stored or not, but never in part.
    let fixture = Fixture::new(Provider::OpenAi).await;
    fixture.upstream.set(Script::refuse(Failure::BadKey));
    fixture
        .guest
        .post("/api/chat", fixture.body())
        .await
        .is_error(502, "PROVIDER_ERROR");
    for conversation in fixture.guest.conversations().await {
        for message in conversation["messages"].as_array().unwrap() {
            assert_ne!(message["status"], "streaming", "{conversation}");
        }
    }
    // And the next one works.
    fixture.upstream.set(Script::new(["fine again"]));
    let events = fixture.guest.chat(fixture.body()).await.events().await;
    assert_eq!(text_of(&events), "fine again");
}

/// The received text is kept, the reader gets an error event, and the reply is marked as incomplete.
async fn assert_interrupted(fixture: &Fixture, script: Script, arrived: &str) {
    let what = format!("{:?}, {script:?}", fixture.provider);
    let events = fixture.events(script).await;
    assert!(text_of(&events).starts_with(arrived), "{what}: {events:?}");
    assert!(events.last().unwrap().is_done(), "{what}: {events:?}");
    let error = events.iter().find(|event| event.name() == "error");
    let error = error.unwrap_or_else(|| panic!("{what}: {events:?}")).json();
    let code = error["code"].as_str().unwrap();
    assert!(code.starts_with("PROVIDER_"), "{what}: {error}");
    assert!(
        error["requestId"].is_string() && error["error"].is_string(),
        "{what}: {error}"
    );
    let stored = fixture.stored().await;
    assert_eq!(stored["status"], "incomplete", "{what}: {stored}");
    assert_eq!(stored["content"], text_of(&events), "{what}");
}

#[tokio::test]
async fn an_error_in_mid_stream_is_an_event() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        let script = || Script::new(["one ", "two ", "three "]);
        for fault in [Fault::ErrorAfter(2), Fault::CutAfter(2)] {
            assert_interrupted(&fixture, script().fault(fault), "one two ").await;
        }
    }
}

#[tokio::test]
async fn an_unknown_protocol_is_an_error() {
    for provider in Provider::ALL {
        let fixture = Fixture::new(provider).await;
        for fault in [Fault::Garbage, Fault::JsonError, Fault::Html] {
            let what = format!("{provider:?}, {fault:?}");
            fixture.upstream.set(Script::new(["a"]).fault(fault));
            let chat = fixture.guest.chat(fixture.body()).await;
            if chat.status == 200 {
                // The error occurred only after the response's head was sent.
                let events = chat.events().await;
                let error = events.iter().find(|event| event.name() == "error");
                let error = error.unwrap_or_else(|| panic!("{what}: {events:?}")).json();
                assert!(
                    error["code"].as_str().unwrap().starts_with("PROVIDER_"),
                    "{what}"
                );
                assert!(events.last().unwrap().is_done(), "{what}: {events:?}");
                assert_eq!(text_of(&events), "", "{what}");
            } else {
                let response = chat.collect().await;
                assert!(matches!(response.status, 502 | 503), "{what}: {response:?}");
                assert!(
                    response.json()["code"]
                        .as_str()
                        .unwrap()
                        .starts_with("PROVIDER_")
                );
                assert!(!response.text().contains("doctype"), "{what}: {response:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_endless_line_is_an_error() {
    let fixture = Fixture::new(Provider::OpenAi).await;
    let script = Script::new(["one ", "two "]).fault(Fault::Oversized(64 * 1024 * 1024));
    assert_interrupted(&fixture, script, "one ").await;
}

#[tokio::test]
async fn a_provider_that_hangs_times_out() {
    let variables = [
        ("llm_first_token_timeout_seconds", "1"),
        ("llm_idle_timeout_seconds", "1"),
    ];
    for provider in Provider::ALL {
        let fixture = Fixture::with(provider, &variables).await;
        let hang = |fault| Script::new(["one ", "two "]).fault(fault);
        let response = fixture.refusal(hang(Fault::HangBeforeHeaders)).await;
        response.is_error(504, "PROVIDER_TIMEOUT");
        assert_interrupted(&fixture, hang(Fault::HangAfter(1)), "one ").await;
        let response = fixture.refusal(hang(Fault::HangAfter(0))).await;
        response.is_error(504, "PROVIDER_TIMEOUT");
        // The error is reported. The reader's connection does not hang.
        let last = fixture.upstream.requests().len() - 1;
        assert!(fixture.upstream.closed_early(last).await, "{provider:?}");
    }
}

#[tokio::test]
async fn an_unreachable_provider_is_an_error_without_its_address() {
    // Port 9 ("discard") has no listener here.
    let app = App::with_defaults()
        .variable("openai_api_key", OPENAI_KEY)
        .variable("openai_base_url", "http://127.0.0.1:9/v1")
        .start()
        .await;
    let guest = app.client().guest().await;
    let response = guest
        .post("/api/chat", json!({ "message": "Hi", "model": "gpt-4o" }))
        .await;
    response.is_error(502, "PROVIDER_ERROR");
    assert!(!response.text().contains("127.0.0.1"), "{response:?}");
}

#[tokio::test]
async fn local_models_are_listed_by_the_server() {
    let upstream = Upstream::start(Script::new(["local"])).await.unwrap();
    let app = App::with_defaults()
        .variable("local_base_url", upstream.openai_base_url())
        .start()
        .await;
    let guest = app.client().guest().await;
    let models = guest.get("/api/models").await.json();
    for id in upstream::MODELS {
        let model = models["models"]
            .as_array()
            .unwrap()
            .iter()
            .find(|model| model["id"] == id);
        assert_eq!(model.unwrap()["available"], true, "{models}");
    }
    let body = json!({ "message": "Hi", "model": upstream::MODELS[0] });
    assert_eq!(text_of(&guest.chat(body).await.events().await), "local");
}

#[tokio::test]
async fn model_catalogue_variable_adds_models() {
    let upstream = Upstream::start(Script::new(["custom"])).await.unwrap();
    let models = r#"[{"id":"house-model","name":"House","provider":"openai"}]"#;
    let app = App::with_defaults()
        .openai(&upstream)
        .variable("models", models)
        .start()
        .await;
    let guest = app.client().guest().await;
    let list = guest.get("/api/models").await.json();
    let list = list["models"].as_array().unwrap();
    assert!(
        list.iter()
            .any(|model| model["id"] == "house-model" && model["available"] == true)
    );
    assert!(list.iter().any(|model| model["id"] == "gpt-4o"));
    let body = json!({ "message": "Hi", "model": "house-model" });
    assert_eq!(text_of(&guest.chat(body).await.events().await), "custom");
    assert_eq!(upstream.request(0).await.json()["model"], "house-model");
}

//! Which provider is called, how often and with which key, when providers fail. Requests are counted
//! by the fakes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::{Failure, Fault, Gate, Recorded, Script, Upstream};

use crate::harness::{App, Builder, Guest, StreamingResponse, eventually, text_of};

const MODEL: &str = "gpt-4o";
const FALLBACK: &str = "claude-3-haiku";
const FALLBACKS: &str = r#"{"gpt-4o": ["claude-3-haiku"]}"#;

/// The message of the request that keeps an instance alive. Instances remember failing providers.
const STAY: &str = "Stay with me.";

/// Two providers, an application that knows both, and a guest.
struct Fixture {
    openai: Upstream,
    anthropic: Upstream,
    app: App,
    guest: Guest,
}

impl Fixture {
    async fn new(variables: &[(&str, &str)]) -> Self {
        Self::choosing(variables, |_| Script::new(["from ", "openai"])).await
    }

    async fn choosing(
        variables: &[(&str, &str)],
        choose: impl Fn(&Recorded) -> Script + Send + Sync + 'static,
    ) -> Self {
        let openai = Upstream::choosing(move |request| {
            if contains(request, STAY) {
                // Longer than any test takes, shorter than the provider is given.
                Script::new(["here", "never"]).fault(Fault::HangAfter(1))
            } else {
                choose(request)
            }
        });
        let openai = openai.await.unwrap();
        let anthropic = Upstream::start(Script::new(["from ", "anthropic"]))
            .await
            .unwrap();
        let builder = App::with_defaults()
            .openai(&openai)
            .anthropic(&anthropic)
            .variable("llm_idle_timeout_seconds", "600");
        let set = |builder: Builder, (name, value): &(&str, &str)| builder.variable(name, *value);
        let app = variables.iter().fold(builder, set).start().await;
        let guest = app.client().guest().await;
        Self {
            openai,
            anthropic,
            app,
            guest,
        }
    }

    /// Keeps the current instance alive, and with it what it remembers about providers.
    async fn stay(&self) -> StreamingResponse {
        let mut chat = self.guest.ask(STAY).await.accepted().await;
        assert_eq!(chat.next_content().await.as_deref(), Some("here"));
        chat
    }

    /// Sends a message. Returns the text of the reply and the conversation's id.
    async fn send(&self) -> (String, String) {
        let chat = self.guest.ask("Hi").await.accepted().await;
        let id = chat.conversation_id();
        let events = chat.events().await;
        let error = events.iter().find(|event| event.name() == "error");
        assert_eq!(error, None, "{events:?}");
        (text_of(&events), id)
    }

    async fn text(&self) -> String {
        self.send().await.0
    }

    /// The one reply of a conversation.
    async fn stored_reply(&self, id: &str) -> Value {
        let stored = self.guest.conversation(id).await;
        let messages = stored["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "{stored}");
        messages[1].clone()
    }

    async fn status(&self) -> u16 {
        self.guest.ask("Hi").await.collect().await.status
    }

    /// How many requests each provider has had.
    fn request_counts(&self) -> (usize, usize) {
        let of = |upstream: &Upstream| {
            let requests = upstream.requests();
            requests
                .iter()
                .filter(|request| !contains(request, STAY))
                .count()
        };
        (of(&self.openai), of(&self.anthropic))
    }
}

fn contains(request: &Recorded, words: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(words)
}

fn key(request: &Recorded) -> String {
    let authorization = request.header("authorization").unwrap();
    authorization.strip_prefix("Bearer ").unwrap().to_owned()
}

/// How often each key was used.
fn keys(upstream: &Upstream) -> BTreeMap<String, usize> {
    let mut uses = BTreeMap::new();
    for request in upstream.requests() {
        *uses.entry(key(&request)).or_default() += 1;
    }
    uses
}

fn refused(failure: Failure) -> Script {
    Script::refuse(failure)
}

fn limited(after: &str) -> Script {
    refused(Failure::RateLimited(Some(after.to_owned())))
}

#[tokio::test]
async fn transient_failures_are_retried() {
    for script in [
        refused(Failure::Overloaded(None)),
        refused(Failure::Internal),
        refused(Failure::RateLimited(None)),
        limited("0"),
        // These were accepted, and failed before their first word.
        Script::new(["never"]).fault(Fault::CutAfter(0)),
        Script::new(["never"]).fault(Fault::ErrorAfter(0)),
    ] {
        let fixture = Fixture::new(&[]).await;
        fixture.openai.push(script.clone());
        let (text, id) = fixture.send().await;
        assert_eq!(text, "from openai", "{script:?}");
        assert_eq!(fixture.request_counts(), (2, 0), "{script:?}");
        let [first, second] = &fixture.openai.requests()[..] else {
            panic!("two requests")
        };
        assert_eq!(first.body, second.body, "the same question");
        let reply = fixture.stored_reply(&id).await;
        assert_eq!(reply["content"], "from openai");
        assert_eq!(reply["status"], "complete");
    }
}

#[tokio::test]
async fn attempts_are_limited() {
    for (most, times) in [("1", 1), ("2", 2), ("", 3), ("4", 4)] {
        let fixture = Fixture::choosing(&[("llm_max_attempts", most)], |_| {
            refused(Failure::Internal)
        })
        .await;
        assert_eq!(fixture.status().await, 502);
        assert_eq!(fixture.request_counts(), (times, 0), "{most:?}");
    }
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    for (failure, status) in [
        (Failure::InvalidRequest, 400),
        (Failure::ContextTooLong, 400),
        (Failure::ContentFiltered, 400),
        (Failure::BadKey, 502),
        (Failure::UnknownModel, 400),
    ] {
        let fixture = Fixture::choosing(&[], {
            let failure = failure.clone();
            move |_| refused(failure.clone())
        })
        .await;
        assert_eq!(fixture.status().await, status, "{failure:?}");
        assert_eq!(fixture.request_counts(), (1, 0), "{failure:?}");
    }
}

#[tokio::test]
async fn retry_after_of_a_provider_is_respected() {
    let fixture = Fixture::new(&[]).await;
    for script in [limited("1"), refused(Failure::Overloaded(Some("1".into())))] {
        let (before, _) = fixture.request_counts();
        fixture.openai.push(script);
        let began = Instant::now();
        assert_eq!(fixture.text().await, "from openai");
        assert!(began.elapsed() >= Duration::from_secs(1), "not earlier");
        assert_eq!(fixture.request_counts(), (before + 2, 0));
    }
}

#[tokio::test]
async fn a_long_retry_after_is_passed_to_the_client() {
    for (bound, wait) in [("", "6"), ("1", "2"), ("60", "61"), ("3600", "61")] {
        let variables = [("llm_max_retry_wait_seconds", bound)];
        let fixture = Fixture::choosing(&variables, move |_| limited(wait)).await;
        let response = fixture.guest.ask("Hi").await.collect().await;
        response.is_error(503, "PROVIDER_UNAVAILABLE");
        assert_eq!(response.header("retry-after"), Some(wait));
        assert_eq!(fixture.request_counts(), (1, 0), "{bound:?}");
    }
}

#[tokio::test]
async fn a_failing_model_uses_its_fallback() {
    for (script, times) in [
        // One attempt of three is kept for the fallback.
        (refused(Failure::Internal), 2),
        (Script::new(["never"]).fault(Fault::ErrorAfter(0)), 2),
        // Waiting would take too long, or not help.
        (limited("3600"), 1),
        (refused(Failure::BadKey), 1),
        (refused(Failure::UnknownModel), 1),
        (Script::new(["never"]).fault(Fault::Garbage), 1),
        (Script::new(["never"]).fault(Fault::Html), 1),
        (Script::new(["never"]).fault(Fault::HangBeforeHeaders), 1),
    ] {
        let variables = [
            ("model_fallbacks", FALLBACKS),
            ("llm_first_token_timeout_seconds", "2"),
        ];
        let fixture = Fixture::choosing(&variables, {
            let script = script.clone();
            move |_| script.clone()
        })
        .await;
        let (text, id) = fixture.send().await;
        assert_eq!(text, "from anthropic", "{script:?}");
        assert_eq!(fixture.request_counts(), (times, 1), "{script:?}");
        let request = fixture.anthropic.request(0).await.json();
        assert!(
            request["model"].as_str().unwrap().starts_with(FALLBACK),
            "{request}"
        );
        assert_eq!(fixture.stored_reply(&id).await["content"], "from anthropic");
    }
}

#[tokio::test]
async fn no_fallback_for_invalid_requests_or_working_models() {
    let fixture = Fixture::new(&[("model_fallbacks", FALLBACKS)]).await;
    assert_eq!(fixture.text().await, "from openai");
    fixture.openai.push(refused(Failure::ContentFiltered));
    assert_eq!(fixture.status().await, 400);
    assert_eq!(fixture.request_counts(), (2, 0));
}

#[tokio::test]
async fn fallbacks_are_called_in_order() {
    // Unknown models and models without configuration are skipped.
    let chain =
        r#"{"gpt-4o": ["nobody", "@cf/meta/llama-3-8b-instruct", "claude-3-haiku", "demo"]}"#;
    let variables = [("model_fallbacks", chain), ("llm_max_attempts", "3")];
    let fixture = Fixture::choosing(&variables, |_| refused(Failure::BadKey)).await;
    fixture.anthropic.push(refused(Failure::BadKey));
    let text = fixture.text().await;
    assert!(!text.is_empty() && !text.starts_with("from "), "{text}");
    assert_eq!(fixture.request_counts(), (1, 1));
    assert_eq!(fixture.text().await, "from anthropic");
    assert_eq!(fixture.request_counts(), (2, 2));
}

#[tokio::test]
async fn failure_of_all_fallbacks_reports_the_first_failure() {
    let variables = [("model_fallbacks", FALLBACKS)];
    let fixture = Fixture::choosing(&variables, |_| limited("3600")).await;
    fixture.anthropic.set(refused(Failure::BadKey));
    let response = fixture.guest.ask("Hi").await.collect().await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("3600"));
    assert_eq!(fixture.request_counts(), (1, 1));
}

#[tokio::test]
async fn no_retry_after_the_first_delta() {
    for fault in [
        Fault::CutAfter(1),
        Fault::ErrorAfter(1),
        Fault::HangAfter(1),
    ] {
        let variables = [
            ("model_fallbacks", FALLBACKS),
            ("llm_idle_timeout_seconds", "1"),
        ];
        let fixture = Fixture::choosing(&variables, {
            let fault = fault.clone();
            move |_| Script::new(["one ", "two "]).fault(fault.clone())
        })
        .await;
        let chat = fixture.guest.ask("Hi").await.accepted().await;
        let id = chat.conversation_id();
        let events = chat.events().await;
        assert_eq!(text_of(&events), "one ", "{fault:?}");
        assert!(
            events.iter().any(|event| event.name() == "error"),
            "{events:?}"
        );
        assert_eq!(fixture.request_counts(), (1, 0), "{fault:?}");
        assert_eq!(fixture.stored_reply(&id).await["status"], "incomplete");
    }
}

#[tokio::test]
async fn invalid_fallbacks_are_a_configuration_error() {
    let fixture = Fixture::new(&[("model_fallbacks", "marker-not-json")]).await;
    let response = fixture.guest.ask("Hi").await.collect().await;
    assert!(response.status >= 500, "{response:?}");
    assert!(!response.text().contains("model_fallbacks"), "{response:?}");
    let logs = fixture.app.logs();
    assert!(logs.contains("model_fallbacks"), "{logs}");
    assert!(!logs.contains("marker-not-json"), "{logs}");
}

/// By far the most likely to be chosen of these two.
const KEYS: &str = "sk-marker-bad*1000, sk-marker-good";

fn is_bad(request: &Recorded) -> bool {
    key(request) == "sk-marker-bad"
}

#[tokio::test]
async fn a_failing_key_is_paused_and_another_is_used() {
    for failure in [
        Failure::BadKey,
        Failure::RateLimited(None),
        Failure::RateLimited(Some("3600".to_owned())),
    ] {
        let fixture = Fixture::choosing(&[("openai_api_key", KEYS)], {
            let failure = failure.clone();
            move |request| match is_bad(request) {
                true => refused(failure.clone()),
                false => Script::new(["with ", "another"]),
            }
        })
        .await;
        // The bad key is used for this request.
        let stay = fixture.stay().await;
        for _ in 0..6 {
            assert_eq!(fixture.text().await, "with another", "{failure:?}");
        }
        let questions = fixture.openai.requests();
        let questions = questions.iter().filter(|request| !contains(request, STAY));
        let bad = questions.filter(|request| is_bad(request)).count();
        assert_eq!(bad, 1, "{failure:?}: it rests after its first failure");
        assert_eq!(fixture.request_counts(), (7, 0), "{failure:?}");
        drop(stay);
        assert!(!fixture.app.logs().contains("sk-marker"), "{failure:?}");
    }
}

#[tokio::test]
async fn every_key_is_tried_before_failing() {
    let variables = [
        ("openai_api_key", "sk-marker-a,sk-marker-b"),
        ("llm_max_attempts", "10"),
    ];
    let fixture = Fixture::choosing(&variables, |_| refused(Failure::BadKey)).await;
    let response = fixture.guest.ask("Hi").await.collect().await;
    response.is_error(502, "PROVIDER_ERROR");
    let uses = keys(&fixture.openai);
    assert_eq!(uses.values().collect::<Vec<_>>(), [&1, &1], "{uses:?}");
    assert!(!response.text().contains("sk-marker"));
    assert!(!fixture.app.logs().contains("sk-marker"));
}

#[tokio::test]
async fn key_weights_are_respected() {
    let variables = [(
        "openai_api_key",
        "sk-marker-a*3, sk-marker-b, sk-marker-off*0",
    )];
    let fixture = Fixture::new(&variables).await;
    for _ in 0..8 {
        join_all((0..8).map(|_| fixture.text())).await;
    }
    let uses = keys(&fixture.openai);
    let (often, seldom) = (uses["sk-marker-a"], uses["sk-marker-b"]);
    assert_eq!(often + seldom, 64, "none has no weight: {uses:?}");
    // 48 and 16, but for chance.
    assert!(often > seldom && seldom > 0, "{uses:?}");
}

/// An instance forgets with its hundred and twenty-eighth request, so they are not to be many.
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn circuit_breaker_opens_and_closes_again() {
    let variables = [("llm_circuit_failures", "2"), ("llm_max_attempts", "1")];
    let fixture = Fixture::choosing(&variables, |_| refused(Failure::Internal)).await;
    let stay = fixture.stay().await;
    for times in 1..=2 {
        assert_eq!(fixture.status().await, 502);
        assert_eq!(fixture.request_counts(), (times, 0));
    }
    // It is not called for a while, the error comes at once, and other providers are not affected.
    let response = fixture.guest.ask("Hi").await.collect().await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{response:?}");
    assert_eq!(fixture.request_counts(), (2, 0));
    let body = json!({ "message": "Hi", "model": FALLBACK });
    let events = fixture.guest.chat(body).await.events().await;
    assert_eq!(text_of(&events), "from anthropic");

    // After a while one is let through; it fails, and the next are not.
    eventually("a first try", || async {
        breathe().await;
        assert!(matches!(fixture.status().await, 502 | 503));
        (fixture.request_counts().0 > 2).then_some(())
    })
    .await;
    assert_eq!(fixture.status().await, 503);
    assert_eq!(fixture.request_counts().0, 3, "one failure is enough now");

    // The next request is slow. As long as it runs, it is the only one.
    let gate = Gate::default();
    fixture
        .openai
        .set(Script::new(["well ", "again"]).behind(&gate));
    let trying = eventually("a second try", || async {
        breathe().await;
        let before = fixture.request_counts().0;
        let chat = tokio::spawn({
            let guest = fixture.guest.clone();
            async move { guest.ask("Hi").await }
        });
        eventually("a response, or a request to the provider", || async {
            (chat.is_finished() || fixture.request_counts().0 > before).then_some(())
        })
        .await;
        if fixture.request_counts().0 > before {
            return Some(chat);
        }
        assert_eq!(chat.await.unwrap().status, 503);
        None
    })
    .await;
    assert_eq!(fixture.status().await, 503);
    assert_eq!(fixture.request_counts().0, 4);
    gate.open();
    let events = trying.await.unwrap().accepted().await.events().await;
    assert_eq!(text_of(&events), "well again");

    // It works, and everybody is let through.
    for times in 5..=7 {
        assert_eq!(fixture.text().await, "well again");
        assert_eq!(fixture.request_counts().0, times);
    }
    drop(stay);
}

#[tokio::test]
async fn open_circuit_uses_the_fallback() {
    let variables = [
        ("llm_circuit_failures", "1"),
        ("model_fallbacks", FALLBACKS),
        ("llm_max_attempts", "2"),
    ];
    let fixture = Fixture::choosing(&variables, |_| refused(Failure::Internal)).await;
    let stay = fixture.stay().await;
    for times in 1..=3 {
        assert_eq!(fixture.text().await, "from anthropic");
        assert_eq!(
            fixture.request_counts(),
            (1, times),
            "it is not called again"
        );
    }
    drop(stay);
}

#[tokio::test]
async fn refusals_do_not_open_the_circuit() {
    let variables = [("llm_circuit_failures", "1"), ("llm_max_attempts", "1")];
    let fixture = Fixture::choosing(&variables, |_| limited("3600")).await;
    let stay = fixture.stay().await;
    for times in 1..=3 {
        assert_eq!(fixture.status().await, 503);
        assert_eq!(fixture.request_counts(), (times, 0));
    }
    drop(stay);
}

#[tokio::test]
async fn concurrency_limit_queues_requests() {
    let gate = Gate::default();
    let variables = [("llm_max_concurrency_per_instance", "1")];
    let fixture = Fixture::choosing(&variables, {
        let gate = gate.clone();
        move |_| Script::new(["from ", "openai"]).behind(&gate)
    })
    .await;
    let ask = || {
        let guest = fixture.guest.clone();
        tokio::spawn(async move { guest.ask("Hi").await })
    };
    let first = ask();
    fixture.openai.request(0).await;
    // Another provider has places of its own.
    let body = json!({ "message": "Hi", "model": FALLBACK });
    let events = fixture.guest.chat(body).await.events().await;
    assert_eq!(text_of(&events), "from anthropic");
    // The next request waits, and the one after it finds no place to wait. They are not sent at the same
    // moment: a request that finds the instance busy may get an instance of its own.
    let waiting = ask();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let response = ask().await.unwrap().collect().await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(fixture.request_counts(), (1, 1));
    gate.open();
    for chat in [first, waiting] {
        let chat = chat.await.unwrap();
        let events = chat.accepted().await.events().await;
        assert_eq!(text_of(&events), "from openai");
    }
    assert_eq!(fixture.request_counts(), (2, 1));
}

#[tokio::test]
async fn concurrency_limit_holds_for_one_instance() {
    // Two applications on one store have at least two instances.
    let gate = Gate::default();
    let variables = [("llm_max_concurrency_per_instance", "1")];
    let fixture = Fixture::choosing(&variables, {
        let gate = gate.clone();
        move |_| Script::new(["from ", "openai"]).behind(&gate)
    })
    .await;
    let other = App::with_defaults()
        .openai(&fixture.openai)
        .variable("llm_max_concurrency_per_instance", "1")
        .state_of(&fixture.app)
        .start()
        .await;
    let guests = [fixture.guest.clone(), other.client().guest().await];
    let chats = guests.map(|guest| {
        let body = json!({ "message": "Hi", "model": MODEL });
        tokio::spawn(async move { guest.chat(body).await.events().await })
    });
    // Both requests reach the provider before either gets a response.
    fixture.openai.request(1).await;
    gate.open();
    for chat in chats {
        assert_eq!(text_of(&chat.await.unwrap()), "from openai");
    }
}

#[tokio::test]
async fn concurrency_limit_wait_times_out() {
    let variables = [("llm_max_concurrency_per_instance", "1")];
    let fixture = Fixture::new(&variables).await;
    let stay = fixture.stay().await;
    let response = fixture.guest.ask("Hi").await.collect().await;
    response.is_error(503, "PROVIDER_UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(fixture.request_counts(), (0, 0));
    drop(stay);
}

#[tokio::test]
async fn full_concurrency_limit_uses_the_fallback() {
    let variables = [
        ("llm_max_concurrency_per_instance", "1"),
        ("model_fallbacks", FALLBACKS),
    ];
    let fixture = Fixture::new(&variables).await;
    let stay = fixture.stay().await;
    assert_eq!(fixture.text().await, "from anthropic");
    assert_eq!(fixture.request_counts(), (0, 1));
    drop(stay);
}

#[tokio::test]
async fn concurrency_permit_is_released_at_any_end_of_a_reply() {
    let variables = [
        ("llm_max_concurrency_per_instance", "2"),
        ("llm_max_attempts", "1"),
        ("llm_circuit_failures", "0"),
        ("llm_first_token_timeout_seconds", "1"),
    ];
    let fixture = Fixture::new(&variables).await;
    // This one takes a place for as long as the test lasts.
    let stay = fixture.stay().await;
    let script = || Script::new(["one ", "two "]);
    for fault in [
        Fault::Refuse(Failure::Internal),
        Fault::Refuse(Failure::BadKey),
        Fault::HangBeforeHeaders,
        Fault::HangAfter(0),
        Fault::CutAfter(0),
        Fault::CutAfter(1),
        Fault::ErrorAfter(1),
        Fault::Garbage,
        Fault::Oversized(2 * 1024 * 1024),
    ] {
        fixture.openai.push(script().fault(fault.clone()));
        fixture.guest.ask("Hi").await.collect().await;
        assert_eq!(fixture.text().await, "from openai", "{fault:?}");
    }
    drop(stay);
}

#[tokio::test]
async fn empty_keys_are_ignored() {
    let fixture = Fixture::new(&[("openai_api_key", " , sk-marker-off*0")]).await;
    let models = fixture.guest.get("/api/models").await.json();
    let models = models["models"].as_array().unwrap();
    let model = models.iter().find(|model| model["id"] == MODEL).unwrap();
    assert_eq!(model["available"], false, "{model}");
}

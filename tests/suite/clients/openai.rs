//! OpenAI's official libraries and LangChain's class for them against the running application.
//! `tests/clients/openai` has the scripts, the lockfile and the requirements.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use upstream::{Fault, Script, Upstream};

use crate::harness::{App, Scripts, skip_or_fail};

type Installed = Result<Scripts, String>;

async fn node(test: &str) -> Option<&'static Scripts> {
    static NODE: OnceCell<Installed> = OnceCell::const_new();
    let scripts = NODE.get_or_init(|| Scripts::node("openai", (20, 15))).await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(test, missing))
        .ok()
}

async fn python(test: &str) -> Option<&'static Scripts> {
    static PYTHON: OnceCell<Installed> = OnceCell::const_new();
    let scripts = PYTHON
        .get_or_init(|| Scripts::python("openai", (3, 10)))
        .await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(test, missing))
        .ok()
}

/// An application with a provider that replies "Hello there", and a user's API key.
struct World {
    upstream: Upstream,
    /// Kept: it ends when dropped.
    _app: App,
    base: String,
    key: String,
    scripts: &'static Scripts,
}

impl World {
    async fn new(scripts: &'static Scripts) -> Self {
        let upstream = Upstream::start(Script::new(["Hello", " there"]))
            .await
            .unwrap();
        let app = App::with_defaults()
            .openai(&upstream)
            .variable("llm_max_attempts", "1")
            .variable("stream_keepalive_seconds", "1")
            .start()
            .await;
        let guest = app.client().guest().await;
        let key = guest.new_key(json!({ "name": "SDK" })).await.secret;
        Self {
            base: format!("http://{}/v1", app.address()),
            upstream,
            _app: app,
            key,
            scripts,
        }
    }

    async fn run(&self, script: &str, step: &str) -> Value {
        let arguments = [step, &self.base, &self.key, "gpt-4o"];
        self.scripts.run(script, &arguments).await
    }

    /// The provider's next reply calls `add`.
    fn will_call(&self) {
        let chunk = |delta: Value, reason: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
            format!("data: {}\n\n", json!({ "choices": [choice] }))
        };
        let call = json!({ "tool_calls": [{
            "index": 0, "id": "call_1", "type": "function",
            "function": { "name": "add", "arguments": "" },
        }]});
        let rest = |piece: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] });
        let body = [
            chunk(call, Value::Null),
            chunk(rest("{\"a\":1,"), Value::Null),
            chunk(rest("\"b\":2}"), Value::Null),
            chunk(json!({}), json!("tool_calls")),
            "data: [DONE]\n\n".to_owned(),
        ]
        .concat();
        let script = Script::new([""]);
        self.upstream
            .push(script.fault(Fault::Raw(200, "text/event-stream".into(), body)));
    }

    /// The provider's next reply is long.
    fn will_go_on(&self) {
        let slow = Script::words(10_000).delay(Duration::from_millis(5));
        self.upstream.push(slow);
    }

    /// The provider's next reply has a pause of 2.5 s.
    fn will_pause(&self) {
        let slow = Script::new(["Hello", " there"]).delay(Duration::from_millis(2_500));
        self.upstream.push(slow);
    }

    /// The provider's next reply is interrupted.
    fn will_break(&self) {
        self.upstream
            .push(Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2)));
    }

    /// Asserts that the connection to the provider was closed.
    async fn assert_cancelled(&self) {
        let last = self.upstream.requests().len() - 1;
        assert!(self.upstream.closed_early(last).await);
    }
}

/// The result that both of OpenAI's libraries report.
async fn openais_library(world: &World, script: &str) {
    let chat = world.run(script, "chat").await;
    assert_eq!(
        chat["choices"][0]["message"]["content"], "Hello there",
        "{chat}"
    );
    assert_eq!(chat["choices"][0]["finish_reason"], "stop", "{chat}");
    assert_eq!(chat["usage"]["total_tokens"], 12, "{chat}");
    assert_eq!(chat["provider"], "openai", "{chat}");
    assert!(chat["requestId"].is_string(), "{chat}");

    let stream = world.run(script, "stream").await;
    let chunks = stream["chunks"].as_array().unwrap();
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Hello there", "{stream}");
    let used = &chunks.last().unwrap()["usage"];
    assert_eq!(used["total_tokens"], 12, "{stream}");

    // Chunks without content fill the silence, and the library ignores them.
    world.will_pause();
    let paused = world.run(script, "stream").await;
    let chunks = paused["chunks"].as_array().unwrap();
    let is_empty = |chunk: &&Value| {
        let choice = &chunk["choices"][0];
        choice["delta"]["content"].is_null()
            && choice["finish_reason"].is_null()
            && chunk["usage"].is_null()
    };
    assert!(chunks.iter().any(|chunk| is_empty(&chunk)), "{paused}");
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Hello there", "{paused}");

    world.will_call();
    let tools = world.run(script, "tools").await;
    assert_eq!(tools["content"], "Hello there", "{tools}");
    let request = world.upstream.requests().pop().unwrap().json();
    let result = request["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(result["role"], "tool", "{request}");
    assert_eq!(result["content"], "3", "{request}");

    world.will_call();
    let step = if script.ends_with(".py") {
        "streamed_tools"
    } else {
        "streamedTools"
    };
    let choice = world.run(script, step).await;
    assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!(function["arguments"], "{\"a\":1,\"b\":2}", "{choice}");

    let models = world.run(script, "models").await;
    let ids = models["ids"].as_array().unwrap();
    assert!(ids.contains(&json!("gpt-4o")), "{models}");
    assert_eq!(models["retrieved"]["id"], "gpt-4o", "{models}");

    let errors = world.run(script, "errors").await;
    for (step, name, status, code, param) in [
        (
            "model",
            "NotFoundError",
            404,
            "model_not_found",
            Value::Null,
        ),
        (
            "temperature",
            "BadRequestError",
            400,
            "invalid_value",
            json!("temperature"),
        ),
        (
            "message",
            "BadRequestError",
            400,
            "invalid_value",
            json!("messages[0].role"),
        ),
        ("n", "BadRequestError", 400, "invalid_value", json!("n")),
        (
            "key",
            "AuthenticationError",
            401,
            "invalid_api_key",
            Value::Null,
        ),
        (
            "retrieve",
            "NotFoundError",
            404,
            "model_not_found",
            Value::Null,
        ),
    ] {
        let error = &errors[step];
        assert_eq!(error["name"], name, "{step}: {errors}");
        assert_eq!(error["status"], status, "{step}: {errors}");
        assert_eq!(error["code"], code, "{step}: {errors}");
        assert_eq!(error["param"], param, "{step}: {errors}");
    }

    world.will_break();
    let broken = world.run(script, "broken").await;
    assert_eq!(broken["name"], "APIError", "{broken}");
    assert_eq!(broken["type"], "server_error", "{broken}");
    assert_eq!(broken["text"], "ab", "{broken}");

    world.will_go_on();
    let aborted = world.run(script, "abort").await;
    assert!(!aborted["text"].as_str().unwrap().is_empty(), "{aborted}");
    world.assert_cancelled().await;
}

#[tokio::test]
async fn openai_node_works() {
    let Some(scripts) = node("openai_clients::node").await else {
        return;
    };
    let world = World::new(scripts).await;
    openais_library(&world, "openai.mjs").await;
    // Structured output, which only this script tries.
    let animal = json!({ "name": "goldfish", "legs": 0 });
    world.upstream.push(Script::new([animal.to_string()]));
    assert_eq!(world.run("openai.mjs", "parse").await, animal);
}

#[tokio::test]
async fn openai_python_works() {
    let Some(scripts) = python("openai_clients::python").await else {
        return;
    };
    let world = World::new(scripts).await;
    openais_library(&world, "openai_sdk.py").await;
}

#[tokio::test]
async fn langchain_chat_openai_works() {
    let Some(scripts) = node("openai_clients::langchain").await else {
        return;
    };
    let world = World::new(scripts).await;
    for step in ["invoke", "stream"] {
        let printed = world.run("langchain.mjs", step).await;
        assert_eq!(printed["content"], "Hello there", "{step}: {printed}");
        assert_eq!(printed["usage"]["total_tokens"], 12, "{step}: {printed}");
    }
    world.will_pause();
    let paused = world.run("langchain.mjs", "stream").await;
    assert_eq!(paused["content"], "Hello there", "{paused}");
    world.will_call();
    let tools = world.run("langchain.mjs", "tools").await;
    let called = json!({ "name": "add", "args": { "a": 1, "b": 2 } });
    assert_eq!(tools["call"], called, "{tools}");
    assert_eq!(tools["content"], "Hello there", "{tools}");
    let error = Fault::Refuse(upstream::Failure::ContextTooLong);
    world.upstream.push(Script::new(["x"]).fault(error));
    let refused = world.run("langchain.mjs", "errors").await;
    assert_eq!(refused["status"], 400, "{refused}");
    assert_eq!(refused["code"], "context_length_exceeded", "{refused}");
    world.will_go_on();
    let aborted = world.run("langchain.mjs", "abort").await;
    assert!(!aborted["text"].as_str().unwrap().is_empty(), "{aborted}");
    world.assert_cancelled().await;
}

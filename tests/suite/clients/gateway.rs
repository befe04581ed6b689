//! Official clients of the Responses, Embeddings and Messages APIs against the running application, with
//! a model to which requests are translated. `tests/clients/gateway` has the scripts.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use upstream::{Failure, Fault, RawResponse, Script, Upstream};

use crate::harness::{App, Scripts, skip_or_fail};

type Installed = Result<Scripts, String>;

const MODEL: &str = "local-model";

async fn node(test: &str) -> Option<&'static Scripts> {
    static NODE: OnceCell<Installed> = OnceCell::const_new();
    let scripts = NODE
        .get_or_init(|| Scripts::node("gateway", (20, 15)))
        .await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(test, missing))
        .ok()
}

async fn python(test: &str) -> Option<&'static Scripts> {
    static PYTHON: OnceCell<Installed> = OnceCell::const_new();
    let scripts = PYTHON
        .get_or_init(|| Scripts::python("gateway", (3, 10)))
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
        let row =
            r#"[{"id":"local-model","provider":"local","reasoningInput":"reasoningContent"}]"#;
        let app = App::with_defaults()
            .local(&upstream)
            .variable("models", row)
            .variable("llm_max_attempts", "1")
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
        let arguments = [step, &self.base, &self.key, MODEL];
        self.scripts.run(script, &arguments).await
    }

    /// The provider reasons and calls `add` twice at once, the parts interleaved.
    fn will_call(&self) {
        let chunk = |delta: Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
        let call = |index: u32, arguments: &str| json!({ "tool_calls": [{ "index": index, "id": format!("call_{index}"), "type": "function", "function": { "name": "add", "arguments": arguments } }] });
        let more = |index: u32, arguments: &str| json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] });
        let events = [
            chunk(json!({ "reasoning_content": "Two sums." }), Value::Null),
            chunk(call(0, "{\"a\":"), Value::Null),
            chunk(call(1, "{\"a\":"), Value::Null),
            chunk(more(0, "1}"), Value::Null),
            chunk(more(1, "2}"), Value::Null),
            chunk(json!({}), json!("tool_calls")),
        ];
        let provider_response = RawResponse::events(events).then("data: [DONE]\n\n");
        self.upstream.push(provider_response.into());
    }

    /// The last request to the provider.
    fn provider_request(&self) -> Value {
        self.upstream.requests().pop().unwrap().json()
    }

    /// The second turn has the reasoning and both results.
    fn assert_second_turn(&self) {
        let sent = self.provider_request()["messages"].clone();
        let messages = sent.as_array().unwrap();
        let assistant = messages
            .iter()
            .find(|message| message["role"] == "assistant")
            .unwrap();
        assert_eq!(assistant["reasoning_content"], "Two sums.", "{sent}");
        let results = messages.iter().filter(|message| message["role"] == "tool");
        let results: Vec<_> = results.map(|message| message["content"].clone()).collect();
        assert_eq!(results, ["1", "2"], "{sent}");
    }

    fn will_be_limited(&self) {
        let limited = Failure::RateLimited(Some("7".into()));
        self.upstream.push(Script::refuse(limited));
    }

    fn will_break(&self) {
        self.upstream
            .push(Script::new(["a", "b", "c"]).fault(Fault::ErrorAfter(2)));
    }

    fn will_go_on(&self) {
        let slow = Script::words(10_000).delay(Duration::from_millis(5));
        self.upstream.push(slow);
    }

    async fn assert_cancelled(&self) {
        let last = self.upstream.requests().len() - 1;
        assert!(self.upstream.closed_early(last).await);
    }
}

#[tokio::test]
async fn anthropic_node_works() {
    let Some(scripts) = node("gateway_clients::anthropic_node").await else {
        return;
    };
    let world = World::new(scripts).await;
    let script = "anthropic.mjs";
    for step in ["text", "stream", "image"] {
        let printed = world.run(script, step).await;
        let message = &printed["message"];
        assert_eq!(message["content"][0]["text"], "Hello there", "{printed}");
        assert_eq!(message["stop_reason"], "end_turn", "{printed}");
        assert_eq!(message["usage"]["input_tokens"], 10, "{printed}");
        assert_eq!(message["usage"]["cache_read_input_tokens"], 0, "{printed}");
    }
    assert_eq!(
        world.provider_request()["messages"][0]["content"][0]["type"],
        "image_url"
    );
    world.will_call();
    let turns = world.run(script, "tools").await;
    let blocks = turns["first"]["content"].as_array().unwrap();
    let kinds: Vec<_> = blocks.iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["thinking", "tool_use", "tool_use"], "{turns}");
    assert_eq!(blocks[2]["input"], json!({ "a": 2 }), "{turns}");
    assert_eq!(
        turns["second"]["content"][0]["text"], "Hello there",
        "{turns}"
    );
    world.assert_second_turn();
    world.upstream.push(Script::new([r#"{"name":"goldfish"}"#]));
    let schema = world.run(script, "schema").await;
    assert_eq!(schema["value"]["name"], "goldfish", "{schema}");
    assert_eq!(
        world.provider_request()["response_format"]["type"],
        "json_schema"
    );
    let count = world.run(script, "count").await;
    assert!(count["input_tokens"].as_u64().unwrap() > 2, "{count}");
    let models = world.run(script, "models").await;
    assert!(
        models["ids"].as_array().unwrap().contains(&json!(MODEL)),
        "{models}"
    );
    world.will_be_limited();
    let limited = world.run(script, "limited").await;
    assert_eq!(limited["kind"], "overloaded_error", "{limited}");
    assert_eq!(limited["retryAfter"], "7", "{limited}");
    world.will_break();
    let broken = world.run(script, "broken").await;
    assert_eq!(broken["text"], "ab", "{broken}");
    assert!(
        broken["name"].as_str().unwrap().ends_with("Error"),
        "{broken}"
    );
    world.will_go_on();
    let aborted = world.run(script, "abort").await;
    assert_ne!(aborted["text"], "", "{aborted}");
    world.assert_cancelled().await;
}

#[tokio::test]
async fn openai_node_responses_and_embeddings_work() {
    let Some(scripts) = node("gateway_clients::openai_node").await else {
        return;
    };
    let world = World::new(scripts).await;
    let script = "responses.mjs";
    for step in ["text", "stream", "image"] {
        let printed = world.run(script, step).await;
        let response = &printed["response"];
        assert_eq!(response["output_text"], "Hello there", "{printed}");
        assert_eq!(response["status"], "completed", "{printed}");
        assert_eq!(response["usage"]["total_tokens"], 12, "{printed}");
    }
    assert_eq!(
        world.provider_request()["messages"][0]["content"][1]["type"],
        "image_url"
    );
    world.will_call();
    let turns = world.run(script, "tools").await;
    let items = turns["first"]["output"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["type"].clone()).collect();
    assert_eq!(
        kinds,
        ["reasoning", "function_call", "function_call"],
        "{turns}"
    );
    assert_eq!(turns["second"]["output_text"], "Hello there", "{turns}");
    world.assert_second_turn();
    world.upstream.push(Script::new([r#"{"name":"goldfish"}"#]));
    let schema = world.run(script, "schema").await;
    assert_eq!(schema["value"]["name"], "goldfish", "{schema}");
    world.will_be_limited();
    let limited = world.run(script, "limited").await;
    assert_eq!(limited["status"], 503, "{limited}");
    assert_eq!(limited["retryAfter"], "7", "{limited}");
    world.will_break();
    let broken = world.run(script, "broken").await;
    assert_eq!(broken["text"], "ab", "{broken}");
    assert_eq!(broken["last"], "response.failed", "{broken}");
    world.will_go_on();
    let aborted = world.run(script, "abort").await;
    assert_ne!(aborted["text"], "", "{aborted}");
    world.assert_cancelled().await;
    let embedded = world.run(script, "embeddings").await;
    let vectors = embedded["vectors"].as_array().unwrap();
    assert_eq!(vectors[0].as_array().unwrap().len(), 8, "{embedded}");
    assert_eq!(vectors[0], vectors[1], "{embedded}");
}

#[tokio::test]
async fn ai_sdk_providers_work() {
    let Some(scripts) = node("gateway_clients::ai_sdk").await else {
        return;
    };
    let world = World::new(scripts).await;
    for provider in ["openai", "anthropic", "compatible"] {
        let run = async |step: &str| {
            let arguments = [step, &world.base, &world.key, MODEL, provider];
            world.scripts.run("ai-sdk.mjs", &arguments).await
        };
        for step in ["text", "stream"] {
            let printed = run(step).await;
            assert_eq!(
                printed["text"], "Hello there",
                "{provider} {step}: {printed}"
            );
            assert_eq!(
                printed["finishReason"], "stop",
                "{provider} {step}: {printed}"
            );
        }
        world.will_call();
        let printed = run("tools").await;
        assert_eq!(printed["text"], "Hello there", "{provider}: {printed}");
        assert_eq!(printed["called"], json!([1, 2]), "{provider}: {printed}");
        assert_eq!(printed["reasoning"], "Two sums.", "{provider}: {printed}");
    }
}

#[tokio::test]
async fn python_libraries_and_an_agent_work() {
    let Some(scripts) = python("gateway_clients::python").await else {
        return;
    };
    let world = World::new(scripts).await;
    let script = "libraries.py";
    assert_eq!(world.run(script, "responses").await["text"], "Hello there");
    let printed = world.run(script, "messages").await;
    assert_eq!(printed["text"], "Hello there", "{printed}");
    assert_eq!(printed["stop"], "end_turn", "{printed}");
    assert!(printed["tokens"].as_u64().unwrap() > 2, "{printed}");
    let embedded = world.run(script, "embeddings").await;
    assert_eq!(
        embedded["vector"].as_array().unwrap().len(),
        8,
        "{embedded}"
    );
    world.will_call();
    let agent = world.run(script, "agent").await;
    assert_eq!(agent, json!({ "output": "Hello there", "called": [1, 2] }));
    let sent = world.provider_request()["messages"].clone();
    let results = sent
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool");
    assert_eq!(results.count(), 2, "{sent}");
}

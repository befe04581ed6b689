//! An application whose providers are one fake, for tests of what goes to a provider and what comes
//! from it.

use serde_json::{Value, json};
use upstream::{Script, Upstream};

use super::{App, Client, Guest, Response, StreamingResponse};

/// A model of each provider, all of which use the same fake.
pub(crate) const OPENAI: &str = "gpt-4o";
pub(crate) const ANTHROPIC: &str = "claude-sonnet-5";
pub(crate) const WORKERS_AI: &str = "@cf/meta/llama-4-scout-17b-16e-instruct";
pub(crate) const LOCAL: &str = "local-model";

/// The fake, the application and a guest of it.
pub(crate) struct Gateway {
    pub(crate) upstream: Upstream,
    pub(crate) app: App,
    pub(crate) guest: Guest,
}

/// The events of a streamed completion.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// Without `[DONE]` and without the error.
    pub(crate) chunks: Vec<Value>,
    pub(crate) is_done: bool,
    /// The error object that ended the stream.
    pub(crate) error: Option<Value>,
}

/// A request of one message.
pub(crate) fn hi(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi!" }] })
}

/// Asserts that a response is an error in OpenAI's format.
pub(crate) fn is_openai_error(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.json()["error"]["code"], code, "{response:?}");
}

/// The object with further members.
pub(crate) fn with(mut object: Value, members: Value) -> Value {
    let members = members.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(members);
    object
}

/// A chunk of OpenAI's protocol with that delta and reason.
pub(crate) fn chunk(delta: Value, reason: Value) -> Value {
    json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1_763_690_000, "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
    })
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With variables of its own. A failed request is not repeated.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start(Script::new(["unscripted"])).await.unwrap();
        let builder = App::with_defaults()
            .openai(&upstream)
            .anthropic(&upstream)
            .workers_ai(&upstream)
            .local(&upstream)
            .variable("llm_max_attempts", "1");
        let builder = variables.iter().fold(builder, |builder, (name, value)| {
            builder.variable(name, *value)
        });
        let app = builder.start().await;
        let guest = app.client().guest().await;
        Self {
            upstream,
            app,
            guest,
        }
    }

    /// A completion as a whole.
    pub(crate) async fn complete(&self, script: impl Into<Script>, body: Value) -> Response {
        self.upstream.push(script.into());
        self.guest.post("/v1/chat/completions", body).await
    }

    /// The same, which must succeed.
    pub(crate) async fn completed(&self, script: impl Into<Script>, body: Value) -> Value {
        let response = self.complete(script, body).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// A streamed completion, read to its end.
    pub(crate) async fn stream(&self, script: impl Into<Script>, body: Value) -> Chunks {
        self.upstream.push(script.into());
        let response = open(&self.guest, body).await.accepted().await;
        let mut stream = Chunks {
            chunks: Vec::new(),
            is_done: false,
            error: None,
        };
        for event in response.events().await {
            if event.is_done() {
                stream.is_done = true;
                continue;
            }
            let value = event.json();
            match value.get("error") {
                Some(error) => stream.error = Some(error.clone()),
                None => stream.chunks.push(value),
            }
        }
        stream
    }

    /// The last request that the fake received.
    pub(crate) fn provider_request(&self) -> Value {
        let requests = self.upstream.requests();
        requests.last().expect("a request").json()
    }

    /// Sends a message in a new conversation, to which the provider responds with these bytes. Returns the events of the reply, and the
    /// reply as it is stored. None in place of the events if the request failed.
    pub(crate) async fn chat(
        &self,
        script: impl Into<Script>,
        model: &str,
    ) -> (Result<Vec<super::Event>, Response>, Value) {
        self.upstream.push(script.into());
        let guest = self.app.client().guest().await;
        let chat = guest.chat(json!({ "message": "Hi", "model": model })).await;
        let events = if chat.status == 200 {
            Ok(chat.events().await)
        } else {
            Err(chat.collect().await)
        };
        let stored = guest.conversations().await;
        let reply = stored
            .first()
            .map_or(Value::Null, |stored| stored["messages"][1].clone());
        (events, reply)
    }
}

/// Opens a streamed completion.
pub(crate) async fn open(client: &Client, body: Value) -> StreamingResponse {
    let client = client.with("content-type", "application/json");
    let body = with(body, json!({ "stream": true })).to_string();
    client
        .open("POST", "/v1/chat/completions", Some(body.into_bytes()))
        .await
}

impl Chunks {
    /// The text of a delta's field.
    pub(crate) fn text_of(&self, name: &str) -> String {
        let parts = self.deltas().filter_map(|delta| delta[name].as_str());
        parts.collect()
    }

    pub(crate) fn text(&self) -> String {
        self.text_of("content")
    }

    pub(crate) fn deltas(&self) -> impl Iterator<Item = &Value> {
        let choices = self.chunks.iter().map(|chunk| &chunk["choices"][0]);
        choices.map(|choice| &choice["delta"])
    }

    /// The values of a delta's field, in order.
    pub(crate) fn values_of(&self, name: &str) -> Vec<Value> {
        let values = self.deltas().filter_map(|delta| delta.get(name));
        values.filter(|value| !value.is_null()).cloned().collect()
    }

    pub(crate) fn finish_reason(&self) -> Option<String> {
        let mut reasons = self.chunks.iter().filter_map(|chunk| {
            let reason = &chunk["choices"][0]["finish_reason"];
            reason.as_str().map(str::to_owned)
        });
        let reason = reasons.next();
        assert_eq!(reasons.next(), None, "{self:?}");
        reason
    }

    /// The tool calls, put together as OpenAI's libraries do.
    pub(crate) fn tool_calls(&self) -> Vec<Value> {
        let mut calls: Vec<Value> = Vec::new();
        for part in self.values_of("tool_calls") {
            for part in part.as_array().unwrap() {
                let index = part["index"].as_u64().unwrap();
                let index = usize::try_from(index).unwrap();
                if index == calls.len() {
                    calls.push(json!({ "name": "", "arguments": "" }));
                }
                let call = &mut calls[index];
                for (name, value) in part.as_object().unwrap() {
                    if !matches!(name.as_str(), "index" | "function" | "type") {
                        call[name] = value.clone();
                    }
                }
                for name in ["name", "arguments"] {
                    let piece = part["function"][name].as_str().unwrap_or_default();
                    call[name] = json!(format!("{}{piece}", call[name].as_str().unwrap()));
                }
            }
        }
        calls
    }
}

//! The server: one task a connection, and what it recorded.

use crate::connection::{Connection, Gone, Request};
use crate::exchange::{Exchange, send_response};
use crate::script::Script;
use crate::wire::Format;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The ids `GET …/models` lists.
pub const MODELS: [&str; 2] = ["llama3.2:3b", "qwen2.5-coder:7b"];

/// How long the waiting methods wait before they panic.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The response is still being sent.
    Open,
    /// The response was sent to the end of its script.
    Complete,
    /// The client closed the connection before that.
    ClientLeft,
    /// The script closed the connection.
    Cut,
}

/// An unchanged request, and its outcome.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `POST`, `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// In the order they came; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// Tokens sent so far.
    pub tokens_sent: usize,
}

impl Recorded {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

type Choose = Arc<dyn Fn(&Recorded) -> Script + Send + Sync>;

struct State {
    choose: Choose,
    queue: VecDeque<Script>,
    recorded: Vec<Recorded>,
    record: bool,
    finished: usize,
    open: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed
            .send_modify(|version| *version = version.wrapping_add(1));
        result
    }

    fn update(&self, number: Option<usize>, change: impl FnOnce(&mut Recorded)) {
        let Some(number) = number else { return };
        self.change(|state| {
            if let Some(recorded) = state.recorded.get_mut(number) {
                change(recorded);
            }
        });
    }
}

/// A running server; it stops when this is dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // The connections are in a set that this task owns, so that they end with it.
        self.accepting.abort();
    }
}

impl Upstream {
    /// Serves on a free port of 127.0.0.1; every request gets `script` unless another is queued.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(script: Script) -> std::io::Result<Self> {
        Self::choosing(move |_| script.clone()).await
    }

    /// Gives each request without a queued script the one that `choose` picks for it, for example
    /// by its path or by the text of its messages.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn choosing(
        choose: impl Fn(&Recorded) -> Script + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::bind("127.0.0.1:0", choose).await
    }

    /// The same on a given address, for a program that is run by hand.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(
        address: &str,
        choose: impl Fn(&Recorded) -> Script + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                choose: Arc::new(choose),
                queue: VecDeque::new(),
                recorded: Vec::new(),
                record: true,
                finished: 0,
                open: 0,
            }),
            changed: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// For `openai_base_url` and `local_base_url`.
    pub fn openai_base_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// For `anthropic_base_url`.
    pub fn anthropic_base_url(&self) -> String {
        self.url()
    }

    /// For `workers_ai_base_url`, Cloudflare's own API.
    pub fn workers_ai_base_url(&self) -> String {
        format!("{}/client/v4", self.url())
    }

    /// For `workers_ai_base_url`, an AI Gateway.
    pub fn gateway_base_url(&self) -> String {
        format!("{}/v1/account/gateway/workers-ai", self.url())
    }

    /// Gives the next chat request that has none yet this script. Scripts queue up.
    pub fn push(&self, script: Script) {
        self.shared.state().queue.push_back(script);
    }

    /// Sets the script of requests without a queued script, from now on.
    pub fn set(&self, script: Script) {
        self.shared.state().choose = Arc::new(move |_| script.clone());
    }

    /// Records no more requests: for the benchmark, whose memory is measured.
    pub fn stop_recording(&self) {
        self.shared.state().record = false;
    }

    /// Every chat request so far, oldest first (requests for the list of models are not among
    /// them).
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().recorded.clone()
    }

    /// The number of chat requests whose response has ended or whose client has disconnected, recorded or not.
    pub fn finished(&self) -> usize {
        self.shared.state().finished
    }

    /// Chat requests whose response is being sent.
    pub fn open(&self) -> usize {
        self.shared.state().open
    }

    /// Waits up to ten seconds for the request of this number (from 0) and gives it.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn request(&self, number: usize) -> Recorded {
        self.wait(&format!("request {number}"), |requests| {
            requests.get(number).cloned()
        })
        .await
    }

    /// Waits up to ten seconds for the end of the exchange of this number: true if the client
    /// left before the end of the script.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn closed_early(&self, number: usize) -> bool {
        let outcome = self
            .wait(&format!("the end of request {number}"), |requests| {
                requests
                    .get(number)
                    .map(|request| request.outcome)
                    .filter(|outcome| *outcome != Outcome::Open)
            })
            .await;
        outcome == Outcome::ClientLeft
    }

    /// Waits up to ten seconds until `find` returns a value for the requests.
    ///
    /// # Panics
    /// When it does not.
    #[allow(
        clippy::panic,
        reason = "used by tests only, which a panic is how to fail"
    )]
    pub async fn wait<T>(&self, what: &str, find: impl Fn(&[Recorded]) -> Option<T>) -> T {
        match tokio::time::timeout(PATIENCE, self.wait_forever(find)).await {
            Ok(value) => value,
            Err(_) => panic!("the fake provider waited in vain for {what}"),
        }
    }

    /// Waits until `find` returns a value for the requests.
    pub async fn wait_forever<T>(&self, find: impl Fn(&[Recorded]) -> Option<T>) -> T {
        let mut changes = self.shared.changed.subscribe();
        loop {
            if let Some(value) = find(&self.shared.state().recorded) {
                return value;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let mut connection = Connection::new(socket);
                        while let Ok(request) = connection.request().await {
                            if serve(&mut connection, request, &shared).await.is_err() {
                                break;
                            }
                        }
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Responds to one request. An error closes the connection.
async fn serve(connection: &mut Connection, request: Request, shared: &Shared) -> Result<(), Gone> {
    if request.method == "GET" && request.path.ends_with("/models") {
        let data: Vec<Value> = MODELS.iter().map(|id| json!({"id": id, "object": "model", "created": 1_763_690_000, "owned_by": "library"})).collect();
        return send_response(
            connection,
            200,
            None,
            "application/json",
            json!({"object": "list", "data": data})
                .to_string()
                .as_bytes(),
        )
        .await;
    }
    let Some(format) = Format::of_path(&request.path).filter(|_| request.method == "POST") else {
        return send_response(connection, 404, None, "application/json", br#"{"error":{"message":"Unknown request URL","type":"invalid_request_error","param":null,"code":"unknown_url"}}"#).await;
    };
    let model = model_of(&request);
    let recorded = Recorded {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        outcome: Outcome::Open,
        tokens_sent: 0,
    };
    let (queued, choose) = {
        let mut state = shared.state();
        (state.queue.pop_front(), Arc::clone(&state.choose))
    };
    let script = queued.unwrap_or_else(|| choose(&recorded));
    let number = shared.change(|state| {
        state.open += 1;
        let number = state.record.then_some(state.recorded.len());
        if number.is_some() {
            state.recorded.push(recorded);
        }
        number
    });
    let mut exchange = Exchange {
        connection,
        format,
        script,
        model,
        sent: Box::new(|count| shared.update(number, |recorded| recorded.tokens_sent = count)),
    };
    let result = exchange.play().await;
    drop(exchange);
    let outcome = match &result {
        Ok(true) => Outcome::Complete,
        Ok(false) => Outcome::Cut,
        Err(Gone) => Outcome::ClientLeft,
    };
    shared.change(|state| {
        state.open -= 1;
        state.finished += 1;
    });
    shared.update(number, |recorded| recorded.outcome = outcome);
    match result {
        Ok(true) => Ok(()),
        Ok(false) | Err(Gone) => Err(Gone),
    }
}

fn model_of(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    if let Some(model) = body.get("model").and_then(Value::as_str) {
        return model.to_owned();
    }
    match request.path.split_once("/@") {
        Some((_, model)) => format!("@{model}"),
        None => "unnamed".to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! The server: one task a connection, and what it recorded.

use crate::connection::{Connection, Gone, Request};
use crate::script::{Fault, Script};
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

/// How long the waiting methods wait before they give up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Still being answered.
    Open,
    /// Answered to the end of its script.
    Complete,
    /// The client closed the connection before that.
    ClientLeft,
    /// The script closed the connection.
    Cut,
}

/// A request as it came, and how it ended.
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
    served: usize,
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
    /// by its path or by what its messages say.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn choosing(
        choose: impl Fn(&Recorded) -> Script + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::bind("127.0.0.1:0", choose).await
    }

    /// The same on an address of one's own, for a program to be run by hand.
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
                served: 0,
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

    /// What requests without a queued script get from now on.
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

    /// Chat requests answered to their end, or left by their client, recorded or not.
    pub fn served(&self) -> usize {
        self.shared.state().served
    }

    /// Chat requests being answered now.
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

    /// Waits up to ten seconds until `found` finds something in the requests.
    ///
    /// # Panics
    /// When it does not.
    #[allow(
        clippy::panic,
        reason = "used by tests only, which a panic is how to fail"
    )]
    pub async fn wait<T>(&self, what: &str, found: impl Fn(&[Recorded]) -> Option<T>) -> T {
        match tokio::time::timeout(PATIENCE, self.wait_forever(found)).await {
            Ok(value) => value,
            Err(_) => panic!("the fake provider waited in vain for {what}"),
        }
    }

    /// Waits until `found` finds something in the requests.
    pub async fn wait_forever<T>(&self, found: impl Fn(&[Recorded]) -> Option<T>) -> T {
        let mut changes = self.shared.changed.subscribe();
        loop {
            if let Some(value) = found(&self.shared.state().recorded) {
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

/// Answers one request; an error closes the connection.
async fn serve(connection: &mut Connection, request: Request, shared: &Shared) -> Result<(), Gone> {
    if request.method == "GET" && request.path.ends_with("/models") {
        let data: Vec<Value> = MODELS.iter().map(|id| json!({"id": id, "object": "model", "created": 1_763_690_000, "owned_by": "library"})).collect();
        return answer(
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
        return answer(connection, 404, None, "application/json", br#"{"error":{"message":"Unknown request URL","type":"invalid_request_error","param":null,"code":"unknown_url"}}"#).await;
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
        shared,
        format,
        script,
        model,
        number,
    };
    let result = exchange.play().await;
    let outcome = match &result {
        Ok(true) => Outcome::Complete,
        Ok(false) => Outcome::Cut,
        Err(Gone) => Outcome::ClientLeft,
    };
    shared.change(|state| {
        state.open -= 1;
        state.served += 1;
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

async fn answer(
    connection: &mut Connection,
    status: u16,
    retry_after: Option<&str>,
    content_type: &str,
    body: &[u8],
) -> Result<(), Gone> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n",
        body.len()
    );
    if let Some(after) = retry_after {
        bytes += &format!("retry-after: {after}\r\n");
    }
    bytes += "\r\n";
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    connection.write(&bytes).await
}

/// One chat request being answered.
struct Exchange<'a> {
    connection: &'a mut Connection,
    shared: &'a Shared,
    format: Format,
    script: Script,
    model: String,
    number: Option<usize>,
}

impl Exchange<'_> {
    /// Plays the script; true if the connection can serve another request.
    async fn play(&mut self) -> Result<bool, Gone> {
        match self.script.fault.clone() {
            Some(Fault::Refuse(failure)) => {
                let (status, after, body) = self.format.refusal(&failure, &self.model);
                answer(
                    self.connection,
                    status,
                    after.as_deref(),
                    "application/json",
                    body.to_string().as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::Raw(status, content_type, body)) => {
                answer(
                    self.connection,
                    status,
                    None,
                    &content_type,
                    body.as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::JsonError) => {
                let (_, _, body) = self
                    .format
                    .refusal(&crate::Failure::Overloaded(None), &self.model);
                answer(
                    self.connection,
                    200,
                    None,
                    "application/json",
                    body.to_string().as_bytes(),
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::Html) => {
                answer(
                    self.connection,
                    200,
                    None,
                    "text/html; charset=utf-8",
                    b"<!doctype html><title>Sign in to the network</title>",
                )
                .await?;
                return Ok(true);
            }
            Some(Fault::HangBeforeHeaders) => return Err(self.connection.until_gone().await),
            _ => {}
        }
        self.connection
            .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n")
            .await?;
        let clean = self.stream().await?;
        if clean {
            self.connection.write(b"0\r\n\r\n").await?;
        }
        Ok(clean)
    }

    /// Sends the events; true if the answer ends as HTTP wants.
    async fn stream(&mut self) -> Result<bool, Gone> {
        if matches!(self.script.fault, Some(Fault::Garbage)) {
            self.send_bytes(
                b"\xff\xfe\x00\x01data:\x80{{{\n\ndata: {\"choices\": 7}\n\ndata: not json\n\n",
            )
            .await?;
            return Ok(true);
        }
        let opening = self.format.opening(&self.script, &self.model);
        let bom = if self.script.bom { "\u{feff}" } else { "" };
        let mut waiting = format!("{bom}{}", self.with_comment(opening));
        if !self.script.whole {
            self.send(&waiting).await?;
            waiting.clear();
        }
        self.connection.pause(self.script.first_delay).await?;
        let tokens = std::mem::take(&mut self.script.tokens);
        for (number, token) in tokens.iter().enumerate() {
            if number > 0 {
                self.connection.pause(self.script.delay).await?;
            }
            if let Some(clean) = self.fault_at(number).await? {
                return Ok(clean);
            }
            let event =
                self.with_comment(self.format.token(&self.script, &self.model, token, number));
            if self.script.whole {
                waiting += &event;
            } else {
                self.send(&event).await?;
            }
            self.shared
                .update(self.number, |recorded| recorded.tokens_sent = number + 1);
        }
        if let Some(clean) = self.fault_at(tokens.len()).await? {
            return Ok(clean);
        }
        waiting += &self.format.closing(&self.script, &self.model);
        self.send(&waiting).await?;
        Ok(true)
    }

    /// What goes wrong after so many tokens, if anything; then whether the end is clean.
    async fn fault_at(&mut self, sent: usize) -> Result<Option<bool>, Gone> {
        match self.script.fault {
            Some(Fault::HangAfter(count)) if count == sent => {
                Err(self.connection.until_gone().await)
            }
            Some(Fault::CutAfter(count)) if count == sent => {
                self.send("data: {\"id\":\"chatcmpl-BzNQ1lP8bOE3aKuVRDLx5vUt2yQmw\",\"obj")
                    .await?;
                Ok(Some(false))
            }
            Some(Fault::ErrorAfter(count)) if count == sent => {
                let event = self.format.error_event();
                self.send(&event).await?;
                Ok(Some(true))
            }
            Some(Fault::Oversized(bytes)) if sent == 1 => {
                self.connection.chunk(b"data: ").await?;
                let piece = vec![b'x'; 65_536.min(bytes.max(1))];
                let mut left = bytes;
                while left > 0 {
                    let now = left.min(piece.len());
                    self.connection
                        .chunk(piece.get(..now).unwrap_or_default())
                        .await?;
                    left -= now;
                }
                self.connection.chunk(b"\n\n").await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn with_comment(&self, event: String) -> String {
        if self.script.comments {
            format!(": keep-alive\n:\n\n{event}")
        } else {
            event
        }
    }

    async fn send(&mut self, text: &str) -> Result<(), Gone> {
        if self.script.line_end == "\n" {
            self.send_bytes(text.as_bytes()).await
        } else {
            let text = text.replace('\n', self.script.line_end);
            self.send_bytes(text.as_bytes()).await
        }
    }

    async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(size) = self.script.split else {
            return self.connection.chunk(bytes).await;
        };
        for piece in bytes.chunks(size) {
            self.connection.chunk(piece).await?;
            // Lets the client see each piece on its own.
            tokio::task::yield_now().await;
            self.connection.pause(self.script.split_delay).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

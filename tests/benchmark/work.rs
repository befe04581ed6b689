//! What is done to a target, many times at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::client::{Connection, drain, read_until};

/// The first token of every script.
const FIRST: &[u8] = b"w0 ";

/// Who is asked, and how.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    path: &'static str,
    token: String,
    body: Bytes,
}

impl Target {
    /// A server that speaks OpenAI's protocol, asked as goldfish asks it.
    pub(crate) fn openai(address: SocketAddr) -> Self {
        let body = json!({
            "model": "gpt-4o",
            "messages": [{ "role": "user", "content": "What do goldfish remember?" }],
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        Self::new(address, "/v1/chat/completions", "sk-benchmark", &body)
    }

    /// The same user of goldfish, who asks it by OpenAI's protocol.
    pub(crate) fn through_v1(&self) -> Self {
        Self {
            address: self.address,
            token: self.token.clone(),
            ..Self::openai(self.address)
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The request of a chat as it is on the wire.
    pub(crate) fn chat_on_the_wire(&self) -> Vec<u8> {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.token,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }

    /// A user of goldfish.
    pub(crate) fn goldfish(address: SocketAddr, token: &str) -> Self {
        let body = json!({ "message": "What do goldfish remember?", "model": "gpt-4o" });
        Self::new(address, "/api/chat", token, &body)
    }

    fn new(address: SocketAddr, path: &'static str, token: &str, body: &Value) -> Self {
        let body = body.to_string().into();
        Self {
            address,
            path,
            token: token.to_owned(),
            body,
        }
    }

    fn chat(&self) -> Request<Full<Bytes>> {
        self.request("POST", self.path, self.body.clone())
    }

    fn listing(&self) -> Request<Full<Bytes>> {
        self.request("GET", "/api/conversations", Bytes::new())
    }

    fn request(&self, method: &str, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::new(body))
            .unwrap()
    }
}

/// Milliseconds to the first token of `chats` chats with each target, all targets at once, of which
/// each takes about `length`.
pub(crate) async fn first_tokens(targets: &[Target], chats: usize, length: Duration) -> Vec<f64> {
    let count = targets.len() as u32;
    let workers = targets.iter().cloned().enumerate().map(|(number, target)| {
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            // Spread over the time of one chat, as people are.
            tokio::time::sleep(length * number as u32 / count).await;
            let mut samples = Vec::new();
            for _ in 0..chats {
                let begun = Instant::now();
                let mut body = connection.send(target.chat()).await;
                assert!(read_until(&mut body, FIRST).await, "a chat without a token");
                samples.push(begun.elapsed().as_secs_f64() * 1000.0);
                drain(&mut body).await;
            }
            samples
        })
    });
    let samples = join_all(workers).await.into_iter().map(Result::unwrap);
    samples.collect::<Vec<_>>().concat()
}

/// Milliseconds of a whole chat with each target, all at once.
pub(crate) async fn whole_chats(targets: &[Target]) -> Vec<f64> {
    let workers = targets.iter().cloned().map(|target| {
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let begun = Instant::now();
            let mut body = connection.send(target.chat()).await;
            assert!(
                read_until(&mut body, b"[DONE]").await,
                "an answer that broke off"
            );
            begun.elapsed().as_secs_f64() * 1000.0
        })
    });
    let samples = join_all(workers).await.into_iter().map(Result::unwrap);
    samples.collect()
}

/// How much was done in what time.
pub(crate) struct Done {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Done {
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }
}

/// Chats one after the other on a connection for each target.
pub(crate) async fn chats(targets: &[Target], time: Duration) -> Done {
    repeat(targets, time, Target::chat, b"[DONE]").await
}

/// Lists each target's conversations, again and again.
pub(crate) async fn listings(targets: &[Target], time: Duration) -> Done {
    repeat(targets, time, Target::listing, b"]}").await
}

async fn repeat(
    targets: &[Target],
    time: Duration,
    request: fn(&Target) -> Request<Full<Bytes>>,
    end: &'static [u8],
) -> Done {
    let begun = Instant::now();
    let workers = targets.iter().cloned().map(|target| {
        // A task each, so that both cores are used.
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let mut count = 0;
            while begun.elapsed() < time {
                let mut body = connection.send(request(&target)).await;
                assert!(read_until(&mut body, end).await, "an answer that broke off");
                drain(&mut body).await;
                count += 1;
            }
            count
        })
    });
    let counts: u64 = join_all(workers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    Done {
        count: counts,
        time: begun.elapsed(),
    }
}

/// A few chats with each target, to their end.
pub(crate) async fn some_chats(targets: &[Target], chats: usize) {
    first_tokens(targets, chats, Duration::ZERO).await;
}

/// A stream of each target that has had its first token, and stays open while it is kept.
pub(crate) async fn open_streams(targets: &[Target]) -> Vec<(Connection, Incoming)> {
    let mut open = Vec::new();
    // Not all at the same instant: what is measured is streams that are idle, not a stampede.
    for targets in targets.chunks(50) {
        let streams = targets.iter().map(|target| async {
            let mut connection = Connection::open(target.address).await;
            let mut body = connection.send(target.chat()).await;
            assert!(
                read_until(&mut body, FIRST).await,
                "a stream without a token"
            );
            (connection, body)
        });
        open.extend(join_all(streams).await);
    }
    open
}

//! The requests of the measurements.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;

use crate::client::{Connection, drain, read_until};
use crate::protocols::{self, Call};

/// The first token of every reply.
const FIRST_TOKEN: &[u8] = b"w0 ";

/// A server, a user and a chat request.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    path: &'static str,
    token: String,
    body: Bytes,
    /// The last bytes of the response.
    end: &'static [u8],
}

impl Target {
    /// An AI provider, and the request that goldfish sends to it.
    pub(crate) fn provider(address: SocketAddr, call: &Call) -> Self {
        Self::new(address, "sk-benchmark", call)
    }

    /// A user of goldfish who chats with goldfish's own protocol.
    pub(crate) fn goldfish(address: SocketAddr, token: &str) -> Self {
        Self::new(address, token, &protocols::own())
    }

    /// The same user with another request.
    pub(crate) fn calling(&self, call: &Call) -> Self {
        Self::new(self.address, &self.token, call)
    }

    fn new(address: SocketAddr, token: &str, call: &Call) -> Self {
        Self {
            address,
            path: call.path,
            token: token.to_owned(),
            body: call.body.to_string().into(),
            end: call.end,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes of the chat request.
    pub(crate) fn chat_bytes(&self) -> Vec<u8> {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.token,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
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

/// Milliseconds to the first token of `chats` chats with each target, with all targets at once. A chat
/// takes about `length`.
pub(crate) async fn first_tokens(targets: &[Target], chats: usize, length: Duration) -> Vec<f64> {
    let count = targets.len() as u32;
    let workers = targets.iter().cloned().enumerate().map(|(number, target)| {
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            // The starts are spread over the duration of one chat.
            tokio::time::sleep(length * number as u32 / count).await;
            let mut samples = Vec::new();
            for _ in 0..chats {
                let started = Instant::now();
                let mut body = connection.send(target.chat()).await;
                assert!(
                    read_until(&mut body, FIRST_TOKEN).await,
                    "the chat has no first token"
                );
                samples.push(started.elapsed().as_secs_f64() * 1000.0);
                drain(&mut body).await;
            }
            samples
        })
    });
    let samples = join_all(workers).await.into_iter().map(Result::unwrap);
    samples.collect::<Vec<_>>().concat()
}

/// Milliseconds of a complete chat with each target, with all targets at once.
pub(crate) async fn whole_chats(targets: &[Target]) -> Vec<f64> {
    let workers = targets.iter().cloned().map(|target| {
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let started = Instant::now();
            let mut body = connection.send(target.chat()).await;
            assert!(
                read_until(&mut body, target.end).await,
                "the response is incomplete"
            );
            started.elapsed().as_secs_f64() * 1000.0
        })
    });
    let samples = join_all(workers).await.into_iter().map(Result::unwrap);
    samples.collect()
}

/// The number of requests in a period.
pub(crate) struct Throughput {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Throughput {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }
}

/// Chats with each target for `time`, one after the other on one connection.
pub(crate) async fn chats(targets: &[Target], time: Duration) -> Throughput {
    repeat(targets, time, Target::chat, b"[DONE]").await
}

/// Lists each target's conversations for `time`.
pub(crate) async fn listings(targets: &[Target], time: Duration) -> Throughput {
    repeat(targets, time, Target::listing, b"]}").await
}

async fn repeat(
    targets: &[Target],
    time: Duration,
    request: fn(&Target) -> Request<Full<Bytes>>,
    end: &'static [u8],
) -> Throughput {
    let started = Instant::now();
    let workers = targets.iter().cloned().map(|target| {
        // A task for each target, so that all cores are used.
        tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let mut count = 0;
            while started.elapsed() < time {
                let mut body = connection.send(request(&target)).await;
                assert!(
                    read_until(&mut body, end).await,
                    "the response is incomplete"
                );
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
    Throughput {
        count: counts,
        time: started.elapsed(),
    }
}

/// A number of complete chats with each target.
pub(crate) async fn some_chats(targets: &[Target], chats: usize) {
    first_tokens(targets, chats, Duration::ZERO).await;
}

/// Opens a stream of each target and reads its first token. The streams stay open until the result
/// is dropped.
pub(crate) async fn open_streams(targets: &[Target]) -> Vec<(Connection, Incoming)> {
    let mut open = Vec::new();
    // In groups: the measurement is about idle streams, not about a burst of requests.
    for targets in targets.chunks(50) {
        let streams = targets.iter().map(|target| async {
            let mut connection = Connection::open(target.address).await;
            let mut body = connection.send(target.chat()).await;
            assert!(
                read_until(&mut body, FIRST_TOKEN).await,
                "the stream has no first token"
            );
            (connection, body)
        });
        open.extend(join_all(streams).await);
    }
    open
}

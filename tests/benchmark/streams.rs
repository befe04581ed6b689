//! Streams: appends a second, reading, and the time from an append to those who follow. goldfish is measured in turns
//! with the protocol's own server for Node.js, which keeps its streams in files and has no authentication.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use upstream::Upstream;

use crate::client::{Connection, next};
use crate::goldfish::Goldfish;
use crate::messaging::sign_in;
use crate::peers::PeerServer;
use crate::progress;
use crate::table::{Goal, Peer, Row, Table, percentile};

/// Bytes of an append.
const APPEND: usize = 100;
/// Bytes of the appends that fill a stream for reading, and how many there are: 2 MB in all.
const LARGE_APPEND: usize = 64_000;
const LARGE_APPENDS: usize = 32;
/// How long appends and reads are repeated.
const TIME: Duration = Duration::from_secs(1);
/// Appends whose way to the readers is timed, and the pause between them.
const TIMED_APPENDS: usize = 30;
const PAUSE: Duration = Duration::from_millis(30);
/// An append that does not arrive within this time is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with streams.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    /// What the paths of streams begin with.
    prefix: &'static str,
    token: String,
}

impl Server {
    fn request(&self, method: &str, name: &str, query: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(format!("{}{name}{query}", self.prefix))
            .header("host", "localhost")
            .header("content-type", "text/plain")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::new(body))
            .unwrap()
    }

    async fn create(&self, name: &str) {
        let mut connection = Connection::open(self.address).await;
        let request = self.request("PUT", name, "", Bytes::new());
        drained(&mut connection, request).await;
    }
}

/// Sends a request and reads the response to its end. Panics unless its status is 2xx.
async fn drained(connection: &mut Connection, request: Request<Full<Bytes>>) -> http::HeaderMap {
    let response = connection.response(request).await;
    assert!(response.status().is_success(), "{}", response.status());
    let (head, body) = response.into_parts();
    body.collect().await.unwrap();
    head.headers
}

/// Adds the rows of appends, reads and latency.
pub(crate) async fn measure(table: &mut Table, upstream: &Upstream, length: u32) -> Result<()> {
    let limits = [
        ("max_stream_bytes", "10000000000".to_owned()),
        ("max_streams_bytes", "10000000000".to_owned()),
    ];
    let goldfish = Goldfish::start_with(upstream, &limits).await?;
    let user = sign_in(goldfish.address(), 1).await.remove(0);
    let mut servers = vec![Server {
        address: goldfish.address(),
        prefix: "/api/v1/streams/",
        token: user.token,
    }];
    let peer = PeerServer::durable_streams().await;
    servers.extend(peer.as_ref().map(|peer| Server {
        address: peer.address,
        prefix: "/v1/stream/",
        token: String::new(),
    }));
    for count in [1, 16] {
        let what = format!("appends of {APPEND} bytes, {count} streams");
        let figures = in_turns(&servers, &what, length, async |server, round| {
            vec![appends(server, count, round).await]
        });
        let figures = figures.await;
        table.add(row(what, "/s", &figures, mean, false));
    }
    for count in [1, 16] {
        for server in &servers {
            progress(&format!("filling {count} streams"));
            fill(server, count).await;
        }
        let what = format!("reading from the beginning, {count} streams");
        let figures = in_turns(&servers, &what, length, async |server, _| {
            vec![reads(server, count).await]
        });
        let figures = figures.await;
        table.add(row(what, "MB/s", &figures, mean, false));
    }
    for count in [1, 100] {
        let what = format!("from an append to its arrival, {count} readers");
        let figures = in_turns(&servers, &what, length, async |server, round| {
            latencies(server, count, round).await
        });
        let figures = figures.await;
        for rank in [50, 99] {
            let of = |samples: &[f64]| percentile(samples, rank);
            table.add(row(format!("{what}, p{rank}"), "ms", &figures, of, true));
        }
    }
    Ok(())
}

/// What each server's rounds gave. The servers alternate, so that other load on the machine affects all alike; the
/// first round warms up.
async fn in_turns(
    servers: &[Server],
    what: &str,
    length: u32,
    measure: impl AsyncFn(&Server, u32) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let mut figures = vec![Vec::new(); servers.len()];
    for round in 0..=2 * length {
        progress(&format!("{what}, round {round}"));
        for (server, figures) in servers.iter().zip(&mut figures) {
            let measured = measure(server, round).await;
            if round > 0 {
                figures.extend(measured);
            }
        }
    }
    figures
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A row whose target is to be ahead of the other server.
fn row(
    what: String,
    unit: &'static str,
    figures: &[Vec<f64>],
    of: impl Fn(&[f64]) -> f64,
    less_is_better: bool,
) -> Row {
    let peer = figures.get(1).map(|figures| of(figures));
    Row {
        what,
        unit,
        value: of(&figures[0]),
        target: peer.map(|peer| match less_is_better {
            true => Goal::AtMost(peer),
            false => Goal::AtLeast(peer),
        }),
        compared: peer.map(|peer| (Peer::DurableStreams, peer)),
    }
}

/// Appends a second, one after the other in each stream.
async fn appends(server: &Server, streams: usize, round: u32) -> f64 {
    let content = Bytes::from("x".repeat(APPEND));
    let names: Vec<_> = (0..streams)
        .map(|stream| format!("appends-{streams}-{round}-{stream}"))
        .collect();
    for name in &names {
        server.create(name).await;
    }
    let started = Instant::now();
    let workers = names.into_iter().map(|name| {
        let (server, content) = (server.clone(), content.clone());
        tokio::spawn(async move {
            let mut connection = Connection::open(server.address).await;
            let mut count = 0_u64;
            while started.elapsed() < TIME {
                let request = server.request("POST", &name, "", content.clone());
                drained(&mut connection, request).await;
                count += 1;
            }
            count
        })
    });
    let counts = join_all(workers).await.into_iter().map(Result::unwrap);
    counts.sum::<u64>() as f64 / started.elapsed().as_secs_f64()
}

async fn fill(server: &Server, streams: usize) {
    let content = Bytes::from("x".repeat(LARGE_APPEND));
    let mut connection = Connection::open(server.address).await;
    for stream in 0..streams {
        let name = format!("read-{streams}-{stream}");
        server.create(&name).await;
        for _ in 0..LARGE_APPENDS {
            let request = server.request("POST", &name, "", content.clone());
            drained(&mut connection, request).await;
        }
    }
}

/// Megabytes a second of reading each stream to its end again and again, all at once.
async fn reads(server: &Server, streams: usize) -> f64 {
    let started = Instant::now();
    let workers = (0..streams).map(|stream| {
        let server = server.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(server.address).await;
            let name = format!("read-{streams}-{stream}");
            let mut count = 0;
            while started.elapsed() < TIME {
                read_to_end(&server, &mut connection, &name).await;
                count += 1;
            }
            count
        })
    });
    let counts = join_all(workers).await.into_iter().map(Result::unwrap);
    let bytes = counts.sum::<usize>() * LARGE_APPEND * LARGE_APPENDS;
    bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
}

async fn read_to_end(server: &Server, connection: &mut Connection, name: &str) {
    let mut offset = "-1".to_owned();
    loop {
        let query = format!("?offset={offset}");
        let request = server.request("GET", name, &query, Bytes::new());
        let headers = drained(connection, request).await;
        if headers.contains_key("stream-up-to-date") {
            return;
        }
        let next = headers["stream-next-offset"].to_str().unwrap();
        assert_ne!(next, offset, "reading stands still");
        offset = next.to_owned();
    }
}

/// Milliseconds from the beginning of an append to its arrival at each reader.
async fn latencies(server: &Server, readers: usize, round: u32) -> Vec<f64> {
    let name = format!("followed-{readers}-{round}");
    server.create(&name).await;
    let (sender, mut arrivals) = unbounded_channel();
    let readers = join_all((0..readers).map(|_| Reader::open(server, &name, sender.clone()))).await;
    // Each stream is followed from now on.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut connection = Connection::open(server.address).await;
    let mut latencies = Vec::new();
    for number in 0..TIMED_APPENDS {
        let content = format!("<append {number}>");
        let started = Instant::now();
        let request = server.request("POST", &name, "", content.clone().into());
        drained(&mut connection, request).await;
        for _ in 0..readers.len() {
            let at = arrival(&mut arrivals, &content).await;
            latencies.push(at.duration_since(started).as_secs_f64() * 1000.0);
        }
        tokio::time::sleep(PAUSE).await;
    }
    latencies
}

async fn arrival(arrivals: &mut UnboundedReceiver<(String, Instant)>, content: &str) -> Instant {
    let arrival = tokio::time::timeout(PATIENCE, arrivals.recv());
    let (text, at) = arrival.await.expect("an append was lost").unwrap();
    assert!(text.contains(content), "{text}");
    at
}

/// Follows a stream and reports each append. It disconnects on drop.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reader {
    async fn open(
        server: &Server,
        name: &str,
        arrivals: UnboundedSender<(String, Instant)>,
    ) -> Self {
        let mut connection = Connection::open(server.address).await;
        let request = server.request("GET", name, "?offset=now&live=sse", Bytes::new());
        let mut body = connection.send(request).await;
        Self(tokio::spawn(async move {
            let _connection = connection;
            while let Some(bytes) = next(&mut body).await {
                let at = Instant::now();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if text.contains("<append ") && arrivals.send((text, at)).is_err() {
                    return;
                }
            }
        }))
    }
}

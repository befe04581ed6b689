//! How long a message of a thread takes from its sender to those who follow the thread, and what an idle WebSocket
//! costs. goldfish is measured behind its local proxy, in turns with the Durable Objects of `peers/workerd`, which
//! have neither authentication nor members.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::future::join_all;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use upstream::Upstream;

use crate::client::{Connection, drain};
use crate::goldfish::BehindProxy;
use crate::messaging::{User, create, send, sign_in};
use crate::peers::PeerServer;
use crate::progress;
use crate::table::{Goal, Peer, Row, Table, percentile};

/// Pause between two messages, so that each one is sent while nothing else happens.
const PAUSE: Duration = Duration::from_millis(30);
/// Messages of one round.
const MESSAGES: usize = 30;
/// A message that does not arrive within this time is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most WebSockets of a user (docs/realtime.md).
const SOCKETS_OF_A_USER: usize = 50;
/// Sockets whose memory is measured.
const IDLE_SOCKETS: usize = 10_000;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A thread of a server, as its sender and its subscribers use it.
struct Thread {
    address: SocketAddr,
    /// Path of a WebSocket, and the first message on it, if one is needed.
    path: String,
    join: Option<Value>,
    /// Credentials; the sockets take turns with them.
    users: Vec<User>,
    /// The request that posts: its path, and its body without the content.
    post: (String, Value),
}

impl Thread {
    async fn open(&self, number: usize) -> Socket {
        let url = format!("ws://{}{}", self.address, self.path);
        let mut request = url.into_client_request().unwrap();
        if let Some(user) = self.users.get(number / SOCKETS_OF_A_USER) {
            let token = format!("Bearer {}", user.token);
            request
                .headers_mut()
                .insert("authorization", token.parse().unwrap());
        }
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        if let Some(join) = &self.join {
            socket.send(join.to_string().into()).await.unwrap();
            loop {
                let message = socket.next().await.unwrap().unwrap();
                if message
                    .to_text()
                    .is_ok_and(|text| text.contains("JOINED_THREAD"))
                {
                    break;
                }
            }
        }
        socket
    }

    fn message(&self, content: &str) -> Request<Full<Bytes>> {
        let (path, body) = &self.post;
        let mut body = body.clone();
        body["content"] = content.into();
        let token = self.users.first().map_or("", |user| &user.token);
        Request::builder()
            .method("POST")
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::new(body.to_string().into()))
            .unwrap()
    }
}

/// Subscribers of one thread, who report each message that arrives.
struct Subscribers {
    tasks: Vec<JoinHandle<()>>,
    arrivals: UnboundedReceiver<(String, Instant)>,
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Subscribers {
    async fn open(thread: &Thread, count: usize) -> Self {
        let (sender, arrivals) = unbounded_channel();
        let mut tasks = Vec::new();
        for first in (0..count).step_by(20) {
            let sockets = (first..count.min(first + 20)).map(|number| thread.open(number));
            let sockets = join_all(sockets).await;
            tasks.extend(
                sockets
                    .into_iter()
                    .map(|socket| tokio::spawn(report(socket, sender.clone()))),
            );
        }
        Self { tasks, arrivals }
    }

    /// Milliseconds from the beginning of each request to the arrival at each subscriber.
    async fn latencies(&mut self, thread: &Thread, round: usize) -> Vec<f64> {
        let mut connection = Connection::open(thread.address).await;
        let mut latencies = Vec::new();
        for number in 0..MESSAGES {
            let content = format!("message {round}-{number}.");
            let started = Instant::now();
            let mut body = connection.send(thread.message(&content)).await;
            drain(&mut body).await;
            for _ in 0..self.tasks.len() {
                let arrival = tokio::time::timeout(PATIENCE, self.arrivals.recv());
                let (text, at) = arrival.await.expect("a message was lost").unwrap();
                assert!(text.contains(&content), "{text}");
                latencies.push(at.duration_since(started).as_secs_f64() * 1000.0);
            }
            tokio::time::sleep(PAUSE).await;
        }
        latencies
    }
}

/// Reports new messages until the socket is closed.
async fn report(mut socket: Socket, arrivals: UnboundedSender<(String, Instant)>) {
    while let Some(Ok(message)) = socket.next().await {
        let at = Instant::now();
        if let Message::Text(text) = message
            && text.contains("\"NEW_MESSAGE\"")
            && arrivals.send((text.to_string(), at)).is_err()
        {
            return;
        }
    }
}

/// Adds the rows of latency and memory.
pub(crate) async fn measure(table: &mut Table, upstream: &Upstream, length: u32) -> Result<()> {
    let goldfish = BehindProxy::start(upstream).await?;
    let workerd = PeerServer::workerd(upstream).await;
    for count in [1, 100, 1000] {
        let thread = thread_of_goldfish(goldfish.address, count).await;
        let mut subscribers = Subscribers::open(&thread, count).await;
        let mut peer = None;
        if let Some(workerd) = &workerd {
            let thread = thread_of_workerd(workerd.address, count);
            let subscribers = Subscribers::open(&thread, count).await;
            peer = Some((thread, subscribers));
        }
        let mut samples = [Vec::new(), Vec::new()];
        for round in 0..=length as usize {
            progress(&format!("a message to {count} subscribers, round {round}"));
            let times = subscribers.latencies(&thread, round).await;
            let peer_times = match &mut peer {
                Some((thread, subscribers)) => subscribers.latencies(thread, round).await,
                None => Vec::new(),
            };
            // The first round warms up.
            if round > 0 {
                samples[0].extend(times);
                samples[1].extend(peer_times);
            }
        }
        let [times, peer_times] = samples;
        for (rank, target) in [(50, 5.0), (99, 25.0)] {
            let compared = (!peer_times.is_empty()).then(|| percentile(&peer_times, rank));
            table.add(Row {
                what: format!("from a message's POST to its arrival, p{rank}, {count} subscribers"),
                unit: "ms",
                value: percentile(&times, rank),
                target: (count == 100).then_some(Goal::AtMost(target)),
                compared: compared.map(|value| (Peer::Workerd, value)),
            });
        }
    }
    drop(goldfish);
    drop(workerd);
    idle_sockets(table, upstream).await
}

async fn thread_of_goldfish(address: SocketAddr, subscribers: usize) -> Thread {
    let users = sign_in(address, subscribers.div_ceil(SOCKETS_OF_A_USER)).await;
    let channel = create(
        address,
        &users[0],
        "/api/channels",
        json!({ "name": "Plans" }),
    )
    .await;
    for user in users.iter().skip(1) {
        let body = json!({ "channelId": channel });
        send(address, user, "POST", "/api/members", &body).await;
    }
    let body = json!({ "channelId": channel, "name": "Goldfish" });
    let thread = create(address, &users[0], "/api/threads", body).await;
    Thread {
        address,
        path: "/ws".to_owned(),
        join: Some(json!({ "type": "JOIN_THREAD", "threadId": thread })),
        users,
        post: ("/api/messages".to_owned(), json!({ "threadId": thread })),
    }
}

fn thread_of_workerd(address: SocketAddr, subscribers: usize) -> Thread {
    let path = format!("/threads/{subscribers}");
    Thread {
        address,
        path: path.clone(),
        join: None,
        users: Vec::new(),
        post: (path, json!({})),
    }
}

/// The memory of the local proxy with many sockets on which nothing happens.
async fn idle_sockets(table: &mut Table, upstream: &Upstream) -> Result<()> {
    let goldfish = BehindProxy::start(upstream).await?;
    let mut thread = thread_of_goldfish(goldfish.address, IDLE_SOCKETS).await;
    thread.join = None;
    let before = goldfish.proxy.memory();
    let mut open = Vec::new();
    for first in (0..IDLE_SOCKETS).step_by(50) {
        if first % 1000 == 0 {
            progress(&format!("{first} of {IDLE_SOCKETS} idle sockets"));
        }
        let sockets = (first..first + 50).map(|number| thread.open(number));
        open.extend(join_all(sockets).await);
    }
    let after = goldfish.proxy.peak_memory();
    table.add(Row {
        what: format!("peak memory of the local proxy, {IDLE_SOCKETS} idle WebSockets"),
        unit: "MB",
        value: after as f64 / 1e6,
        target: Some(Goal::AtMost(200.0)),
        compared: None,
    });
    table.add(Row {
        what: "memory of one of them".to_owned(),
        unit: "KB",
        value: (after - before) as f64 / 1e3 / IDLE_SOCKETS as f64,
        target: None,
        compared: None,
    });
    Ok(())
}

//! Events of team messaging as they happen, behind the local proxy and behind Pushpin.

mod access;
mod conversations;
mod load;
mod loss;
mod presence;
mod removal;
mod replies;
mod sockets;
mod streams;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{App, Builder, Client, GRIP_KEY, GripProxy, ProxyKind, User, in_time};

/// An application behind a proxy.
struct Setup {
    #[expect(dead_code, reason = "kept until it is dropped")]
    app: App,
    proxy: GripProxy,
    kind: ProxyKind,
}

impl Setup {
    async fn start(kind: ProxyKind, builder: Builder) -> Self {
        let proxy = GripProxy::bind(kind).await;
        let app = builder
            .variable("grip_control_url", proxy.control_url())
            .variable("grip_key", GRIP_KEY)
            .start()
            .await;
        let proxy = proxy.serve(app.address()).await;
        Self { app, proxy, kind }
    }

    /// A client that goes through the proxy.
    fn client(&self) -> Client {
        Client::new(self.proxy.address())
    }

    async fn socket(&self, token: &str) -> Socket {
        let headers = [("authorization", format!("Bearer {token}"))];
        Socket::try_open(self.proxy.address(), "/ws", &headers)
            .await
            .unwrap()
    }

    /// The application is told of a subscription before Pushpin's parts have all heard of it; the pong that follows
    /// heals what is lost meanwhile, and this makes tests that count messages exact.
    async fn settled(&self) {
        if self.kind == ProxyKind::Pushpin {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Runs a test behind each proxy.
async fn on_each<F, T>(name: &str, test: F)
where
    F: Fn(Setup) -> T,
    T: Future<Output = ()>,
{
    for kind in ProxyKind::each(&format!("realtime::{name}")) {
        let setup = Setup::start(kind, App::with_defaults().admin()).await;
        // Shown if the test fails.
        eprintln!("{name} on {kind:?}");
        in_time(name, test(setup)).await;
    }
}

/// A WebSocket.
struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The last number of each thread, channel and feed. An event that comes both as missed and live is dropped.
    numbers: HashMap<String, u64>,
    /// The contents of the pings so far.
    pings: Vec<Bytes>,
}

impl Socket {
    async fn try_open(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self {
            stream: socket,
            numbers: HashMap::new(),
            pings: Vec::new(),
        })
    }

    async fn send(&mut self, message: Value) {
        self.try_send(message).await.unwrap();
    }

    async fn try_send(&mut self, message: Value) -> Result<(), Error> {
        self.stream.send(message.to_string().into()).await
    }

    /// The next message; the client answers pings meanwhile. None when the connection ends.
    async fn try_next(&mut self) -> Option<Value> {
        loop {
            let message = self.try_next_or_heads().await?;
            // They come when the test takes long.
            if message["type"] != "HEADS" {
                return Some(message);
            }
        }
    }

    /// The same, with the messages that name the last numbers.
    async fn try_next_or_heads(&mut self) -> Option<Value> {
        loop {
            match in_time("a message", self.stream.next()).await? {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if self.is_new(&message) {
                        return Some(message);
                    }
                }
                Ok(Message::Ping(content)) => self.pings.push(content),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Whether it is no event that this socket has had.
    fn is_new(&mut self, message: &Value) -> bool {
        let (Some(scope), Some(number)) = (message["scope"].as_str(), message["number"].as_u64())
        else {
            return true;
        };
        let id = match scope {
            "thread" => &message["threadId"],
            _ => &message["channelId"],
        };
        let key = match scope {
            "feed" => scope.to_owned(),
            _ => format!("{scope} {id}"),
        };
        let last = self.numbers.entry(key).or_default();
        let is_new = number > *last;
        *last = number.max(*last);
        is_new
    }

    async fn next(&mut self) -> Value {
        self.try_next().await.expect("a message")
    }

    /// The next message of that type; others are passed over.
    async fn next_of(&mut self, r#type: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == r#type {
                return message;
            }
        }
    }

    /// The code of the close frame that comes next.
    async fn close_code(&mut self) -> u16 {
        self.until_closed().await.1
    }

    /// The messages up to the close frame, and its code.
    async fn until_closed(&mut self) -> (Vec<Value>, u16) {
        let mut messages = Vec::new();
        loop {
            match in_time("a close frame", self.stream.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return (messages, frame.code.into()),
                Some(Ok(Message::Text(text))) => {
                    messages.push(serde_json::from_str(&text).unwrap())
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Follows a thread and returns the confirmation; what comes before it is returned too.
    async fn join(&mut self, thread: &str, after: Option<u64>) -> (Vec<Value>, Value) {
        let mut message = json!({ "type": "JOIN_THREAD", "threadId": thread });
        if let Some(after) = after {
            message["after"] = json!(after);
        }
        self.send(message).await;
        let mut before = Vec::new();
        loop {
            let message = self.next().await;
            if message["type"] == "JOINED_THREAD" {
                return (before, message);
            }
            before.push(message);
        }
    }
}

fn contents(messages: &[Value]) -> Vec<&str> {
    let messages = messages.iter().filter(|one| one["type"] == "NEW_MESSAGE");
    messages
        .map(|message| message["payload"]["content"].as_str().unwrap())
        .collect()
}

/// The contents of all messages of a thread.
async fn history(user: &User, thread: &str) -> Vec<String> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all
            .last()
            .map_or(0, |message| message["number"].as_u64().unwrap());
        let page = user
            .messages(thread, &format!("?after={after}&limit=100"))
            .await;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    all.iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

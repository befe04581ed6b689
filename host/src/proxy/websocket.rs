//! WebSockets over HTTP: what a client sends becomes a request with events, and the events of its
//! response are what the client receives. There is one request at a time for each connection.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::backend::{Body, Failure};
use super::events::{self, Event};
use super::head::Head;
use super::hub::{Filter, Session};
use super::item::{Item, Message, MessageKind, WebSocketAction, content, string};
use super::responses::{bad_gateway, full};
use super::socket::{Incoming, Socket};
use super::{Shared, headers};

/// Size in bytes of a response.
const MAX_RESPONSE: usize = 1_000_000;

/// Size in bytes of a response that refuses the connection.
const MAX_REFUSAL: usize = 100_000;

/// Bytes that wait for the application. The client is not read while there are more.
const MAX_PENDING: usize = 200_000;

/// The shortest time between two empty requests that the application may set.
const MIN_INTERVAL: Duration = Duration::from_secs(20);

/// How often a request is repeated that did not reach the application, and the time before the first
/// repetition, which then doubles.
const RETRIES: u32 = 5;
const RETRY_TIME: Duration = Duration::from_secs(1);

/// How long a client has to respond to a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(10);

const KEEP_ALIVE_INTERVAL: &str = "keep-alive-interval";

/// Asks the application whether it accepts the connection, and responds to the client.
pub(super) async fn open(
    shared: Arc<Shared>,
    mut head: Head,
    accept: HeaderValue,
    upgrade: OnUpgrade,
) -> Response<Body> {
    for name in [
        header::ACCEPT,
        header::CONTENT_LENGTH,
        header::SEC_WEBSOCKET_EXTENSIONS,
    ] {
        head.headers.remove(name);
    }
    head.headers.remove("connection-id");
    headers::remove_with_prefix(&mut head.headers, "meta-");
    head.headers = headers::own_all(&head.headers);
    let mut link = Link {
        shared: shared.clone(),
        head,
        id: Uuid::new_v4().to_string(),
        meta: Vec::new(),
        interval: None,
    };
    let Ok(response) = link.send(vec![Event::new("OPEN")]).await else {
        return bad_gateway();
    };
    let Reply::Events { mut parts, events } = response else {
        let Reply::Other(response) = response else {
            return bad_gateway();
        };
        return response;
    };
    let first_is_open = events.first().is_none_or(|event| event.kind == "OPEN");
    if !first_is_open || events.is_empty() && link.interval.is_none() {
        return bad_gateway();
    }
    let prefix = message_prefix(&parts);
    headers::remove_hop_by_hop(&mut parts);
    for prefix in ["grip-", "set-meta-"] {
        headers::remove_with_prefix(&mut parts, prefix);
    }
    for name in ["content-length", "content-type", KEEP_ALIVE_INTERVAL] {
        parts.remove(name);
    }
    parts.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    parts.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    parts.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    parts.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = parts;

    let session = shared.hub.session();
    let mut stop = shared.stop.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else {
            // The client went before the response.
            let _ = link.send(vec![Event::new("DISCONNECT")]).await;
            return;
        };
        let connection = Connection {
            socket: Socket::new(TokioIo::new(upgraded)),
            link: Some(link),
            session,
            user: None,
            prefix,
            pending: VecDeque::new(),
            pending_bytes: 0,
            wants_request: false,
            keep_alive: None,
            interval_at: None,
            state: State::Open,
            ends_link: false,
        };
        tokio::select! {
            () = connection.run(events) => {}
            _ = stop.changed() => {}
        }
    });
    response
}

/// The prefix of messages for the client; `None` if the application does not use GRIP on this connection.
fn message_prefix(headers: &HeaderMap) -> Option<Bytes> {
    let extensions = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let mut extensions = extensions
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let grip = extensions.find_map(|extension| {
        let mut parts = extension.split(';').map(str::trim);
        (parts.next() == Some("grip")).then_some(parts)
    })?;
    let prefix = grip
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim() == "message-prefix");
    let prefix = prefix.map_or("m:", |(_, value)| value.trim().trim_matches('"'));
    Some(Bytes::from(prefix.to_owned()))
}

/// The application's side of a connection.
struct Link {
    shared: Arc<Shared>,
    head: Head,
    id: String,
    /// What the application stores with the connection: a `Set-Meta-X` of a response is sent as `Meta-X` in later requests.
    meta: Vec<(HeaderName, HeaderValue)>,
    /// The time after which the application gets a request even without events.
    interval: Option<Duration>,
}

enum Reply {
    Events {
        parts: HeaderMap,
        events: Vec<Event>,
    },
    /// A response without events: a refusal.
    Other(Response<Body>),
    /// A response that is not valid.
    Malformed,
}

impl Link {
    async fn send(&mut self, events: Vec<Event>) -> Result<Reply, Failure> {
        let mut headers = self.head.headers.clone();
        let media_type = HeaderValue::from_static(events::MEDIA_TYPE);
        headers.insert(header::ACCEPT, media_type.clone());
        headers.insert(header::CONTENT_TYPE, media_type);
        let grip = HeaderValue::from_static("grip");
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, grip);
        if let Ok(id) = self.id.parse() {
            headers.insert("connection-id", id);
        }
        for (name, value) in &self.meta {
            headers.insert(name.clone(), value.clone());
        }
        let sent = self.shared.backend.send(
            Method::POST,
            &self.head.target,
            headers,
            full(events::encode(&events)),
            Some(self.head.peer),
        );
        let (parts, body) = sent.await?.into_parts();
        let is_events = parts.status == StatusCode::OK
            && headers::text(&parts.headers, "content-type") == Some(events::MEDIA_TYPE);
        if !is_events {
            let body = Limited::new(body, MAX_REFUSAL).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            let mut response = Response::new(full(body));
            *response.status_mut() = parts.status;
            *response.headers_mut() = parts.headers;
            headers::remove_hop_by_hop(response.headers_mut());
            headers::remove_with_prefix(response.headers_mut(), "grip-");
            response.headers_mut().remove(header::CONTENT_LENGTH);
            return Ok(Reply::Other(response));
        }
        let Ok(body) = Limited::new(body, MAX_RESPONSE).collect().await else {
            return Ok(Reply::Malformed);
        };
        self.learn(&parts.headers);
        let Some(events) = events::decode(body.to_bytes()) else {
            return Ok(Reply::Malformed);
        };
        Ok(Reply::Events {
            parts: parts.headers,
            events,
        })
    }

    /// Stores the properties of the connection that a response's headers set.
    fn learn(&mut self, received: &HeaderMap) {
        if let Some(seconds) = headers::text(received, KEEP_ALIVE_INTERVAL) {
            let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0);
            self.interval = seconds.map(|seconds| Duration::from_secs(seconds).max(MIN_INTERVAL));
        }
        for (name, value) in received {
            let Some(name) = name.as_str().strip_prefix("set-meta-") else {
                continue;
            };
            let Ok(name) = format!("meta-{name}").parse::<HeaderName>() else {
                continue;
            };
            self.meta.retain(|(key, _)| *key != name);
            if !value.is_empty() {
                self.meta.push((name, headers::own(value)));
            }
        }
    }

    /// Sends events, and again if the application was not reached.
    async fn send_with_retries(&mut self, events: Vec<Event>) -> Option<Reply> {
        let mut wait = RETRY_TIME;
        for _ in 0..RETRIES {
            match self.send(events.clone()).await {
                Ok(reply) => return Some(reply),
                Err(Failure::Connect) => {}
                Err(Failure::Other) => return None,
            }
            sleep(wait).await;
            wait *= 2;
        }
        self.send(events).await.ok()
    }
}

/// A request that runs, with the link that it gives back.
type Request = Pin<Box<dyn Future<Output = (Link, Option<Reply>)> + Send>>;

struct Connection {
    socket: Socket,
    /// `None` while a request runs, or after the application was detached.
    link: Option<Link>,
    session: Session,
    /// For the filter `skip-self`.
    user: Option<String>,
    prefix: Option<Bytes>,
    /// Events for the application.
    pending: VecDeque<Event>,
    pending_bytes: usize,
    /// Whether the application gets a request even without events.
    wants_request: bool,
    keep_alive: Option<KeepAlive>,
    interval_at: Option<Instant>,
    state: State,
    /// Whether the request that runs or ran last says that the connection ends.
    ends_link: bool,
}

/// A message that is sent to the client while there is nothing else.
struct KeepAlive {
    message: Message,
    time: Duration,
    idle: bool,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The client sent a close frame, and the application is notified.
    ClosedByClient,
    /// The client got a close frame and has until this time to respond.
    ClosedByUs(Instant),
    /// The client responded to the close frame, and the application is notified.
    Closing,
    /// The client has disconnected, and the application is notified.
    Gone,
}

/// The connection is over.
struct Over;

#[allow(
    clippy::large_enum_variant,
    reason = "there is one value at a time, on the stack"
)]
enum Wake {
    Client(Incoming),
    Item(Arc<Item>),
    Reply(Link, Option<Reply>),
    KeepAlive,
    Interval,
    CloseTime,
}

impl Connection {
    async fn run(mut self, events: Vec<Event>) {
        let overflow = self.session.overflow();
        let finished = tokio::select! {
            _ = self.live(events) => true,
            // The client does not read what is published.
            () = overflow.notified() => false,
        };
        if finished {
            self.socket.shutdown().await;
        }
    }

    async fn live(&mut self, events: Vec<Event>) -> Result<(), Over> {
        let mut has_link = !self.apply(events).await?;
        let mut request = match has_link {
            true => None,
            false => self.last_request(),
        };
        self.set_interval();
        loop {
            if request.is_none() && has_link {
                request = self.next_request();
            }
            match self.wake(&mut request).await {
                Wake::Client(incoming) => self.receive(incoming, has_link).await?,
                Wake::Item(item) => self.publish(&item).await?,
                Wake::Reply(link, reply) => {
                    request = None;
                    // The response of a detached application is ignored.
                    if has_link {
                        self.link = Some(link);
                        if self.reply(reply).await? {
                            has_link = false;
                            request = self.last_request();
                        }
                        self.set_interval();
                    }
                }
                Wake::KeepAlive => self.send_keep_alive().await?,
                Wake::Interval => {
                    self.interval_at = None;
                    self.wants_request = true;
                }
                Wake::CloseTime => self.gone(has_link)?,
            }
        }
    }

    async fn wake(&mut self, request: &mut Option<Request>) -> Wake {
        let at = |time: Option<Instant>| async move {
            match time {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        let reads = matches!(self.state, State::Open | State::ClosedByUs(_))
            && self.pending_bytes < MAX_PENDING;
        let close_time = match self.state {
            State::ClosedByUs(time) => Some(time),
            _ => None,
        };
        let keep_alive = self.keep_alive.as_ref().map(|one| one.at);
        let next_reply = async {
            match request {
                Some(request) => request.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            (link, reply) = next_reply => Wake::Reply(link, reply),
            incoming = self.socket.next(), if reads => Wake::Client(incoming),
            item = self.session.next() => Wake::Item(item),
            () = at(keep_alive) => Wake::KeepAlive,
            () = at(self.interval_at) => Wake::Interval,
            () = at(close_time) => Wake::CloseTime,
        }
    }

    /// The next request, if there are events to send or a request is due.
    fn next_request(&mut self) -> Option<Request> {
        let events = if self.state == State::Gone {
            // Earlier messages of the client are lost, as with Pushpin.
            vec![Event::new("DISCONNECT")]
        } else if self.pending.is_empty() && !self.wants_request {
            return None;
        } else {
            std::mem::take(&mut self.pending).into()
        };
        self.pending_bytes = 0;
        self.wants_request = false;
        self.interval_at = None;
        self.ends_link = events
            .iter()
            .any(|event| matches!(event.kind.as_str(), "CLOSE" | "DISCONNECT"));
        let mut link = self.link.take()?;
        Some(Box::pin(async move {
            let reply = link.send_with_retries(events).await;
            (link, reply)
        }))
    }

    /// Tells the application that it is detached.
    fn last_request(&mut self) -> Option<Request> {
        self.pending.clear();
        self.pending_bytes = 0;
        let mut link = self.link.take()?;
        Some(Box::pin(async move {
            let reply = link.send_with_retries(vec![Event::new("CLOSE")]).await;
            (link, reply)
        }))
    }

    fn set_interval(&mut self) {
        let interval = self.link.as_ref().and_then(|link| link.interval);
        self.interval_at = interval.map(|interval| Instant::now() + interval);
    }

    fn tell(&mut self, event: Event) {
        self.pending_bytes += event.size();
        self.pending.push_back(event);
    }

    async fn receive(&mut self, incoming: Incoming, has_link: bool) -> Result<(), Over> {
        match incoming {
            Incoming::Message(message) => {
                if self.state == State::Open && has_link {
                    let kind = match message.kind {
                        MessageKind::Text => "TEXT",
                        MessageKind::Binary => "BINARY",
                        MessageKind::Ping => "PING",
                        MessageKind::Pong => "PONG",
                    };
                    self.tell(Event::with(kind, message.content));
                }
            }
            Incoming::Close(content) => {
                let was_open = self.state == State::Open;
                self.state = match was_open {
                    true => State::ClosedByClient,
                    false => State::Closing,
                };
                if !has_link {
                    if was_open {
                        let _ = self.socket.close(code_of(&content), "").await;
                    }
                    return Err(Over);
                }
                self.tell(match content.is_empty() {
                    true => Event::new("CLOSE"),
                    false => Event::with("CLOSE", content),
                });
            }
            Incoming::Gone => self.gone(has_link)?,
            Incoming::Violation(code) => {
                let _ = self.socket.close(Some(code), "").await;
                self.gone(has_link)?;
            }
        }
        Ok(())
    }

    fn gone(&mut self, has_link: bool) -> Result<(), Over> {
        self.state = State::Gone;
        match has_link {
            true => Ok(()),
            false => Err(Over),
        }
    }

    /// Does what a response says. Returns whether the application detached itself.
    async fn reply(&mut self, reply: Option<Reply>) -> Result<bool, Over> {
        let Some(Reply::Events { events, .. }) = reply else {
            // The connection ends without a close frame.
            return Err(Over);
        };
        if matches!(self.state, State::Gone | State::Closing) {
            return match self.ends_link {
                true => Err(Over),
                false => Ok(false),
            };
        }
        let closes = events.iter().any(|event| event.kind == "CLOSE");
        let detached = self.apply(events).await?;
        let waits = self
            .link
            .as_ref()
            .is_some_and(|link| link.interval.is_some());
        if self.state == State::ClosedByClient && self.ends_link && (closes || !waits) {
            return Err(Over);
        }
        Ok(detached)
    }

    async fn apply(&mut self, events: Vec<Event>) -> Result<bool, Over> {
        let mut detached = false;
        for event in events {
            let content = event.content.unwrap_or_default();
            let kind = match event.kind.as_str() {
                "TEXT" => MessageKind::Text,
                "BINARY" => MessageKind::Binary,
                "PING" => MessageKind::Ping,
                "PONG" => MessageKind::Pong,
                "CLOSE" => {
                    self.close_by_application(&content).await?;
                    break;
                }
                "DISCONNECT" => return Err(Over),
                _ => continue,
            };
            if kind == MessageKind::Text
                && self.prefix.is_some()
                && let Some(control) = content.strip_prefix(b"c:")
            {
                detached |= self.control(control);
                continue;
            }
            let is_data = matches!(kind, MessageKind::Text | MessageKind::Binary);
            let content = match &self.prefix {
                // As in Pushpin, a message without the prefix is dropped.
                Some(prefix) if is_data => match content.strip_prefix(&**prefix) {
                    Some(rest) => content.slice_ref(rest),
                    None => continue,
                },
                _ => content,
            };
            self.send(&Message { kind, content }).await?;
        }
        Ok(detached)
    }

    async fn close_by_application(&mut self, content: &[u8]) -> Result<(), Over> {
        let reason = content.get(2..).unwrap_or_default();
        let reason = String::from_utf8_lossy(reason).into_owned();
        self.close(code_of(content), &reason).await
    }

    async fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), Over> {
        if matches!(self.state, State::Open | State::ClosedByClient) {
            self.socket.close(code, reason).await.map_err(|()| Over)?;
        }
        if self.state == State::Open {
            self.state = State::ClosedByUs(Instant::now() + CLOSE_TIME);
        }
        Ok(())
    }

    async fn send(&mut self, message: &Message) -> Result<(), Over> {
        if self.state != State::Open {
            return Ok(());
        }
        if self.socket.send(message).await.is_err() {
            self.state = State::Gone;
        }
        if let Some(keep_alive) = &mut self.keep_alive
            && keep_alive.idle
        {
            keep_alive.at = Instant::now() + keep_alive.time;
        }
        Ok(())
    }

    async fn send_keep_alive(&mut self) -> Result<(), Over> {
        let Some(keep_alive) = &mut self.keep_alive else {
            return Ok(());
        };
        keep_alive.at = Instant::now() + keep_alive.time;
        let message = keep_alive.message.clone();
        self.send(&message).await
    }

    async fn publish(&mut self, item: &Item) -> Result<(), Over> {
        match &item.web_socket {
            Some(WebSocketAction::Send(message)) => self.send(message).await,
            Some(WebSocketAction::Close { code, reason }) => {
                if self.state == State::Open {
                    self.close(*code, reason).await?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Does what a control message says. What is not valid is ignored. Returns whether the application
    /// detaches itself.
    fn control(&mut self, message: &[u8]) -> bool {
        let Ok(Value::Object(message)) = serde_json::from_slice(message) else {
            return false;
        };
        let text = |name: &str| string(&message, name).ok().flatten();
        match text("type").as_deref() {
            Some("subscribe") => {
                let filters = message.get("filters").and_then(Value::as_array);
                let filters = filters.into_iter().flatten().filter_map(Value::as_str);
                let filter = Filter::of(self.user.as_deref(), filters);
                if let Some(channel) = text("channel").filter(|name| !name.is_empty()) {
                    self.session.subscribe(&channel, filter);
                }
            }
            Some("unsubscribe") => {
                if let Some(channel) = text("channel") {
                    self.session.unsubscribe(&channel);
                }
            }
            Some("detach") => return true,
            Some("set-meta") if text("name").as_deref() == Some("user") => {
                self.user = text("value");
            }
            Some("keep-alive") => {
                let kind = MessageKind::parse(text("message-type").as_deref());
                let seconds = message.get("timeout").and_then(Value::as_u64);
                let time = seconds.filter(|seconds| *seconds > 0);
                self.keep_alive = match (content(&message), kind, time) {
                    (Ok(content), Some(kind), Some(seconds)) => {
                        let time = Duration::from_secs(seconds);
                        Some(KeepAlive {
                            message: Message { kind, content },
                            time,
                            idle: text("mode").as_deref() != Some("interval"),
                            at: Instant::now() + time,
                        })
                    }
                    _ => None,
                };
            }
            _ => {}
        }
        false
    }
}

/// The code of a close frame's content.
fn code_of(content: &[u8]) -> Option<u16> {
    match content {
        [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

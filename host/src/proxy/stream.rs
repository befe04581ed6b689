//! Streams that the proxy holds: server-sent events, for example. The application's response is their
//! beginning; then come the items of their channels. With ids, nothing is missed: what is missing is
//! fetched from the next link.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, Response, header, response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::backend::Body;
use super::head::Head;
use super::hub::{Filter, MAX_SUBSCRIPTIONS, Session};
use super::instruct::Instruct;
use super::item::{Item, StreamAction};
use super::responses::{bad_gateway, full};
use super::{Shared, headers};

/// Size in bytes of the body that a stream begins with, and of one that a next link leads to.
const MAX_BEGINNING: usize = 100_000;
const MAX_NEXT: usize = 1_000_000;

/// How often a next link is tried, and the time before the second attempt, which then doubles.
const ATTEMPTS: u32 = 6;
const RETRY_TIME: Duration = Duration::from_secs(1);

/// Whether a response has instructions for the proxy.
pub(super) fn is_instruct(headers: &HeaderMap) -> bool {
    headers.contains_key("grip-hold") || headers.contains_key("grip-link")
}

/// Starts a stream.
pub(super) async fn respond(
    shared: Arc<Shared>,
    head: &Head,
    mut parts: response::Parts,
    body: Incoming,
    abort: Arc<Notify>,
) -> Response<Body> {
    let Ok(instruct) = Instruct::parse(&parts.headers) else {
        return bad_gateway();
    };
    let body = Limited::new(body, MAX_BEGINNING).collect().await;
    let Ok(body) = body else {
        return bad_gateway();
    };
    headers::remove_with_prefix(&mut parts.headers, "grip-");
    parts.headers.remove(header::CONTENT_LENGTH);
    if head.method == Method::HEAD {
        return Response::from_parts(parts, full(Bytes::new()));
    }
    let (to_client, from_stream) = mpsc::channel(1);
    let stream = Stream {
        session: shared.hub.session(),
        host: head.headers.get(header::HOST).map(headers::own),
        abort,
        shared,
        to_client,
        instruct: Instruct::default(),
        prev_ids: HashMap::new(),
        queue: VecDeque::new(),
        keep_alive_at: None,
        next_at: None,
    };
    tokio::spawn(stream.run(instruct, body.to_bytes()));
    let frames = futures::stream::unfold(from_stream, |mut from_stream| async {
        let bytes: Bytes = from_stream.recv().await?;
        Some((Ok(Frame::data(bytes)), from_stream))
    });
    let body = StreamBody::new(frames);
    Response::from_parts(parts, http_body_util::combinators::BoxBody::new(body))
}

struct Stream {
    shared: Arc<Shared>,
    /// The host name that the client used.
    host: Option<HeaderValue>,
    session: Session,
    /// Ends the connection of a client that does not read.
    abort: Arc<Notify>,
    to_client: mpsc::Sender<Bytes>,
    instruct: Instruct,
    /// The id of the last item that was sent, by channel.
    prev_ids: HashMap<String, String>,
    /// Items that came while the next link was fetched.
    queue: VecDeque<Arc<Item>>,
    keep_alive_at: Option<Instant>,
    next_at: Option<Instant>,
}

/// Why a stream ends.
struct End;

enum Wake {
    Item(Arc<Item>),
    KeepAlive,
    Next,
}

impl Stream {
    async fn run(mut self, instruct: Instruct, beginning: Bytes) {
        let overflow = self.session.overflow();
        let to_client = self.to_client.clone();
        let abort = self.abort.clone();
        tokio::select! {
            _ = self.live(instruct, beginning) => {}
            // The client closed the connection.
            () = to_client.closed() => {}
            () = overflow.notified() => abort.notify_one(),
        }
    }

    async fn live(&mut self, instruct: Instruct, beginning: Bytes) -> Result<(), End> {
        self.write(beginning).await?;
        let has_ids = instruct.channels.iter().any(|one| one.prev_id.is_some());
        if has_ids && instruct.next.is_none() {
            // The missing items could not be fetched.
            return Err(End);
        }
        self.apply(instruct);
        if self.has_conflict() {
            self.shared.backend.recovery_turn().await;
            self.fetch().await?;
        }
        loop {
            // A response that holds nothing is the beginning of the next one.
            while !self.instruct.hold {
                if self.instruct.next.is_none() {
                    return Ok(());
                }
                self.fetch().await?;
            }
            while let Some(item) = self.queue.pop_front() {
                self.process(item).await?;
            }
            match self.wake().await {
                Wake::Item(item) => self.process(item).await?,
                Wake::KeepAlive => {
                    if let Some(keep_alive) = self.instruct.keep_alive.clone() {
                        self.write(keep_alive.content).await?;
                        self.set_keep_alive();
                    }
                }
                Wake::Next => {
                    self.shared.backend.recovery_turn().await;
                    self.fetch().await?;
                }
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let at = |time: Option<Instant>| async move {
            match time {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            item = self.session.next() => Wake::Item(item),
            () = at(self.keep_alive_at) => Wake::KeepAlive,
            () = at(self.next_at) => Wake::Next,
        }
    }

    /// Subscribes to the channels of a response and to no others.
    fn apply(&mut self, mut instruct: Instruct) {
        instruct.channels.truncate(MAX_SUBSCRIPTIONS);
        let channels = self.session.channels().iter();
        let gone: Vec<String> = channels
            .filter(|name| !instruct.channels.iter().any(|one| one.name == **name))
            .cloned()
            .collect();
        for name in gone {
            self.session.unsubscribe(&name);
        }
        self.prev_ids.clear();
        for channel in &instruct.channels {
            let filters = channel.filters.iter().map(String::as_str);
            let filter = Filter::of(instruct.user.as_deref(), filters);
            self.session.subscribe(&channel.name, filter);
            if let Some(id) = &channel.prev_id {
                self.prev_ids.insert(channel.name.clone(), id.clone());
            }
        }
        // Items that the response has already, or that do not follow it.
        while let Some(item) = self.queue.front() {
            let prev_id = self.prev_ids.get(&item.channel);
            if prev_id.is_none_or(|id| item.prev_id.as_ref() == Some(id)) {
                break;
            }
            self.queue.pop_front();
        }
        self.instruct = instruct;
        self.set_keep_alive();
        self.set_next();
    }

    fn set_keep_alive(&mut self) {
        let time = self.instruct.keep_alive.as_ref().map(|one| one.time);
        self.keep_alive_at = time.map(|time| Instant::now() + time);
    }

    fn set_next(&mut self) {
        let time = self.instruct.next.as_ref().map(|next| next.time);
        self.next_at = time.map(|time| Instant::now() + time);
    }

    /// Whether something was published that a new stream does not know.
    fn has_conflict(&self) -> bool {
        let mut conflict = false;
        for (channel, id) in &self.prev_ids {
            if let Some(last) = self.shared.hub.last_id(channel)
                && last != *id
            {
                self.shared.hub.forget_last_id(channel);
                conflict = true;
            }
        }
        conflict
    }

    async fn process(&mut self, item: Arc<Item>) -> Result<(), End> {
        let Some(action) = &item.stream else {
            return Ok(());
        };
        if let Some(prev_id) = self.prev_ids.get_mut(&item.channel) {
            if item.prev_id.as_ref() != Some(prev_id) {
                self.shared.hub.forget_last_id(&item.channel);
                self.queue.clear();
                self.shared.backend.recovery_turn().await;
                return self.fetch().await;
            }
            *prev_id = item.id.clone().unwrap_or_default();
        }
        match action {
            StreamAction::Send(content) => {
                self.write(content.clone()).await?;
                if self
                    .instruct
                    .keep_alive
                    .as_ref()
                    .is_some_and(|one| one.idle)
                {
                    self.set_keep_alive();
                }
                self.set_next();
                Ok(())
            }
            StreamAction::Close => Err(End),
            StreamAction::Hint => self.fetch().await,
        }
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.to_client.send(bytes).await.map_err(|_| End)
    }

    /// Fetches the missed items, and continues as the response says. Items that arrive meanwhile are queued.
    async fn fetch(&mut self) -> Result<(), End> {
        let Some(next) = self.instruct.next.clone() else {
            return Ok(());
        };
        let request = attempts(
            self.shared.clone(),
            next.target,
            self.host.clone(),
            self.prev_ids.clone(),
        );
        tokio::pin!(request);
        let (instruct, body) = loop {
            tokio::select! {
                response = &mut request => break response.ok_or(End)?,
                item = self.session.next() => self.queue.push_back(item),
            }
        };
        self.write(body).await?;
        self.apply(instruct);
        Ok(())
    }
}

/// The response of a next link.
async fn attempts(
    shared: Arc<Shared>,
    target: String,
    host: Option<HeaderValue>,
    prev_ids: HashMap<String, String>,
) -> Option<(Instruct, Bytes)> {
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(header::HOST, host);
    }
    for (channel, id) in prev_ids {
        let value = format!("{channel}; last-id={id}").parse().ok()?;
        headers.append("grip-last", value);
    }
    let mut wait = RETRY_TIME;
    for attempt in 1..=ATTEMPTS {
        let sent = shared.backend.send(
            Method::GET,
            &target,
            headers.clone(),
            full(Bytes::new()),
            None,
        );
        if let Ok(response) = sent.await
            && response.status().is_success()
        {
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_NEXT).collect().await;
            if let (Ok(instruct), Ok(body)) = (Instruct::parse(&parts.headers), body) {
                return Some((instruct, body.to_bytes()));
            }
        }
        if attempt < ATTEMPTS {
            sleep(wait).await;
            wait *= 2;
        }
    }
    None
}

//! An HTTP/1.1 client. Each request has a connection of its own, so that dropping a response closes
//! the connection, as closing a tab does.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::description::DescriptionCheck;
use super::{Event, Parser, in_time};

/// Sends requests to one application with fixed headers.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    /// Whether requests and responses are checked against the API description.
    is_described: bool,
    /// Whether a response may be an error of the host, which has no body.
    accepts_host_errors: bool,
}

/// A signed-in guest: a client with the guest's token.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl std::ops::Deref for Guest {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
            is_described: true,
            accepts_host_errors: false,
        }
    }

    /// The same client without the check against the API description, for a manifest with other routes.
    pub(crate) fn undescribed(&self) -> Self {
        let mut client = self.clone();
        client.is_described = false;
        client
    }

    /// The same client for requests that the host itself may respond to: with an empty 404 or 500.
    /// Without this an empty 500 fails the test, since a component must respond to every request.
    pub(crate) fn accept_host_errors(&self) -> Self {
        let mut client = self.undescribed();
        client.accepts_host_errors = true;
        client
    }

    /// The same client with one more header on every request.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same client with a bearer token.
    pub(crate) fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Signs a new guest in.
    pub(crate) async fn guest(&self) -> Guest {
        let response = self.send("POST", "/api/v1/auth/guest", None).await;
        assert_eq!(response.status, 201, "{response:?}");
        let body = response.json();
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let token = text(&body["token"]);
        Guest {
            client: self.bearer(&token),
            id: text(&body["user"]["id"]),
            refresh_token: text(&body["refreshToken"]),
            token,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.send_json("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Response {
        self.send_json("PUT", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Response {
        self.send_json("PATCH", path, body).await
    }

    async fn send_json(&self, method: &str, path: &str, body: Value) -> Response {
        let client = self.with("content-type", "application/json");
        client
            .send(method, path, Some(body.to_string().into_bytes()))
            .await
    }

    /// Sends any bytes and reads the whole response.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Response {
        in_time(&format!("{method} {path}"), async {
            self.open(method, path, body).await.collect().await
        })
        .await
    }

    /// Sends a body in pieces, without its length, and reads the whole response. An error if the connection
    /// broke, or could not be made. The exchange is not checked against the API description.
    pub(crate) async fn send_pieces<S>(
        &self,
        method: &str,
        path: &str,
        pieces: S,
    ) -> Result<Response, String>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let body = StreamBody::new(pieces.map_ok(Frame::data));
        self.exchange(method, path, body).await
    }

    /// Sends a request to an application that may be killed meanwhile. An error if the connection broke, or
    /// could not be made. The exchange is not checked against the API description.
    pub(crate) async fn attempt(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response, String> {
        let Some(body) = body else {
            return self.exchange(method, path, Full::new(Bytes::new())).await;
        };
        let client = self.with("content-type", "application/json");
        let body = Full::new(Bytes::from(body.to_string()));
        client.exchange(method, path, body).await
    }

    async fn exchange<B>(&self, method: &str, path: &str, body: B) -> Result<Response, String>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // Not retried: the application may have ended for good.
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body).unwrap();
        let response = sender.send_request(request).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(Response {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    /// Sends a request and returns when the head of the response has arrived.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> StreamingResponse {
        in_time(&format!("the head of {method} {path}"), async {
            let stream = self.connect().await;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            let connection = tokio::spawn(async move {
                // A connection error shows in the response.
                let _ = connection.await;
            });
            let mut check = DescriptionCheck::new(method, path, &self.headers, body.as_deref());
            if !self.is_described {
                check.disable();
            }
            let mut request = Request::builder()
                .method(Method::from_bytes(method.as_bytes()).unwrap())
                .uri(path);
            if !self.headers.iter().any(|(name, _)| name == "host") {
                request = request.header("host", self.address.to_string());
            }
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let request = request
                .body(Full::new(Bytes::from(body.unwrap_or_default())))
                .unwrap();
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            check.check_head(head.status.as_u16(), &head.headers);
            StreamingResponse {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
                parser: Parser::default(),
                ready: Vec::new().into(),
                check,
                accepts_host_errors: self.accepts_host_errors,
                connection,
            }
        })
        .await
    }

    /// A connection for many requests, without this client's headers.
    pub(crate) async fn connection(&self) -> Connection {
        let stream = in_time("a connection", self.connect()).await;
        let stream = TokioIo::new(stream);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Connection(sender)
    }

    /// A connection to the application, retried while it starts or its backlog is full.
    async fn connect(&self) -> TcpStream {
        loop {
            if let Ok(stream) = TcpStream::connect(self.address).await {
                stream.set_nodelay(true).unwrap();
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Opens `POST /api/chat`.
    pub(crate) async fn chat(&self, body: Value) -> StreamingResponse {
        let client = self.with("content-type", "application/json");
        client
            .open("POST", "/api/chat", Some(body.to_string().into_bytes()))
            .await
    }

    /// Sends a message in a new conversation, reads the whole reply, and returns the conversation's id.
    pub(crate) async fn say(&self, message: &str) -> String {
        let chat = self
            .chat(json!({ "message": message }))
            .await
            .accepted()
            .await;
        let id = chat.conversation_id();
        let events = chat.events().await;
        assert!(events.last().is_some_and(Event::is_done), "{events:?}");
        id
    }

    /// `GET /api/conversations/:id`.
    pub(crate) async fn conversation(&self, id: &str) -> Value {
        let response = self.get(&format!("/api/conversations/{id}")).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// `GET /api/conversations`.
    pub(crate) async fn conversations(&self) -> Vec<Value> {
        let response = self.get("/api/conversations").await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()["conversations"]
            .as_array()
            .expect("conversations")
            .clone()
    }
}

/// One connection for many requests.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Sends a `POST`, reads the response and returns its status.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> u16 {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        in_time("a response on a kept-alive connection", async {
            self.0.ready().await.unwrap();
            let response = self.0.send_request(request).await.unwrap();
            let status = response.status().as_u16();
            response.into_body().collect().await.unwrap();
            status
        })
        .await
    }
}

/// A complete response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// Whether the host itself responded with an error: a 500 without a body.
    pub(crate) fn is_host_error(&self) -> bool {
        self.status == 500 && self.body.is_empty()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The values of all `Set-Cookie` headers.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }

    /// The value of a cookie that the response sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.set_cookies().iter().find_map(|line| {
            let (key, rest) = line.split_once('=')?;
            let value = rest.split(';').next()?;
            (key == name && !value.is_empty()).then(|| value.to_owned())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{self:?} is no JSON: {error}"))
    }

    /// Asserts that this is an error in our format with that status and code.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self:?}");
        assert!(
            body["error"].as_str().is_some_and(|text| !text.is_empty()),
            "{self:?}"
        );
        assert_eq!(
            body["requestId"].as_str(),
            self.header("x-request-id"),
            "{self:?}"
        );
        assert!(
            self.header("content-type")
                .is_some_and(|kind| kind.starts_with("application/json")),
            "{self:?}"
        );
        self
    }

    /// Asserts that the error has a detail for `path`.
    #[track_caller]
    pub(crate) fn names(&self, path: &str) -> &Self {
        let body = self.json();
        let details = body["details"]
            .as_array()
            .unwrap_or_else(|| panic!("no details: {body}"));
        assert!(
            details.iter().any(|detail| detail["path"] == path),
            "no {path} in {body}"
        );
        self
    }
}

/// A response whose body is still arriving. Dropping it closes the connection.
pub(crate) struct StreamingResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    parser: Parser,
    ready: std::collections::VecDeque<Event>,
    check: DescriptionCheck,
    accepts_host_errors: bool,
    connection: JoinHandle<()>,
}

impl Drop for StreamingResponse {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl StreamingResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id of the conversation that a chat is part of.
    pub(crate) fn conversation_id(&self) -> String {
        let id = self.header("x-conversation-id");
        id.expect("x-conversation-id").to_owned()
    }

    /// Asserts that the status is 200, and shows the whole response otherwise.
    pub(crate) async fn accepted(self) -> Self {
        if self.status != 200 {
            panic!(
                "refused: {:?}",
                in_time("the error response", self.collect()).await
            );
        }
        self
    }

    /// Reads the rest of the body.
    pub(crate) async fn collect(mut self) -> Response {
        let mut body = Vec::new();
        while let Some(bytes) = self.bytes().await {
            body.extend_from_slice(&bytes);
            if self.check.is_events() {
                let events = self.parser.feed(&bytes);
                events
                    .iter()
                    .for_each(|event| self.check.check_event(event));
            }
        }
        self.check.check_body(&body);
        let response = Response {
            status: self.status,
            headers: self.headers.clone(),
            body: body.into(),
        };
        assert!(
            self.accepts_host_errors || !response.is_host_error(),
            "the host responded itself: a component failed, or no instance was free"
        );
        response
    }

    /// The next bytes as they arrive; `None` at the end or after a connection error.
    pub(crate) async fn bytes(&mut self) -> Option<Bytes> {
        loop {
            match self.body.frame().await?.ok()?.into_data() {
                Ok(data) if !data.is_empty() => return Some(data),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// The next event or comment; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        in_time("the next event", async {
            while self.ready.is_empty() {
                let bytes = self.bytes().await?;
                let events = self.parser.feed(&bytes);
                events
                    .iter()
                    .for_each(|event| self.check.check_event(event));
                self.ready.extend(events);
            }
            self.ready.pop_front()
        })
        .await
    }

    /// The next event that carries text of the reply.
    pub(crate) async fn next_content(&mut self) -> Option<String> {
        while let Some(event) = self.next().await {
            if let Some(content) = event.content() {
                return Some(content);
            }
        }
        None
    }

    /// All events to the end, without comments.
    pub(crate) async fn events(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            if !matches!(event, Event::Comment(_)) {
                events.push(event);
            }
        }
        events
    }
}

/// The text of a reply.
pub(crate) fn text_of(events: &[Event]) -> String {
    events.iter().filter_map(Event::content).collect()
}

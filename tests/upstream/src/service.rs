//! A small HTTP server that responds to each call by a function of it, records the calls, and can be
//! made to fail. The fakes of `sign_in` and `mailbox` use it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::form_urlencoded;

use crate::connection::{Connection, Gone, Request};

/// How long [`Service::wait`] waits before it panics.
const PATIENCE: Duration = Duration::from_secs(10);

/// An unchanged call.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// In the order they came; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Call {
    fn new(request: Request) -> Self {
        let (path, query) = match request.path.split_once('?') {
            Some((path, query)) => (path.to_owned(), decode(query.as_bytes())),
            None => (request.path, Vec::new()),
        };
        Self {
            method: request.method,
            path,
            query,
            headers: request.headers,
            body: request.body,
        }
    }

    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The body as `application/x-www-form-urlencoded`.
    pub fn form(&self) -> Vec<(String, String)> {
        decode(&self.body)
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

fn decode(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The first value of a name among pairs.
pub(crate) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A response.
#[derive(Debug, Clone)]
pub struct ServiceResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl ServiceResponse {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self {
            status: 302,
            headers: vec![("location", location)],
            body: Vec::new(),
        }
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<&str> {
        let location = self.headers.iter().find(|(name, _)| *name == "location");
        location.map(|(_, value)| value.as_str())
    }
}

/// A failure in place of the response to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceFailure {
    /// This status with a short text.
    Status(u16),
    /// The call is read and never gets a response.
    Hang,
    /// The connection is closed without a response.
    Cut,
    /// 200 and a web page.
    Html,
    /// 200 and a JSON string of so many bytes.
    Oversized(usize),
}

type Handler = Arc<dyn Fn(&Call) -> ServiceResponse + Send + Sync>;

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    failures: Vec<(String, usize, ServiceFailure)>,
}

struct Shared {
    handler: Handler,
    log: Mutex<Log>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call, and says what is to go wrong with it.
    fn record(&self, call: &Call) -> Option<ServiceFailure> {
        let mut log = self.log();
        log.calls.push(call.clone());
        let failure = log
            .failures
            .iter_mut()
            .find(|(path, times, _)| *times > 0 && call.path.ends_with(path.as_str()));
        let failure = failure.map(|(_, times, failure)| {
            *times = times.saturating_sub(1);
            *failure
        });
        drop(log);
        self.changed
            .send_modify(|version| *version = version.wrapping_add(1));
        failure
    }
}

/// A running server on a free port of 127.0.0.1; it stops when this is dropped.
pub struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Service {
    pub(crate) async fn start(
        handler: impl Fn(&Call) -> ServiceResponse + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler: Arc::new(handler),
            log: Mutex::default(),
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

    /// Spoils the next `times` calls whose path ends in `path`; an empty `path` means any.
    pub fn fail(&self, path: &str, times: usize, failure: ServiceFailure) {
        let mut log = self.shared.log();
        log.failures.push((path.to_owned(), times, failure));
    }

    /// Ends what [`Service::fail`] began.
    pub fn recover(&self) {
        self.shared.log().failures.clear();
    }

    /// Every call so far whose path ends in `path`, oldest first.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        let log = self.shared.log();
        let calls = log.calls.iter().filter(|call| call.path.ends_with(path));
        calls.cloned().collect()
    }

    /// Waits up to ten seconds until `find` returns a value for the calls.
    ///
    /// # Panics
    /// When it does not.
    #[allow(
        clippy::panic,
        reason = "used by tests only, which a panic is how to fail"
    )]
    pub async fn wait<T>(&self, what: &str, find: impl Fn(&[Call]) -> Option<T>) -> T {
        match tokio::time::timeout(PATIENCE, self.wait_forever(find)).await {
            Ok(value) => value,
            Err(_) => panic!("the fake service waited in vain for {what}"),
        }
    }

    /// Waits until `find` returns a value for the calls.
    pub async fn wait_forever<T>(&self, find: impl Fn(&[Call]) -> Option<T>) -> T {
        let mut changes = self.shared.changed.subscribe();
        loop {
            if let Some(value) = find(&self.shared.log().calls) {
                return value;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The server's response to a call, without a connection: a browser's visit, in a test.
    pub(crate) fn respond(&self, call: &Call) -> ServiceResponse {
        (self.shared.handler)(call)
    }

    /// The `GET` of a URL by a browser, and where it is redirected to.
    ///
    /// # Panics
    /// When there is no redirect.
    #[allow(
        clippy::panic,
        reason = "used by tests only, which a panic is how to fail"
    )]
    pub(crate) fn visit(&self, url: &str) -> String {
        let path = url.strip_prefix(&self.url());
        let call = Call::new(Request {
            method: "GET".to_owned(),
            path: path.unwrap_or(url).to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        });
        let response = self.respond(&call);
        match response.location() {
            Some(location) => location.to_owned(),
            None => panic!(
                "no redirect but {} {}",
                response.status,
                String::from_utf8_lossy(&response.body)
            ),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // The connections are in a set that this task owns, so that they end with it.
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

/// Responds to one call. An error closes the connection.
async fn serve(connection: &mut Connection, request: Request, shared: &Shared) -> Result<(), Gone> {
    let call = Call::new(request);
    let response = match shared.record(&call) {
        None => (shared.handler)(&call),
        Some(ServiceFailure::Status(status)) => {
            ServiceResponse::text(status, "text/plain", "out of order")
        }
        Some(ServiceFailure::Html) => {
            ServiceResponse::text(200, "text/html", "<!doctype html><title>x</title>")
        }
        Some(ServiceFailure::Oversized(size)) => {
            let body = format!("\"{}\"", "x".repeat(size));
            ServiceResponse::text(200, "application/json", &body)
        }
        Some(ServiceFailure::Cut) => return Err(Gone),
        Some(ServiceFailure::Hang) => return Err(connection.until_gone().await),
    };
    let mut bytes = format!("HTTP/1.1 {} Status\r\n", response.status);
    for (name, value) in &response.headers {
        bytes += &format!("{name}: {value}\r\n");
    }
    bytes += &format!("content-length: {}\r\n\r\n", response.body.len());
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(&response.body);
    connection.write(&bytes).await
}

//! Requests to the application, with a signature which proves that they came through the proxy.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ring::hmac;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::headers::FEATURES;

/// A body that is passed on.
pub(super) type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The header that gives the embedded host the address of the client, after the secret that
/// both share.
pub(crate) const PEER_HEADER: &str = "goldfish-peer";

/// How long a signature is valid.
const VALIDITY: Duration = Duration::from_secs(3600);

/// The time between two recoveries of streams: Pushpin makes ten a second.
const RECOVERY_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Backend {
    client: Client<HttpConnector, Body>,
    authority: String,
    key: hmac::Key,
    signature: Mutex<Option<(u64, HeaderValue)>>,
    peer_secret: Option<String>,
    next_recovery: AsyncMutex<Instant>,
}

impl Backend {
    pub(super) fn new(address: SocketAddr, key: &str, peer_secret: Option<String>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_secs(10)));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .build(tcp);
        Self {
            client,
            authority: address.to_string(),
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
            signature: Mutex::new(None),
            peer_secret,
            next_recovery: AsyncMutex::new(Instant::now()),
        }
    }

    /// Sends a request. `target` is the path with the query.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: Body,
        peer: Option<SocketAddr>,
    ) -> Result<Response<Incoming>, Failure> {
        let uri: Uri = format!("http://{}{target}", self.authority)
            .parse()
            .map_err(|_| Failure::Other)?;
        headers.remove(PEER_HEADER);
        if let Some(signature) = self.signature() {
            headers.insert("grip-sig", signature);
        }
        headers.insert("grip-feature", HeaderValue::from_static(FEATURES));
        if let (Some(secret), Some(peer)) = (&self.peer_secret, peer)
            && let Ok(value) = format!("{secret} {peer}").parse()
        {
            headers.insert(PEER_HEADER, value);
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if !request.headers().contains_key(header::HOST)
            && let Ok(host) = self.authority.parse()
        {
            request.headers_mut().insert(header::HOST, host);
        }
        Ok(self.client.request(request).await?)
    }

    /// Waits until a stream may fetch what it missed.
    pub(super) async fn recovery_turn(&self) {
        let turn = {
            let mut next = self.next_recovery.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + RECOVERY_INTERVAL;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }

    /// A JWT with the issuer `pushpin`, kept for half of its validity.
    fn signature(&self) -> Option<HeaderValue> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut signature = self
            .signature
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((renewal, value)) = &*signature
            && *renewal > now
        {
            return Some(value.clone());
        }
        let expiry = now + VALIDITY.as_secs();
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{expiry},"iss":"pushpin"}}"#));
        let signed = format!("{head}.{claims}");
        let tag = hmac::sign(&self.key, signed.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag.as_ref());
        let value: HeaderValue = format!("{signed}.{tag}").parse().ok()?;
        *signature = Some((now + VALIDITY.as_secs() / 2, value.clone()));
        Some(value)
    }
}

/// The reason why there is no response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The application was not reached: nothing was sent.
    Connect,
    Other,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.is_connect() {
            true => Self::Connect,
            false => Self::Other,
        }
    }
}

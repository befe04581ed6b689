//! A client that keeps and sends cookies as a browser does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{Client, Response};

/// The origin of the page that makes the requests. On a loopback address, any loopback origin is
/// allowed unless `cors_origins` is set.
pub(crate) const ORIGIN: &str = "http://localhost:3000";

/// A client with a cookie jar. Clones share the jar, as tabs do.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    jar: Arc<Mutex<BTreeMap<String, Cookie>>>,
}

#[derive(Clone, Debug)]
struct Cookie {
    value: String,
    path: String,
}

impl Browser {
    /// A browser without cookies on a page of [`ORIGIN`].
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.with("origin", ORIGIN),
            jar: Arc::default(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.store_cookies(self.client_for(path).get(path).await)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.store_cookies(self.client_for(path).post(path, body).await)
    }

    /// Sends a request without a body.
    pub(crate) async fn send(&self, method: &str, path: &str) -> Response {
        self.store_cookies(self.client_for(path).send(method, path, None).await)
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let jar = self.jar.lock().unwrap();
        jar.get(name).map(|cookie| cookie.value.clone())
    }

    /// Name and value of the last cookie whose name begins so.
    pub(crate) fn cookie_with_prefix(&self, prefix: &str) -> Option<(String, String)> {
        let jar = self.jar.lock().unwrap();
        let mut matching = jar.iter().filter(|(name, _)| name.starts_with(prefix));
        let (name, cookie) = matching.next_back()?;
        Some((name.clone(), cookie.value.clone()))
    }

    /// Sets a cookie, as a neighbouring site or an attacker could.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        let cookie = Cookie {
            value: value.to_owned(),
            path: "/".to_owned(),
        };
        self.jar.lock().unwrap().insert(name.to_owned(), cookie);
    }

    fn client_for(&self, path: &str) -> Client {
        let jar = self.jar.lock().unwrap();
        let sent: Vec<_> = jar
            .iter()
            .filter(|(_, cookie)| path.starts_with(&cookie.path))
            .map(|(name, cookie)| format!("{name}={}", cookie.value))
            .collect();
        if sent.is_empty() {
            self.client.clone()
        } else {
            self.client.with("cookie", &sent.join("; "))
        }
    }

    fn store_cookies(&self, response: Response) -> Response {
        let mut jar = self.jar.lock().unwrap();
        for line in response.set_cookies() {
            let mut parts = line.split(';').map(str::trim);
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: BTreeMap<_, _> = parts
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(key, value)| (key.to_lowercase(), value))
                .collect();
            if attributes.get("max-age") == Some(&"0") {
                jar.remove(name);
                continue;
            }
            let path = attributes.get("path").copied().unwrap_or("/");
            let cookie = Cookie {
                value: value.to_owned(),
                path: path.to_owned(),
            };
            jar.insert(name.to_owned(), cookie);
        }
        drop(jar);
        response
    }
}

//! One JSON line for each request, on stderr.

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// Maximum number of different warnings that [`warn_once`] logs.
const WARNINGS_MAX: usize = 64;

/// Logs a warning about the configuration, once in the life of an instance. Further warnings than
/// [`WARNINGS_MAX`] are dropped, because clients cause some of them.
pub(crate) fn warn_once(warning: &str) {
    static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if logged.len() >= WARNINGS_MAX || !logged.insert(warning.to_owned()) {
        return;
    }
    drop(logged);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut line = crate::serialize::to_json(&Warning {
        ts: millis(now.unwrap_or_default()),
        level: "warn",
        warning,
    });
    line.push(b'\n');
    // There is no place to report that writing the log failed.
    let _ = std::io::stderr().write_all(&line);
}

#[derive(Serialize)]
struct Warning<'a> {
    /// Milliseconds since the epoch.
    ts: u64,
    level: &'static str,
    warning: &'a str,
}

/// The fields of a request in the log. They cannot hold content, credentials, addresses or raw
/// paths.
#[derive(Debug)]
pub struct LogRecord {
    pub(crate) request_id: String,
    pub(crate) route: &'static str,
    pub(crate) method: &'static str,
    pub(crate) begun: Instant,
    pub(crate) status: u16,
    code: Option<&'static str>,
    cause: Option<String>,
    user: Option<String>,
    model: Option<String>,
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// Milliseconds since the epoch.
    ts: u64,
    level: &'static str,
    request_id: &'a str,
    route: &'a str,
    method: &'a str,
    status: u16,
    /// To the microsecond.
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl LogRecord {
    pub(crate) fn new(request_id: String, method: &str) -> Self {
        Self {
            request_id,
            route: "-",
            method: known_method(method),
            begun: Instant::now(),
            status: 0,
            code: None,
            cause: None,
            user: None,
            model: None,
            prompt_tokens: None,
            completion_tokens: None,
        }
    }

    /// The id of the request, for error objects.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Sets the user; only a hash of the id is logged.
    pub fn user(&mut self, id: &str) {
        let digest = Sha256::digest(id.as_bytes());
        self.user = Some(
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        );
    }

    /// Sets the model: an id of the catalogue, never text of the client.
    pub fn model(&mut self, id: &str) {
        self.model = Some(id.to_owned());
    }

    /// Sets the tokens of prompt and completion.
    pub fn tokens(&mut self, prompt: u32, completion: u32) {
        self.prompt_tokens = Some(prompt);
        self.completion_tokens = Some(completion);
    }

    /// Sets the error of the request.
    pub fn error(&mut self, error: &ApiError) {
        self.code = Some(error.public().code);
        self.cause = error.cause().map(str::to_owned);
    }

    /// Adds a problem that did not change the response. The first one is kept.
    pub fn warn(&mut self, cause: &str) {
        self.cause.get_or_insert_with(|| cause.to_owned());
    }

    /// A log for work that continues after the response.
    pub fn background(&self) -> BackgroundLog {
        BackgroundLog {
            request_id: self.request_id.clone(),
            route: self.route,
        }
    }

    /// A record of its own for work that continues after the response, with the request id and the route of this one.
    /// It has the status 200; whoever does the work writes it.
    pub fn of_later_work(&self) -> Self {
        let mut record = Self::new(self.request_id.clone(), self.method);
        record.route = self.route;
        record.status = 200;
        record.user = self.user.clone();
        record
    }

    fn line(&self) -> Vec<u8> {
        let level = match (self.status, self.code) {
            (500.., _) | (_, Some("INTERNAL")) => "error",
            _ if self.code.is_some_and(|code| code.starts_with("PROVIDER_")) => "error",
            _ if self.code.is_some() || self.cause.is_some() => "warn",
            _ => "info",
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut line = crate::serialize::to_json(&Line {
            ts: millis(now.unwrap_or_default()),
            level,
            request_id: &self.request_id,
            route: self.route,
            method: self.method,
            status: self.status,
            duration_ms: (self.begun.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            user_hash: self.user.as_deref(),
            model: self.model.as_deref(),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            code: self.code,
            cause: self.cause.as_deref(),
        });
        line.push(b'\n');
        line
    }

    /// Writes the line in one piece, so that lines of several requests do not mix. An error of stderr
    /// cannot be reported.
    pub fn write(self) {
        let _ = std::io::stderr().write_all(&self.line());
    }
}

/// Logs failures of work that continues after the response; see [`LogRecord::background`].
#[derive(Debug)]
pub struct BackgroundLog {
    request_id: String,
    route: &'static str,
}

impl BackgroundLog {
    /// Writes a line for the error.
    pub fn failed(&self, error: &ApiError) {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            ts: u64,
            level: &'static str,
            request_id: &'a str,
            route: &'a str,
            code: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            cause: Option<&'a str>,
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut line = crate::serialize::to_json(&Line {
            ts: millis(now.unwrap_or_default()),
            level: "error",
            request_id: &self.request_id,
            route: self.route,
            code: error.public().code,
            cause: error.cause(),
        });
        line.push(b'\n');
        let _ = std::io::stderr().write_all(&line);
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A standard method, or `other`: the log never contains text of the client.
fn known_method(method: &str) -> &'static str {
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
    ]
    .into_iter()
    .find(|standard| *standard == method)
    .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    fn written(entry: &LogRecord) -> serde_json::Value {
        let line = entry.line();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn line_contains_only_the_hash_of_the_user() {
        let mut entry = LogRecord::new("r".into(), "POST");
        entry.user("guest_1");
        entry.tokens(3, 4);
        entry.status = 200;
        let line = written(&entry);
        assert_eq!(line["userHash"].as_str().map(str::len), Some(16));
        assert!(!line.to_string().contains("guest_1"));
        assert_eq!(line["level"], "info");
        assert_eq!(line["completionTokens"], 4);
    }

    #[test]
    fn line_of_an_error_has_a_higher_level() {
        let mut entry = LogRecord::new("r".into(), "SECRET-METHOD");
        entry.status = 500;
        entry.error(&ApiError::internal("store\nfailed"));
        let line = written(&entry);
        assert_eq!(line["level"], "error");
        assert_eq!(line["cause"], "store\nfailed");
        assert_eq!(line["method"], "other");
        // A stream that was interrupted after its 200.
        let mut entry = LogRecord::new("r".into(), "POST");
        entry.status = 200;
        entry.error(&ApiError::ProviderTimeout(Cause::new("x")));
        assert_eq!(written(&entry)["level"], "error");
    }
}

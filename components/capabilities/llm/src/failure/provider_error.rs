//! Finding an error in what a provider sends.

use crate::json;
use serde_json::Value;

/// A provider's error object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProviderError {
    /// For example `invalid_request_error`.
    pub(crate) kind: String,
    /// For example `context_length_exceeded`; a number as text.
    pub(crate) code: String,
    /// The parameter that is wrong.
    pub(crate) param: String,
    /// The sentence.
    pub(crate) message: String,
}

impl ProviderError {
    /// The error in an event; none if the event reports none. `event` is the name of the event, empty
    /// if it has none.
    pub(crate) fn in_event(event: &str, value: &Value) -> Option<Self> {
        if let Value::Array(items) = value {
            return items.iter().find_map(|item| Self::in_event(event, item));
        }
        for name in ["error", "errors"] {
            match value.get(name) {
                Some(Value::Object(members)) if !members.is_empty() => {
                    return value.get(name).map(Self::of);
                }
                Some(Value::String(text)) if !text.is_empty() => {
                    // A type and a code may be next to the message.
                    return Some(Self {
                        message: text.clone(),
                        ..Self::of(value)
                    });
                }
                Some(Value::Array(items)) if !items.is_empty() => {
                    return items.first().map(Self::of);
                }
                Some(Value::Bool(true)) => return Some(Self::of(value)),
                _ => {}
            }
        }
        let is_error = event == "error"
            || json::text(value, "type") == "error"
            || json::text(value, "object") == "error"
            || value.get("success") == Some(&Value::Bool(false));
        let is_reply = ["choices", "response", "result", "delta", "content", "usage"]
            .iter()
            .any(|name| value.get(name).is_some());
        let is_bare = !is_reply
            && value.get("message").is_some_and(Value::is_string)
            && (value.get("code").is_some() || value.get("type").is_some());
        let is_detail = !is_reply && value.get("detail").is_some();
        (is_error || is_bare || is_detail).then(|| Self::of(value))
    }

    /// The error in the body of a response with an error status; empty if its format is unknown.
    pub(crate) fn from_body(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']);
        // Some servers send an error under the content type of the stream.
        let data = text.lines().find_map(|line| line.strip_prefix("data:"));
        let Some(parsed) = json::parse(data.unwrap_or(text)) else {
            return Self::default();
        };
        Self::in_event("error", &parsed.value).unwrap_or_default()
    }

    /// The error without a status that is given as a code.
    pub(crate) fn status(&self) -> Option<u16> {
        let status = self.code.parse().ok()?;
        (400..600).contains(&status).then_some(status)
    }

    fn of(value: &Value) -> Self {
        let mut error = Self::default();
        error.read(value);
        // llama.cpp and Azure nest errors; the inner one is more exact.
        for name in ["innererror", "inner_error", "error"] {
            if let Some(inner) = value.get(name).filter(|inner| inner.is_object()) {
                let mut nested = Self::default();
                nested.read(inner);
                for (outer, inner) in [
                    (&mut error.kind, nested.kind),
                    (&mut error.param, nested.param),
                    (&mut error.message, nested.message),
                ] {
                    if outer.is_empty() {
                        *outer = inner;
                    }
                }
                if !nested.code.is_empty() {
                    error.code = nested.code;
                }
            }
        }
        if error.param.is_empty() {
            error.param = leading_path(&error.message).unwrap_or_default();
        }
        error
    }

    fn read(&mut self, value: &Value) {
        if let Value::String(text) = value {
            self.message.clone_from(text);
            return;
        }
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| scalar(value.get(name)?))
                .unwrap_or_default()
        };
        self.kind = first(&["type", "status"]);
        if self.kind == "error" {
            self.kind.clear();
        }
        self.code = first(&["code"]);
        self.param = first(&["param"]);
        self.message = first(&["message", "detail", "msg"]);
        // FastAPI: [{"loc": ["body", "temperature"], "msg": "…"}].
        if let Some(Value::Array(details)) = value.get("detail")
            && let Some(detail) = details.first()
        {
            self.message = json::text(detail, "msg").to_owned();
            let path = detail.get("loc").and_then(Value::as_array);
            let names = path.into_iter().flatten().filter_map(scalar).skip(1);
            self.param = path_of(names);
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The path at the beginning of a sentence of Anthropic: `messages.0.content: …`.
fn leading_path(message: &str) -> Option<String> {
    let (path, _) = message.split_once(": ")?;
    let is_path = path.starts_with(|first: char| first.is_ascii_lowercase())
        && path.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte)
        });
    is_path.then(|| path_of(path.split('.').map(str::to_owned)))
}

/// A path with its numbers in brackets.
fn path_of(names: impl Iterator<Item = String>) -> String {
    let mut path = String::new();
    for name in names {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{name}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&name);
        }
    }
    path
}

//! Compares requests and responses with the OpenAPI document.
//!
//! A request may contain more than is described where the endpoint ignores it; a response may not.

use boon::SchemaIndex;
use serde_json::Value;

use crate::{
    operation::{Compiled, Operation, Response, compile},
    violation::{Violation, parse_json},
};

/// The media type of contents of any type.
const ANY_TYPE: &str = "*/*";

/// An OpenAPI document with compiled schemas.
pub struct Validator(Compiled);

impl Validator {
    /// Compiles a document.
    ///
    /// # Errors
    /// If the document itself is invalid.
    pub fn new(document: &Value) -> Result<Self, Violation> {
        compile(document).map(Self)
    }

    /// The operation for a request's method and path. If several match, the one with the fewest
    /// parameters in its path.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.0
            .operations
            .iter()
            .filter(|operation| operation.method == method && matches(&operation.path, path))
            .max_by_key(|operation| {
                let segments = operation.path.split('/');
                segments.filter(|segment| !segment.starts_with('{')).count()
            })
    }

    /// Checks a request that the server accepted.
    ///
    /// # Errors
    /// If the request does not match the description.
    pub fn check_request(
        &self,
        operation: &Operation,
        query: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), Violation> {
        let names = query.split('&').filter_map(|pair| pair.split('=').next());
        for name in names.filter(|name| !name.is_empty()) {
            // An operation without query parameters ignores the query.
            let reads_query = !operation.query.is_empty();
            if reads_query && !operation.query.iter().any(|described| described == name) {
                return Err(operation.violation(&format!("has no query parameter {name}")));
            }
        }
        if operation.requests.is_empty() || body.is_empty() {
            return Ok(());
        }
        let kind = bare(media_type.unwrap_or_default());
        let kind = if kind.ends_with("+json") {
            "application/json"
        } else {
            &kind
        };
        let Some(schema) = operation.requests.get(kind) else {
            return match operation.requests.get(ANY_TYPE) {
                Some(_) => Ok(()),
                None => Err(operation.violation(&format!("accepted a body of type {kind:?}"))),
            };
        };
        // Forms are not JSON; their fields are checked by tests of their routes.
        if kind != "application/json" {
            return Ok(());
        }
        let value = parse_json(body).map_err(|error| operation.violation(&error))?;
        self.check(*schema, &value)
            .map_err(|error| operation.violation(&format!("accepted {value}: {error}")))
    }

    /// Checks a response's status, header fields and media type.
    ///
    /// # Errors
    /// If they do not match the description.
    pub fn check_head<'a>(
        &self,
        operation: &Operation,
        status: u16,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), Violation> {
        let response = operation.response(status)?;
        for expected in &response.headers {
            let name = &expected.name;
            let Some(text) = header(name) else {
                if expected.is_required {
                    return Err(operation.violation(&format!("responded {status} without {name}")));
                }
                continue;
            };
            let value = match text.parse::<u64>() {
                Ok(number) if expected.is_number => Value::from(number),
                _ => Value::from(text),
            };
            self.check(expected.schema, &value).map_err(|error| {
                operation.violation(&format!("responded {status} with {name} {text:?}: {error}"))
            })?;
        }
        let kind = bare(header("content-type").unwrap_or_default());
        let has_content = !kind.is_empty() || !response.contents.is_empty();
        let is_described = [kind.as_str(), ANY_TYPE]
            .iter()
            .any(|kind| response.contents.contains_key(*kind));
        if has_content && !is_described {
            return Err(
                operation.violation(&format!("responded {status} with content of type {kind:?}"))
            );
        }
        Ok(())
    }

    /// Checks a JSON body of a response.
    ///
    /// # Errors
    /// If it does not match the description.
    pub fn check_body(
        &self,
        operation: &Operation,
        status: u16,
        body: &[u8],
    ) -> Result<(), Violation> {
        let response = operation.response(status)?;
        let Some(content) = response.contents.get("application/json") else {
            return Ok(());
        };
        let violation =
            |problem: String| operation.violation(&format!("responded {status} with {problem}"));
        let value = parse_json(body).map_err(violation)?;
        self.check(content.schema, &value)
            .map_err(|error| violation(format!("{value}: {error}")))?;
        if response.codes.is_empty() {
            return Ok(());
        }
        let code = value.get("code").or_else(|| value.pointer("/error/code"));
        match code.and_then(Value::as_str) {
            // The code may be null in errors of OpenAI's API.
            None => Ok(()),
            Some(code) if response.codes.iter().any(|described| described == code) => Ok(()),
            // The provider's own code, where it rejects a request.
            Some(_) if status == 400 && value.pointer("/error/code").is_some() => Ok(()),
            Some(code) => Err(violation(format!("the undescribed code {code}"))),
        }
    }

    /// Checks an event of a stream. `name` is `message` for an event without a name.
    ///
    /// # Errors
    /// If it does not match the description.
    pub fn check_event(
        &self,
        operation: &Operation,
        name: &str,
        data: &str,
    ) -> Result<(), Violation> {
        let response = operation.response(200)?;
        let content = response.contents.get("text/event-stream");
        let violation = |problem: &str| {
            operation.violation(&format!("sent the event {name} {data}: {problem}"))
        };
        let events = content.map(|content| &content.events);
        let events = events.ok_or_else(|| violation("no events are described"))?;
        if data == "[DONE]" {
            return Ok(());
        }
        let schema = events.get(name).ok_or_else(|| violation("not described"))?;
        let value = parse_json(data.as_bytes()).map_err(|error| violation(&error))?;
        self.check(*schema, &value)
            .map_err(|error| violation(&error))
    }

    /// Checks all examples of the document against their schemas and returns their number.
    ///
    /// # Errors
    /// If one does not match.
    pub fn check_examples(&self) -> Result<usize, Violation> {
        for example in &self.0.examples {
            self.check(example.schema, &example.value)
                .map_err(|error| Violation::new(format!("{}: {error}", example.pointer)))?;
        }
        Ok(self.0.examples.len())
    }

    fn check(&self, schema: SchemaIndex, value: &Value) -> Result<(), String> {
        let result = self.0.schemas.validate(value, schema);
        result.map_err(|error| error.to_string())
    }
}

impl Operation {
    fn response(&self, status: u16) -> Result<&Response, Violation> {
        self.responses
            .get(&status.to_string())
            .ok_or_else(|| self.violation(&format!("responded {status}, which is not described")))
    }

    fn violation(&self, problem: &str) -> Violation {
        Violation::new(format!("{} {} {problem}", self.method, self.path))
    }
}

/// Whether a path matches a path template.
fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, segment)| {
            expected == segment || (expected.starts_with('{') && !segment.is_empty())
        })
}

/// A media type without its parameters.
fn bare(media_type: &str) -> String {
    let kind = media_type.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;

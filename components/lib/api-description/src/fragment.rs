//! What lies beside a route, and what it leaves out.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::errors::{Family, headers};

/// Methods of a path item; its other fields are not operations.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// What a body can be wrong about.
const OF_BODIES: [&str; 3] = ["400", "413", "415"];
/// What users' credentials can be wrong about: that there are none, that they do not allow this,
/// that nobody can tell right now.
const OF_CREDENTIALS: [&str; 3] = ["401", "403", "503"];
/// What comes of counting requests, and of the store that counts them.
const OF_LIMITS: [&str; 3] = ["429", "500", "503"];
const LIMITS: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// The paths of one route.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fragment {
    pub(crate) tag: String,
    /// The family of its errors.
    pub(crate) errors: String,
    paths: Map<String, Value>,
    #[serde(default)]
    schemas: Map<String, Value>,
}

/// What a route adds to the whole.
pub(crate) struct Described {
    pub(crate) paths: Map<String, Value>,
    pub(crate) schemas: Map<String, Value>,
}

impl Fragment {
    /// As OpenAPI has it.
    pub(crate) fn describe(self, family: &Family) -> Result<Described, String> {
        let mut paths = self.paths;
        for (path, item) in &mut paths {
            for method in METHODS {
                let Some(operation) = item.get_mut(method) else {
                    continue;
                };
                let operation = operation.as_object_mut();
                let operation = operation.ok_or_else(|| format!("{method} {path} is empty"))?;
                complete(operation, &self.tag, family)
                    .map_err(|error| format!("{method} {path}: {error}"))?;
            }
        }
        Ok(Described {
            paths,
            schemas: self.schemas,
        })
    }
}

/// Adds what is not said: the tag, the responses of errors, the header fields.
fn complete(operation: &mut Map<String, Value>, tag: &str, family: &Family) -> Result<(), String> {
    operation.insert("tags".to_owned(), Value::from(vec![tag]));
    // Whether requests are counted, as most are.
    let limited = operation.shift_remove("limited");
    let is_limited = limited.and_then(|value| value.as_bool()).unwrap_or(true);

    let mut statuses = BTreeSet::new();
    for status in operation
        .shift_remove("errors")
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        statuses.insert(status.to_string());
    }
    let mut implied = Vec::new();
    if operation.contains_key("requestBody") {
        implied.extend(OF_BODIES);
    }
    if !operation.contains_key("security") {
        implied.extend(OF_CREDENTIALS);
    }
    if is_limited {
        implied.extend(OF_LIMITS);
    }
    statuses.extend(implied.into_iter().map(str::to_owned));

    let responses = operation.shift_remove("responses");
    let Some(Value::Object(mut responses)) = responses else {
        return Err("no responses".to_owned());
    };
    let limits = if is_limited { &LIMITS[..] } else { &[] };
    let limits: Vec<String> = limits.iter().map(|name| (*name).to_owned()).collect();
    for response in responses.values_mut().filter_map(Value::as_object_mut) {
        if response.contains_key("$ref") {
            continue;
        }
        let mut all = headers(&limits);
        if let Some(Value::Object(own)) = response.shift_remove("headers") {
            all.extend(own);
        }
        response.insert("headers".to_owned(), Value::Object(all));
    }
    for status in statuses {
        if !responses.contains_key(&status) {
            let reference = family.reference(&status)?;
            responses.insert(status, reference);
        }
    }
    let mut sorted: Vec<_> = responses.into_iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    let responses = Value::Object(sorted.into_iter().collect());
    operation.insert("responses".to_owned(), responses);
    Ok(())
}

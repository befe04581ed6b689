//! The `openapi.yaml` of a route, and what is added to it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::errors::{Family, headers};

/// Methods of a path item; its other fields are not operations.
pub(crate) const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// Statuses of an operation with a body.
const BODY_STATUSES: [&str; 3] = ["400", "413", "415"];
/// Statuses of an operation with credentials: missing, insufficient, not verifiable at the moment.
const CREDENTIAL_STATUSES: [&str; 3] = ["401", "403", "503"];
/// Statuses of an operation with a rate limit, which needs the store.
const LIMIT_STATUSES: [&str; 3] = ["429", "500", "503"];
/// Header fields of an operation with a rate limit.
const LIMIT_HEADERS: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// The part of the document that one route contributes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fragment {
    pub(crate) tag: String,
    /// The name of the family of its errors.
    pub(crate) errors: String,
    paths: Map<String, Value>,
    #[serde(default)]
    schemas: Map<String, Value>,
}

/// A fragment with all responses and header fields.
pub(crate) struct Completed {
    pub(crate) paths: Map<String, Value>,
    pub(crate) schemas: Map<String, Value>,
}

impl Fragment {
    /// Adds what the fragment leaves out.
    pub(crate) fn complete(self, family: &Family) -> Result<Completed, String> {
        let mut paths = self.paths;
        for (path, item) in &mut paths {
            for method in METHODS {
                let Some(operation) = item.get_mut(method) else {
                    continue;
                };
                let operation = operation.as_object_mut();
                let operation = operation.ok_or_else(|| format!("{method} {path} is empty"))?;
                complete_operation(operation, &self.tag, family)
                    .map_err(|error| format!("{method} {path}: {error}"))?;
            }
        }
        Ok(Completed {
            paths,
            schemas: self.schemas,
        })
    }
}

/// Adds the tag, the error responses and the header fields.
fn complete_operation(
    operation: &mut Map<String, Value>,
    tag: &str,
    family: &Family,
) -> Result<(), String> {
    operation.insert("tags".to_owned(), Value::from(vec![tag]));
    // Most operations have a rate limit.
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
        implied.extend(BODY_STATUSES);
    }
    if !operation.contains_key("security") {
        implied.extend(CREDENTIAL_STATUSES);
    }
    if is_limited {
        implied.extend(LIMIT_STATUSES);
    }
    statuses.extend(implied.into_iter().map(str::to_owned));

    let responses = operation.shift_remove("responses");
    let Some(Value::Object(mut responses)) = responses else {
        return Err("no responses".to_owned());
    };
    let limits = if is_limited { &LIMIT_HEADERS[..] } else { &[] };
    let limits: Vec<String> = limits.iter().map(|name| (*name).to_owned()).collect();
    for response in responses.values_mut().filter_map(Value::as_object_mut) {
        if response.contains_key("$ref") {
            continue;
        }
        let mut all = headers(&limits);
        if let Some(Value::Object(own_headers)) = response.shift_remove("headers") {
            all.extend(own_headers);
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

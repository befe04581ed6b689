//! Handling of a parameter that a model or its provider does not take: it is omitted and named to
//! the caller, or the request is rejected with its path. docs/models.md has the rule for each.

use crate::bindings::{ChatRequest, Error, Invalid, ResponseFormat, ToolChoice};
use crate::catalogue::Entry;
use serde_json::Value;

/// Most names that are reported.
const MAX_NAMES: usize = 32;

/// Parameters of OpenAI's API that do not change what a reply means: cost, storage, abuse detection.
const WITHOUT_MEANING: [&str; 10] = [
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
];

/// The names of parameters that are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Omitted(Vec<String>);

impl Omitted {
    /// Notes a parameter.
    pub(crate) fn add(&mut self, name: impl Into<String>) {
        let name = name.into();
        if self.0.len() < MAX_NAMES && is_path(&name) && !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// Notes a parameter, if it is given, and whether it may be sent.
    pub(crate) fn unless(&mut self, is_taken: bool, is_given: bool, name: &str) -> bool {
        if is_given && !is_taken {
            self.add(name);
        }
        is_given && is_taken
    }

    /// Omits or rejects an extra parameter that has no counterpart.
    ///
    /// # Errors
    /// `invalid-request` with its name, if a reply without it is not what was requested.
    pub(crate) fn extra(&mut self, name: &str, value: &Value, provider: &str) -> Result<(), Error> {
        if is_nothing(value) {
            return Ok(());
        }
        if WITHOUT_MEANING.contains(&name) {
            self.add(name);
            return Ok(());
        }
        Err(unsupported(name, provider))
    }

    /// The names.
    pub(crate) fn into_names(self) -> Vec<String> {
        self.0
    }
}

/// Whether a value is the absence of a request: null, false, an empty text, list or object.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) | Value::Number(_) | Value::Bool(true) => false,
    }
}

/// Rejects what the catalogue says that the model does not take, and what changes the meaning of a
/// reply.
///
/// # Errors
/// `invalid-request` with the parameter.
pub(crate) fn reject(entry: &Entry, request: &ChatRequest) -> Result<(), Error> {
    let options = request.options();
    let has_tools = !options.tools.is_empty();
    let is_forced = !matches!(
        options.tool_choice,
        None | Some(ToolChoice::Auto | ToolChoice::None)
    );
    let is_formatted = !matches!(options.response_format, None | Some(ResponseFormat::Text));
    for (is_given, name, path) in [
        (!options.stop.is_empty(), "stop", "stop"),
        (has_tools, "tools", "tools"),
        (has_tools && is_forced, "tool_choice", "tool_choice"),
        (
            has_tools && options.parallel_tool_calls == Some(false),
            "parallel_tool_calls",
            "parallel_tool_calls",
        ),
        (is_formatted, "response_format", "response_format.type"),
    ] {
        if is_given && !entry.takes(name) {
            return Err(unsupported(path, entry.provider.name()));
        }
    }
    Ok(())
}

/// An error about a parameter; `reason` is for the client.
pub(crate) fn invalid(field: &str, reason: impl Into<String>) -> Error {
    let field = if is_path(field) { field } else { "extra" };
    Error::InvalidRequest(Invalid {
        field: Some(field.to_owned()),
        reason: reason.into(),
        code: None,
    })
}

/// The error for what a provider does not support.
pub(crate) fn unsupported(field: &str, provider: &str) -> Error {
    invalid(field, format!("is not supported by {provider}"))
}

/// Whether a name that a client chose may be in a header and an error.
fn is_path(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn extra_parameters_are_omitted_rejected_or_say_nothing() {
        let mut omitted = Omitted::default();
        for (name, value) in [
            ("store", json!(true)),
            ("store", json!(true)),
            ("metadata", json!({"a": "b"})),
            ("logprobs", json!(false)),
            ("modalities", json!([])),
        ] {
            assert_eq!(omitted.extra(name, &value, "anthropic"), Ok(()), "{name}");
        }
        for (name, value) in [
            ("logprobs", json!(true)),
            ("top_logprobs", json!(2)),
            ("logit_bias", json!({})),
            ("new one", json!(1)),
        ] {
            assert!(omitted.extra(name, &value, "anthropic").is_err(), "{name}");
        }
        assert_eq!(omitted.into_names(), ["store", "metadata"]);
    }
}

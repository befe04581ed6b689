//! Structured output: `responseFormat` of a request.

use contracts::llm::types::{JsonSchema, ResponseFormat as LlmFormat};
use http_edge::Validator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest schema, in bytes of its JSON form.
const MAX_SCHEMA: usize = 64 * 1024;
/// Longest name of a schema, in characters, as providers have it.
const MAX_NAME: usize = 64;
/// The name of a schema that has none. Providers ask for one.
const DEFAULT_NAME: &str = "reply";

/// The format of the text of a reply.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ResponseFormat {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that matches a schema.
    JsonSchema {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        schema: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

impl ResponseFormat {
    /// Errors are collected with those that `check` has already.
    pub(crate) fn validate(&self, check: &mut Validator) {
        let Self::JsonSchema {
            name,
            description,
            schema,
            ..
        } = self
        else {
            return;
        };
        let is_name = |name: &String| {
            (1..=MAX_NAME).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let length = serde_json::to_vec(schema).map_or(usize::MAX, |json| json.len());
        check
            .require(
                name.as_ref().is_none_or(is_name),
                "responseFormat.name",
                "must be 1 to 64 letters, digits, _ or -",
            )
            .max_length(
                "responseFormat.description",
                description.as_deref().unwrap_or_default(),
                1_000,
            )
            .require(
                length <= MAX_SCHEMA,
                "responseFormat.schema",
                "must have at most 64 KiB",
            );
    }

    /// As `goldfish:llm` takes it.
    pub(crate) fn for_llm(&self) -> LlmFormat {
        match self {
            Self::Text => LlmFormat::Text,
            Self::JsonObject => LlmFormat::JsonObject,
            Self::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => LlmFormat::JsonSchema(JsonSchema {
                name: name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned()),
                description: description.clone(),
                schema: serde_json::to_string(schema).ok(),
                strict: *strict,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_edge::ApiError;
    use serde_json::json;

    fn wrong_paths(format: Value) -> Vec<String> {
        let format: ResponseFormat = serde_json::from_value(format).unwrap();
        let mut check = Validator::new();
        format.validate(&mut check);
        match check.finish() {
            Ok(()) => Vec::new(),
            Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn schemas_are_limited_and_keep_their_order() {
        let format =
            json!({ "type": "json_schema", "schema": { "z": 1, "a": { "y": 2, "b": 3 } } });
        assert!(wrong_paths(format.clone()).is_empty());
        let format: ResponseFormat = serde_json::from_value(format).unwrap();
        let LlmFormat::JsonSchema(sent) = format.for_llm() else {
            panic!("{format:?}");
        };
        assert_eq!(sent.name, "reply");
        assert_eq!(sent.schema.as_deref(), Some(r#"{"z":1,"a":{"y":2,"b":3}}"#));
        let long = json!({ "type": "json_schema", "name": "a b", "schema": { "x": "y".repeat(MAX_SCHEMA) } });
        assert_eq!(
            wrong_paths(long),
            ["responseFormat.name", "responseFormat.schema"]
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for other in [
            json!("json_object"),
            json!({}),
            json!({ "type": "grammar" }),
            json!({ "type": "json_schema" }),
            json!({ "type": "json_schema", "schema": [] }),
            json!({ "type": "json_schema", "schema": {}, "json_schema": {} }),
        ] {
            assert!(
                serde_json::from_value::<ResponseFormat>(other.clone()).is_err(),
                "{other}"
            );
        }
    }
}

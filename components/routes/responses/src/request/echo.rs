//! The fields of a request that its response repeats.

use model_api::Fields;
use serde_json::{Map, Value, json};

/// The members of the response that come from the request, with OpenAI's defaults.
pub(crate) struct Echo {
    /// The requested model.
    pub(crate) model: String,
    /// Whether the client wants reasoning in a form that it can send back.
    pub(crate) includes_reasoning: bool,
    fields: Map<String, Value>,
}

impl Echo {
    /// Does not change the request's fields.
    pub(super) fn of(request: &mut Fields) -> Self {
        let mut get = |name: &str| {
            let value = request.take(name);
            if let Some(value) = &value {
                request.put(name, value.clone());
            }
            value
        };
        let model = get("model");
        let include = get("include").unwrap_or_default();
        let includes_reasoning = include
            .as_array()
            .is_some_and(|include| include.contains(&json!("reasoning.encrypted_content")));
        let mut fields = Map::new();
        for (name, default) in [
            ("instructions", Value::Null),
            ("max_output_tokens", Value::Null),
            ("max_tool_calls", Value::Null),
            ("metadata", json!({})),
            ("parallel_tool_calls", json!(true)),
            ("presence_penalty", json!(0.0)),
            ("frequency_penalty", json!(0.0)),
            ("prompt_cache_key", Value::Null),
            ("reasoning", json!({"effort": null, "summary": null})),
            ("safety_identifier", Value::Null),
            ("service_tier", json!("default")),
            ("temperature", json!(1.0)),
            ("text", json!({"format": {"type": "text"}})),
            ("tool_choice", json!("auto")),
            ("tools", json!([])),
            ("top_logprobs", json!(0)),
            ("top_p", json!(1.0)),
            ("truncation", json!("disabled")),
            ("user", Value::Null),
        ] {
            fields.insert(name.to_owned(), get(name).unwrap_or(default));
        }
        for (name, value) in [
            ("previous_response_id", Value::Null),
            ("store", json!(false)),
            ("background", json!(false)),
        ] {
            fields.insert(name.to_owned(), value);
        }
        Self {
            model: model
                .as_ref()
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            includes_reasoning,
            fields,
        }
    }

    /// The members.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

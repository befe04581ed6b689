//! Requests that are forwarded as the client wrote them. Pure.

use super::ChatRequest;
use crate::bindings::{NativeApi, NativeRequest};
use crate::catalogue::Entry;
use crate::json::{object, splice};
use crate::providers::Provider;
use serde_json::{Value, json};

/// The client's request, if the model's provider has the client's API.
pub(crate) fn native<'a>(request: &'a ChatRequest, entry: &Entry) -> Option<&'a NativeRequest> {
    request.native.as_ref().filter(|native| match native.api {
        NativeApi::Messages => entry.provider == Provider::Anthropic,
        NativeApi::Responses => entry.provider == Provider::OpenAi,
    })
}

/// The body that is sent: the client's, for this model, that is not stored, and with no more tokens
/// than are granted. All other bytes are unchanged.
pub(crate) fn native_body(
    native: &NativeRequest,
    entry: &Entry,
    max_tokens: Option<u32>,
) -> Vec<u8> {
    let mut changes = vec![("model", json!(entry.upstream).to_string())];
    let limit = match native.api {
        NativeApi::Messages => "max_tokens",
        NativeApi::Responses => {
            changes.push(("store", "false".to_owned()));
            "max_output_tokens"
        }
    };
    if let Some(granted) = max_tokens {
        let given = object(&native.body)
            .and_then(|fields| fields.get(limit)?.as_u64())
            .unwrap_or(u64::MAX);
        if u64::from(granted) < given {
            changes.push((limit, granted.to_string()));
        }
    }
    splice(&native.body, &changes).into_bytes()
}

/// Whether the response has to be streamed.
pub(crate) fn is_native_stream(native: &NativeRequest) -> bool {
    object(&native.body).is_some_and(|fields| fields.get("stream") == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn native_body_changes_the_model_and_what_is_granted_and_nothing_else() {
        let catalogue = Catalogue::new("").unwrap();
        let body = |api, body: &str, max_tokens| {
            let model = match api {
                NativeApi::Messages => "claude-3-haiku",
                NativeApi::Responses => "gpt-4o",
            };
            let native = NativeRequest {
                api,
                body: body.to_owned(),
                version: None,
                betas: Vec::new(),
            };
            let entry = catalogue.find(model).unwrap();
            String::from_utf8(native_body(&native, entry, max_tokens)).unwrap()
        };
        let sent = "{ \"max_tokens\":100,\n \"model\" : \"claude-3-haiku\", \"x\":[1.0, {\"model\":\"m\"}] }";
        assert_eq!(
            body(NativeApi::Messages, sent, Some(200)),
            sent.replace("\"claude-3-haiku\"", "\"claude-3-haiku-20240307\"")
        );
        assert!(body(NativeApi::Messages, sent, Some(7)).contains("\"max_tokens\":7,"));
        assert_eq!(
            body(
                NativeApi::Responses,
                r#"{"model":"gpt-4o","store":true}"#,
                None
            ),
            r#"{"model":"gpt-4o","store":false}"#
        );
        assert_eq!(
            body(NativeApi::Responses, r#"{"model":"gpt-4o"}"#, Some(5)),
            r#"{"model":"gpt-4o","store":false,"max_output_tokens":5}"#
        );
    }
}

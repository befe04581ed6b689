//! Fields of a provider's events that this server does not define: they are passed on unchanged, at the
//! level where they were.

use serde_json::{Map, Value};

/// A JSON object; empty if the text is none.
pub(super) fn object(json: &str) -> Map<String, Value> {
    match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The same for an optional text.
pub(super) fn optional_object(json: Option<&str>) -> Map<String, Value> {
    json.map(object).unwrap_or_default()
}

/// Puts the members of `later` into `earlier`. Objects are merged, other values are replaced.
pub(super) fn overwrite(earlier: &mut Map<String, Value>, later: Map<String, Value>) {
    for (name, value) in later {
        match (earlier.get_mut(&name), value) {
            (Some(Value::Object(earlier)), Value::Object(later)) => overwrite(earlier, later),
            (Some(earlier), later) => *earlier = later,
            (None, value) => {
                earlier.insert(name, value);
            }
        }
    }
}

/// Adds the fields of a choice to those of earlier events, such as `logprobs`: lists are continued,
/// other values are replaced.
pub(super) fn extend_choice(earlier: &mut Map<String, Value>, later: Map<String, Value>) {
    extend(earlier, later, false);
}

/// Adds the fields of a delta to those of earlier events, such as `reasoning_details` or `audio`:
/// texts and lists are continued, other values are replaced.
pub(super) fn extend_delta(earlier: &mut Map<String, Value>, later: Map<String, Value>) {
    extend(earlier, later, true);
}

fn extend(earlier: &mut Map<String, Value>, later: Map<String, Value>, continues_text: bool) {
    for (name, value) in later {
        match (earlier.get_mut(&name), value) {
            (Some(Value::Object(earlier)), Value::Object(later)) => {
                extend(earlier, later, continues_text);
            }
            (Some(Value::Array(earlier)), Value::Array(later)) if name == "reasoning_details" => {
                extend_details(earlier, later);
            }
            (Some(Value::Array(earlier)), Value::Array(later)) => earlier.extend(later),
            (Some(Value::String(earlier)), Value::String(later))
                if continues_text && !is_label(&name) =>
            {
                earlier.push_str(&later);
            }
            // A field that came before is not taken back by a later event without it.
            (Some(_), Value::Null) => {}
            (Some(earlier), later) => *earlier = later,
            (None, value) => {
                earlier.insert(name, value);
            }
        }
    }
}

/// Details of one `index` and `type` are parts of one detail.
fn extend_details(earlier: &mut Vec<Value>, later: Vec<Value>) {
    for detail in later {
        let is_same = |other: &&mut Value| {
            let index = detail.get("index").filter(|index| !index.is_null());
            index.is_some()
                && other.get("index") == index
                && other.get("type") == detail.get("type")
        };
        match (earlier.iter_mut().find(is_same), detail) {
            (Some(Value::Object(same)), Value::Object(detail)) => extend(same, detail, true),
            (_, detail) => earlier.push(detail),
        }
    }
}

/// Whether a text is a name, so that each event has it complete.
fn is_label(name: &str) -> bool {
    matches!(
        name,
        "id" | "type" | "format" | "name" | "role" | "signature" | "url" | "model"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        object(&value.to_string())
    }

    fn extended(
        events: &[Value],
        add: fn(&mut Map<String, Value>, Map<String, Value>),
    ) -> Map<String, Value> {
        let mut all = Map::new();
        for event in events {
            add(&mut all, fields(event.clone()));
        }
        all
    }

    #[test]
    fn object_of_other_text_is_empty() {
        for text in ["", "[]", "null", "{", "7"] {
            assert!(object(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn extend_delta_continues_texts_and_lists() {
        let events = [
            json!({"audio": {"id": "a", "data": "AA", "transcript": "Hel"}}),
            json!({"audio": {"id": "a", "data": "BB", "transcript": "lo"}, "annotations": [1]}),
            json!({"audio": {"expires_at": 7}, "annotations": [2], "images": null}),
        ];
        assert_eq!(
            extended(&events, extend_delta),
            fields(json!({
                "audio": {"id": "a", "data": "AABB", "transcript": "Hello", "expires_at": 7},
                "annotations": [1, 2], "images": null,
            }))
        );
    }

    #[test]
    fn extend_delta_joins_the_parts_of_one_reasoning_detail() {
        let part = |kind: &str, index: u32, name: &str, text: &str| json!({"reasoning_details": [{"type": kind, "index": index, name: text}]});
        let events = [
            part("reasoning.text", 0, "text", "Let me "),
            part("reasoning.text", 0, "text", "see."),
            part("reasoning.text", 0, "signature", "s1"),
            part("reasoning.encrypted", 0, "data", "e1"),
            part("reasoning.text", 1, "text", "So."),
        ];
        assert_eq!(
            extended(&events, extend_delta),
            fields(json!({"reasoning_details": [
                {"type": "reasoning.text", "index": 0, "text": "Let me see.", "signature": "s1"},
                {"type": "reasoning.encrypted", "index": 0, "data": "e1"},
                {"type": "reasoning.text", "index": 1, "text": "So."},
            ]}))
        );
    }

    #[test]
    fn extend_choice_continues_lists_and_replaces_texts() {
        let events = [
            json!({"logprobs": {"content": [{"token": "a"}], "refusal": null},
                   "content_filter_results": {"hate": {"severity": "safe"}}}),
            json!({"logprobs": {"content": [{"token": "b"}], "refusal": null},
                   "content_filter_results": {"hate": {"severity": "safe"}}}),
            json!({"logprobs": null}),
        ];
        assert_eq!(
            extended(&events, extend_choice),
            fields(json!({
                "logprobs": {"content": [{"token": "a"}, {"token": "b"}], "refusal": null},
                "content_filter_results": {"hate": {"severity": "safe"}},
            }))
        );
    }

    #[test]
    fn overwrite_merges_objects() {
        let mut usage = fields(json!({"prompt_tokens": 1, "details": {"cached": 2}}));
        overwrite(
            &mut usage,
            fields(json!({"details": {"audio": 3}, "cost": 4})),
        );
        assert_eq!(
            usage,
            fields(json!({"prompt_tokens": 1, "details": {"cached": 2, "audio": 3}, "cost": 4}))
        );
    }
}

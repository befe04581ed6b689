//! The texts of a request that are moderated: all that are not the model's own. What a model said
//! earlier has been moderated before, and the conversation must be able to go on.

use completion::check_texts;
use contracts::llm::types::{Message, Part, Role};
use http_edge::ApiError;
use serde_json::Value;

/// Moderates messages. A text that is to be redacted is changed in place.
pub(super) async fn moderate(messages: &mut [Message]) -> Result<(), ApiError> {
    let mut texts = Vec::new();
    let mut others = Vec::new();
    for (index, message) in messages.iter_mut().enumerate() {
        if message.role == Role::Assistant {
            continue;
        }
        let path = format!("messages[{index}].content");
        for part in &mut message.content {
            match part {
                Part::Text(part) => texts.push((path.clone(), &mut part.text)),
                Part::Other(json) => others.push(Other::new(path.clone(), json)),
                Part::Image(_) | Part::Reasoning(_) => {}
            }
        }
        others.extend(
            message
                .extra
                .as_mut()
                .map(|json| Other::new(format!("messages[{index}]"), json)),
        );
    }
    for other in &mut others {
        collect(&other.path, &mut other.value, &mut texts);
    }
    check_texts(texts).await?;
    others.into_iter().for_each(Other::put_back);
    Ok(())
}

/// An object that only its provider knows.
struct Other<'a> {
    path: String,
    json: &'a mut String,
    value: Value,
}

impl<'a> Other<'a> {
    fn new(path: String, json: &'a mut String) -> Self {
        let value = serde_json::from_str(json).unwrap_or_default();
        Self { path, json, value }
    }

    fn put_back(self) {
        *self.json = self.value.to_string();
    }
}

/// All texts of a value, except those that hold bytes or name something.
fn collect<'a>(path: &str, value: &'a mut Value, texts: &mut Vec<(String, &'a mut String)>) {
    match value {
        Value::String(text) => texts.push((path.to_owned(), text)),
        Value::Array(values) => {
            for value in values {
                collect(path, value, texts);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                if !is_opaque(name) {
                    collect(path, value, texts);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_opaque(name: &str) -> bool {
    matches!(
        name,
        "type"
            | "id"
            | "data"
            | "file_data"
            | "file_id"
            | "url"
            | "format"
            | "signature"
            | "encrypted_content"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn collect_finds_texts_at_any_depth_and_no_bytes() {
        let mut value = json!({
            "type": "document", "title": "a", "source": {"data": "QUJD", "parts": ["b", {"text": "c"}]},
            "n": 1, "none": null,
        });
        let mut texts = Vec::new();
        collect("p", &mut value, &mut texts);
        let mut found: Vec<_> = texts.iter().map(|(_, text)| text.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["a", "b", "c"]);
        for (_, text) in texts {
            text.push('!');
        }
        assert_eq!(value["source"]["parts"][1]["text"], "c!");
    }
}

//! The texts of a request that are moderated: all except the model's own. Earlier texts of the model
//! were moderated before, and the conversation must be able to continue.

use completion::check_texts;
use contracts::llm::types::{Message, Part, Role};
use http_edge::ApiError;
use serde_json::Value;

/// The texts to moderate, each with its path in the request.
#[derive(Default)]
pub struct Texts<'a>(Vec<(String, &'a mut String)>);

impl<'a> Texts<'a> {
    /// Adds all texts of a value, except those that hold bytes or name something.
    pub fn add(&mut self, path: &str, value: &'a mut Value) {
        match value {
            Value::String(text) => self.0.push((path.to_owned(), text)),
            Value::Array(values) => {
                for value in values {
                    self.add(path, value);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    if !is_opaque(name) {
                        self.add(path, value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Adds a text.
    pub fn add_text(&mut self, path: String, text: &'a mut String) {
        self.0.push((path, text));
    }

    /// Moderates them. Redacted texts are changed in place.
    ///
    /// # Errors
    /// `CONTENT_BLOCKED`, or an internal error if moderation fails.
    pub async fn moderate(self) -> Result<(), ApiError> {
        check_texts(self.0).await
    }
}

/// Moderates the messages of a prompt.
///
/// # Errors
/// `CONTENT_BLOCKED`, or an internal error if moderation fails.
pub async fn moderate_messages(messages: &mut [Message]) -> Result<(), ApiError> {
    let mut texts = Texts::default();
    let mut others = Vec::new();
    for (index, message) in messages.iter_mut().enumerate() {
        if message.role == Role::Assistant {
            continue;
        }
        let path = format!("messages[{index}].content");
        for part in &mut message.content {
            match part {
                Part::Text(part) => texts.add_text(path.clone(), &mut part.text),
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
        texts.add(&other.path, &mut other.value);
    }
    texts.moderate().await?;
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

fn is_opaque(name: &str) -> bool {
    matches!(
        name,
        "type"
            | "id"
            | "data"
            | "file_data"
            | "file_id"
            | "url"
            | "image_url"
            | "file_url"
            | "format"
            | "signature"
            | "encrypted_content"
            | "tool_use_id"
            | "call_id"
            | "media_type"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn add_finds_texts_at_any_depth_and_no_bytes() {
        let mut value = json!({
            "type": "document", "title": "a", "source": {"data": "QUJD", "parts": ["b", {"text": "c"}]},
            "n": 1, "none": null,
        });
        let mut texts = Texts::default();
        texts.add("p", &mut value);
        let mut contents: Vec<_> = texts.0.iter().map(|(_, text)| text.as_str()).collect();
        contents.sort_unstable();
        assert_eq!(contents, ["a", "b", "c"]);
        for (_, text) in texts.0 {
            text.push('!');
        }
        assert_eq!(value["source"]["parts"][1]["text"], "c!");
    }
}

//! Messages for clients that are no events.

use serde_json::{Map, Value, json};

/// An error as a message. `about` is the type of the client's message.
pub(crate) fn error(code: &str, message: &str, about: Option<&str>) -> String {
    let mut error = json!({ "type": "ERROR", "message": message, "code": code });
    if let (Some(about), Some(object)) = (about, error.as_object_mut()) {
        object.insert("about".to_owned(), json!(about));
    }
    let payload = error.clone();
    if let (Some(object), Value::Object(mut payload)) = (error.as_object_mut(), payload) {
        payload.remove("type");
        object.insert("payload".to_owned(), Value::Object(payload));
    }
    error.to_string()
}

/// A confirmation. Its fields are beside the type, as in the contract, and in `payload`, as those of events.
pub(crate) fn confirmation(r#type: &str, fields: Value) -> String {
    let mut message = Map::new();
    message.insert("type".to_owned(), json!(r#type));
    if let Value::Object(fields) = &fields {
        message.extend(fields.clone());
    }
    message.insert("payload".to_owned(), fields);
    Value::Object(message).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_fields_beside_the_type_and_in_the_payload() {
        let text = confirmation("LEFT_THREAD", json!({ "threadId": "t" }));
        let expected =
            json!({ "type": "LEFT_THREAD", "threadId": "t", "payload": { "threadId": "t" } });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        let text = error("FORBIDDEN", "No.", Some("TYPING"));
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(error["message"], "No.");
        assert_eq!(
            error["payload"],
            json!({ "message": "No.", "code": "FORBIDDEN", "about": "TYPING" })
        );
    }
}

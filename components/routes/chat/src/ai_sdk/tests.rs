use contracts::conversations::turns::MessageAction;
use http_edge::{ApiError, JsonText};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    conversation_id,
    request::{ChatTurn, UiBody, is_ai_sdk},
};

fn body(value: &Value) -> JsonText {
    JsonText::from(value.to_string().into_bytes())
}

fn parsed(value: &Value) -> Result<ChatTurn, ApiError> {
    body(value).read::<UiBody>()?.validate()
}

/// The paths of what is wrong.
fn wrong_paths(value: &Value) -> Vec<String> {
    match parsed(value) {
        Ok(valid) => panic!("{valid:?}"),
        Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

fn message(id: &str, role: &str, text: &str) -> Value {
    json!({ "id": id, "role": role, "parts": [{ "type": "text", "text": text }] })
}

/// As `DefaultChatTransport` sends it.
fn sent(messages: &[Value]) -> Value {
    json!({ "id": "chat", "messages": messages, "trigger": "submit-message" })
}

#[test]
fn is_ai_sdk_depends_on_messages_and_message() {
    for native in [
        json!({}),
        json!({ "message": "hi" }),
        json!({ "message": 7 }),
        json!({ "message": ["hi"] }),
    ] {
        assert!(!is_ai_sdk(&body(&native)), "{native}");
    }
    for ai_sdk in [
        json!({ "messages": [] }),
        json!({ "messages": [], "message": "of the app's own" }),
        json!({ "message": {} }),
    ] {
        assert!(is_ai_sdk(&body(&ai_sdk)), "{ai_sdk}");
    }
    assert!(!is_ai_sdk(&JsonText::from(b"{\"messages\": [".to_vec())));
}

#[test]
fn validate_takes_the_last_message() {
    let mut request = sent(&[
        message("a", "user", "one"),
        json!({ "id": "b", "role": "assistant", "metadata": { "x": 1 }, "parts": [
            { "type": "step-start" },
            { "type": "tool-add", "toolCallId": "t", "state": "output-available", "output": 3 },
            { "type": "text", "text": "1", "state": "done" },
        ] }),
        json!({ "id": "c", "role": "user", "parts": [
            { "type": "text", "text": "two" },
            { "type": "text", "text": "three" },
        ] }),
    ]);
    request["model"] = json!("gpt-4o");
    request["sessionId"] = json!("the app's own");
    let ChatTurn { chat, turn } = parsed(&request).unwrap();
    let client_message = turn.client_message.unwrap();
    assert_eq!(chat, "chat");
    assert_eq!(turn.message.as_deref(), Some("two\n\nthree"));
    assert_eq!(turn.model.as_deref(), Some("gpt-4o"));
    assert_eq!(client_message.id, "c");
    assert_eq!(
        (client_message.preceding, client_message.action),
        (Some(1), MessageAction::Append)
    );
}

#[test]
fn validate_single_message_is_appended() {
    let request = json!({ "id": "chat", "message": message("c", "user", "two") });
    let sent = parsed(&request).unwrap().turn.client_message.unwrap();
    assert_eq!((sent.preceding, sent.action), (None, MessageAction::Append));
}

#[test]
fn validate_trigger_and_message_id_decide_the_action() {
    let mut edit = sent(&[message("a", "user", "one")]);
    edit["messageId"] = json!("a");
    assert_eq!(
        parsed(&edit).unwrap().turn.client_message.unwrap().action,
        MessageAction::Replace
    );
    edit["messageId"] = json!("b");
    assert_eq!(wrong_paths(&edit), ["messageId"]);
    edit["trigger"] = json!("regenerate-message");
    assert_eq!(
        parsed(&edit).unwrap().turn.client_message.unwrap().action,
        MessageAction::Regenerate
    );
    edit["trigger"] = json!("resume-stream");
    assert_eq!(wrong_paths(&edit), ["trigger"]);
}

#[test]
fn validate_long_id_of_an_unused_message_names_its_path() {
    let long = "ä".repeat(129);
    let used = message("b", "user", "x");
    let mut request = sent(&[message(&long, "user", "x"), used.clone()]);
    assert_eq!(wrong_paths(&request), ["messages[0].id"]);
    request = sent(&[message("a", "assistant", "x"), used]);
    request["message"] = message(&long, "user", "x");
    assert_eq!(wrong_paths(&request), ["message.id"]);
    request["message"] = message(&"ä".repeat(128), "user", "x");
    assert!(parsed(&request).is_ok());
    request["message"] = json!(null);
    assert!(parsed(&request).is_ok());
}

#[test]
fn validate_invalid_part_names_its_path() {
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "blob:x" });
    let photo =
        json!({ "id": "a", "role": "user", "parts": [{ "type": "text", "text": "x" }, file] });
    assert_eq!(wrong_paths(&sent(&[photo])), ["messages[0].parts[1].url"]);
    let long = "x".repeat(10_001);
    for (messages, path) in [
        (vec![], "messages[0]"),
        (vec![message("a", "assistant", "x")], "messages[0]"),
        (vec![message("a", "user", " \n")], "messages[0].parts"),
        (vec![message("a", "user", &long)], "messages[0].parts"),
        (vec![message("", "user", "x")], "messages[0].id"),
        (
            vec![message(&"i".repeat(129), "user", "x")],
            "messages[0].id",
        ),
        (vec![message("a", "robot", "x")], "messages[0].role"),
        (
            vec![json!({ "id": "a", "role": "user" })],
            "messages[0].parts",
        ),
        (
            vec![json!({ "id": "a", "role": "user", "parts": [{ "type": "text" }] })],
            "messages[0].parts[0].text",
        ),
    ] {
        assert_eq!(wrong_paths(&sent(&messages)), [path]);
    }
    let mut request = sent(&[message("a", "user", "x")]);
    request["temperature"] = json!(3);
    request["id"] = json!("");
    assert_eq!(wrong_paths(&request), ["id", "temperature"]);
    assert_eq!(wrong_paths(&json!({ "messages": [] })), ["id"]);
}

#[test]
fn conversation_id_is_stable_and_differs_by_user() {
    let id = "550e8400-e29b-41d4-a716-446655440000";
    assert_eq!(conversation_id("u", id), id);
    assert_eq!(conversation_id("u", &id.to_uppercase()), id);
    let made = conversation_id("u", "MSiOEAfVn9dLTrDK");
    assert_eq!(made, conversation_id("u", "MSiOEAfVn9dLTrDK"));
    assert_ne!(made, conversation_id("v", "MSiOEAfVn9dLTrDK"));
    assert_ne!(made, conversation_id("u", "MSiOEAfVn9dLTrDL"));
    // Conversations are stored under these ids.
    assert_eq!(
        conversation_id("guest_1", "chat"),
        "b92db984-68cd-5f9a-a801-efb998b51be7"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z -]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["user", "assistant", "text", "submit-message"])
            .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "id",
        "role",
        "parts",
        "type",
        "text",
        "message",
        "messages",
        "trigger",
        "messageId",
        "model",
        "other",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// A request is either valid for the store, or refused with a path.
    #[test]
    fn validate_any_request_is_valid_or_refused_with_a_path(value in any_json(), text in "\\PC{0,40}", id in "\\PC{0,40}") {
        let _ = parsed(&value);
        let request = sent(&[value, message(&id, "user", &text)]);
        match parsed(&request) {
            Ok(ChatTurn { chat, turn }) => {
                prop_assert_eq!(chat, "chat");
                prop_assert_eq!(turn.message, Some(text.clone()));
                prop_assert_eq!(turn.client_message.map(|message| message.id), Some(id));
                prop_assert!(!text.trim().is_empty());
            }
            Err(ApiError::Validation(details)) => prop_assert!(!details.is_empty()),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

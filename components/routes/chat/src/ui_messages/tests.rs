use contracts::conversations::turns::MessageAction;
use http_edge::{ApiError, JsonText};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    conversation,
    request::{UiBody, Wish, is_one},
};

fn body(value: &Value) -> JsonText {
    JsonText::from(value.to_string().into_bytes())
}

fn wish(value: &Value) -> Result<Wish, ApiError> {
    body(value).read::<UiBody>()?.checked()
}

/// The paths of what is wrong.
fn wrong(value: &Value) -> Vec<String> {
    match wish(value) {
        Ok(found) => panic!("{found:?}"),
        Err(ApiError::Validation(details)) => details.into_iter().map(|d| d.path).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

fn said(id: &str, role: &str, text: &str) -> Value {
    json!({ "id": id, "role": role, "parts": [{ "type": "text", "text": text }] })
}

/// As `DefaultChatTransport` sends it.
fn sent(messages: &[Value]) -> Value {
    json!({ "id": "chat", "messages": messages, "trigger": "submit-message" })
}

#[test]
fn requests_are_told_apart_by_their_shape() {
    for ours in [
        json!({}),
        json!({ "message": "hi" }),
        json!({ "message": 7 }),
        json!({ "message": ["hi"] }),
    ] {
        assert!(!is_one(&body(&ours)), "{ours}");
    }
    for theirs in [
        json!({ "messages": [] }),
        json!({ "messages": [], "message": "of the app's own" }),
        json!({ "message": {} }),
    ] {
        assert!(is_one(&body(&theirs)), "{theirs}");
    }
    assert!(!is_one(&JsonText::from(b"{\"messages\": [".to_vec())));
}

#[test]
fn the_last_message_is_what_is_said() {
    let mut request = sent(&[
        said("a", "user", "one"),
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
    let Wish { chat, asked } = wish(&request).unwrap();
    let named = asked.named.unwrap();
    assert_eq!(chat, "chat");
    assert_eq!(asked.message.as_deref(), Some("two\n\nthree"));
    assert_eq!(asked.model.as_deref(), Some("gpt-4o"));
    assert_eq!(named.name, "c");
    assert_eq!(
        (named.preceding, named.action),
        (Some(1), MessageAction::Append)
    );
}

#[test]
fn one_message_does() {
    let request = json!({ "id": "chat", "message": said("c", "user", "two") });
    let named = wish(&request).unwrap().asked.named.unwrap();
    assert_eq!(
        (named.preceding, named.action),
        (None, MessageAction::Append)
    );
}

#[test]
fn edits_and_other_replies_are_known_as_such() {
    let mut edit = sent(&[said("a", "user", "one")]);
    edit["messageId"] = json!("a");
    assert_eq!(
        wish(&edit).unwrap().asked.named.unwrap().intent,
        MessageAction::Replace
    );
    edit["messageId"] = json!("b");
    assert_eq!(wrong(&edit), ["messageId"]);
    edit["trigger"] = json!("regenerate-message");
    assert_eq!(
        wish(&edit).unwrap().asked.named.unwrap().intent,
        MessageAction::Regenerate
    );
    edit["trigger"] = json!("resume-stream");
    assert_eq!(wrong(&edit), ["trigger"]);
}

#[test]
fn what_is_wrong_is_named() {
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "data:," });
    let photo =
        json!({ "id": "a", "role": "user", "parts": [{ "type": "text", "text": "x" }, file] });
    assert_eq!(wrong(&sent(&[photo])), ["messages[0].parts[1]"]);
    let long = "x".repeat(10_001);
    for (messages, path) in [
        (vec![], "messages[0]"),
        (vec![said("a", "assistant", "x")], "messages[0]"),
        (vec![said("a", "user", " \n")], "messages[0].parts"),
        (vec![said("a", "user", &long)], "messages[0].parts"),
        (vec![said("", "user", "x")], "messages[0].id"),
        (vec![said(&"i".repeat(129), "user", "x")], "messages[0].id"),
        (vec![said("a", "robot", "x")], "messages[0].role"),
        (
            vec![json!({ "id": "a", "role": "user" })],
            "messages[0].parts",
        ),
        (
            vec![json!({ "id": "a", "role": "user", "parts": [{ "type": "text" }] })],
            "messages[0].parts[0].text",
        ),
    ] {
        assert_eq!(wrong(&sent(&messages)), [path]);
    }
    let mut request = sent(&[said("a", "user", "x")]);
    request["temperature"] = json!(3);
    request["id"] = json!("");
    assert_eq!(wrong(&request), ["id", "temperature"]);
    assert_eq!(wrong(&json!({ "messages": [] })), ["id"]);
}

#[test]
fn a_chat_is_one_conversation_of_one_user() {
    let id = "550e8400-e29b-41d4-a716-446655440000";
    assert_eq!(conversation("u", id), id);
    assert_eq!(conversation("u", &id.to_uppercase()), id);
    let made = conversation("u", "MSiOEAfVn9dLTrDK");
    assert_eq!(made, conversation("u", "MSiOEAfVn9dLTrDK"));
    assert_ne!(made, conversation("v", "MSiOEAfVn9dLTrDK"));
    assert_ne!(made, conversation("u", "MSiOEAfVn9dLTrDL"));
    // It is stored under these: they must never change.
    assert_eq!(
        conversation("guest_1", "chat"),
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
    /// Whatever comes is either asked for in a form that can be stored, or refused with a path.
    #[test]
    fn nothing_gets_past(value in any_json(), text in "\\PC{0,40}", id in "\\PC{0,40}") {
        let _ = wish(&value);
        let request = sent(&[value, said(&id, "user", &text)]);
        match wish(&request) {
            Ok(Wish { chat, asked }) => {
                prop_assert_eq!(chat, "chat");
                prop_assert_eq!(asked.message, Some(text.clone()));
                prop_assert_eq!(asked.named.map(|named| named.name), Some(id));
                prop_assert!(!text.trim().is_empty());
            }
            Err(ApiError::Validation(details)) => prop_assert!(!details.is_empty()),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

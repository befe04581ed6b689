//! The prompt is well-formed for its provider, whatever happened before in the conversation.

use serde_json::{Value, json};
use upstream::{Failure, Fault, RawResponse, Script};

use crate::harness::gateway::{ANTHROPIC, Gateway, LOCAL, OPENAI, WORKERS_AI, hi, with};
use crate::harness::text_of;

fn roles(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn turn_after_a_failed_reply_alternates_roles() {
    let models =
        json!([{ "id": "strict", "name": "S", "provider": "local", "alternatingRoles": true }]);
    let gateway = Gateway::with(&[
        ("models", &models.to_string()),
        ("llm_circuit_failures", "0"),
    ])
    .await;
    for model in [ANTHROPIC, "strict"] {
        for failed in [
            Script::refuse(Failure::BadKey),
            Script::refuse(Failure::Internal),
            Script::new(["never"]).fault(Fault::CutAfter(0)),
        ] {
            let guest = gateway.app.client().guest().await;
            gateway.upstream.push(failed.clone());
            let chat = guest
                .chat(json!({ "message": "First.", "model": model }))
                .await;
            let id = chat.conversation_id();
            chat.collect().await;
            gateway.upstream.push(Script::new(["fine"]));
            let body = json!({ "message": "Second.", "model": model, "conversationId": id });
            let events = guest.chat(body).await.accepted().await.events().await;
            assert_eq!(text_of(&events), "fine", "{model}, {failed:?}");
            let request = gateway.provider_request();
            assert_eq!(roles(&request), ["user"], "{model}, {failed:?}: {request}");
            let prompt = request["messages"].to_string();
            assert!(
                prompt.contains("First.") && prompt.contains("Second."),
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn empty_replies_are_left_out() {
    let gateway = Gateway::new().await;
    let messages = json!([
        { "role": "user", "content": "One." },
        { "role": "assistant", "content": "" },
        { "role": "user", "content": "Two." },
        { "role": "assistant", "content": null },
        { "role": "user", "content": "Three." },
    ]);
    for model in [OPENAI, LOCAL, ANTHROPIC, WORKERS_AI] {
        let body = with(hi(model), json!({ "messages": messages }));
        gateway.completed(Script::new(["ok"]), body).await;
        let request = gateway.provider_request();
        assert!(
            roles(&request).iter().all(|role| *role == "user"),
            "{model}: {request}"
        );
        for text in ["One.", "Two.", "Three."] {
            assert!(
                request["messages"].to_string().contains(text),
                "{model}: {request}"
            );
        }
    }
}

#[tokio::test]
async fn results_of_tools_follow_their_calls() {
    let gateway = Gateway::new().await;
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "add", "arguments": "{}" } });
    let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": id });
    let messages = json!([
        { "role": "user", "content": "Add." },
        { "role": "assistant", "content": null, "tool_calls": [call("call_1"), call("call_2")] },
        { "role": "user", "content": "Hurry." },
        result("call_2"),
        result("call_1"),
    ]);
    let tools = json!([{ "type": "function", "function": { "name": "add" } }]);
    for model in [OPENAI, LOCAL] {
        let body = with(hi(model), json!({ "messages": messages, "tools": tools }));
        gateway.completed(Script::new(["ok"]), body).await;
        let request = gateway.provider_request();
        assert_eq!(
            roles(&request),
            ["user", "assistant", "tool", "tool", "user"],
            "{request}"
        );
        assert_eq!(request["messages"][4]["content"], "Hurry.", "{request}");
    }
    let body = with(
        hi(ANTHROPIC),
        json!({ "messages": messages, "tools": tools }),
    );
    gateway.completed(Script::new(["ok"]), body).await;
    let request = gateway.provider_request();
    assert_eq!(roles(&request), ["user", "assistant", "user"], "{request}");
    let kinds: Vec<_> = request["messages"][2]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"], "{request}");
}

#[tokio::test]
async fn message_of_audio_alone_is_not_an_empty_reply() {
    let gateway = Gateway::new().await;
    let messages = json!([
        { "role": "user", "content": "Say it." },
        { "role": "assistant", "content": null, "audio": { "id": "audio_1" } },
        { "role": "user", "content": "Again." },
    ]);
    let body = with(hi(OPENAI), json!({ "messages": messages }));
    gateway.completed(RawResponse::json(&json!({
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
    })), body).await;
    let request = gateway.provider_request();
    assert_eq!(
        request["messages"][1]["audio"]["id"], "audio_1",
        "{request}"
    );
}

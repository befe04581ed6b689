//! The reply of the AI member in a thread, while it is generated.

use serde_json::json;
use upstream::{Gate, Script, Upstream};

use super::Setup;
use crate::harness::{App, ProxyKind, in_time};

#[tokio::test]
async fn a_reply_of_the_ai_member_is_shown_while_it_grows() {
    const TEST: &str = "a_reply_of_the_ai_member_is_shown_while_it_grows";
    for kind in ProxyKind::each(&format!("realtime::{TEST}")) {
        eprintln!("{TEST} on {kind:?}");
        let gate = Gate::default();
        let script = Script::new(["It is 🐟 ", "carotene."]).pausing(1, &gate);
        let upstream = Upstream::start(script).await.unwrap();
        let builder = App::with_defaults()
            .openai(&upstream)
            .variable("default_model", "gpt-4o");
        in_time(TEST, grows(Setup::start(kind, builder).await, gate)).await;
    }
}

async fn grows(setup: Setup, gate: Gate) {
    let client = setup.client();
    let (ada, bob) = (
        client.user_named("Ada").await,
        client.user_named("Bob").await,
    );
    let channel = ada.channel(false).await;
    bob.join(&channel).await;
    let thread = ada.thread(&channel).await;
    let mut socket = setup.socket(&bob.token).await;
    socket.join(&thread, None).await;
    setup.settled().await;
    let question = ada.post_message(&thread, "@goldfish, why orange?").await;
    assert_eq!(socket.next_of("NEW_MESSAGE").await["payload"], question);
    // The reply has not ended when its beginning is here.
    let first = socket.next().await;
    assert_eq!(
        first,
        json!({ "type": "REPLY_DELTA", "payload": {
            "threadId": thread, "userId": "assistant", "replyTo": question["id"],
            "offset": 0, "delta": "It is 🐟 ",
        } })
    );
    gate.open();
    let mut text = String::from("It is 🐟 ");
    let reply = loop {
        let event = socket.next().await;
        let payload = &event["payload"];
        if event["type"] == "NEW_MESSAGE" {
            break payload.clone();
        }
        assert_eq!(event["type"], "REPLY_DELTA", "{event}");
        assert_eq!(payload["offset"], text.encode_utf16().count(), "{event}");
        text += payload["delta"].as_str().unwrap();
    };
    assert_eq!(reply["content"], "It is 🐟 carotene.");
    assert_eq!(reply["replyTo"], question["id"]);
    assert!("It is 🐟 carotene.".starts_with(&text), "{text}");
}

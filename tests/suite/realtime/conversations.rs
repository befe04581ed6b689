//! `/ws/:conversationId`: one of the user's own conversations.

use std::future::Future;

use futures::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use upstream::{Gate, RawResponse, Script, Upstream};

use super::{Setup, Socket};
use crate::harness::gateway::chunk;
use crate::harness::{App, Builder, Client, ProxyKind, User, in_time};

/// A test's application, and the provider that replies in it.
struct Chat {
    setup: Setup,
    upstream: Upstream,
    client: Client,
}

/// Runs a test behind each proxy.
async fn on_each<F, T>(name: &str, script: impl Fn() -> Script, test: F)
where
    F: Fn(Chat) -> T,
    T: Future<Output = ()>,
{
    on_each_with(name, script, |builder| builder, test).await;
}

async fn on_each_with<F, T>(
    name: &str,
    script: impl Fn() -> Script,
    configured: impl Fn(Builder) -> Builder,
    test: F,
) where
    F: Fn(Chat) -> T,
    T: Future<Output = ()>,
{
    for kind in ProxyKind::each(&format!("realtime::conversations::{name}")) {
        // Shown if the test fails.
        eprintln!("{name} on {kind:?}");
        let upstream = Upstream::start(script()).await.unwrap();
        let builder = App::with_defaults()
            .openai(&upstream)
            .variable("default_model", "gpt-4o");
        let setup = Setup::start(kind, configured(builder)).await;
        let client = setup.client();
        let chat = Chat {
            setup,
            upstream,
            client,
        };
        in_time(name, test(chat)).await;
    }
}

impl Chat {
    /// Opens a socket and waits until it follows the conversation; the first message is returned too.
    async fn open(&self, token: &str, path: &str) -> (Socket, Value) {
        let headers = [("authorization", format!("Bearer {token}"))];
        let address = self.setup.proxy.address();
        let mut socket = Socket::try_open(address, path, &headers).await.unwrap();
        let state = socket.next_of("conversation").await;
        self.setup.settled().await;
        (socket, state)
    }

    async fn socket(&self, user: &User, conversation: &str) -> Socket {
        self.open(&user.token, &format!("/ws/{conversation}"))
            .await
            .0
    }

    /// The status of the response to a handshake.
    async fn status(&self, path: &str, headers: &[(&'static str, String)]) -> u16 {
        match Socket::try_open(self.setup.proxy.address(), path, headers).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The messages up to the end of a reply. What comes twice is dropped by its offset, as clients do, and nothing may be
/// missing. Returns the text, and the messages that are no deltas.
async fn read_reply(socket: &mut Socket) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut others = Vec::new();
    loop {
        let message = socket.next().await;
        match message["type"].as_str().unwrap() {
            "conversation" => {}
            "delta" => add_delta(&mut text, &message),
            "message" | "reply" if others.iter().any(|known| is_same(known, &message)) => {}
            "end" => {
                assert_eq!(message["length"], text.encode_utf16().count(), "{message}");
                others.push(message);
                return (text, others);
            }
            _ => others.push(message),
        }
    }
}

/// Whether two messages say that the same message is there.
fn is_same(one: &Value, other: &Value) -> bool {
    one["type"] == other["type"]
        && one["messageId"] == other["messageId"]
        && one["message"]["id"] == other["message"]["id"]
}

/// Adds to the text what it does not have.
fn add_delta(text: &mut String, message: &Value) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let offset = usize::try_from(message["offset"].as_u64().unwrap()).unwrap();
    assert!(offset <= units.len(), "a gap before {message} after {text}");
    let delta: Vec<u16> = message["delta"].as_str().unwrap().encode_utf16().collect();
    if let Some(new) = delta.get(units.len() - offset..) {
        *text += &String::from_utf16(new).unwrap();
    }
}

fn types(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["type"].as_str().unwrap())
        .collect()
}

fn hello() -> Script {
    Script::new(["Hello ", "there."])
}

#[tokio::test]
async fn a_turn_that_a_request_begins_shows_in_every_tab() {
    let name = "a_turn_that_a_request_begins_shows_in_every_tab";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let gate = Gate::default();
        let script = Script::new(["It is 🐟 ", "carotene."]).pausing(1, &gate);
        chat.upstream.set(script.usage(7, 3));
        let (mut first, state) = chat.open(&user.token, &format!("/ws/{conversation}")).await;
        let mut second = chat.socket(&user, &conversation).await;
        let stored = user.conversation(&conversation).await;
        assert_eq!(
            state,
            json!({
                "type": "conversation", "conversationId": conversation, "title": "Hi", "model": "gpt-4o",
                "reply": { "messageId": stored["messages"][1]["id"], "status": "ended" },
            })
        );
        let body = json!({ "conversationId": conversation, "message": "Why orange?" });
        let reply = user.chat(body).await.accepted().await;
        for socket in [&mut first, &mut second] {
            let question = socket.next_of("message").await;
            assert_eq!(question["message"]["content"], "Why orange?");
            assert_eq!(question["message"]["role"], "user");
            let reply = socket.next().await;
            assert_eq!((&reply["type"], &reply["isVersion"]), (&json!("reply"), &json!(false)));
            // The reply has not ended when its beginning is here.
            let expected = json!({ "type": "delta", "messageId": reply["messageId"], "offset": 0, "delta": "It is 🐟 " });
            assert_eq!(socket.next().await, expected);
        }
        gate.open();
        reply.collect().await;
        let stored = user.conversation(&conversation).await;
        let id = &stored["messages"][3]["id"];
        for socket in [&mut first, &mut second] {
            let rest = socket.next_of("delta").await;
            assert_eq!((&rest["offset"], &rest["delta"]), (&json!(9), &json!("carotene.")));
            let usage = socket.next().await;
            assert_eq!(
                usage,
                json!({ "type": "usage", "promptTokens": 7, "completionTokens": 3, "model": "gpt-4o", "messageId": id })
            );
            let end = socket.next().await;
            assert_eq!(end, json!({ "type": "end", "status": "complete", "messageId": id, "length": 18 }));
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_on_a_socket_begins_a_turn_once() {
    let name = "a_message_on_a_socket_begins_a_turn_once";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let draft = user.post("/api/v1/chats", json!({})).await.json();
        let conversation = draft["chat"]["id"].as_str().unwrap().to_owned();
        let (mut socket, state) = chat.open(&user.token, &format!("/ws/{conversation}")).await;
        assert_eq!(state["reply"], Value::Null);
        let mut other = chat.socket(&user, &conversation).await;
        let message =
            json!({ "type": "message", "id": "tab-1", "message": "Hello", "temperature": 0.5 });
        socket.send(message.clone()).await;
        let (text, others) = read_reply(&mut socket).await;
        assert_eq!(text, "Hello there.");
        assert_eq!(
            types(&others),
            ["message", "reply", "title", "usage", "end"]
        );
        assert_eq!(others[0]["id"], "tab-1");
        assert_eq!(others[2]["title"], "Hello");
        let (of_other, _) = read_reply(&mut other).await;
        assert_eq!(of_other, text);
        // The same message again, by a socket and by a request, has the same reply.
        let mut third = chat.socket(&user, &conversation).await;
        third.send(message).await;
        let (again, repeated) = read_reply(&mut third).await;
        assert_eq!(
            (again, &repeated[1]["messageId"]),
            (text, &others[1]["messageId"])
        );
        let body =
            json!({ "conversationId": conversation, "message": "Hello", "temperature": 0.5 });
        let events = user
            .with("idempotency-key", "tab-1")
            .chat(body)
            .await
            .events()
            .await;
        let first: Value = events[0].json();
        assert_eq!(first["messageId"], others[1]["messageId"]);
        let stored = user.conversation(&conversation).await;
        assert_eq!(stored["messages"].as_array().unwrap().len(), 2, "{stored}");
        assert_eq!(stored["messages"][0]["id"], others[0]["message"]["id"]);
        assert_eq!(chat.upstream.requests().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_socket_opened_in_the_middle_of_a_reply_has_all_of_it() {
    let name = "a_socket_opened_in_the_middle_of_a_reply_has_all_of_it";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let gate = Gate::default();
        chat.upstream
            .set(Script::new(["One 🐟 ", "two ", "three."]).pausing(2, &gate));
        let body = json!({ "conversationId": conversation, "message": "Count" });
        let mut reply = user.chat(body).await.accepted().await;
        while reply.next_content().await.as_deref() != Some("two ") {}
        let path = format!("/ws/{conversation}");
        let (mut socket, state) = chat.open(&user.token, &path).await;
        assert_eq!(state["reply"]["status"], "streaming");
        let question = socket.next_of("message").await;
        assert_eq!(question["message"]["content"], "Count");
        let id = socket.next_of("reply").await["messageId"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(state["reply"]["messageId"], id.as_str());
        let mut text = String::new();
        while text != "One 🐟 two " {
            add_delta(&mut text, &socket.next_of("delta").await);
        }
        // One that knows a part gets the rest only.
        let known = format!("{path}?messageId={id}&offset=7");
        let (mut resumed, _) = chat.open(&user.token, &known).await;
        let rest = resumed.next_of("delta").await;
        assert_eq!(
            (&rest["offset"], &rest["delta"]),
            (&json!(7), &json!("two "))
        );
        gate.open();
        reply.collect().await;
        loop {
            let message = socket.next().await;
            if message["type"] == "end" {
                assert_eq!(
                    (&message["status"], &message["length"]),
                    (&json!("complete"), &json!(17))
                );
                break;
            }
            if message["type"] == "delta" {
                add_delta(&mut text, &message);
            }
        }
        assert_eq!(text, "One 🐟 two three.");
        assert_eq!(resumed.next_of("end").await["length"], 17);
        // After the end too, and on an open socket.
        let (mut late, _) = chat.open(&user.token, &known).await;
        assert_eq!(late.next_of("delta").await["delta"], "two three.");
        assert_eq!(late.next_of("end").await["messageId"], id.as_str());
        socket
            .send(json!({ "type": "sync", "messageId": id, "offset": 11 }))
            .await;
        assert_eq!(socket.next_of("delta").await["delta"], "three.");
        assert_eq!(socket.next_of("end").await["status"], "complete");
        let unknown = "550e8400-e29b-41d4-a716-446655440000";
        socket
            .send(json!({ "type": "sync", "messageId": unknown }))
            .await;
        assert_eq!(socket.next_of("error").await["code"], "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn stop_ends_the_reply_in_every_tab() {
    let name = "stop_ends_the_reply_in_every_tab";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let gate = Gate::default();
        chat.upstream
            .set(Script::new(["One ", "two."]).pausing(1, &gate));
        let mut socket = chat.socket(&user, &conversation).await;
        let mut other = chat.socket(&user, &conversation).await;
        socket
            .send(json!({ "type": "message", "message": "Count" }))
            .await;
        for socket in [&mut socket, &mut other] {
            assert_eq!(socket.next_of("delta").await["delta"], "One ");
        }
        other.send(json!({ "type": "stop" })).await;
        for socket in [&mut socket, &mut other] {
            let stopped = socket.next_of("stop").await;
            let end = socket.next_of("end").await;
            assert_eq!(end["messageId"], stopped["messageId"]);
            assert_eq!(
                (&end["status"], &end["length"]),
                (&json!("stopped"), &json!(4))
            );
        }
        other.send(json!({ "type": "stop" })).await;
        let error = other.next_of("error").await;
        assert_eq!(
            (&error["code"], &error["about"]),
            (&json!("CONFLICT"), &json!("stop"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_answered_is_an_error_for_its_sender() {
    let name = "a_message_that_cannot_be_answered_is_an_error_for_its_sender";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let mut socket = chat.socket(&user, &conversation).await;
        for (fields, code) in [
            (json!({ "message": " " }), "VALIDATION_ERROR"),
            (json!({ "message": "x", "colour": 1 }), "VALIDATION_ERROR"),
            (
                json!({ "message": "x", "model": "none" }),
                "VALIDATION_ERROR",
            ),
            (json!({}), "VALIDATION_ERROR"),
        ] {
            let mut message = json!({ "type": "message", "id": "a" });
            let given = fields.as_object().unwrap().clone();
            message.as_object_mut().unwrap().extend(given);
            socket.send(message).await;
            let error = socket.next_of("error").await;
            assert_eq!(
                (&error["code"], &error["about"]),
                (&json!(code), &json!("message")),
                "{fields}"
            );
            assert_eq!(error["id"], "a", "{error}");
        }
        chat.upstream
            .set(Script::refuse(upstream::Failure::Internal));
        let mut other = chat.socket(&user, &conversation).await;
        socket
            .send(json!({ "type": "message", "id": "b", "message": "x" }))
            .await;
        let end = other.next_of("end").await;
        assert_eq!(end["status"], "incomplete");
        assert_eq!(end["error"]["code"], "PROVIDER_ERROR", "{end}");
        let error = socket.next_of("error").await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("PROVIDER_ERROR"), &json!("b"))
        );
    })
    .await;
}

#[tokio::test]
async fn titles_typing_broadcasts_and_pings() {
    let name = "titles_typing_broadcasts_and_pings";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let mut socket = chat.socket(&user, &conversation).await;
        let mut other = chat.socket(&user, &conversation).await;
        let path = format!("/api/conversations/{conversation}");
        user.patch(&path, json!({ "title": "Fish" })).await;
        for socket in [&mut socket, &mut other] {
            let title = socket.next_of("title").await;
            assert_eq!(
                (&title["title"], &title["conversationId"]),
                (&json!("Fish"), &json!(conversation))
            );
        }
        // Typing shows in the other tab only.
        socket.send(json!({ "type": "typing" })).await;
        let typing = other.next_of("typing").await;
        assert_eq!(
            typing,
            json!({ "type": "typing", "state": "start", "expiresIn": 6000 })
        );
        socket
            .send(json!({ "type": "typing", "state": "stop" }))
            .await;
        assert_eq!(other.next_of("typing").await["state"], "stop");
        let broadcast = async |body: Value| user.post("/api/websocket", body).await;
        let response =
            broadcast(json!({ "conversationId": conversation, "data": { "x": 1 } })).await;
        assert_eq!(response.status, 202, "{response:?}");
        let expected =
            json!({ "type": "broadcast", "conversationId": conversation, "data": { "x": 1 } });
        assert_eq!(other.next().await, expected);
        assert_eq!(socket.next().await, expected);
        socket.send(json!({ "type": "ping" })).await;
        let pong = socket.next().await;
        assert!(pong["type"] == "pong" && pong["time"].is_u64(), "{pong}");
        let eve = chat.client.user().await;
        let body = json!({ "conversationId": conversation, "data": 1 });
        eve.post("/api/websocket", body)
            .await
            .is_error(404, "NOT_FOUND");
        broadcast(json!({ "data": 1 }))
            .await
            .is_error(400, "VALIDATION_ERROR");
        let long = json!({ "conversationId": conversation, "data": "x".repeat(65_536) });
        broadcast(long).await.is_error(413, "PAYLOAD_TOO_LARGE");
        let info = user.get("/api/websocket/info").await.json();
        let open = info["connections"].as_array().unwrap();
        assert_eq!(open.len(), 2);
        assert!(
            open.iter()
                .all(|one| one["conversationId"] == conversation.as_str()),
            "{info}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_is_gone_closes_its_sockets() {
    let name = "a_conversation_that_is_gone_closes_its_sockets";
    let two = |builder: Builder| builder.variable("max_conversations", "2");
    on_each_with(name, hello, two, |chat| async move {
        let user = chat.client.user().await;
        let deleted = user.say("One").await;
        let kept = user.say("Two").await;
        let mut of_deleted = chat.socket(&user, &deleted).await;
        let mut of_kept = chat.socket(&user, &kept).await;
        user.delete(&format!("/api/conversations/{deleted}")).await;
        let told = of_deleted.next().await;
        assert_eq!(
            told,
            json!({ "type": "deleted", "conversationId": deleted, "reason": "deleted" })
        );
        assert_eq!(of_deleted.close_code().await, 4404);
        user.say("Three").await;
        // The third one takes the place of the oldest.
        user.say("Four").await;
        assert_eq!(of_kept.next_of("deleted").await["reason"], "evicted");
        assert_eq!(of_kept.close_code().await, 4404);
        let last = user.say("Five").await;
        let mut socket = chat.socket(&user, &last).await;
        user.delete("/api/conversations").await;
        assert_eq!(socket.next_of("deleted").await["reason"], "deleted");
        assert_eq!(socket.close_code().await, 4404);
        let bearer = [("authorization", format!("Bearer {}", user.token))];
        assert_eq!(chat.status(&format!("/ws/{last}"), &bearer).await, 404);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_followed_by_its_user_until_sign_out() {
    let name = "a_conversation_is_followed_by_its_user_until_sign_out";
    on_each(name, hello, |chat| async move {
        let client = &chat.client;
        let (ada, eve) = (client.user().await, client.user().await);
        let conversation = ada.say("Hi").await;
        let path = format!("/ws/{conversation}");
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        assert_eq!(chat.status(&path, &[]).await, 401);
        assert_eq!(chat.status(&path, &[bearer(&eve.token)]).await, 404);
        assert_eq!(chat.status("/ws/none", &[bearer(&ada.token)]).await, 404);
        let foreign = ("origin", "https://evil.example".to_owned());
        let cookie = ("cookie", format!("goldfish-session={}", ada.cookie));
        assert_eq!(chat.status(&path, &[cookie, foreign]).await, 403);
        let key = ada
            .new_key(json!({ "name": "reader", "scopes": ["read"] }))
            .await;
        let (mut by_key, _) = chat.open(&key.secret, &path).await;
        by_key
            .send(json!({ "type": "message", "id": "k", "message": "x" }))
            .await;
        assert_eq!(by_key.next_of("error").await["code"], "FORBIDDEN");
        let revoked = ada
            .post(&format!("/api-keys/revoke/{}", key.id), json!({}))
            .await;
        assert_eq!(revoked.status, 200, "{revoked:?}");
        assert_eq!(by_key.close_code().await, 4401);
        let ticket = ada.post("/api/websocket/ticket", json!({})).await.json();
        let by_ticket = format!("{path}?token={}", ticket["ticket"].as_str().unwrap());
        let address = chat.setup.proxy.address();
        let mut by_ticket = Socket::try_open(address, &by_ticket, &[]).await.unwrap();
        by_ticket.next_of("conversation").await;
        chat.setup.settled().await;
        by_ticket
            .send(json!({ "type": "message", "message": "By a ticket" }))
            .await;
        let (text, _) = read_reply(&mut by_ticket).await;
        assert_eq!(text, "Hello there.");
        let mut socket = chat.socket(&ada, &conversation).await;
        let response = ada.post("/api/v1/auth/logout", json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(socket.close_code().await, 4401);
        assert_eq!(by_ticket.close_code().await, 4401);
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_not_valid_are_errors_and_too_many_close_the_socket() {
    let name = "messages_that_are_not_valid_are_errors_and_too_many_close_the_socket";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let mut socket = chat.socket(&user, &conversation).await;
        for text in [
            "",
            "no JSON",
            "[]",
            r#"{"type":"UNKNOWN"}"#,
            r#"{"type":"typing","state":1}"#,
        ] {
            socket.stream.send(text.into()).await.unwrap();
            let error = socket.next_of("error").await;
            assert_eq!(error["code"], "VALIDATION_ERROR", "{text}: {error}");
        }
        socket.stream.send(Message::binary(vec![1])).await.unwrap();
        assert_eq!(
            socket.next_of("error").await["code"],
            "UNSUPPORTED_MEDIA_TYPE"
        );
        for _ in 0..101 {
            socket.send(json!({ "type": "ping" })).await;
        }
        assert_eq!(socket.next_of("error").await["code"], "RATE_LIMITED");
        assert_eq!(socket.close_code().await, 4429);
    })
    .await;
}

#[tokio::test]
async fn what_the_model_thinks_shows_in_every_tab() {
    let name = "what_the_model_thinks_shows_in_every_tab";
    on_each(name, hello, |chat| async move {
        let user = chat.client.user().await;
        let conversation = user.say("Hi").await;
        let gate = Gate::default();
        let framed = |event: Value| format!("data: {event}\n\n");
        let thought = chunk(json!({ "reasoning_content": "Hm 🐟 " }), Value::Null);
        let more = chunk(json!({ "reasoning_content": "well." }), Value::Null);
        let said = chunk(json!({ "content": "Yes." }), json!("stop"));
        let response = RawResponse::events([thought])
            .gate(&gate)
            .then(framed(more))
            .then(framed(said))
            .then("data: [DONE]\n\n");
        chat.upstream.push(response.into());
        let mut live = chat.socket(&user, &conversation).await;
        let body = json!({ "conversationId": conversation, "message": "Is it?" });
        let reply = user.chat(body).await.accepted().await;
        let part = live.next_of("reasoning").await;
        assert_eq!(
            (&part["offset"], &part["delta"]),
            (&json!(0), &json!("Hm 🐟 "))
        );
        // A socket that is opened meanwhile has it from the beginning.
        let mut late = chat.socket(&user, &conversation).await;
        gate.open();
        reply.collect().await;
        for (socket, known) in [(&mut live, "Hm 🐟 "), (&mut late, "")] {
            let mut thoughts = known.to_owned();
            loop {
                let message = socket.next().await;
                match message["type"].as_str().unwrap() {
                    "reasoning" => add_delta(&mut thoughts, &message),
                    "end" => break,
                    _ => {}
                }
            }
            assert_eq!(thoughts, "Hm 🐟 well.");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_proxy_a_socket_for_a_conversation_is_426() {
    let client = App::shared().await.client();
    let guest = client.guest().await;
    let conversation = guest.say("Hi").await;
    let response = guest.get(&format!("/ws/{conversation}")).await;
    response.is_error(426, "UPGRADE_REQUIRED");
    let body = json!({ "conversationId": conversation, "data": 1 });
    let response = guest.post("/api/websocket", body).await;
    response.is_error(426, "UPGRADE_REQUIRED");
}

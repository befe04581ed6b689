//! `/ws`: following threads, channels and the feed.

use futures::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{Setup, contents, on_each};

#[tokio::test]
async fn events_of_a_joined_thread_arrive_as_the_contract_says() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob) = (
            client.user_named("Ada").await,
            client.user_named("Bob").await,
        );
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let thread = ada.thread(&channel).await;
        let mut socket = setup.socket(&bob.token).await;
        let (before, joined) = socket.join(&thread, None).await;
        assert!(before.is_empty(), "{before:?}");
        assert_eq!(joined["threadId"], thread.as_str());
        assert!(joined["number"].as_u64().unwrap() > 0);
        setup.settled().await;
        // Pushpin substitutes variables in texts of such a form, and sends none that it cannot read.
        let content = r#"Hola mundo, 50% \% %(user)s %%"#;
        let posted = ada.post_message(&thread, content).await;
        let event = socket.next().await;
        assert_eq!(event["type"], "NEW_MESSAGE");
        assert_eq!(event["payload"], posted);
        assert_eq!(event["payload"]["content"], content);
        assert_eq!(event["previous"], joined["number"], "{event}");
        let id = posted["id"].as_str().unwrap();
        let path = format!("/api/messages/{id}");
        bob.put(&format!("{path}/reactions/x"), json!({})).await;
        let reaction = socket.next().await;
        assert_eq!(reaction["type"], "REACTION");
        assert_eq!(reaction["payload"]["userId"], bob.id.as_str());
        assert_eq!(
            reaction["payload"]["reactions"],
            json!([{ "emoji": "x", "count": 1 }])
        );
        ada.patch(&path, json!({ "content": "Hola" })).await;
        let edited = socket.next().await;
        assert_eq!(
            (&edited["type"], &edited["payload"]["content"]),
            (&json!("UPDATE_MESSAGE"), &json!("Hola"))
        );
        ada.delete(&path).await;
        let deleted = socket.next().await;
        assert_eq!(deleted["type"], "DELETE_MESSAGE");
        assert_eq!(deleted["payload"]["messageId"], id);
        assert_eq!(deleted["payload"]["threadId"], thread.as_str());
        socket
            .send(json!({ "type": "LEAVE_THREAD", "threadId": thread }))
            .await;
        assert_eq!(
            socket.next_of("LEFT_THREAD").await["threadId"],
            thread.as_str()
        );
    };
    on_each(
        "events_of_a_joined_thread_arrive_as_the_contract_says",
        test,
    )
    .await;
}

#[tokio::test]
async fn join_after_a_number_first_sends_what_came_since() {
    let test = |setup: Setup| async move {
        let ada = setup.client().user().await;
        let channel = ada.channel(false).await;
        let thread = ada.thread(&channel).await;
        let mut socket = setup.socket(&ada.token).await;
        let (_, joined) = socket.join(&thread, None).await;
        let number = joined["number"].as_u64().unwrap();
        drop(socket);
        for content in ["a", "b", "c"] {
            ada.post_message(&thread, content).await;
        }
        let mut socket = setup.socket(&ada.token).await;
        let (missed, joined) = socket.join(&thread, Some(number)).await;
        assert_eq!(contents(&missed), ["a", "b", "c"]);
        assert_eq!(joined["number"], missed[2]["number"]);
        setup.settled().await;
        ada.post_message(&thread, "d").await;
        let live = socket.next_of("NEW_MESSAGE").await;
        assert_eq!(live["payload"]["content"], "d");
        assert_eq!(live["previous"], joined["number"]);
        // The id of an event does as well as its number; one of another database does not.
        let mut socket = setup.socket(&ada.token).await;
        let join = json!({ "type": "JOIN_THREAD", "payload": { "threadId": thread, "after": joined["id"] } });
        socket.send(join).await;
        assert_eq!(socket.next().await["payload"]["content"], "d");
        let join = json!({ "type": "JOIN_THREAD", "threadId": thread, "after": "other-1" });
        socket.send(join).await;
        assert_eq!(socket.next_of("RESET").await["threadId"], thread.as_str());
    };
    on_each("join_after_a_number_first_sends_what_came_since", test).await;
}

#[tokio::test]
async fn a_channel_has_the_events_of_all_its_threads_and_the_feed_those_of_the_user() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob) = (
            client.user_named("Ada").await,
            client.user_named("Bob").await,
        );
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let mut socket = setup.socket(&bob.token).await;
        socket
            .send(json!({ "type": "JOIN_CHANNEL", "channelId": channel }))
            .await;
        assert_eq!(socket.next().await["type"], "JOINED_CHANNEL");
        let mut feed = setup.socket(&bob.token).await;
        feed.send(json!({ "type": "JOIN_FEED" })).await;
        assert_eq!(feed.next().await["type"], "JOINED_FEED");
        setup.settled().await;
        let thread = ada.thread(&channel).await;
        ada.post_message(&thread, "Hello @Bob").await;
        let created = socket.next().await;
        assert_eq!(
            (&created["type"], &created["payload"]["threadId"]),
            (&json!("THREAD_CREATED"), &json!(thread))
        );
        assert_eq!(socket.next().await["type"], "NEW_MESSAGE");
        ada.set_role(&channel, &bob.id, "moderator").await;
        let role = socket.next().await;
        assert_eq!(
            role["payload"],
            json!({ "channelId": channel, "userId": bob.id, "role": "moderator" })
        );
        assert_eq!(feed.next().await["payload"]["content"], "Hello @Bob");
        assert_eq!(feed.next().await["type"], "MEMBER_ROLE");
        bob.put(
            &format!("/api/threads/{thread}/read"),
            json!({ "number": 1 }),
        )
        .await;
        let read = feed.next().await;
        assert_eq!(
            (&read["type"], &read["payload"]["number"]),
            (&json!("READ"), &json!(1))
        );
        ada.delete(&format!("/api/channels/{channel}")).await;
        assert_eq!(feed.next().await["type"], "CHANNEL_DELETED");
    };
    let name = "a_channel_has_the_events_of_all_its_threads_and_the_feed_those_of_the_user";
    on_each(name, test).await;
}

#[tokio::test]
async fn a_socket_follows_many_threads() {
    let test = |setup: Setup| async move {
        let ada = setup.client().user().await;
        let channel = ada.channel(false).await;
        let mut socket = setup.socket(&ada.token).await;
        let mut threads = Vec::new();
        for _ in 0..40 {
            let thread = ada.thread(&channel).await;
            socket.join(&thread, None).await;
            threads.push(thread);
        }
        setup.settled().await;
        for thread in [&threads[0], &threads[39]] {
            ada.post_message(thread, "x").await;
            assert_eq!(
                socket.next_of("NEW_MESSAGE").await["threadId"],
                thread.as_str()
            );
        }
        let info = ada.get("/api/websocket/info").await.json();
        assert_eq!(
            info["connections"][0]["follows"].as_array().unwrap().len(),
            40
        );
    };
    on_each("a_socket_follows_many_threads", test).await;
}

#[tokio::test]
async fn messages_that_are_not_valid_are_errors_and_the_socket_stays_open() {
    let test = |setup: Setup| async move {
        let ada = setup.client().user().await;
        let mut socket = setup.socket(&ada.token).await;
        for (text, code) in [
            ("", "VALIDATION_ERROR"),
            ("no JSON", "VALIDATION_ERROR"),
            ("[]", "VALIDATION_ERROR"),
            (r#"{"type":"UNKNOWN"}"#, "VALIDATION_ERROR"),
            (r#"{"type":"JOIN_THREAD"}"#, "VALIDATION_ERROR"),
            (r#"{"type":"JOIN_THREAD","threadId":1}"#, "VALIDATION_ERROR"),
            (r#"{"type":"JOIN_THREAD","threadId":"x"}"#, "NOT_FOUND"),
            ("c:{\"type\":\"detach\"}", "VALIDATION_ERROR"),
        ] {
            socket.stream.send(text.into()).await.unwrap();
            let error = socket.next().await;
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("ERROR"), &json!(code)),
                "{text}: {error}"
            );
            assert!(error["message"].is_string());
        }
        socket.stream.send(Message::binary(vec![1])).await.unwrap();
        assert_eq!(socket.next().await["code"], "UNSUPPORTED_MEDIA_TYPE");
        socket.send(json!({ "type": "PING" })).await;
        assert!(socket.next().await["time"].is_u64());
        for _ in 0..100 {
            socket.send(json!({ "type": "PING" })).await;
        }
        assert_eq!(socket.next_of("ERROR").await["code"], "RATE_LIMITED");
        assert_eq!(socket.close_code().await, 4429);
    };
    on_each(
        "messages_that_are_not_valid_are_errors_and_the_socket_stays_open",
        test,
    )
    .await;
}

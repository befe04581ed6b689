//! Who is typing, and who is online.

use serde_json::json;

use super::{Setup, on_each};

#[tokio::test]
async fn typing_reaches_the_others_in_the_thread_and_not_the_sender() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let thread = ada.thread(&channel).await;
        let (mut of_ada, mut of_bob) = (
            setup.socket(&ada.token).await,
            setup.socket(&bob.token).await,
        );
        of_ada.join(&thread, None).await;
        of_bob.join(&thread, None).await;
        setup.settled().await;
        let typing = |state: &str| json!({ "type": "TYPING", "threadId": thread, "state": state });
        of_ada.send(typing("start")).await;
        // Too soon after the first one.
        of_ada.send(typing("start")).await;
        of_ada.send(typing("stop")).await;
        for state in ["start", "stop"] {
            let told = of_bob.next_of("TYPING").await;
            let payload =
                json!({ "threadId": thread, "userId": ada.id, "state": state, "expiresIn": 6000 });
            assert_eq!(told["payload"], payload);
        }
        ada.post_message(&thread, "done").await;
        assert_eq!(of_ada.next().await["type"], "NEW_MESSAGE");
    };
    on_each(
        "typing_reaches_the_others_in_the_thread_and_not_the_sender",
        test,
    )
    .await;
}

#[tokio::test]
async fn presence_is_told_to_those_who_watch_it_and_share_a_channel() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, bob, eve) = (
            client.user().await,
            client.user().await,
            client.user().await,
        );
        let channel = ada.channel(false).await;
        bob.join(&channel).await;
        let watch = json!({ "type": "WATCH_PRESENCE", "userIds": [bob.id] });
        let mut of_ada = setup.socket(&ada.token).await;
        of_ada.send(watch.clone()).await;
        let told = of_ada.next().await;
        assert_eq!(
            (&told["type"], &told["payload"]["state"]),
            (&json!("PRESENCE"), &json!("offline"))
        );
        setup.settled().await;
        let mut of_bob = setup.socket(&bob.token).await;
        assert_eq!(of_ada.next().await["payload"]["state"], "online");
        for (state, seen) in [
            ("away", "away"),
            ("hidden", "offline"),
            ("online", "online"),
        ] {
            of_bob
                .send(json!({ "type": "PRESENCE", "state": state }))
                .await;
            assert_eq!(of_ada.next().await["payload"]["state"], seen);
            // The requests show the same.
            let members = format!("/api/members/{channel}?presence=true");
            let members = ada.list(&members).await;
            let states = members.iter().map(|member| &member["presence"]["state"]);
            assert_eq!(states.collect::<Vec<_>>(), ["online", seen]);
            let is_online = seen != "offline";
            let shown = ada.get(&format!("/api/users/{}", bob.id)).await.json();
            assert_eq!(shown["profile"]["isOnline"], is_online, "{state}");
        }
        // By request it is the same setting.
        let own = format!("/api/users/{}", bob.id);
        for (state, seen) in [("hidden", "offline"), ("online", "online")] {
            let changed = bob.patch(&own, json!({ "presence": state })).await;
            assert_eq!(changed.status, 200, "{changed:?}");
            assert_eq!(of_ada.next().await["payload"]["state"], seen);
            assert_eq!(bob.get(&own).await.json()["presence"], state);
        }
        // Who shares no channel does not see it.
        let shown = eve.get(&format!("/api/users/{}", bob.id)).await.json();
        assert_eq!(shown["profile"]["isOnline"], false);
        let shown = bob.list("/api/users?limit=100").await;
        let online = shown
            .iter()
            .filter(|user| user["profile"]["isOnline"] == true);
        let online: Vec<_> = online.map(|user| user["id"].as_str().unwrap()).collect();
        assert!(online.contains(&&*ada.id) && online.contains(&&*bob.id));
        assert!(!online.contains(&&*eve.id), "{online:?}");
        let members = ada.list(&format!("/api/members/{channel}")).await;
        assert!(
            members
                .iter()
                .all(|member| member.get("presence").is_none())
        );
        let mut of_eve = setup.socket(&eve.token).await;
        of_eve.send(watch).await;
        of_eve.send(json!({ "type": "PING" })).await;
        assert_eq!(of_eve.next().await["type"], "PONG");
    };
    on_each(
        "presence_is_told_to_those_who_watch_it_and_share_a_channel",
        test,
    )
    .await;
}

#[tokio::test]
async fn a_broadcast_reaches_who_follows_the_thread_and_is_for_members() {
    let test = |setup: Setup| async move {
        let client = setup.client();
        let (ada, eve) = (client.user().await, client.user().await);
        let channel = ada.channel(false).await;
        let thread = ada.thread(&channel).await;
        let mut socket = setup.socket(&ada.token).await;
        socket.join(&thread, None).await;
        setup.settled().await;
        let body = json!({ "threadId": thread, "data": { "cursor": 7 } });
        let response = ada.post("/api/websocket", body.clone()).await;
        assert_eq!(response.status, 202, "{response:?}");
        let received = socket.next().await;
        assert_eq!(received["type"], "BROADCAST");
        assert_eq!(
            received["payload"],
            json!({ "threadId": thread, "userId": ada.id, "data": { "cursor": 7 } })
        );
        eve.post("/api/websocket", body)
            .await
            .is_error(403, "FORBIDDEN");
        let body = json!({ "threadId": "x", "data": 1 });
        ada.post("/api/websocket", body)
            .await
            .is_error(404, "NOT_FOUND");
        let body = json!({ "threadId": thread });
        ada.post("/api/websocket", body)
            .await
            .is_error(400, "VALIDATION_ERROR");
        let body = json!({ "threadId": thread, "data": "x".repeat(70_000) });
        ada.post("/api/websocket", body)
            .await
            .is_error(413, "PAYLOAD_TOO_LARGE");
    };
    on_each(
        "a_broadcast_reaches_who_follows_the_thread_and_is_for_members",
        test,
    )
    .await;
}

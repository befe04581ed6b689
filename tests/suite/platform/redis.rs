//! The key-value store in Redis, as Spin has it: calls of all instances wait in one channel of 50 places,
//! and nothing of an instance runs during a synchronous call.

use futures::future::join_all;
use serde_json::json;
use upstream::{Script, Upstream};

use crate::harness::{App, Event, Redis, skip_or_fail, text_of};

async fn redis(test: &str) -> Option<Redis> {
    Redis::start()
        .await
        .map_err(|missing| skip_or_fail(&format!("platform::redis::{test}"), &missing))
        .ok()
}

#[tokio::test]
async fn forty_concurrent_chats_in_one_conversation_all_reply() {
    let Some(redis) = redis("forty_concurrent_chats_in_one_conversation_all_reply").await else {
        return;
    };
    let upstream = Upstream::start(Script::words(5)).await.unwrap();
    let app = App::with_defaults()
        .redis(&redis)
        .openai(&upstream)
        .start()
        .await;
    let guest = app.client().guest().await;
    let id = guest.say("Hello").await;
    let chats = (0..40).map(|number| {
        let body = json!({
            "message": format!("message {number}"),
            "conversationId": id,
            "model": "gpt-4o",
        });
        async { guest.chat(body).await.accepted().await.events().await }
    });
    for events in join_all(chats).await {
        assert!(events.last().is_some_and(Event::is_done), "{events:?}");
        assert!(text_of(&events).starts_with("w0 "), "{events:?}");
    }
    assert_eq!(app.client().get("/health").await.status, 200);
    let stored = guest.conversation(&id).await;
    let messages = stored["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 82, "{stored}");
    assert!(messages.iter().all(|message| message["content"] != ""));
}

#[tokio::test]
async fn concurrent_chats_of_many_users_all_reply() {
    let Some(redis) = redis("concurrent_chats_of_many_users_all_reply").await else {
        return;
    };
    let app = App::with_defaults().redis(&redis).start().await;
    let client = app.client();
    let guests = join_all((0..60).map(|_| client.guest())).await;
    join_all(guests.iter().map(|guest| guest.say("Hello"))).await;
    let lists = join_all(guests.iter().map(|guest| guest.conversations())).await;
    assert!(lists.iter().all(|list| list.len() == 1), "{lists:?}");
}

#[tokio::test]
async fn accounts_conversations_and_erasure_work() {
    let Some(redis) = redis("accounts_conversations_and_erasure_work").await else {
        return;
    };
    let builder = App::with_defaults().redis(&redis);
    let app = builder.clone().start().await;
    let elsewhere = builder.start().await;
    let user = app.client().user().await;
    let key = user.new_key(json!({ "name": "key" })).await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(user.say(&format!("message {number}")).await);
    }
    let there = elsewhere.client().bearer(&key.secret);
    assert_eq!(there.conversations().await.len(), 3);
    let stopped = there
        .post(&format!("/api/conversations/{}/stop", ids[3]), json!({}))
        .await;
    assert_eq!(stopped.json()["stopped"], false, "{stopped:?}");
    assert_eq!(user.delete("/api/v1/auth/me").await.status, 200);
    let refused = there.get("/api/conversations").await;
    refused.is_error(401, "UNAUTHORIZED");
    let login = elsewhere
        .client()
        .log_in(&user.email, crate::harness::PASSWORD)
        .await;
    assert_eq!(login.status, 401, "{login:?}");
}

#[tokio::test]
async fn a_store_that_does_not_respond_is_503() {
    let Some(redis) = redis("a_store_that_does_not_respond_is_503").await else {
        return;
    };
    let app = App::with_defaults().redis(&redis).start().await;
    let guest = app.client().guest().await;
    guest.say("Hello").await;
    redis.signal("STOP").await;
    let client = app.client();
    let (health, list) = futures::join!(client.get("/health"), guest.get("/api/conversations"));
    redis.signal("CONT").await;
    assert_eq!(health.status, 503, "{health:?}");
    assert_ne!(health.json()["checks"]["keyValue"], "ok", "{health:?}");
    assert_eq!(list.status, 503, "{list:?}");
    crate::harness::eventually("the store to respond again", || async {
        (client.get("/health").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(guest.conversations().await.len(), 1);
}

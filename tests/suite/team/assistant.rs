//! The AI member: if a message mentions it, it replies in the thread.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Failure, Script, Upstream};

use crate::harness::{App, User, eventually, text_field};

struct Room {
    app: App,
    upstream: Upstream,
    user: User,
    channel: String,
    thread: String,
}

async fn room_with(script: Script, variables: &[(&str, &str)]) -> Room {
    let upstream = Upstream::start(script).await.unwrap();
    let mut builder = App::with_defaults()
        .openai(&upstream)
        .variable("default_model", "gpt-4o");
    for (name, value) in variables {
        builder = builder.variable(name, *value);
    }
    let app = builder.start().await;
    let user = app.client().user_named("Juan").await;
    let channel = user.channel(false).await;
    let thread = user.thread(&channel).await;
    Room {
        app,
        upstream,
        user,
        channel,
        thread,
    }
}

async fn room(script: Script) -> Room {
    room_with(script, &[]).await
}

/// The assistant's reply to a message, once there is one.
async fn reply_to(user: &User, thread: &str, question: &Value) -> Value {
    eventually("the reply", || async {
        let messages = user.messages(thread, "").await;
        messages
            .into_iter()
            .find(|message| message["replyTo"] == question["id"])
    })
    .await
}

#[tokio::test]
async fn a_mention_is_answered_in_the_thread() {
    let Room {
        app,
        upstream,
        user,
        channel,
        thread,
    } = room(Script::new(["Because ", "of carotene."])).await;
    let other = app.client().user_named("Ana").await;
    other.join(&channel).await;
    other.post_message(&thread, "Goldfish are orange.").await;
    let question = user.post_message(&thread, "@Goldfish, why?").await;
    let reply = reply_to(&user, &thread, &question).await;
    assert_eq!(reply["content"], "Because of carotene.");
    assert_eq!(reply["number"], 3);
    assert_eq!(
        reply["sender"],
        json!({ "id": "assistant", "name": "goldfish", "image": null })
    );
    let seen = other.messages(&thread, "").await;
    assert_eq!(seen[2], reply);
    // The prompt has the messages with their senders, and nothing else.
    let request = upstream.request(0).await.json();
    let messages = request["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3, "{request}");
    assert_eq!(messages[1]["content"], "Ana: Goldfish are orange.");
    assert_eq!(messages[2]["content"], "Juan: @Goldfish, why?");
    // The credits are of the user who asked.
    let usage = user.get("/api/usage").await.json();
    assert!(usage.to_string().contains("gpt-4o"), "{usage}");
    let usage = other.get("/api/usage").await.json();
    assert!(!usage.to_string().contains("gpt-4o"), "{usage}");
}

#[tokio::test]
async fn a_retry_gets_no_second_reply_and_other_messages_get_none() {
    let Room {
        upstream,
        user,
        thread,
        app: _app,
        ..
    } = room(Script::new(["Yes."])).await;
    user.post_message(&thread, "goldfish, or me@goldfish.example?")
        .await;
    let body = json!({ "threadId": thread, "content": "@goldfish?", "clientId": "once" });
    let question = user.post("/api/messages", body.clone()).await.json();
    reply_to(&user, &thread, &question).await;
    let retry = user.post("/api/messages", body).await;
    assert_eq!(retry.status, 200, "{retry:?}");
    let second = user.post_message(&thread, "Again, @goldfish.").await;
    reply_to(&user, &thread, &second).await;
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(user.messages(&thread, "").await.len(), 5);
}

#[tokio::test]
async fn an_error_of_the_model_is_the_reply() {
    let Room {
        user,
        thread,
        app: _app,
        upstream: _upstream,
        ..
    } = room(Script::refuse(Failure::BadKey)).await;
    let question = user.post_message(&thread, "@goldfish?").await;
    let reply = reply_to(&user, &thread, &question).await;
    let content = text_field(&reply, "content");
    assert!(content.starts_with("I cannot answer: "), "{content}");
    assert!(!content.contains("sk-"), "{content}");
}

#[tokio::test]
async fn a_user_without_credits_gets_no_reply_at_the_expense_of_others() {
    let plans = r#"{"free": {"monthlyCredits": 1}}"#;
    let Room {
        upstream,
        user,
        thread,
        app: _app,
        ..
    } = room_with(Script::new(["Yes."]), &[("plans", plans)]).await;
    let question = user.post_message(&thread, "@goldfish?").await;
    let reply = reply_to(&user, &thread, &question).await;
    let content = text_field(&reply, "content");
    assert!(content.contains("credits"), "{content}");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_key_without_the_scope_chat_gets_no_reply() {
    let Room {
        app,
        upstream,
        user,
        thread,
        ..
    } = room(Script::new(["Yes."])).await;
    let key = user
        .new_key(json!({ "name": "a", "scopes": ["read", "write"] }))
        .await;
    let program = app.client().bearer(&key.secret);
    program.post_message(&thread, "@goldfish?").await;
    // The user's own question comes after it, and only that one gets a reply.
    let question = user.post_message(&thread, "@goldfish!").await;
    reply_to(&user, &thread, &question).await;
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn the_name_is_a_variable_and_empty_means_off() {
    let Room {
        user,
        thread,
        app: _app,
        upstream: _upstream,
        ..
    } = room_with(Script::new(["Blub."]), &[("assistant_name", "Gold Fish 2")]).await;
    let question = user.post_message(&thread, "@goldfish2?").await;
    let reply = reply_to(&user, &thread, &question).await;
    assert_eq!(reply["sender"]["name"], "Gold Fish 2");
    let Room {
        upstream,
        user,
        thread,
        app: _app,
        ..
    } = room_with(Script::new(["Blub."]), &[("assistant_name", "")]).await;
    let question = user.post_message(&thread, "@goldfish @ @assistant").await;
    let path = format!("/api/messages/{}/stop", text_field(&question, "id"));
    let stopped = user.send("POST", &path, None).await;
    assert_eq!(stopped.json(), json!({ "success": true, "stopped": false }));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn stop_ends_the_reply_and_the_request_to_the_provider() {
    let script = Script::words(2_000).delay(Duration::from_millis(50));
    let Room {
        app,
        upstream,
        user,
        channel,
        thread,
    } = room(script).await;
    let other = app.client().user().await;
    other.join(&channel).await;
    let question = user
        .post_message(&thread, "@goldfish, tell me everything.")
        .await;
    upstream.request(0).await;
    let path = format!("/api/messages/{}/stop", text_field(&question, "id"));
    other
        .send("POST", &path, None)
        .await
        .is_error(403, "FORBIDDEN");
    let stopped = user.send("POST", &path, None).await;
    assert_eq!(
        stopped.json(),
        json!({ "success": true, "stopped": true }),
        "{stopped:?}"
    );
    assert!(
        upstream.closed_early(0).await,
        "the request to the provider is cancelled"
    );
    let reply = reply_to(&user, &thread, &question).await;
    assert_eq!(reply["content"], "The answer was stopped.");
    let again = user.send("POST", &path, None).await;
    assert_eq!(again.json()["stopped"], false);
    assert_eq!(user.messages(&thread, "").await.len(), 2);
}

#[tokio::test]
async fn deleting_the_question_cancels_the_reply() {
    let script = Script::words(2_000).delay(Duration::from_millis(50));
    let Room {
        upstream,
        user,
        thread,
        app: _app,
        ..
    } = room(script).await;
    let question = user.post_message(&thread, "@goldfish?").await;
    upstream.request(0).await;
    let path = format!("/api/messages/{}", text_field(&question, "id"));
    assert_eq!(user.delete(&path).await.status, 200);
    assert!(
        upstream.closed_early(0).await,
        "the request to the provider is cancelled"
    );
    assert_eq!(user.messages(&thread, "").await.len(), 1);
}

#[tokio::test]
async fn questions_at_once_are_each_answered_once() {
    let Room {
        user,
        thread,
        app: _app,
        upstream: _upstream,
        ..
    } = room(Script::new(["Yes."])).await;
    let questions = (0..6).map(|number| {
        let (user, thread) = (user.clone(), thread.clone());
        async move {
            let question = user
                .post_message(&thread, &format!("@goldfish {number}?"))
                .await;
            reply_to(&user, &thread, &question).await
        }
    });
    futures::future::join_all(questions).await;
    let messages = user.messages(&thread, "").await;
    assert_eq!(messages.len(), 12);
}

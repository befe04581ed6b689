//! `/api/threads`: the threads of channels.

use serde_json::{Value, json};

use crate::harness::{App, on_each_database, text_field};

on_each_database!(
    create_is_for_members,
    list_and_active_differ_by_archived_threads,
    an_archived_thread_can_be_read_and_takes_no_messages,
    patch_and_delete_are_for_the_creator_and_those_above,
    read_position_never_decreases,
);

async fn create_is_for_members(app: &App) {
    let client = app.client();
    let (owner, member, stranger) = (
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    member.join(&channel).await;
    let body = json!({ "channelId": channel, "name": "Logo", "description": "Which fish?" });
    stranger
        .post("/api/threads", body.clone())
        .await
        .is_error(403, "FORBIDDEN");
    let created = member.post("/api/threads", body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let thread = created.json();
    assert_eq!(thread["createdBy"], member.id.as_str());
    assert_eq!(thread["isArchived"], false);
    assert_eq!(
        (&thread["lastNumber"], &thread["lastMessageAt"]),
        (&json!(0), &Value::Null)
    );
    // Everybody sees the threads of a public channel.
    let path = format!("/api/threads/{}", text_field(&thread, "id"));
    assert_eq!(stranger.get(&path).await.json()["name"], "Logo");
    for (body, field) in [
        (json!({ "channelId": channel }), "name"),
        (json!({ "channelId": channel, "name": "" }), "name"),
        (
            json!({ "channelId": channel, "name": "x".repeat(101) }),
            "name",
        ),
        (
            json!({ "channelId": channel, "name": "a", "description": "x".repeat(501) }),
            "description",
        ),
        (json!({ "name": "a" }), "channelId"),
        (
            json!({ "channelId": channel, "name": "a", "isArchived": true }),
            "isArchived",
        ),
    ] {
        let response = member.post("/api/threads", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    for unknown in ["not-a-uuid", "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001"] {
        let body = json!({ "channelId": unknown, "name": "a" });
        member
            .post("/api/threads", body)
            .await
            .is_error(404, "NOT_FOUND");
    }
}

async fn list_and_active_differ_by_archived_threads(app: &App) {
    let client = app.client();
    let owner = client.user().await;
    let channel = owner.channel(false).await;
    let mut threads = Vec::new();
    for _ in 0..5 {
        threads.insert(0, owner.thread(&channel).await);
    }
    let archived = owner
        .send(
            "POST",
            &format!("/api/threads/{}/archive", threads[1]),
            None,
        )
        .await;
    assert_eq!(archived.json()["isArchived"], true, "{archived:?}");
    let ids = async |path: String| {
        let items = owner.all_pages(&path).await;
        items
            .iter()
            .map(|thread| text_field(thread, "id"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(format!("/api/threads/channel/{channel}?limit=2")).await,
        threads
    );
    let active = ids(format!("/api/threads/channel/{channel}/active?limit=2")).await;
    threads.remove(1);
    assert_eq!(active, threads);
    let invalid = owner
        .get(&format!("/api/threads/channel/{channel}?limit=1000"))
        .await;
    invalid.is_error(400, "VALIDATION_ERROR").names("limit");
}

async fn an_archived_thread_can_be_read_and_takes_no_messages(app: &App) {
    let client = app.client();
    let (owner, member) = (client.user().await, client.user().await);
    let channel = owner.channel(false).await;
    member.join(&channel).await;
    let thread = owner.thread(&channel).await;
    member.post_message(&thread, "before").await;
    let archive = format!("/api/threads/{thread}/archive");
    member
        .send("POST", &archive, None)
        .await
        .is_error(403, "FORBIDDEN");
    assert_eq!(owner.send("POST", &archive, None).await.status, 200);
    assert_eq!(
        owner.send("POST", &archive, None).await.status,
        200,
        "again"
    );
    let body = json!({ "threadId": thread, "content": "after" });
    member
        .post("/api/messages", body.clone())
        .await
        .is_error(409, "CONFLICT");
    assert_eq!(member.messages(&thread, "").await.len(), 1);
    let opened = owner
        .send("POST", &format!("/api/threads/{thread}/unarchive"), None)
        .await;
    assert_eq!(opened.json()["isArchived"], false);
    assert_eq!(member.post("/api/messages", body).await.status, 201);
    let patched = owner
        .patch(
            &format!("/api/threads/{thread}"),
            json!({ "isArchived": true }),
        )
        .await;
    assert_eq!(patched.json()["isArchived"], true);
}

async fn patch_and_delete_are_for_the_creator_and_those_above(app: &App) {
    let client = app.client();
    let (owner, moderator, creator, member) = (
        client.user().await,
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    for user in [&moderator, &creator, &member] {
        user.join(&channel).await;
    }
    owner.set_role(&channel, &moderator.id, "moderator").await;
    let thread = creator.thread(&channel).await;
    let path = format!("/api/threads/{thread}");
    let body = json!({ "name": "Colours", "description": "All of them" });
    member
        .patch(&path, body.clone())
        .await
        .is_error(403, "FORBIDDEN");
    member.delete(&path).await.is_error(403, "FORBIDDEN");
    let changed = creator.patch(&path, body).await.json();
    assert_eq!(changed["name"], "Colours");
    let cleared = moderator
        .patch(&path, json!({ "description": null }))
        .await
        .json();
    assert_eq!(cleared["description"], Value::Null);
    assert_eq!(cleared["name"], "Colours");
    creator
        .patch(&path, json!({}))
        .await
        .is_error(400, "VALIDATION_ERROR")
        .names("body");
    let invalid = creator.patch(&path, json!({ "name": "" })).await;
    invalid.is_error(400, "VALIDATION_ERROR").names("name");
    moderator.delete(&path).await.is_error(403, "FORBIDDEN");
    let message = text_field(&creator.post_message(&thread, "gone soon").await, "id");
    assert_eq!(
        creator.delete(&path).await.json(),
        json!({ "message": "Thread deleted" })
    );
    creator.get(&path).await.is_error(404, "NOT_FOUND");
    creator
        .get(&format!("/api/messages/{message}"))
        .await
        .is_error(404, "NOT_FOUND");
    let other = creator.thread(&channel).await;
    assert_eq!(
        owner.delete(&format!("/api/threads/{other}")).await.status,
        200
    );
}

async fn read_position_never_decreases(app: &App) {
    let client = app.client();
    let (owner, reader, stranger) = (
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    reader.join(&channel).await;
    let thread = owner.thread(&channel).await;
    for number in 1..=4 {
        owner
            .post_message(&thread, &format!("message {number}"))
            .await;
    }
    let path = format!("/api/threads/{thread}/read");
    let read = async |number: u64| {
        let response = reader.put(&path, json!({ "number": number })).await;
        assert_eq!(response.status, 200, "{response:?}");
        let state = response.json();
        (
            state["number"].as_u64().unwrap(),
            state["unreadCount"].as_u64().unwrap(),
        )
    };
    assert_eq!(read(3).await, (3, 1));
    assert_eq!(read(1).await, (3, 1));
    assert_eq!(read(99).await, (4, 0));
    let thread = reader.get(&format!("/api/threads/{thread}")).await.json();
    assert_eq!(thread["unreadCount"], 0);
    for (body, field) in [
        (json!({}), "number"),
        (json!({ "number": -1 }), "number"),
        (json!({ "number": "1" }), "number"),
        (json!({ "number": 1, "at": 2 }), "at"),
    ] {
        let response = reader.put(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    stranger
        .put(&path, json!({ "number": 1 }))
        .await
        .is_error(403, "FORBIDDEN");
}

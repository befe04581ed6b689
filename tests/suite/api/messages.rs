//! `/api/messages`: the messages of threads.

use serde_json::{Value, json};
use uuid::Uuid;

use super::v1::files::{Form, content_path, png};
use crate::harness::{App, User, linked, on_each_database, text_field};

on_each_database!(
    post_returns_the_message_with_its_sender,
    messages_are_for_members,
    post_with_invalid_fields_is_400,
    attachments_have_the_metadata_of_the_stored_file,
    files_of_a_message_are_for_those_who_may_read_it,
    files_are_deleted_with_what_they_are_attached_to,
    files_of_a_deleted_user_go_and_what_they_wrote_stays,
    a_retry_gets_the_first_message,
    history_is_read_by_number_and_by_offset,
    edit_is_for_the_author_and_moderators_see_what_was_there,
    delete_leaves_a_tombstone_in_place,
    reactions_count_users_once,
    replies_and_mentions_refer_to_what_there_is,
    search_finds_words_in_what_the_user_may_read,
);

/// Two members of a channel with a thread.
struct Room {
    owner: User,
    member: User,
    channel: String,
    thread: String,
}

async fn room(app: &App) -> Room {
    let client = app.client();
    let (owner, member) = (
        client.user_named("Olivia Owner").await,
        client.user_named("Max").await,
    );
    let channel = owner.channel(false).await;
    member.join(&channel).await;
    let thread = owner.thread(&channel).await;
    Room {
        owner,
        member,
        channel,
        thread,
    }
}

fn numbers(messages: &[Value]) -> Vec<u64> {
    messages
        .iter()
        .map(|message| message["number"].as_u64().unwrap())
        .collect()
}

fn attachment(url: &str) -> Value {
    json!({
        "id": Uuid::new_v4(), "url": url, "filename": "fish.png", "mimeType": "image/png",
        "size": 2048, "type": "image",
    })
}

/// Uploads an image for a message.
async fn upload(user: &User) -> Value {
    let form = Form::new().file("file", "fish.png", None, &png());
    let response = user.send_form("/api/uploads/message/image", form).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["data"].clone()
}

/// Posts a message with an image, and returns the message.
async fn post_image(user: &User, thread: &str) -> Value {
    let image = attachment(&text_field(&upload(user).await, "url"));
    let body = json!({ "threadId": thread, "content": "", "attachments": [image] });
    let posted = user.post("/api/messages", body).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    posted.json()
}

/// The path of the content of the only attachment of a message.
fn content_of(message: &Value) -> String {
    let id = text_field(&message["attachments"][0], "id");
    format!("/api/v1/files/{id}/content")
}

async fn post_returns_the_message_with_its_sender(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let message = owner.post_message(&thread, "Hola mundo").await;
    assert_eq!(message["number"], 1);
    assert_eq!(message["content"], "Hola mundo");
    assert_eq!(message["threadId"], thread.as_str());
    assert_eq!(message["channelId"], channel.as_str());
    assert_eq!(message["senderId"], owner.id.as_str());
    assert_eq!(message["attachments"], json!([]));
    assert_eq!(
        message["sender"],
        json!({ "id": owner.id, "name": "Olivia Owner", "image": null })
    );
    let time = text_field(&message, "createdAt");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert_eq!(
        member.messages(&thread, "").await,
        std::slice::from_ref(&message)
    );
    let path = format!("/api/messages/{}", text_field(&message, "id"));
    assert_eq!(member.get(&path).await.json(), message);
}

async fn messages_are_for_members(app: &App) {
    let Room { owner, thread, .. } = room(app).await;
    let message = text_field(&owner.post_message(&thread, "for members").await, "id");
    let stranger = app.client().user().await;
    let body = json!({ "threadId": thread, "content": "hi" });
    stranger
        .post("/api/messages", body)
        .await
        .is_error(403, "FORBIDDEN");
    for path in [
        format!("/api/messages/thread/{thread}"),
        format!("/api/messages/{message}"),
    ] {
        stranger.get(&path).await.is_error(403, "FORBIDDEN");
        let operators = app.client().admin().get(&path).await;
        assert_eq!(operators.status, 200, "{operators:?}");
    }
    assert!(
        stranger
            .list("/api/messages/search?q=members")
            .await
            .is_empty()
    );
}

async fn post_with_invalid_fields_is_400(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let with = |more: Value| {
        let mut body = json!({ "threadId": thread, "content": "a" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let own = text_field(&upload(&owner).await, "url");
    let theirs = text_field(&upload(&member).await, "url");
    let private = owner.uploaded("notes.txt", b"private").await;
    let changed = |field: &str, value: Value| {
        let mut changed = attachment(&own);
        changed[field] = value;
        changed
    };
    let mut without_name = attachment(&own);
    without_name.as_object_mut().unwrap().remove("filename");
    let many: Vec<_> = (0..11).map(|_| attachment(&own)).collect();
    for (body, field) in [
        (json!({ "content": "a" }), "threadId"),
        (with(json!({ "content": "" })), "content"),
        (with(json!({ "content": "x".repeat(10_001) })), "content"),
        (with(json!({ "content": 1 })), "content"),
        (with(json!({ "attachments": many })), "attachments"),
        (
            with(json!({ "attachments": [without_name] })),
            "attachments[0].filename",
        ),
        (
            with(json!({ "attachments": [changed("filename", json!("x".repeat(256)))] })),
            "attachments[0].filename",
        ),
        (
            with(json!({ "attachments": [changed("id", json!("1"))] })),
            "attachments[0].id",
        ),
        (
            with(json!({ "attachments": [changed("mimeType", json!("png"))] })),
            "attachments[0].mimeType",
        ),
        (
            with(json!({ "attachments": [changed("type", json!("virus"))] })),
            "attachments[0].type",
        ),
        (
            with(json!({ "attachments": [attachment("https://evil.example/a.png")] })),
            "attachments[0].url",
        ),
        (
            with(json!({ "attachments": [attachment(&own), attachment(&theirs)] })),
            "attachments[1].url",
        ),
        (
            with(json!({ "attachments": [attachment(&content_path(&private))] })),
            "attachments[0].url",
        ),
        (
            with(json!({ "attachments": [attachment(&format!("{own}?a=b"))] })),
            "attachments[0].url",
        ),
        (
            with(json!({ "attachments": [attachment("javascript:alert(1)")] })),
            "attachments[0].url",
        ),
        (with(json!({ "clientId": "" })), "clientId"),
        (with(json!({ "clientId": "x".repeat(129) })), "clientId"),
        (with(json!({ "senderId": "user_1" })), "senderId"),
    ] {
        let response = owner.post("/api/messages", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    for unknown in ["not-a-uuid", "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001"] {
        let response = owner
            .post("/api/messages", with(json!({ "threadId": unknown })))
            .await;
        response.is_error(404, "NOT_FOUND");
    }
    assert!(
        owner.messages(&thread, "").await.is_empty(),
        "no message may be stored"
    );
    let longest = with(json!({ "content": "é".repeat(10_000) }));
    assert_eq!(owner.post("/api/messages", longest).await.status, 201);
    let json = owner.with("content-type", "application/json");
    for body in ["", "{", "[]"] {
        let response = json.send("POST", "/api/messages", Some(body.into())).await;
        response.is_error(400, "VALIDATION_ERROR").names("body");
    }
}

async fn attachments_have_the_metadata_of_the_stored_file(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let uploaded = upload(&owner).await;
    let id = text_field(&uploaded, "id");
    let url = text_field(&uploaded, "url");
    let path = format!("/api/v1/files/{id}/content");
    let mut lie = attachment(&url);
    lie["mimeType"] = json!("application/pdf");
    lie["type"] = json!("document");
    let elsewhere = attachment(&format!("https://elsewhere.example{path}"));
    let sent = [attachment(&path), lie, elsewhere];
    let body = json!({ "threadId": thread, "content": "", "attachments": sent });
    let posted = owner.post("/api/messages", body).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let read = member.messages(&thread, "").await;
    let expected = json!({
        "id": id, "url": url, "filename": "fish.png", "mimeType": "image/png",
        "size": uploaded["size"], "type": "image",
    });
    assert_eq!(
        read[0]["attachments"],
        json!([expected, expected, expected])
    );
    assert_eq!(read[0]["content"], "");
    // Nobody is led to the host that a client says this server is.
    let liar = owner.with("host", "evil.example").undescribed();
    let body = json!({ "threadId": thread, "attachments": [attachment(&path)] });
    let posted = liar.post("/api/messages", body).await;
    assert_eq!(posted.json()["attachments"][0]["url"], path, "{posted:?}");
}

async fn files_of_a_message_are_for_those_who_may_read_it(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let stranger = app.client().user().await;
    let message = post_image(&owner, &thread).await;
    let content = content_of(&message);
    let info = content.strip_suffix("/content").unwrap();
    for user in [&owner, &member] {
        let read = user.get(&content).await;
        assert_eq!(read.status, 200, "{read:?}");
        assert_eq!(read.body.len(), message["attachments"][0]["size"]);
        assert_eq!(user.get(info).await.status, 200);
    }
    // The channel is public, but its messages are for its members.
    for path in [&content, info] {
        stranger.get(path).await.is_error(404, "NOT_FOUND");
        app.client().get(path).await.is_error(401, "UNAUTHORIZED");
    }
    // Reading is all that they may.
    member.delete(info).await.is_error(404, "NOT_FOUND");
    member
        .get(&format!("{info}/url"))
        .await
        .is_error(404, "NOT_FOUND");
    stranger.join(&channel).await;
    assert_eq!(stranger.get(&content).await.status, 200);
    // The time of the read counts.
    member.delete(&format!("/api/members/{channel}")).await;
    let ban = format!("/api/members/{channel}/bans/{}", stranger.id);
    assert_eq!(owner.put(&ban, json!({})).await.status, 200);
    for user in [&member, &stranger] {
        user.get(&content).await.is_error(404, "NOT_FOUND");
    }
}

async fn files_are_deleted_with_what_they_are_attached_to(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let gone = async |message: &Value| {
        for user in [&owner, &member] {
            let read = user.get(&content_of(message)).await;
            read.is_error(404, "NOT_FOUND");
        }
    };
    // A message, a thread and a channel.
    let message = post_image(&member, &thread).await;
    let path = format!("/api/messages/{}", text_field(&message, "id"));
    assert_eq!(owner.delete(&path).await.status, 200);
    gone(&message).await;
    let message = post_image(&member, &thread).await;
    let path = format!("/api/threads/{thread}");
    assert_eq!(owner.delete(&path).await.status, 200);
    gone(&message).await;
    let thread = owner.thread(&channel).await;
    let message = post_image(&member, &thread).await;
    let path = format!("/api/channels/{channel}");
    assert_eq!(owner.delete(&path).await.status, 200);
    gone(&message).await;
    let left = member.get("/api/v1/files").await;
    assert_eq!(left.json()["files"], json!([]), "{left:?}");
    // A file in two messages goes with the second one.
    let channel = owner.channel(false).await;
    let thread = owner.thread(&channel).await;
    let image = attachment(&text_field(&upload(&owner).await, "url"));
    let body = json!({ "threadId": thread, "content": "twice", "attachments": [image] });
    let mut messages = Vec::new();
    for _ in 0..2 {
        messages.push(owner.post("/api/messages", body.clone()).await.json());
    }
    for (message, status) in messages.iter().zip([200, 404]) {
        let path = format!("/api/messages/{}", text_field(message, "id"));
        assert_eq!(owner.delete(&path).await.status, 200);
        assert_eq!(owner.get(&content_of(message)).await.status, status);
    }
}

async fn files_of_a_deleted_user_go_and_what_they_wrote_stays(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let only_image = post_image(&member, &thread).await;
    let image = attachment(&text_field(&upload(&member).await, "url"));
    let body = json!({ "threadId": thread, "content": "Look", "attachments": [image] });
    let with_text = member.post("/api/messages", body).await.json();
    let response = member.delete(&format!("/api/users/{}", member.id)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let left = owner.messages(&thread, "").await;
    assert_eq!(left[0]["deleted"], true, "{left:?}");
    assert_eq!(
        (&left[1]["content"], &left[1]["deleted"]),
        (&json!("Look"), &json!(false))
    );
    for (message, left) in [(&only_image, &left[0]), (&with_text, &left[1])] {
        assert_eq!(left["attachments"], json!([]));
        owner
            .get(&content_of(message))
            .await
            .is_error(404, "NOT_FOUND");
    }
}

async fn a_retry_gets_the_first_message(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let body = json!({ "threadId": thread, "content": "once", "clientId": "k-1" });
    let first = owner.post("/api/messages", body.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let retry = owner.post("/api/messages", body).await;
    assert_eq!(retry.status, 200, "{retry:?}");
    assert_eq!(retry.json(), first.json());
    // The header has the same meaning.
    let plain = json!({ "threadId": thread, "content": "changed" });
    let keyed = owner.with("idempotency-key", "k-1");
    let retry = keyed.post("/api/messages", plain.clone()).await;
    assert_eq!(
        (retry.status, &retry.json()["id"]),
        (200, &first.json()["id"])
    );
    let long = owner.with("idempotency-key", &"k".repeat(255));
    let statuses = [
        long.post("/api/messages", plain.clone()).await.status,
        long.post("/api/messages", plain.clone()).await.status,
    ];
    assert_eq!(statuses, [201, 200]);
    for key in ["a b", &"k".repeat(256)] {
        let response = owner
            .with("idempotency-key", key)
            .post("/api/messages", plain.clone())
            .await;
        response
            .is_error(400, "VALIDATION_ERROR")
            .names("Idempotency-Key");
    }
    let other = json!({ "threadId": thread, "content": "a", "clientId": "k-2" });
    keyed
        .post("/api/messages", other)
        .await
        .is_error(400, "VALIDATION_ERROR");
    // Another user's key is another key, and another thread a conflict.
    let theirs = member.with("idempotency-key", "k-1");
    assert_eq!(theirs.post("/api/messages", plain).await.status, 201);
    let second = owner.thread(&channel).await;
    let elsewhere = json!({ "threadId": second, "content": "a" });
    keyed
        .post("/api/messages", elsewhere)
        .await
        .is_error(409, "CONFLICT");
    // Many at once are one.
    let body = json!({ "threadId": second, "content": "twelve times", "clientId": "k-12" });
    let posts = (0..12).map(|_| owner.post("/api/messages", body.clone()));
    let responses = futures::future::join_all(posts).await;
    let created = responses
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert_eq!(created, 1, "{responses:?}");
    assert!(
        responses
            .iter()
            .all(|response| response.json()["id"] == responses[0].json()["id"])
    );
    assert_eq!(owner.messages(&second, "").await.len(), 1);
}

async fn history_is_read_by_number_and_by_offset(app: &App) {
    let Room { owner, thread, .. } = room(app).await;
    for number in 1..=12 {
        owner
            .post_message(&thread, &format!("message {number}"))
            .await;
    }
    let read = async |query: &str| numbers(&owner.messages(&thread, query).await);
    assert_eq!(read("?limit=3").await, [10, 11, 12]);
    assert_eq!(read("?limit=3&offset=3").await, [7, 8, 9]);
    assert_eq!(read("?limit=3&offset=11").await, [1]);
    assert_eq!(read("?limit=3&before=5").await, [2, 3, 4]);
    assert_eq!(read("?limit=3&after=5").await, [6, 7, 8]);
    assert_eq!(read("?limit=5&around=6").await, [4, 5, 6, 7, 8]);
    assert!(read("?before=1").await.is_empty());
    assert!(read("?after=12").await.is_empty());
    // Links lead through all of it, both ways.
    let mut path = Some(format!("/api/messages/thread/{thread}?limit=5"));
    let mut seen = Vec::new();
    while let Some(page) = path {
        let response = owner.get(&page).await;
        let mut newer = numbers(response.json().as_array().unwrap());
        newer.append(&mut seen);
        seen = newer;
        path = response
            .header("link")
            .and_then(|link| linked(link, "prev"));
    }
    let all: Vec<u64> = (1..=12).collect();
    assert_eq!(seen, all);
    let forwards = owner
        .all_pages(&format!("/api/messages/thread/{thread}?limit=5&after=0"))
        .await;
    assert_eq!(numbers(&forwards), all);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("before=x", "before"),
        ("before=-1", "before"),
        ("before=1&after=2", "after"),
        ("offset=1&around=2", "offset"),
        ("page=1", "page"),
    ] {
        let response = owner
            .get(&format!("/api/messages/thread/{thread}?{query}"))
            .await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
}

async fn edit_is_for_the_author_and_moderators_see_what_was_there(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let message = member.post_message(&thread, "frist").await;
    let path = format!("/api/messages/{}", text_field(&message, "id"));
    owner
        .patch(&path, json!({ "content": "mine" }))
        .await
        .is_error(403, "FORBIDDEN");
    let edited = member.patch(&path, json!({ "content": "first" })).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    let edited = edited.json();
    assert_eq!(edited["content"], "first");
    assert!(edited["editedAt"].is_string(), "{edited}");
    assert_eq!(edited["number"], message["number"]);
    let texts = format!("{path}/previous-texts");
    let previous = owner.list(&texts).await;
    assert_eq!(previous.len(), 1);
    assert_eq!(previous[0]["content"], "frist");
    member.get(&texts).await.is_error(403, "FORBIDDEN");
    for (body, field) in [
        (json!({}), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": "x".repeat(10_001) }), "content"),
        (json!({ "content": "a", "attachments": [] }), "attachments"),
    ] {
        let response = member.patch(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
}

async fn delete_leaves_a_tombstone_in_place(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let other = app.client().user().await;
    let channel = text_field(
        &owner.get(&format!("/api/threads/{thread}")).await.json(),
        "channelId",
    );
    other.join(&channel).await;
    let image = attachment(&text_field(&upload(&member).await, "url"));
    let body = json!({ "threadId": thread, "content": "secret", "attachments": [image] });
    let message = text_field(&member.post("/api/messages", body).await.json(), "id");
    member.post_message(&thread, "after").await;
    let path = format!("/api/messages/{message}");
    other.delete(&path).await.is_error(403, "FORBIDDEN");
    for _ in 0..2 {
        let response = member.delete(&path).await;
        assert_eq!(
            response.json(),
            json!({ "message": "Message deleted" }),
            "{response:?}"
        );
    }
    let left = owner.messages(&thread, "").await;
    assert_eq!(numbers(&left), [1, 2]);
    assert_eq!(left[0]["deleted"], true);
    assert_eq!(
        (&left[0]["content"], &left[0]["attachments"]),
        (&json!(""), &json!([]))
    );
    member
        .patch(&path, json!({ "content": "back" }))
        .await
        .is_error(409, "CONFLICT");
    let react = format!("{path}/reactions/%F0%9F%91%8D");
    member
        .send("PUT", &react, None)
        .await
        .is_error(409, "CONFLICT");
    assert!(owner.list("/api/messages/search?q=secret").await.is_empty());
    // A moderator deletes another user's message.
    let theirs = text_field(&member.post_message(&thread, "rude").await, "id");
    owner.set_role(&channel, &other.id, "moderator").await;
    assert_eq!(
        other
            .delete(&format!("/api/messages/{theirs}"))
            .await
            .status,
        200
    );
}

async fn reactions_count_users_once(app: &App) {
    let Room {
        owner,
        member,
        thread,
        ..
    } = room(app).await;
    let message = text_field(&owner.post_message(&thread, "react").await, "id");
    let path = |emoji: &str| format!("/api/messages/{message}/reactions/{emoji}");
    let thumb = "%F0%9F%91%8D";
    for _ in 0..2 {
        let response = member.send("PUT", &path(thumb), None).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(
            response.json()["reactions"],
            json!([{ "emoji": "👍", "count": 1, "mine": true }])
        );
    }
    let both = owner.send("PUT", &path(thumb), None).await.json();
    assert_eq!(both["reactions"][0]["count"], 2);
    let seen = member.messages(&thread, "").await;
    assert_eq!(seen[0]["reactions"][0]["mine"], true);
    for _ in 0..2 {
        let response = owner.delete(&path(thumb)).await;
        assert_eq!(
            response.json()["reactions"],
            json!([{ "emoji": "👍", "count": 1, "mine": false }])
        );
    }
    let spaced = owner.send("PUT", &path("a%20b"), None).await;
    spaced.is_error(400, "VALIDATION_ERROR");
    let long = owner.send("PUT", &path(&"x".repeat(65)), None).await;
    assert!([400, 404].contains(&long.status), "{long:?}");
    let stranger = app.client().user().await;
    stranger
        .send("PUT", &path(thumb), None)
        .await
        .is_error(403, "FORBIDDEN");
}

async fn replies_and_mentions_refer_to_what_there_is(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let first = text_field(&owner.post_message(&thread, "Who?").await, "id");
    let content = format!("@oliviaowner @MAX @{} @nobody @max", member.id);
    let body = json!({ "threadId": thread, "content": content, "replyTo": first });
    let reply = member.post("/api/messages", body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.json()["replyTo"], first.as_str());
    let mut mentions: Vec<String> =
        serde_json::from_value(reply.json()["mentions"].clone()).unwrap();
    mentions.sort();
    let mut expected = vec![owner.id.clone(), member.id.clone()];
    expected.sort();
    assert_eq!(mentions, expected);
    let elsewhere = owner.thread(&channel).await;
    for (thread, reply_to) in [(&elsewhere, first.as_str()), (&thread, "not-a-uuid")] {
        let body = json!({ "threadId": thread, "content": "a", "replyTo": reply_to });
        let response = owner.post("/api/messages", body).await;
        assert!([400, 404].contains(&response.status), "{response:?}");
    }
}

async fn search_finds_words_in_what_the_user_may_read(app: &App) {
    let Room {
        owner,
        member,
        channel,
        thread,
    } = room(app).await;
    let word = format!("w{}", Uuid::new_v4().simple());
    let mut expected = Vec::new();
    for number in 0..5 {
        let message = owner
            .post_message(&thread, &format!("Fish {word} {number}"))
            .await;
        expected.insert(0, text_field(&message, "id"));
    }
    let ids = |messages: Vec<Value>| -> Vec<String> {
        messages
            .iter()
            .map(|message| text_field(message, "id"))
            .collect()
    };
    let path = format!("/api/messages/search?q={}&limit=2", word.to_uppercase());
    assert_eq!(ids(member.all_pages(&path).await), expected);
    let path =
        format!("/api/messages/search?q=fish%20{word}&channelId={channel}&threadId={thread}");
    assert_eq!(ids(member.list(&path).await), expected);
    let elsewhere = owner.thread(&channel).await;
    let path = format!("/api/messages/search?q={word}&threadId={elsewhere}");
    assert!(member.list(&path).await.is_empty());
    // A user who has left finds no messages.
    member.delete(&format!("/api/members/{channel}")).await;
    assert!(
        member
            .list(&format!("/api/messages/search?q={word}"))
            .await
            .is_empty()
    );
    for (query, field) in [
        ("", "q"),
        ("q=", "q"),
        ("q=%20", "q"),
        ("q=!!!", "q"),
        ("q=a&limit=0", "limit"),
        ("q=a&cursor=nonsense", "cursor"),
        ("q=a&user=b", "user"),
    ] {
        let response = owner.get(&format!("/api/messages/search?{query}")).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    let long = owner
        .get(&format!("/api/messages/search?q={}", "x".repeat(201)))
        .await;
    long.is_error(400, "VALIDATION_ERROR").names("q");
    // Operators of search engines are plain text here.
    for query in [
        "%22",
        "a%22%20OR%20b",
        "NEAR(a)",
        "*",
        "content:a",
        "%27%3B--",
        "a%20AND",
    ] {
        let response = owner.get(&format!("/api/messages/search?q={query}")).await;
        assert!(
            [200, 400].contains(&response.status),
            "{query}: {response:?}"
        );
    }
}

#[tokio::test]
async fn posting_beyond_the_limit_is_429() {
    let app = App::with_defaults()
        .variable("rate_limit_messages_per_minute", "3")
        .start()
        .await;
    let user = app.client().user().await;
    let channel = user.channel(false).await;
    let thread = user.thread(&channel).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let body = json!({ "threadId": thread, "content": "a" });
        statuses.push(user.post("/api/messages", body).await.status);
    }
    assert_eq!(statuses[..2], [201, 201]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // Reading has its own limit.
    assert_eq!(
        user.get(&format!("/api/messages/thread/{thread}"))
            .await
            .status,
        200
    );
}

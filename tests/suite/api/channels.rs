//! `/api/channels`: the channels of the team.

use serde_json::{Value, json};

use crate::harness::{App, Client, on_each_database, text_field};

on_each_database!(
    create_makes_the_user_the_owner_and_admin,
    create_with_invalid_fields_is_400,
    list_by_number_and_by_cursor_returns_each_channel_once,
    list_finds_by_words_and_by_membership,
    private_channels_do_not_exist_for_others,
    a_404_of_a_private_channel_equals_that_of_an_unknown_id,
    patch_is_for_admins_and_of_the_description_for_moderators,
    malformed_ids_and_bodies_are_refused,
);

/// A category that only one test uses.
fn new_category() -> String {
    format!("Category {}", uuid::Uuid::new_v4().simple())
}

async fn created(client: &Client, body: Value) -> Value {
    let response = client.post("/api/channels", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

async fn ids(client: &Client, query: &str) -> Vec<String> {
    let response = client.get(&format!("/api/channels?{query}")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let data = response.json()["data"].as_array().unwrap().clone();
    data.iter()
        .map(|channel| text_field(channel, "id"))
        .collect()
}

async fn create_makes_the_user_the_owner_and_admin(app: &App) {
    let user = app.client().user().await;
    let channel = created(&user, json!({ "name": "Design" })).await;
    assert_eq!(channel["ownerId"], user.id.as_str());
    assert_eq!(channel["role"], "admin");
    assert_eq!(channel["category"], "General");
    assert_eq!(channel["isPrivate"], false);
    assert_eq!(channel["description"], Value::Null);
    assert_eq!(channel["memberCount"], 1);
    let time = text_field(&channel, "createdAt");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let path = format!("/api/channels/{}", text_field(&channel, "id"));
    assert_eq!(user.get(&path).await.json(), channel);
}

async fn create_with_invalid_fields_is_400(app: &App) {
    let user = app.client().user().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "  " }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": 1 }), "name"),
        (
            json!({ "name": "a", "description": "x".repeat(501) }),
            "description",
        ),
        (json!({ "name": "a", "category": "" }), "category"),
        (json!({ "name": "a", "isPrivate": "yes" }), "isPrivate"),
        (
            json!({ "name": "a", "imageUrl": "javascript:alert(1)" }),
            "imageUrl",
        ),
        (json!({ "name": "a", "bannerUrl": "x" }), "bannerUrl"),
        (json!({ "name": "a", "ownerId": "user_1" }), "ownerId"),
    ] {
        let response = user.post("/api/channels", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    let longest = json!({ "name": "é".repeat(100), "description": "é".repeat(500) });
    created(&user, longest).await;
}

async fn list_by_number_and_by_cursor_returns_each_channel_once(app: &App) {
    let user = app.client().user().await;
    let category = new_category();
    let mut expected = Vec::new();
    for number in 0..5 {
        let body = json!({ "name": format!("Channel {number}"), "category": category });
        expected.insert(0, text_field(&created(&user, body).await, "id"));
    }
    let filter = format!("category={}", category.replace(' ', "%20"));
    let first = user
        .get(&format!("/api/channels?{filter}&page=1&limit=2"))
        .await
        .json();
    assert_eq!(
        first["meta"],
        json!({
            "page": 1, "limit": 2, "total": 5, "totalPages": 3,
            "nextCursor": first["meta"]["nextCursor"],
        })
    );
    let mut by_number = Vec::new();
    for page in 1..=3 {
        by_number.extend(ids(&user, &format!("{filter}&page={page}&limit=2")).await);
    }
    assert_eq!(by_number, expected);
    assert!(
        ids(&user, &format!("{filter}&page=4&limit=2"))
            .await
            .is_empty()
    );
    // By cursor, a channel that is created meanwhile moves nothing.
    let cursor = text_field(&first["meta"], "nextCursor");
    created(&user, json!({ "name": "Later", "category": category })).await;
    let rest = ids(&user, &format!("{filter}&limit=10&cursor={cursor}")).await;
    assert_eq!(rest, expected[2..]);
    for (query, field) in [
        ("page=0", "page"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("page=1&cursor=a", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("joined=maybe", "joined"),
        ("sort=name", "sort"),
    ] {
        let response = user.get(&format!("/api/channels?{query}")).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
}

async fn list_finds_by_words_and_by_membership(app: &App) {
    let client = app.client();
    let (owner, other) = (client.user().await, client.user().await);
    let word = format!("w{}", uuid::Uuid::new_v4().simple());
    let body = json!({ "name": "Fish tank", "description": format!("About {word}") });
    let channel = text_field(&created(&owner, body).await, "id");
    let search = format!("search={}", word.to_uppercase());
    assert_eq!(ids(&other, &search).await, std::slice::from_ref(&channel));
    assert_eq!(
        ids(&other, &format!("search=fish%20{word}")).await,
        std::slice::from_ref(&channel)
    );
    assert!(
        ids(&other, &format!("search=bird%20{word}"))
            .await
            .is_empty()
    );
    assert!(
        ids(&other, &format!("{search}&joined=true"))
            .await
            .is_empty()
    );
    other.join(&channel).await;
    assert_eq!(
        ids(&other, &format!("{search}&joined=true")).await,
        [channel]
    );
}

async fn private_channels_do_not_exist_for_others(app: &App) {
    let client = app.client();
    let (owner, member, stranger) = (
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let category = new_category();
    let body = json!({ "name": "Secret", "category": category, "isPrivate": true });
    let channel = text_field(&created(&owner, body).await, "id");
    owner.add_member(&channel, &member.id).await;
    let thread = owner.thread(&channel).await;
    let message = owner.post_message(&thread, "the secret").await;
    let message = text_field(&message, "id");
    let filter = format!("category={}", category.replace(' ', "%20"));
    assert!(ids(&stranger, &filter).await.is_empty());
    assert_eq!(ids(&member, &filter).await, std::slice::from_ref(&channel));
    assert_eq!(
        ids(&client.admin(), &filter).await,
        std::slice::from_ref(&channel)
    );
    let page = stranger
        .get(&format!("/api/channels?{filter}"))
        .await
        .json();
    assert_eq!(page["meta"]["total"], 0);
    let gets = [
        format!("/api/channels/{channel}"),
        format!("/api/members/{channel}"),
        format!("/api/members/{channel}/role/{}", owner.id),
        format!("/api/members/{channel}/bans"),
        format!("/api/members/{channel}/invitations"),
        format!("/api/threads/channel/{channel}"),
        format!("/api/threads/channel/{channel}/active"),
        format!("/api/threads/{thread}"),
        format!("/api/messages/thread/{thread}"),
        format!("/api/messages/{message}"),
        format!("/api/messages/{message}/previous-texts"),
    ];
    for path in &gets {
        let response = stranger.get(path).await;
        response.is_error(404, "NOT_FOUND");
        assert!(!response.text().contains("secret"), "{response:?}");
        assert_eq!(client.admin().get(path).await.status, 200, "{path}");
    }
    let user = &stranger.id;
    let writes = [
        (
            "PATCH",
            format!("/api/channels/{channel}"),
            json!({ "name": "Mine" }),
        ),
        ("DELETE", format!("/api/channels/{channel}"), json!({})),
        (
            "POST",
            "/api/members".to_owned(),
            json!({ "channelId": channel }),
        ),
        (
            "POST",
            "/api/members".to_owned(),
            json!({ "channelId": channel, "userId": member.id }),
        ),
        ("DELETE", format!("/api/members/{channel}"), json!({})),
        (
            "DELETE",
            format!("/api/members/{channel}/{}", member.id),
            json!({}),
        ),
        (
            "PATCH",
            format!("/api/members/{channel}/{}/role", member.id),
            json!({ "role": "admin" }),
        ),
        (
            "POST",
            format!("/api/members/{channel}/transfer"),
            json!({ "userId": user }),
        ),
        (
            "PUT",
            format!("/api/members/{channel}/bans/{}", owner.id),
            json!({}),
        ),
        (
            "DELETE",
            format!("/api/members/{channel}/bans/{user}"),
            json!({}),
        ),
        (
            "POST",
            format!("/api/members/{channel}/invitations"),
            json!({}),
        ),
        (
            "POST",
            "/api/threads".to_owned(),
            json!({ "channelId": channel, "name": "Mine" }),
        ),
        (
            "PATCH",
            format!("/api/threads/{thread}"),
            json!({ "name": "Mine" }),
        ),
        ("DELETE", format!("/api/threads/{thread}"), json!({})),
        ("POST", format!("/api/threads/{thread}/archive"), json!({})),
        (
            "POST",
            format!("/api/threads/{thread}/unarchive"),
            json!({}),
        ),
        (
            "PUT",
            format!("/api/threads/{thread}/read"),
            json!({ "number": 1 }),
        ),
        (
            "POST",
            "/api/messages".to_owned(),
            json!({ "threadId": thread, "content": "hi" }),
        ),
        (
            "PATCH",
            format!("/api/messages/{message}"),
            json!({ "content": "mine" }),
        ),
        ("DELETE", format!("/api/messages/{message}"), json!({})),
        (
            "PUT",
            format!("/api/messages/{message}/reactions/x"),
            json!({}),
        ),
        (
            "DELETE",
            format!("/api/messages/{message}/reactions/x"),
            json!({}),
        ),
    ];
    for (method, path, body) in writes {
        let sender = stranger.with("content-type", "application/json");
        let response = sender
            .send(method, &path, Some(body.to_string().into()))
            .await;
        response.is_error(404, "NOT_FOUND");
    }
    let messages = stranger.list("/api/messages/search?q=secret").await;
    assert!(messages.is_empty(), "{messages:?}");
    // A public channel that becomes private is hidden from users who are not members.
    let public = owner.channel(false).await;
    let path = format!("/api/channels/{public}");
    assert_eq!(stranger.get(&path).await.status, 200);
    owner.patch(&path, json!({ "isPrivate": true })).await;
    stranger.get(&path).await.is_error(404, "NOT_FOUND");
}

async fn a_404_of_a_private_channel_equals_that_of_an_unknown_id(app: &App) {
    let client = app.client();
    let (owner, stranger) = (client.user().await, client.user().await);
    let private = owner.channel(true).await;
    let unknown = uuid::Uuid::new_v4().to_string();
    let shape = async |path: String| {
        let response = stranger.get(&path).await;
        let mut body = response.json();
        body["requestId"] = json!("-");
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (response.status, body, names)
    };
    for prefix in ["/api/channels", "/api/members", "/api/threads/channel"] {
        let theirs = shape(format!("{prefix}/{private}")).await;
        let nobodys = shape(format!("{prefix}/{unknown}")).await;
        assert_eq!(theirs, nobodys);
    }
}

async fn patch_is_for_admins_and_of_the_description_for_moderators(app: &App) {
    let client = app.client();
    let (owner, moderator, member, stranger) = (
        client.user().await,
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    moderator.join(&channel).await;
    member.join(&channel).await;
    owner.set_role(&channel, &moderator.id, "moderator").await;
    let path = format!("/api/channels/{channel}");
    let described = json!({ "description": "About fish" });
    assert_eq!(moderator.patch(&path, described.clone()).await.status, 200);
    let both = json!({ "description": "x", "name": "Mine" });
    moderator
        .patch(&path, both)
        .await
        .is_error(403, "FORBIDDEN");
    for other in [&member, &stranger] {
        other
            .patch(&path, described.clone())
            .await
            .is_error(403, "FORBIDDEN");
        other.delete(&path).await.is_error(403, "FORBIDDEN");
    }
    moderator.delete(&path).await.is_error(403, "FORBIDDEN");
    owner
        .patch(&path, json!({}))
        .await
        .is_error(400, "VALIDATION_ERROR");
    let body = json!({ "name": "Fish", "description": null, "imageUrl": "/files/i.png", "category": "Hobby" });
    let changed = owner.patch(&path, body).await.json();
    assert_eq!(changed["name"], "Fish");
    assert_eq!(changed["description"], Value::Null);
    assert_eq!(changed["imageUrl"], "/files/i.png");
    assert_eq!(changed["category"], "Hobby");
    let operators = client
        .admin()
        .patch(&path, json!({ "name": "Moved" }))
        .await;
    assert_eq!(operators.json()["name"], "Moved");
    assert_eq!(
        owner.delete(&path).await.json(),
        json!({ "message": "Channel deleted" })
    );
    owner.get(&path).await.is_error(404, "NOT_FOUND");
}

async fn malformed_ids_and_bodies_are_refused(app: &App) {
    let user = app.client().user().await;
    for id in ["1", "not-a-uuid", "..%2f", "%00"] {
        let path = format!("/api/channels/{id}");
        user.get(&path).await.is_error(404, "NOT_FOUND");
    }
    let json = user.with("content-type", "application/json");
    for body in ["", "{", "[]", "\"a\""] {
        let response = json.send("POST", "/api/channels", Some(body.into())).await;
        response.is_error(400, "VALIDATION_ERROR").names("body");
    }
    let plain = user
        .send("POST", "/api/channels", Some(b"{}".to_vec()))
        .await;
    plain.is_error(415, "UNSUPPORTED_MEDIA_TYPE");
    let wrong = user.with("x-admin-key", "wrong-key-of-an-operator");
    wrong
        .get("/api/channels")
        .await
        .is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn creating_channels_beyond_the_limit_of_joining_is_429() {
    let app = App::with_defaults()
        .variable("rate_limit_joins_per_minute", "2")
        .start()
        .await;
    let user = app.client().user().await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(
            user.post("/api/channels", json!({ "name": "a" }))
                .await
                .status,
        );
    }
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(user.get("/api/channels").await.status, 200);
}

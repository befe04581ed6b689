//! `/api/members`: who is a member of a channel, and with which role.

use serde_json::{Value, json};

use crate::harness::{App, Client, on_each_database, text_field};

on_each_database!(
    joining_twice_is_one_membership,
    leaving_is_for_all_but_the_last_admin,
    roles_are_changed_by_admins_and_never_upward,
    a_ban_outlives_joining_again_until_it_is_lifted,
    admins_add_users_to_private_channels,
    invitations_are_used_as_often_as_they_may_be,
    ownership_passes_to_a_member,
    joined_shows_what_is_unread,
);

async fn role(client: &Client, channel: &str, user: &str) -> Option<String> {
    let response = client
        .get(&format!("/api/members/{channel}/role/{user}"))
        .await;
    match response.status {
        200 => Some(text_field(&response.json(), "role")),
        404 => None,
        _ => panic!("{response:?}"),
    }
}

async fn joining_twice_is_one_membership(app: &App) {
    let client = app.client();
    let (owner, user) = (
        client.user_named("Owner").await,
        client.user_named("Bob").await,
    );
    let channel = owner.channel(false).await;
    let joined = user.join(&channel).await;
    assert_eq!(joined["role"], "member");
    assert_eq!(joined["isOwner"], false);
    assert_eq!(joined["userId"], user.id.as_str());
    assert_eq!(
        joined["user"],
        json!({ "id": user.id, "name": "Bob", "image": null })
    );
    let again = user
        .post("/api/members", json!({ "channelId": channel }))
        .await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.json(), joined);
    let members = owner.list(&format!("/api/members/{channel}")).await;
    let ids: Vec<_> = members
        .iter()
        .map(|member| text_field(member, "userId"))
        .collect();
    assert_eq!(
        ids,
        [owner.id.clone(), user.id.clone()],
        "who joined first comes first"
    );
    assert_eq!(members[0]["isOwner"], true);
    assert_eq!(members[0]["role"], "admin");
}

async fn leaving_is_for_all_but_the_last_admin(app: &App) {
    let client = app.client();
    let (owner, user) = (client.user().await, client.user().await);
    let channel = owner.channel(false).await;
    let path = format!("/api/members/{channel}");
    user.delete(&path).await.is_error(404, "NOT_FOUND");
    user.join(&channel).await;
    let response = owner.delete(&path).await;
    response.is_error(409, "CONFLICT");
    assert!(
        response.json()["error"].as_str().unwrap().contains("admin"),
        "{response:?}"
    );
    let demote = format!("/api/members/{channel}/{}/role", owner.id);
    owner
        .patch(&demote, json!({ "role": "member" }))
        .await
        .is_error(409, "CONFLICT");
    assert_eq!(
        user.delete(&path).await.json(),
        json!({ "message": "You left the channel" })
    );
    assert_eq!(role(&owner, &channel, &user.id).await, None);
    // With another admin, the owner can leave, and that admin owns the channel.
    user.join(&channel).await;
    owner.set_role(&channel, &user.id, "admin").await;
    assert_eq!(owner.delete(&path).await.status, 200);
    let channel = user.get(&format!("/api/channels/{channel}")).await.json();
    assert_eq!(channel["ownerId"], user.id.as_str());
}

async fn roles_are_changed_by_admins_and_never_upward(app: &App) {
    let client = app.client();
    let (owner, admin, moderator, member) = (
        client.user().await,
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    for user in [&admin, &moderator, &member] {
        user.join(&channel).await;
    }
    owner.set_role(&channel, &admin.id, "admin").await;
    admin.set_role(&channel, &moderator.id, "moderator").await;
    let change = |user: &str| format!("/api/members/{channel}/{user}/role");
    let to = |role: &str| json!({ "role": role });
    for who in [&moderator, &member] {
        who.patch(&change(&member.id), to("admin"))
            .await
            .is_error(403, "FORBIDDEN");
    }
    admin
        .patch(&change(&owner.id), to("member"))
        .await
        .is_error(403, "FORBIDDEN");
    member
        .patch(&change(&member.id), to("admin"))
        .await
        .is_error(403, "FORBIDDEN");
    let remove = |user: &str| format!("/api/members/{channel}/{user}");
    moderator
        .delete(&remove(&admin.id))
        .await
        .is_error(403, "FORBIDDEN");
    admin
        .delete(&remove(&owner.id))
        .await
        .is_error(403, "FORBIDDEN");
    member
        .delete(&remove(&moderator.id))
        .await
        .is_error(403, "FORBIDDEN");
    let ban = |user: &str| format!("/api/members/{channel}/bans/{user}");
    moderator
        .put(&ban(&admin.id), json!({}))
        .await
        .is_error(403, "FORBIDDEN");
    assert_eq!(moderator.delete(&remove(&member.id)).await.status, 200);
    assert_eq!(role(&owner, &channel, &member.id).await, None);
    for (body, field) in [
        (json!({ "role": "owner" }), "role"),
        (json!({ "role": 1 }), "role"),
        (json!({}), "role"),
        (json!({ "role": "admin", "more": 1 }), "more"),
    ] {
        let response = owner.patch(&change(&admin.id), body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    owner
        .patch(&change("user_none"), to("member"))
        .await
        .is_error(404, "NOT_FOUND");
    // Oneself, one may demote and remove.
    admin.set_role(&channel, &admin.id, "member").await;
    assert_eq!(admin.delete(&remove(&admin.id)).await.status, 200);
}

async fn a_ban_outlives_joining_again_until_it_is_lifted(app: &App) {
    let client = app.client();
    let (owner, user) = (client.user().await, client.user_named("Mallory").await);
    let channel = owner.channel(false).await;
    user.join(&channel).await;
    let path = format!("/api/members/{channel}/bans/{}", user.id);
    user.put(&path, json!({})).await.is_error(403, "FORBIDDEN");
    let long = json!({ "reason": "x".repeat(501) });
    owner
        .put(&path, long)
        .await
        .is_error(400, "VALIDATION_ERROR")
        .names("reason");
    let ban = owner.put(&path, json!({ "reason": "Advertising" })).await;
    assert_eq!(ban.status, 200, "{ban:?}");
    let ban = ban.json();
    assert_eq!(ban["reason"], "Advertising");
    assert_eq!(ban["bannedBy"], owner.id.as_str());
    assert_eq!(ban["user"]["name"], "Mallory");
    let join = json!({ "channelId": channel });
    user.post("/api/members", join.clone())
        .await
        .is_error(403, "FORBIDDEN");
    let add = json!({ "channelId": channel, "userId": user.id });
    owner
        .post("/api/members", add)
        .await
        .is_error(409, "CONFLICT");
    let invitation = owner
        .post(&format!("/api/members/{channel}/invitations"), json!({}))
        .await;
    let token = text_field(&invitation.json(), "token");
    let accept = format!("/api/members/invitations/{token}");
    user.send("POST", &accept, None)
        .await
        .is_error(403, "FORBIDDEN");
    let bans = owner.list(&format!("/api/members/{channel}/bans")).await;
    assert_eq!(bans, [ban]);
    user.get(&format!("/api/members/{channel}/bans"))
        .await
        .is_error(403, "FORBIDDEN");
    let lifted = owner.delete(&path).await;
    assert_eq!(lifted.json(), json!({ "message": "Ban lifted" }));
    owner.delete(&path).await.is_error(404, "NOT_FOUND");
    assert_eq!(user.post("/api/members", join).await.status, 201);
}

async fn admins_add_users_to_private_channels(app: &App) {
    let client = app.client();
    let (owner, member, user) = (
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(true).await;
    owner.add_member(&channel, &member.id).await;
    let add = |user: &str| json!({ "channelId": channel, "userId": user });
    member
        .post("/api/members", add(&user.id))
        .await
        .is_error(403, "FORBIDDEN");
    owner
        .post("/api/members", add("user_none"))
        .await
        .is_error(404, "NOT_FOUND");
    let operators = client.admin().post("/api/members", add(&user.id)).await;
    assert_eq!(operators.status, 201, "{operators:?}");
    assert_eq!(operators.json()["role"], "member");
    let alone = client
        .admin()
        .post("/api/members", json!({ "channelId": channel }))
        .await;
    alone.is_error(400, "VALIDATION_ERROR").names("userId");
    for (body, field) in [
        (json!({}), "channelId"),
        (json!({ "channelId": 1 }), "channelId"),
        (json!({ "channelId": channel, "role": "admin" }), "role"),
    ] {
        let response = user.post("/api/members", body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    let malformed = json!({ "channelId": "not-a-uuid" });
    user.post("/api/members", malformed)
        .await
        .is_error(404, "NOT_FOUND");
}

async fn invitations_are_used_as_often_as_they_may_be(app: &App) {
    let client = app.client();
    let owner = client.user().await;
    let channel = owner.channel(true).await;
    let path = format!("/api/members/{channel}/invitations");
    for (body, field) in [
        (json!({ "maxUses": 0 }), "maxUses"),
        (json!({ "maxUses": -1 }), "maxUses"),
        (json!({ "expiresAt": "tomorrow" }), "expiresAt"),
        (json!({ "expiresAt": "2020-01-01T00:00:00Z" }), "expiresAt"),
        (json!({ "expiresAt": 1 }), "expiresAt"),
        (json!({ "uses": 1 }), "uses"),
    ] {
        let response = owner.post(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    let body = json!({ "maxUses": 2, "expiresAt": "2099-01-01T00:00:00+01:00" });
    let created = owner.post(&path, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    assert_eq!(created["expiresAt"], "2098-12-31T23:00:00.000Z");
    let accept = format!("/api/members/invitations/{}", text_field(&created, "token"));
    let mut users = Vec::new();
    for _ in 0..3 {
        users.push(client.user().await);
    }
    let seen = users[0].get(&accept).await;
    assert_eq!(seen.json()["id"], channel.as_str());
    assert_eq!(seen.json()["role"], Value::Null);
    // A member takes no second use of it.
    for status in [201, 200] {
        let accepted = users[0].send("POST", &accept, None).await;
        assert_eq!(accepted.status, status, "{accepted:?}");
    }
    // One use is left for two users.
    let tried = users[1..]
        .iter()
        .map(|user| user.send("POST", &accept, None));
    let tried = futures::future::join_all(tried).await;
    let joined = tried
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert_eq!(joined, 1, "{tried:?}");
    let late = tried
        .iter()
        .find(|response| response.status != 201)
        .unwrap();
    late.is_error(404, "NOT_FOUND");
    let listed = owner.list(&path).await;
    assert_eq!(listed[0]["uses"], 2);
    assert!(listed[0].get("token").is_none(), "{listed:?}");
    let plain = json!({});
    let second = text_field(&owner.post(&path, plain).await.json(), "id");
    let revoke = format!("{path}/{second}");
    assert_eq!(owner.delete(&revoke).await.status, 200);
    owner.delete(&revoke).await.is_error(404, "NOT_FOUND");
    for guessed in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let path = format!("/api/members/invitations/{guessed}");
        users[0].get(&path).await.is_error(404, "NOT_FOUND");
        users[0]
            .send("POST", &path, None)
            .await
            .is_error(404, "NOT_FOUND");
    }
}

async fn ownership_passes_to_a_member(app: &App) {
    let client = app.client();
    let (owner, member, stranger) = (
        client.user().await,
        client.user().await,
        client.user().await,
    );
    let channel = owner.channel(false).await;
    member.join(&channel).await;
    let path = format!("/api/members/{channel}/transfer");
    let to = |user: &str| json!({ "userId": user });
    member
        .post(&path, to(&member.id))
        .await
        .is_error(403, "FORBIDDEN");
    owner
        .post(&path, to(&stranger.id))
        .await
        .is_error(404, "NOT_FOUND");
    owner
        .post(&path, json!({}))
        .await
        .is_error(400, "VALIDATION_ERROR")
        .names("userId");
    let passed = owner.post(&path, to(&member.id)).await;
    assert_eq!(passed.status, 200, "{passed:?}");
    assert_eq!(passed.json()["ownerId"], member.id.as_str());
    assert_eq!(
        role(&owner, &channel, &member.id).await.as_deref(),
        Some("admin")
    );
    assert_eq!(
        role(&owner, &channel, &owner.id).await.as_deref(),
        Some("admin")
    );
    owner
        .post(&path, to(&owner.id))
        .await
        .is_error(403, "FORBIDDEN");
}

async fn joined_shows_what_is_unread(app: &App) {
    let client = app.client();
    let (owner, user) = (client.user().await, client.user_named("Reader").await);
    let channel = owner.channel(false).await;
    user.join(&channel).await;
    let thread = owner.thread(&channel).await;
    owner.post_message(&thread, "one").await;
    let last = owner.post_message(&thread, "two, @reader").await;
    assert_eq!(last["mentions"], json!([user.id]));
    let joined = user.list("/api/members/joined").await;
    assert_eq!(joined.len(), 1, "{joined:?}");
    assert_eq!(joined[0]["id"], channel.as_str());
    assert_eq!(
        (&joined[0]["unreadCount"], &joined[0]["mentionCount"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(joined[0]["lastMessageAt"], last["createdAt"]);
    let read = user
        .put(
            &format!("/api/threads/{thread}/read"),
            json!({ "number": 2 }),
        )
        .await;
    assert_eq!(read.status, 200, "{read:?}");
    let joined = user.list("/api/members/joined").await;
    assert_eq!(
        (&joined[0]["unreadCount"], &joined[0]["mentionCount"]),
        (&json!(0), &json!(0))
    );
    // A user's own messages count as read.
    let own = owner.list("/api/members/joined").await;
    assert_eq!(own[0]["unreadCount"], 0);
}

#[tokio::test]
async fn joining_beyond_the_limit_is_429() {
    let app = App::with_defaults()
        .variable("rate_limit_joins_per_minute", "3")
        .start()
        .await;
    let (owner, user) = (app.client().user().await, app.client().user().await);
    let channel = owner.channel(false).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let response = user
            .post("/api/members", json!({ "channelId": channel }))
            .await;
        statuses.push(response.status);
    }
    assert_eq!(statuses[..3], [201, 200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

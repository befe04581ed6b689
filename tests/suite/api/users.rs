//! `/api/users`: users as others see them.

use serde_json::{Value, json};
use upstream::Mailbox;

use crate::harness::{App, PASSWORD, new_email, on_each_database, text_field};

on_each_database!(
    get_shows_the_email_address_to_the_user_and_the_operator_only,
    list_finds_users_by_name_page_by_page,
    guests_are_listed_once_they_join_a_channel,
    patch_changes_the_fields_that_are_present,
    patch_of_what_follows_from_something_else_has_no_effect,
    patch_with_invalid_fields_is_400_and_changes_nothing,
    patch_and_delete_of_another_user_are_403_and_of_an_unknown_one_404,
    patch_of_the_email_address_without_mail_changes_it_at_once,
    delete_keeps_messages_without_a_sender_and_passes_channels_on,
    delete_with_messages_leaves_tombstones,
    delete_by_the_operator_deletes_any_user_once,
    malformed_bodies_are_400_and_other_types_415,
);

async fn get_shows_the_email_address_to_the_user_and_the_operator_only(app: &App) {
    let client = app.client();
    let (juan, other) = (client.user_named("Juan García").await, client.user().await);
    let path = format!("/api/users/{}", juan.id);
    let own = juan.get(&path).await;
    assert_eq!(own.status, 200, "{own:?}");
    let own = own.json();
    assert_eq!(own["email"], juan.email.as_str());
    assert_eq!(own["emailVerified"], false);
    assert_eq!(own["presence"], "online");
    assert_eq!(own["name"], "Juan García");
    assert_eq!(own["image"], Value::Null);
    assert_eq!(own["profile"]["userId"], juan.id.as_str());
    assert_eq!(own["profile"]["displayName"], Value::Null);
    let theirs = other.get(&path).await.json();
    assert!(theirs.get("email").is_none(), "{theirs}");
    assert!(theirs.get("emailVerified").is_none(), "{theirs}");
    assert!(theirs.get("presence").is_none(), "{theirs}");
    assert_eq!(theirs["name"], "Juan García");
    let operators = client.admin().get(&path).await.json();
    assert_eq!(operators["email"], juan.email.as_str());
    assert!(operators.get("presence").is_none(), "{operators}");
    for unknown in ["user_none", "guest_1", "a b", "..%2f"] {
        let response = juan
            .get(&format!("/api/users/{}", unknown.replace(' ', "%20")))
            .await;
        response.is_error(404, "NOT_FOUND");
    }
}

async fn list_finds_users_by_name_page_by_page(app: &App) {
    let client = app.client();
    let marker = format!("Zoe{}", uuid::Uuid::new_v4().simple());
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(client.user_named(&format!("{marker} {number}")).await.id);
    }
    let asker = client.user().await;
    let path = format!("/api/users?search={}&limit=2", marker.to_lowercase());
    let first = asker.get(&path).await;
    assert_eq!(first.json().as_array().unwrap().len(), 2, "{first:?}");
    assert!(first.header("link").is_some(), "{first:?}");
    let listed = asker.all_pages(&path).await;
    let mut listed: Vec<_> = listed.iter().map(|user| text_field(user, "id")).collect();
    listed.reverse();
    assert_eq!(listed, ids, "the newest first, each once");
    let longest = "a".repeat(200);
    let response = asker.get(&format!("/api/users?search={longest}")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let too_long = format!("search={longest}a");
    for (query, field) in [
        (too_long.as_str(), "search"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=nonsense", "cursor"),
        ("page=1", "page"),
    ] {
        let response = asker.get(&format!("/api/users?{query}")).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
}

async fn guests_are_listed_once_they_join_a_channel(app: &App) {
    let client = app.client();
    let (owner, guest) = (client.user().await, client.guest().await);
    let path = format!("/api/users/{}", guest.id);
    assert_eq!(guest.get("/api/users").await.status, 200);
    owner.get(&path).await.is_error(404, "NOT_FOUND");
    let channel = owner.channel(false).await;
    guest.join(&channel).await;
    let shown = owner.get(&path).await.json();
    assert_eq!(shown["name"], "Guest");
    // The guest becomes an account, and is shown by its name from then on.
    let body = json!({ "email": new_email(), "password": PASSWORD, "name": "Ada" });
    let response = guest.post("/api/v1/auth/register", body).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.json()["user"]["id"], guest.id.as_str());
    assert_eq!(owner.get(&path).await.json()["name"], "Ada");
}

async fn patch_changes_the_fields_that_are_present(app: &App) {
    let client = app.client();
    let (ada, other) = (client.user_named("Ada").await, client.user().await);
    let path = format!("/api/users/{}", ada.id);
    let body = json!({
        "image": "https://example.com/ada.png",
        "profile": { "displayName": "Countess", "avatarUrl": "/files/a.png", "bio": "Counts.", "age": 36 },
    });
    let response = ada.patch(&path, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = json!({ "name": " Ada Lovelace ", "profile": { "bio": null } });
    let changed = ada.patch(&path, body).await.json();
    assert_eq!(changed["name"], "Ada Lovelace");
    assert_eq!(changed["image"], "https://example.com/ada.png");
    assert_eq!(changed["email"], ada.email.as_str());
    assert_eq!(changed["profile"]["displayName"], "Countess");
    assert_eq!(changed["profile"]["bio"], Value::Null);
    assert_eq!(changed["profile"]["age"], 36);
    let shown = other.get(&path).await.json();
    assert_eq!(shown["profile"], changed["profile"]);
    // The account, which is the truth for signing in, has the same name.
    let me = ada.get("/api/v1/auth/me").await.json();
    assert_eq!(me["user"]["name"], "Ada Lovelace");
    assert_eq!(me["user"]["image"], "https://example.com/ada.png");
    // Changed there, it is shown here.
    let response = ada
        .post("/api/auth/update-user", json!({ "name": "Augusta" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(other.get(&path).await.json()["name"], "Augusta");
}

async fn patch_of_what_follows_from_something_else_has_no_effect(app: &App) {
    let ada = app.client().user().await;
    let path = format!("/api/users/{}", ada.id);
    let body = json!({ "emailVerified": true, "profile": { "isOnline": true } });
    let response = ada.patch(&path, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["emailVerified"], false);
    assert_eq!(response.json()["profile"]["isOnline"], false);
}

async fn patch_with_invalid_fields_is_400_and_changes_nothing(app: &App) {
    let ada = app.client().user_named("Ada").await;
    let path = format!("/api/users/{}", ada.id);
    for empty in [json!({}), json!({ "profile": {} })] {
        let response = ada.patch(&path, empty).await;
        response.is_error(400, "VALIDATION_ERROR");
        let sentence = response.json()["error"].as_str().unwrap().to_owned();
        assert!(
            sentence.contains("Provide at least one property to update"),
            "{sentence}"
        );
    }
    let long = "x".repeat(501);
    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": 1 }), "name"),
        (json!({ "image": "/relative.png" }), "image"),
        (json!({ "email": "nobody" }), "email"),
        (json!({ "nickname": "a" }), "nickname"),
        (json!({ "presence": "asleep" }), "presence"),
        (
            json!({ "name": "Eve", "profile": { "bio": long } }),
            "profile.bio",
        ),
        (
            json!({ "name": "Eve", "profile": { "age": 151 } }),
            "profile.age",
        ),
        (
            json!({ "name": "Eve", "profile": { "age": -1 } }),
            "profile.age",
        ),
        (
            json!({ "profile": { "avatarUrl": "javascript:alert(1)" } }),
            "profile.avatarUrl",
        ),
        (
            json!({ "profile": { "displayName": "" } }),
            "profile.displayName",
        ),
        (json!({ "profile": { "admin": true } }), "profile.admin"),
        (json!({ "profile": "a" }), "profile"),
    ] {
        let response = ada.patch(&path, body).await;
        response.is_error(400, "VALIDATION_ERROR").names(field);
    }
    assert_eq!(ada.get(&path).await.json()["name"], "Ada");
    assert_eq!(
        ada.get("/api/v1/auth/me").await.json()["user"]["name"],
        "Ada"
    );
}

async fn patch_and_delete_of_another_user_are_403_and_of_an_unknown_one_404(app: &App) {
    let client = app.client();
    let (ada, eve) = (client.user_named("Ada").await, client.user().await);
    let path = format!("/api/users/{}", ada.id);
    let body = json!({ "name": "Eve was here" });
    eve.patch(&path, body.clone())
        .await
        .is_error(403, "FORBIDDEN");
    eve.delete(&path).await.is_error(403, "FORBIDDEN");
    eve.patch("/api/users/user_none", body)
        .await
        .is_error(404, "NOT_FOUND");
    eve.delete("/api/users/user_none")
        .await
        .is_error(404, "NOT_FOUND");
    assert_eq!(ada.get(&path).await.json()["name"], "Ada");
    // A key without the scope may not.
    let key = ada
        .new_key(json!({ "name": "a", "scopes": ["read", "write"] }))
        .await;
    let program = client.bearer(&key.secret);
    program.delete(&path).await.is_error(403, "FORBIDDEN");
    let address = json!({ "email": new_email() });
    program
        .patch(&path, address)
        .await
        .is_error(403, "FORBIDDEN");
    let key = ada
        .new_key(json!({ "name": "b", "scopes": ["read"] }))
        .await;
    let program = client.bearer(&key.secret);
    assert_eq!(program.get(&path).await.status, 200);
    program
        .patch(&path, json!({ "name": "x" }))
        .await
        .is_error(403, "FORBIDDEN");
}

async fn patch_of_the_email_address_without_mail_changes_it_at_once(app: &App) {
    let client = app.client();
    let (ada, other) = (client.user().await, client.user().await);
    let path = format!("/api/users/{}", ada.id);
    let taken = ada
        .patch(
            &path,
            json!({ "email": other.email.to_uppercase(), "name": "Never" }),
        )
        .await;
    taken.is_error(409, "CONFLICT");
    assert_ne!(ada.get(&path).await.json()["name"], "Never");
    let address = new_email();
    let response = ada.patch(&path, json!({ "email": address })).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["email"], address.as_str());
    assert_eq!(client.log_in(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(client.log_in(&address, PASSWORD).await.status, 200);
    // The old address is free.
    assert_eq!(client.register(&ada.email).await.status, 201);
    let guest = client.guest().await;
    let path = format!("/api/users/{}", guest.id);
    let response = guest.patch(&path, json!({ "email": new_email() })).await;
    response.is_error(400, "VALIDATION_ERROR").names("email");
}

#[tokio::test]
async fn patch_of_the_email_address_with_mail_waits_for_its_verification() {
    let mailbox = Mailbox::start().await.unwrap();
    let app = App::with_defaults()
        .variable("mail_webhook_url", mailbox.webhook_url())
        .start()
        .await;
    let ada = app.client().user().await;
    let path = format!("/api/users/{}", ada.id);
    let address = new_email();
    let response = ada
        .patch(&path, json!({ "email": address, "name": "Ada" }))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["email"], ada.email.as_str(), "not yet");
    assert_eq!(response.json()["name"], "Ada");
    let message = mailbox.message(&address, "verify-email").await;
    let token = text_field(&message, "token");
    let verify = format!("/api/auth/verify-email?token={token}");
    let verified = app.client().get(&verify).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    let shown = ada.get(&path).await.json();
    assert_eq!(shown["email"], address.as_str());
    assert_eq!(shown["emailVerified"], true);
}

async fn delete_keeps_messages_without_a_sender_and_passes_channels_on(app: &App) {
    let client = app.client();
    let (ada, bob) = (client.user().await, client.user().await);
    let (shared, alone) = (ada.channel(false).await, ada.channel(false).await);
    bob.join(&shared).await;
    ada.set_role(&shared, &bob.id, "admin").await;
    let thread = bob.thread(&shared).await;
    let message = ada.post_message(&thread, "I was here").await;
    let path = format!("/api/users/{}", ada.id);
    let response = ada.delete(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    assert_eq!(body["channelsPassedOn"], json!([shared]));
    assert_eq!(body["channelsDeleted"], json!([alone]));
    assert_eq!(body["messagesDeleted"], 0);
    assert_eq!(ada.status().await, 401);
    bob.get(&path).await.is_error(404, "NOT_FOUND");
    bob.get(&format!("/api/channels/{alone}"))
        .await
        .is_error(404, "NOT_FOUND");
    let channel = bob.get(&format!("/api/channels/{shared}")).await.json();
    assert_eq!(channel["ownerId"], bob.id.as_str());
    let kept = bob.messages(&thread, "").await;
    assert_eq!(kept[0]["id"], message["id"]);
    assert_eq!(kept[0]["content"], "I was here");
    assert_eq!(
        (&kept[0]["senderId"], &kept[0]["sender"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(client.log_in(&ada.email, PASSWORD).await.status, 401);
}

async fn delete_with_messages_leaves_tombstones(app: &App) {
    let client = app.client();
    let (ada, bob) = (client.user().await, client.user().await);
    let channel = bob.channel(false).await;
    ada.join(&channel).await;
    let thread = bob.thread(&channel).await;
    for content in ["one", "two"] {
        ada.post_message(&thread, content).await;
    }
    let path = format!("/api/users/{}?messages=delete", ada.id);
    ada.delete(&format!("/api/users/{}?messages=burn", ada.id))
        .await
        .is_error(400, "VALIDATION_ERROR")
        .names("messages");
    let response = ada.delete(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["messagesDeleted"], 2);
    let left = bob.messages(&thread, "").await;
    assert_eq!(left.len(), 2);
    assert!(
        left.iter()
            .all(|message| message["deleted"] == true && message["content"] == "")
    );
}

async fn delete_by_the_operator_deletes_any_user_once(app: &App) {
    let client = app.client();
    let ada = client.user().await;
    let path = format!("/api/users/{}", ada.id);
    let response = client.admin().delete(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(ada.status().await, 401);
    client
        .admin()
        .delete(&path)
        .await
        .is_error(404, "NOT_FOUND");
    let wrong = client.with("x-admin-key", "not-the-key-of-the-operator");
    wrong.delete(&path).await.is_error(401, "UNAUTHORIZED");
}

async fn malformed_bodies_are_400_and_other_types_415(app: &App) {
    let ada = app.client().user().await;
    let path = format!("/api/users/{}", ada.id);
    let json = ada.with("content-type", "application/json");
    for body in ["", "{", "[]", "\"a\"", "null"] {
        let response = json.send("PATCH", &path, Some(body.into())).await;
        response.is_error(400, "VALIDATION_ERROR").names("body");
    }
    let text = ada.with("content-type", "text/plain");
    let response = text.send("PATCH", &path, Some(b"{}".to_vec())).await;
    response.is_error(415, "UNSUPPORTED_MEDIA_TYPE");
}

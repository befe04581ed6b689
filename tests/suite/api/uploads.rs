//! `/api/uploads`, on both stores.

use serde_json::json;

use super::v1::files::{Form, Place, jpeg, on_both_stores, png};
use crate::harness::Client;

on_both_stores!(
    upload_of_one_file_has_url_key_size_and_type,
    an_avatar_or_a_banner_changes_the_profile_at_once,
    a_picture_of_a_channel_changes_it_if_the_user_is_an_admin,
    upload_of_several_files_reports_each,
    upload_of_an_incomplete_form_of_several_files_stores_none,
    info_has_the_limits_of_each_kind,
);

async fn upload_of_one_file_has_url_key_size_and_type(place: &Place) {
    let client = place.app.client();
    let guest = client.guest().await;
    for (kind, folder) in [
        ("profile/avatar", "profile/avatars"),
        ("profile/banner", "profile/banners"),
        ("channel/icon", "channel/icons"),
        ("channel/banner", "channel/banners"),
        ("message/image", "message/images"),
        ("message/attachment", "message/attachments"),
    ] {
        let path = format!("/api/uploads/{kind}");
        let form = || Form::new().file("file", "my photo.png", Some("image/jpg"), &jpeg());
        let response = guest.send_form(&path, form()).await;
        assert_eq!(response.status, 201, "{response:?}");
        let body = response.json();
        assert_eq!(body["success"], true);
        let data = &body["data"];
        let id = data["id"].as_str().unwrap();
        assert_eq!(data["key"], format!("{folder}/{id}.jpg"));
        assert_eq!(data["mimeType"], "image/jpeg");
        assert_eq!(data["filename"], "my photo.png");
        let url = data["url"].as_str().unwrap();
        let origin = format!("http://{}", place.app.address());
        let read = guest.get(url.strip_prefix(&origin).unwrap()).await;
        assert_eq!(read.body.len(), data["size"]);
        client
            .send_form(&path, form())
            .await
            .is_error(401, "UNAUTHORIZED");
        let empty = guest.send_form(&path, Form::new()).await;
        empty.is_error(400, "VALIDATION_ERROR").names("file");
        let json = guest.post(&path, json!({ "file": "a" })).await;
        json.is_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let form = Form::new().file("file", "a.pdf", None, b"%PDF-1.7\n");
    let response = guest
        .send_form("/api/uploads/message/attachment", form)
        .await;
    let key = response.json()["data"]["key"].as_str().unwrap().to_owned();
    assert!(key.ends_with(".pdf"), "{key}");
}

async fn an_avatar_or_a_banner_changes_the_profile_at_once(place: &Place) {
    let guest = place.app.client().guest().await;
    let profile = format!("/api/users/{}", guest.id);
    for (kind, field) in [("avatar", "avatarUrl"), ("banner", "bannerUrl")] {
        let form = Form::new().file("file", "a.png", None, &png());
        let path = format!("/api/uploads/profile/{kind}");
        let response = guest.send_form(&path, form).await;
        assert_eq!(response.status, 201, "{response:?}");
        let shown = guest.get(&profile).await.json();
        assert_eq!(shown["profile"][field], response.json()["data"]["url"]);
        // A rejected upload changes nothing.
        let form = Form::new().file("file", "a.png", None, b"<html>");
        assert_eq!(guest.send_form(&path, form).await.status, 415);
        assert_eq!(guest.get(&profile).await.json(), shown);
    }
}

async fn a_picture_of_a_channel_changes_it_if_the_user_is_an_admin(place: &Place) {
    let admin = place.app.client().guest().await;
    let body = json!({ "name": "Design", "category": "General" });
    let channel = admin.post("/api/channels", body).await.json();
    let id = channel["id"].as_str().unwrap();
    let member = place.app.client().guest().await;
    let joined = member
        .post("/api/members", json!({ "channelId": id }))
        .await;
    assert_eq!(joined.status, 201, "{joined:?}");
    for (kind, field) in [("icon", "imageUrl"), ("banner", "bannerUrl")] {
        let path = format!("/api/uploads/channel/{kind}?channelId={id}");
        let form = || Form::new().file("file", "a.png", None, &png());
        let response = admin.send_form(&path, form()).await;
        assert_eq!(response.status, 201, "{response:?}");
        let shown = admin.get(&format!("/api/channels/{id}")).await.json();
        assert_eq!(shown[field], response.json()["data"]["url"]);
        let refused = member.send_form(&path, form()).await;
        refused.is_error(403, "FORBIDDEN");
        let other = "/api/uploads/channel/icon?channelId=550e8400-e29b-41d4-a716-446655440000";
        let missing = admin.send_form(other, form()).await;
        missing.is_error(404, "NOT_FOUND");
    }
    // Rejected files are not stored.
    let files = member.get("/api/v1/files").await.json();
    assert_eq!(files["files"], json!([]));
}

async fn upload_of_several_files_reports_each(place: &Place) {
    let guest = place.app.client().guest().await;
    let path = "/api/uploads/message/images";
    let form = Form::new()
        .file("files", "a.png", Some("image/png"), &png())
        .file("files", "page.png", Some("image/png"), b"<html>")
        .file("files", "b.jpg", None, &jpeg())
        .file("files[]", "cut.png", None, &png()[..40]);
    let response = guest.send_form(path, form).await;
    assert_eq!(response.status, 201, "{response:?}");
    let body = response.json();
    let names: Vec<_> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["filename"])
        .collect();
    assert_eq!(names, ["a.png", "b.jpg"]);
    let errors: Vec<_> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["index"].as_u64(),
                one["filename"].as_str(),
                one["code"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (Some(1), Some("page.png"), Some("UNSUPPORTED_MEDIA_TYPE")),
            (Some(3), Some("cut.png"), Some("VALIDATION_ERROR")),
        ]
    );
    assert_eq!(place.ids().await.len(), 2);
    // All of them, or none.
    let ten = (0..10).fold(Form::new(), |form, _| {
        form.file("files", "a.png", None, &png())
    });
    let response = guest.send_form(path, ten).await.json();
    assert_eq!(response["data"].as_array().unwrap().len(), 10);
    assert!(response.get("errors").is_none());
    let eleven = (0..11).fold(Form::new(), |form, _| {
        form.file("files", "a.png", None, &png())
    });
    let response = guest.send_form(path, eleven).await;
    response.is_error(400, "VALIDATION_ERROR").names("files");
    assert_eq!(place.ids().await.len(), 12);
    let bad = Form::new().file("files", "a.txt", None, b"text");
    let response = guest.send_form(path, bad).await;
    response.is_error(400, "VALIDATION_ERROR").names("files[0]");
    let none = guest.send_form(path, Form::new()).await;
    none.is_error(400, "VALIDATION_ERROR").names("files");
    assert_eq!(place.ids().await.len(), 12);
}

async fn upload_of_an_incomplete_form_of_several_files_stores_none(place: &Place) {
    let guest = place.app.client().guest().await;
    let form = Form::new().file("files", "a.txt", None, b"one").file(
        "files",
        "b.txt",
        None,
        &[b'b'; 700_000],
    );
    let client = guest.with("content-type", &form.content_type());
    let path = "/api/uploads/message/attachments";
    let whole = form.open_body();
    for length in [whole.len() - 300_000, whole.len()] {
        let response = client
            .send("POST", path, Some(whole[..length].to_vec()))
            .await;
        response.is_error(400, "VALIDATION_ERROR");
        assert_eq!(place.ids().await.len(), 0, "{length}");
    }
    let twelve = (0..12).fold(Form::new(), |form, _| {
        form.file("files", "a.txt", None, b"a")
    });
    let response = guest.send_form(path, twelve).await;
    response.is_error(400, "VALIDATION_ERROR").names("files");
    assert_eq!(place.ids().await.len(), 0);
}

async fn info_has_the_limits_of_each_kind(place: &Place) {
    let client: Client = place.app.client();
    client
        .get("/api/uploads/info")
        .await
        .is_error(401, "UNAUTHORIZED");
    let guest = client.guest().await;
    let info = guest.get("/api/uploads/info").await.json();
    assert_eq!(info["success"], true);
    let data = &info["data"];
    assert_eq!(data["maxFiles"], 10);
    assert_eq!(data["avatar"]["maxBytes"], 2_097_152);
    assert_eq!(
        data["messageAttachment"],
        json!({ "maxBytes": 10_485_760, "mimeTypes": [] })
    );
}

//! `GET /api/v1/files/:id/url`, and reading without a credential.

use super::{Form, Place, content_path, on_both_stores, png};
use crate::harness::Client;

on_both_stores!(
    a_signed_url_needs_no_credential_and_is_for_one_file,
    pictures_are_for_everybody_who_is_signed_in,
);

async fn signed(guest: &Client, file: &serde_json::Value, query: &str) -> String {
    let path = format!("/api/v1/files/{}/url{query}", file["id"].as_str().unwrap());
    let response = guest.get(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    let url = response.json()["url"].as_str().unwrap().to_owned();
    let (_, path) = url.split_once("/api").unwrap();
    format!("/api{path}")
}

async fn a_signed_url_needs_no_credential_and_is_for_one_file(place: &Place) {
    let client = place.app.client();
    let guest = client.guest().await;
    let file = guest.uploaded("a.txt", b"Hello").await;
    let other = guest.uploaded("b.txt", b"Other").await;
    let url = signed(&guest, &file, "?expires=60").await;
    let response = client.get(&url).await;
    assert_eq!((response.status, response.text()), (200, "Hello"));
    assert_eq!(
        response.header("cache-control"),
        Some("private, max-age=300")
    );
    // Another file, time or signature.
    let query = url.split_once('?').unwrap().1;
    for wrong in [
        format!("{}?{query}", content_path(&other)),
        url.replace("expires=1", "expires=2"),
        url.replace("expires=", "expires=9"),
        format!("{url}0"),
        format!("{}?expires=1&signature=a.b", content_path(&file)),
        format!("{}?signature=", content_path(&file)),
    ] {
        client.get(&wrong).await.is_error(403, "FORBIDDEN");
    }
    for query in ["?expires=0", "?expires=604801", "?expires=x", "?other=1"] {
        let path = format!("/api/v1/files/{}/url{query}", file["id"].as_str().unwrap());
        guest.get(&path).await.is_error(400, "VALIDATION_ERROR");
    }
    let path = format!("/api/v1/files/{}", file["id"].as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    client.get(&url).await.is_error(403, "FORBIDDEN");
}

async fn picture(guest: &Client, path: &str) -> String {
    let form = Form::new().file("file", "a.png", Some("image/png"), &png());
    let response = guest.send_form(path, form).await;
    assert_eq!(response.status, 201, "{response:?}");
    let url = response.json()["data"]["url"].as_str().unwrap().to_owned();
    let (_, path) = url.split_once("/api").unwrap();
    format!("/api{path}")
}

async fn pictures_are_for_everybody_who_is_signed_in(place: &Place) {
    let client = place.app.client();
    let (guest, other) = (client.guest().await, client.guest().await);
    for kind in [
        "profile/avatar",
        "profile/banner",
        "channel/icon",
        "channel/banner",
    ] {
        let path = picture(&guest, &format!("/api/uploads/{kind}")).await;
        let response = other.get(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), Some("image/png"));
        client.get(&path).await.is_error(401, "UNAUTHORIZED");
        // Reading is all that others may do.
        let file = path.trim_end_matches("/content");
        other.delete(file).await.is_error(404, "NOT_FOUND");
    }
    for kind in ["message/image", "message/attachment"] {
        let path = picture(&guest, &format!("/api/uploads/{kind}")).await;
        assert_eq!(guest.get(&path).await.status, 200);
        other.get(&path).await.is_error(404, "NOT_FOUND");
    }
}

mod public {
    use super::super::Place;
    use super::picture;

    #[tokio::test]
    async fn public_files_lets_everybody_read_pictures_only() {
        let place = Place::key_value(|builder| builder.variable("public_files", "on")).await;
        let client = place.app.client();
        let guest = client.guest().await;
        let path = picture(&guest, "/api/uploads/profile/avatar").await;
        let response = client.get(&path).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(
            response.header("cache-control"),
            Some("public, max-age=86400")
        );
        let file = guest.uploaded("a.txt", b"private").await;
        let private = super::super::content_path(&file);
        client.get(&private).await.is_error(401, "UNAUTHORIZED");
        assert_eq!(guest.get(&private).await.status, 200);
        let image = picture(&guest, "/api/uploads/message/image").await;
        client.get(&image).await.is_error(401, "UNAUTHORIZED");
    }
}

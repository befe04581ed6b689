//! `GET /api/v1/files/:id/content`.

use super::{Form, Place, content_path, jpeg, on_both_stores, png};

on_both_stores!(
    range_of_a_file_is_206_with_its_bytes,
    head_of_a_file_has_its_fields_and_no_body,
    a_file_that_the_client_has_is_304,
    web_pages_are_attachments_in_a_sandbox,
    images_lose_their_metadata_and_are_shown,
    names_are_sent_in_both_forms,
);

async fn range_of_a_file_is_206_with_its_bytes(place: &Place) {
    let guest = place.app.client().guest().await;
    let content: Vec<u8> = (0..1_200_000_u32).map(|n| (n % 253) as u8).collect();
    let file = guest.uploaded("a.bin", &content).await;
    let path = content_path(&file);
    let tag = format!("\"{}\"", file["id"].as_str().unwrap());
    for (range, first, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=524280-524299", 524_280, 524_300),
        ("bytes=1199990-", 1_199_990, 1_200_000),
        ("bytes=-5", 1_199_995, 1_200_000),
        ("bytes=5-99999999", 5, 1_200_000),
    ] {
        for client in [
            guest.with("range", range),
            guest.with("range", range).with("if-range", &tag),
        ] {
            let response = client.get(&path).await;
            assert_eq!(response.status, 206, "{range}");
            assert!(response.body == content[first..end], "{range}");
            let expected = format!("bytes {first}-{}/1200000", end - 1);
            assert_eq!(response.header("content-range"), Some(expected.as_str()));
            let length = (end - first).to_string();
            assert_eq!(response.header("content-length"), Some(length.as_str()));
        }
    }
    let response = guest.with("range", "bytes=1200000-").get(&path).await;
    response.is_error(416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(response.header("content-range"), Some("bytes */1200000"));
    for client in [
        guest.with("range", "bytes=0-1,5-6"),
        guest.with("range", "lines=1-2"),
        guest
            .with("range", "bytes=0-1")
            .with("if-range", "\"other\""),
    ] {
        let response = client.get(&path).await;
        assert_eq!((response.status, response.body.len()), (200, content.len()));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
    }
}

async fn head_of_a_file_has_its_fields_and_no_body(place: &Place) {
    let guest = place.app.client().guest().await;
    let file = guest.uploaded("a.txt", b"Hello").await;
    let client = guest.with("range", "bytes=0-1");
    let response = client.send("HEAD", &content_path(&file), None).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("content-length"), Some("5"));
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(response.body.is_empty());
}

async fn a_file_that_the_client_has_is_304(place: &Place) {
    let guest = place.app.client().guest().await;
    let file = guest.uploaded("a.txt", b"Hello").await;
    let path = content_path(&file);
    let response = guest.get(&path).await;
    let tag = response.header("etag").unwrap();
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    let again = guest.with("if-none-match", tag).get(&path).await;
    assert_eq!((again.status, again.body.len()), (304, 0), "{again:?}");
    assert_eq!(again.header("etag"), Some(tag));
    let other = guest.with("if-none-match", "\"other\"").get(&path).await;
    assert_eq!(other.status, 200);
}

async fn web_pages_are_attachments_in_a_sandbox(place: &Place) {
    let guest = place.app.client().guest().await;
    for (name, content, media_type) in [
        (
            "a.png",
            "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "image/svg+xml",
        ),
        (
            "a.txt",
            "<!-- --><html><script>alert(1)</script>",
            "text/html; charset=utf-8",
        ),
        ("a.jpg", "<?xml version='1.0'?><x/>", "application/xml"),
        ("a.zip", "PK\u{3}\u{4}\u{14}\0\0\0", "application/zip"),
    ] {
        let form = Form::new().file("file", name, Some("image/png"), content.as_bytes());
        let response = guest.send_form("/api/v1/files/upload", form).await;
        assert_eq!(response.status, 201, "{response:?}");
        let response = guest.get(&content_path(&response.json()["file"])).await;
        assert_eq!(response.header("content-type"), Some(media_type), "{name}");
        let disposition = response.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; "), "{disposition}");
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

async fn images_lose_their_metadata_and_are_shown(place: &Place) {
    let guest = place.app.client().guest().await;
    for (name, image, media_type) in [("a", png(), "image/png"), ("b.png", jpeg(), "image/jpeg")] {
        assert!(image.windows(6).any(|bytes| bytes == b"SECRET"));
        let file = guest.uploaded(name, &image).await;
        assert_eq!(file["mediaType"], media_type);
        let response = guest.get(&content_path(&file)).await;
        let has = |text: &[u8]| response.body.windows(text.len()).any(|bytes| bytes == text);
        assert!(!has(b"SECRET") && !has(b"<script>"), "{response:?}");
        assert!(has(b"IDAT") || has(b"picture\xff\xd9"));
        assert_eq!(file["size"], response.body.len());
        let disposition = response.header("content-disposition").unwrap();
        assert!(disposition.starts_with("inline; "), "{disposition}");
    }
}

async fn names_are_sent_in_both_forms(place: &Place) {
    let guest = place.app.client().guest().await;
    let file = guest
        .uploaded("../año \u{202e}\u{1f600}.txt", b"Hello")
        .await;
    assert_eq!(file["name"], "año \u{1f600}.txt");
    let response = guest.get(&content_path(&file)).await;
    assert_eq!(
        response.header("content-disposition"),
        Some("inline; filename=\"a_o _.txt\"; filename*=UTF-8''a%C3%B1o%20%F0%9F%98%80.txt")
    );
}

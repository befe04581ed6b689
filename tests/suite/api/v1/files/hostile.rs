//! Malicious bodies: each gets the right response, and no part of it is stored.

use std::collections::BTreeSet;

use super::form::png_of;
use super::{Form, Place, on_both_stores};

const UPLOAD: &str = "/api/v1/files/upload";

on_both_stores!(
    truncated_forms_store_nothing,
    lying_files_are_refused_and_leave_nothing,
    files_beyond_the_limit_are_413_and_leave_nothing,
    odd_forms_are_read_as_they_should_be,
    forms_with_too_much_in_them_are_refused,
    file_names_cannot_lead_anywhere;
    |builder| builder.variable("max_upload_bytes", "3000000")
);

async fn truncated_forms_store_nothing(place: &Place) {
    let guest = place.app.client().guest().await;
    let form = Form::new().file("file", "a.bin", None, &vec![7; 1_500_000]);
    let client = guest.with("content-type", &form.content_type());
    let whole = form.body();
    let end = whole.len();
    // In the content, in the boundary, and after the content but before the end of the form.
    for length in [0, 10, 120, 1_000_000, end - 20, end - 8, end - 4] {
        let body = whole[..length].to_vec();
        let response = client.send("POST", UPLOAD, Some(body)).await;
        assert_eq!(response.status, 400, "{length}: {response:?}");
    }
    let form = Form::new()
        .file("file", "a.bin", None, &vec![7; 600_000])
        .part("Content-Disposition: form-data; name=\"more\"\r\n", b"text");
    let response = client.send("POST", UPLOAD, Some(form.open_body())).await;
    response.is_error(400, "VALIDATION_ERROR");
    assert_eq!(place.ids().await, BTreeSet::new());
    // The final line break may be missing.
    let response = client
        .send("POST", UPLOAD, Some(whole[..end - 2].to_vec()))
        .await;
    assert_eq!(response.status, 201, "{response:?}");
}

async fn lying_files_are_refused_and_leave_nothing(place: &Place) {
    let guest = place.app.client().guest().await;
    let gif_and_page = b"GIF89a/*\x01\0\x01\0*/=1;<html><script>alert(1)</script>";
    let cut = png_of(4, 4);
    for (content, declared, status) in [
        // Not what the purpose takes, whatever it is called.
        (&b"<html><script>alert(1)</script>"[..], "image/png", 415),
        (b"<svg onload=alert(1)>", "image/png", 415),
        (b"%PDF-1.7 \x89PNG", "image/png", 415),
        (b"MZ\x90\0\x03\0\0\0", "image/jpeg", 415),
        (b"\x1f\x8b\x08\0\0\0\0\0", "image/png", 415),
        (gif_and_page, "text/html", 415),
        (b"", "image/png", 415),
        // The content is not of the type that its first bytes indicate.
        (
            b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>",
            "image/png",
            400,
        ),
        (&cut[..cut.len() - 12], "image/png", 400),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg", 400),
        // 900 million pixels in a few bytes.
        (&png_of(30_000, 30_000), "image/png", 400),
        (b"GIF89a\xff\xff\xff\xff\x80\0\0", "image/gif", 400),
    ] {
        let form = Form::new().file("file", "a.png", Some(declared), content);
        let response = guest.send_form("/api/uploads/profile/avatar", form).await;
        let shown = String::from_utf8_lossy(content);
        assert_eq!(response.status, status, "{shown}: {response:?}");
        assert!(!response.text().contains("alert"), "{response:?}");
    }
    for image in [
        png_of(30_000, 30_000),
        b"GIF89a\xff\xff\xff\xff\x80\0\0".to_vec(),
    ] {
        let response = guest.upload("a.png", &image).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
    assert_eq!(place.ids().await, BTreeSet::new());
    // A file that is an image and a page is served as the image that it is.
    let form = Form::new().file("file", "a.html", Some("image/gif"), gif_and_page);
    let response = guest.send_form("/api/uploads/profile/avatar", form).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.json()["data"]["mimeType"], "image/gif");
    // An archive is not opened.
    let bomb = [&b"PK\x03\x04"[..], &[0; 2_000_000]].concat();
    let file = guest.uploaded("bomb.zip", &bomb).await;
    assert_eq!(file["size"], bomb.len());
}

async fn files_beyond_the_limit_are_413_and_leave_nothing(place: &Place) {
    let guest = place.app.client().guest().await;
    let large = vec![b'a'; 3_000_001];
    let response = guest.upload("a.txt", &large).await;
    response.is_error(413, "PAYLOAD_TOO_LARGE");
    let response = guest.send("POST", UPLOAD, Some(large.clone())).await;
    response.is_error(413, "PAYLOAD_TOO_LARGE");
    // Without a length, and without an end: the response comes before the end of the body.
    let endless = futures::stream::repeat_with(|| Ok(vec![b'a'; 100_000].into()));
    let sent = guest.send_pieces("POST", UPLOAD, endless).await;
    if let Ok(response) = sent {
        response.is_error(413, "PAYLOAD_TOO_LARGE");
    }
    let image = [super::form::png_of(4, 4), vec![0; 2_100_000]].concat();
    let form = Form::new().file("file", "a.png", None, &image);
    let response = guest.send_form("/api/uploads/profile/avatar", form).await;
    response.is_error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(place.ids().await, BTreeSet::new());
    let response = guest.upload("a.txt", &large[..3_000_000]).await;
    assert_eq!(response.status, 201, "{response:?}");
}

async fn odd_forms_are_read_as_they_should_be(place: &Place) {
    let guest = place.app.client().guest().await;
    let boundary = "b".repeat(70);
    // A part of the boundary is content.
    let content = format!("\r\n--{}\r\n--\r\n\r\n", "b".repeat(69));
    let form = Form::with_boundary(&boundary)
        .part(
            "Content-Disposition: form-data; name=\"note\"\r\n",
            b"ignored",
        )
        .file(
            "file",
            "a.txt",
            Some("text/plain; charset=utf-8"),
            content.as_bytes(),
        );
    let response = guest.send_form(UPLOAD, form).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(response.json()["file"]["size"], content.len());
    for (header, name) in [
        ("form-data; name=file; filename=plain.txt", "plain.txt"),
        (
            "form-data; name=\"file\"; filename=\"x\"; filename*=UTF-8''%e2%82%ac.txt",
            "€.txt",
        ),
        (
            "form-data; name=\"file\"; filename*=UTF-8''only%20this.txt",
            "only this.txt",
        ),
        (
            "form-data; name=\"file\"; filename=\"quo\\\"te.txt\"",
            "quo\"te.txt",
        ),
        ("form-data; name=\"file\"", "file"),
    ] {
        let form = Form::new().part(&format!("content-disposition: {header}\r\n"), b"Hello");
        let response = guest.send_form(UPLOAD, form).await;
        assert_eq!(response.status, 201, "{header}: {response:?}");
        assert_eq!(response.json()["file"]["name"], name, "{header}");
    }
}

async fn forms_with_too_much_in_them_are_refused(place: &Place) {
    let guest = place.app.client().guest().await;
    let mut many = Form::new();
    for _ in 0..10_000 {
        many = many.part("Content-Disposition: form-data; name=\"a\"\r\n", b"");
    }
    let long_header = format!("X-Long: {}\r\n", "x".repeat(2_000_000));
    let long_beginning = [
        vec![b' '; 2_000_000],
        Form::new().file("file", "a", None, b"a").body(),
    ];
    let other = Form::new().part(
        "Content-Disposition: form-data; name=\"a\"\r\n",
        &[0; 200_000],
    );
    let kind = Form::new().content_type();
    let client = guest.with("content-type", &kind);
    for (body, status) in [
        (many.body(), 400),
        (Form::new().part(&long_header, b"a").body(), 400),
        (long_beginning.concat(), 400),
        (other.body(), 413),
        (vec![b'-'; 2_000_000], 400),
        (b"no form".to_vec(), 400),
    ] {
        let response = client.send("POST", UPLOAD, Some(body)).await;
        assert_eq!(response.status, status, "{response:?}");
    }
    assert_eq!(place.ids().await, BTreeSet::new());
}

async fn file_names_cannot_lead_anywhere(place: &Place) {
    let guest = place.app.client().guest().await;
    for (given, name) in [
        ("../../x", "x"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("..", "file"),
        ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
        ("a\u{0}b.txt", "ab.txt"),
    ] {
        let client = guest.with("x-filename", &percent_encoded(given));
        let response = client.send("POST", UPLOAD, Some(b"a".to_vec())).await;
        assert_eq!(response.status, 201, "{given}: {response:?}");
        assert_eq!(response.json()["file"]["name"], name, "{given}");
    }
    let long = format!("{}.txt", "é".repeat(200));
    let name = guest.uploaded(&long, b"a").await["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(name.len() <= 255 && name.ends_with(".txt"), "{name}");
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn files_beyond_the_storage_of_a_user_are_413() {
    let place = Place::key_value(|builder| builder.variable("max_storage_bytes", "1000000")).await;
    let guest = place.app.client().guest().await;
    let file = guest.uploaded("a.txt", &[b'a'; 600_000]).await;
    let response = guest.upload("b.txt", &[b'b'; 600_000]).await;
    response.is_error(413, "PAYLOAD_TOO_LARGE");
    assert!(response.text().contains("1000000"), "{response:?}");
    // Others have their own, and deleting makes room.
    let other = place.app.client().guest().await;
    other.uploaded("c.txt", &[b'c'; 600_000]).await;
    let path = format!("/api/v1/files/{}", file["id"].as_str().unwrap());
    guest.delete(&path).await;
    // Of several concurrent uploads, as many are stored as the limit allows.
    let uploads = (0..4).map(|_| guest.upload("d.txt", &[b'd'; 400_000]));
    let responses = futures::future::join_all(uploads).await;
    let stored = responses
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert!((1..=2).contains(&stored), "{responses:?}");
    let listed = guest.get("/api/v1/files").await.json();
    assert_eq!(listed["files"].as_array().unwrap().len(), stored);
    assert_eq!(place.ids().await.len(), stored + 1);
}

#[tokio::test]
async fn s3_that_cannot_be_reached_is_503() {
    let bucket = match crate::harness::Bucket::create().await {
        Ok(bucket) => bucket,
        Err(missing) => return crate::harness::skip_or_fail("files::hostile", &missing),
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let builder = crate::harness::App::with_defaults().s3(&bucket);
    let app = builder.variable("s3_endpoint", &nobody).start().await;
    let guest = app.client().guest().await;
    for response in [
        guest.upload("a.txt", b"Hello").await,
        guest.get("/api/v1/files").await,
    ] {
        response.is_error(503, "PROVIDER_UNAVAILABLE");
        assert!(!response.text().contains("127.0.0.1"), "{response:?}");
    }
    assert_eq!(app.client().get("/health").await.status, 503);
    assert!(!app.logs().contains("key-secret"));
    assert_ne!(bucket.endpoint(), nobody);
}

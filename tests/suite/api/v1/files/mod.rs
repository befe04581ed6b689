//! `/api/v1/files`, on both stores.

mod content;
mod crashes;
mod form;
mod hostile;
mod memory;
mod urls;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{App, Bucket, Builder, Client, PASSWORD, Response, skip_or_fail};

pub(crate) use form::{Form, jpeg, png};

/// An application, and where its files are.
pub(crate) struct Place {
    pub(crate) app: App,
    bucket: Option<Bucket>,
}

impl Place {
    /// Files in the key-value store.
    pub(crate) async fn key_value(configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self {
            app: configure(App::with_defaults()).start().await,
            bucket: None,
        }
    }

    /// Files in S3; none if there is no server for it.
    pub(crate) async fn s3(test: &str, configure: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        let bucket = Bucket::create().await;
        let bucket = bucket
            .map_err(|missing| skip_or_fail(&format!("files::{test}"), &missing))
            .ok()?;
        let app = configure(App::with_defaults().s3(&bucket)).start().await;
        Some(Self {
            app,
            bucket: Some(bucket),
        })
    }

    /// Starts the process again with what it has stored.
    pub(crate) async fn restart(&mut self) {
        let mut builder = App::with_defaults().process().state_of(&self.app);
        if let Some(bucket) = &self.bucket {
            builder = builder.s3(bucket);
        }
        self.app = builder.start().await;
    }

    /// Ids of all files of which something is stored, however little.
    pub(crate) async fn ids(&self) -> BTreeSet<String> {
        let Some(bucket) = &self.bucket else {
            let stored = self.app.stored();
            let ids = stored.iter().filter_map(|row| {
                let (key, _) = row.split_once(' ')?;
                let rest = ["files:b:", "files:f:", "files:t:", "files:w:"]
                    .iter()
                    .find_map(|prefix| key.strip_prefix(prefix))?;
                Some(rest.split(':').next()?.to_owned())
            });
            return ids.collect();
        };
        let listed = bucket.list().await;
        let keys = listed.objects.into_iter().chain(listed.uploads);
        keys.map(|key| key.rsplit('/').next().unwrap().to_owned())
            .collect()
    }
}

/// Makes a test of each function for both stores. The last argument configures the application.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?; $configure:expr) => {
        mod key_value {
            $(#[tokio::test]
            async fn $test() {
                let place = crate::api::v1::files::Place::key_value($configure).await;
                super::$test(&place).await;
            })+
        }

        mod s3 {
            $(#[tokio::test]
            async fn $test() {
                let place = crate::api::v1::files::Place::s3(stringify!($test), $configure);
                if let Some(place) = place.await {
                    super::$test(&place).await;
                }
            })+
        }
    };
    ($($test:ident),+ $(,)?) => {
        on_both_stores!($($test),+; |builder| builder);
    };
}
pub(crate) use on_both_stores;

impl Client {
    /// Uploads a content with a name.
    pub(crate) async fn upload(&self, name: &str, content: &[u8]) -> Response {
        let form = Form::new().file("file", name, None, content);
        self.send_form("/api/v1/files/upload", form).await
    }

    /// Sends a form.
    pub(crate) async fn send_form(&self, path: &str, form: Form) -> Response {
        let client = self.with("content-type", &form.content_type());
        client.send("POST", path, Some(form.body())).await
    }

    /// Uploads a content and returns the file.
    pub(crate) async fn uploaded(&self, name: &str, content: &[u8]) -> Value {
        let response = self.upload(name, content).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["file"].clone()
    }
}

pub(crate) fn content_path(file: &Value) -> String {
    format!("/api/v1/files/{}/content", file["id"].as_str().unwrap())
}

on_both_stores!(
    upload_of_a_form_is_stored_and_read_byte_for_byte,
    upload_of_a_raw_body_has_the_name_of_x_filename,
    list_has_every_file_once_oldest_first,
    delete_removes_the_file_and_all_that_is_stored_of_it,
    files_of_another_user_are_404,
    files_without_a_credential_are_401,
    upload_of_a_malformed_body_is_an_error,
    erasing_the_user_erases_the_files,
    export_of_the_user_lists_the_files,
);

async fn upload_of_a_form_is_stored_and_read_byte_for_byte(place: &Place) {
    let guest = place.app.client().guest().await;
    // Lengths around the ends of chunks, and one in several parts of S3.
    for length in [0, 1, 524_287, 524_288, 524_289, 9_000_000] {
        let content: Vec<u8> = (0..length).map(|n: usize| (n % 251) as u8).collect();
        let file = guest.uploaded("data.bin", &content).await;
        assert_eq!(file["size"], length, "{file}");
        assert_eq!(file["name"], "data.bin");
        assert_eq!(file["purpose"], "file");
        let response = guest.get(&content_path(&file)).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.body.len(), length);
        assert!(response.body == content, "the content differs");
        let info = format!("/api/v1/files/{}", file["id"].as_str().unwrap());
        assert_eq!(guest.get(&info).await.json()["file"], file);
    }
}

async fn upload_of_a_raw_body_has_the_name_of_x_filename(place: &Place) {
    let guest = place.app.client().guest().await;
    let client = guest
        .with("content-type", "text/markdown")
        .with("x-filename", "na%C3%AFve%20notes.md");
    let response = client
        .send("POST", "/api/v1/files/upload", Some(b"# Notes".to_vec()))
        .await;
    assert_eq!(response.status, 201, "{response:?}");
    let file = &response.json()["file"];
    assert_eq!(file["name"], "naïve notes.md");
    assert_eq!(file["mediaType"], "text/markdown");
    let location = response.header("location").unwrap();
    assert_eq!(&guest.get(location).await.json()["file"], file);
    // Without a name and a type.
    let response = guest
        .send("POST", "/api/v1/files/upload", Some(b"\x01\x02".to_vec()))
        .await;
    assert_eq!(response.status, 201, "{response:?}");
    let file = &response.json()["file"];
    assert_eq!(file["name"], "file");
    assert_eq!(file["mediaType"], "application/octet-stream");
}

async fn list_has_every_file_once_oldest_first(place: &Place) {
    let guest = place.app.client().guest().await;
    let empty = guest.get("/api/v1/files").await.json();
    assert_eq!(empty, json!({ "files": [], "nextCursor": null }));
    let mut ids = Vec::new();
    for number in 0..5 {
        let name = format!("{number}.txt");
        let file = guest.uploaded(&name, name.as_bytes()).await;
        ids.push(file["id"].clone());
    }
    let path = format!("/api/v1/files/{}", ids.remove(2).as_str().unwrap());
    assert_eq!(guest.delete(&path).await.status, 200);
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = guest.get(&format!("/api/v1/files?limit=2{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let files = page["files"].as_array().unwrap();
        assert!(files.len() <= 2);
        listed.extend(files.iter().map(|file| file["id"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed, ids);
    let other = place.app.client().guest().await;
    assert_eq!(other.get("/api/v1/files").await.json()["files"], json!([]));
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "page=1",
    ] {
        let response = guest.get(&format!("/api/v1/files?{query}")).await;
        response.is_error(400, "VALIDATION_ERROR");
    }
}

async fn delete_removes_the_file_and_all_that_is_stored_of_it(place: &Place) {
    let guest = place.app.client().guest().await;
    let file = guest.uploaded("a.txt", &[b'a'; 600_000]).await;
    let id = file["id"].as_str().unwrap();
    assert!(place.ids().await.contains(id));
    let path = format!("/api/v1/files/{id}");
    let response = guest.delete(&path).await;
    assert_eq!(response.json(), json!({ "success": true }));
    for response in [
        guest.delete(&path).await,
        guest.get(&path).await,
        guest.get(&content_path(&file)).await,
        guest.get(&format!("{path}/url")).await,
    ] {
        response.is_error(404, "NOT_FOUND");
    }
    assert_eq!(place.ids().await, BTreeSet::new());
}

async fn files_of_another_user_are_404(place: &Place) {
    let guest = place.app.client().guest().await;
    let other = place.app.client().guest().await;
    let file = guest.uploaded("a.txt", b"private").await;
    let path = format!("/api/v1/files/{}", file["id"].as_str().unwrap());
    for response in [
        other.get(&path).await,
        other.get(&format!("{path}/content")).await,
        other.get(&format!("{path}/url")).await,
        other.delete(&path).await,
        guest.get("/api/v1/files/nonsense").await,
    ] {
        response.is_error(404, "NOT_FOUND");
        assert!(!response.text().contains("private"));
    }
    assert_eq!(guest.get(&path).await.status, 200);
}

async fn files_without_a_credential_are_401(place: &Place) {
    let client = place.app.client();
    let file = client.guest().await.uploaded("a.txt", b"private").await;
    client
        .upload("a.txt", b"a")
        .await
        .is_error(401, "UNAUTHORIZED");
    for path in [content_path(&file), "/api/v1/files".to_owned()] {
        client.get(&path).await.is_error(401, "UNAUTHORIZED");
    }
    let key = json!({ "name": "reader", "scopes": ["read"] });
    let user = client.user().await;
    let key = user.new_key(key).await.secret;
    let reader = client.bearer(&key);
    assert_eq!(reader.get("/api/v1/files").await.status, 200);
    reader
        .upload("a.txt", b"a")
        .await
        .is_error(403, "FORBIDDEN");
}

async fn upload_of_a_malformed_body_is_an_error(place: &Place) {
    let guest = place.app.client().guest().await;
    let path = "/api/v1/files/upload";
    let response = guest.send_form(path, Form::new()).await;
    response.is_error(400, "VALIDATION_ERROR").names("file");
    let form = Form::new().file("other", "a.txt", None, b"a");
    let response = guest.send_form(path, form).await;
    response.is_error(400, "VALIDATION_ERROR").names("file");
    let form = Form::new()
        .file("file", "a.txt", None, b"a")
        .file("file", "b.txt", None, b"b");
    let response = guest.send_form(path, form).await;
    response.is_error(400, "VALIDATION_ERROR").names("file");
    // No boundary, or one that is too long.
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for kind in ["multipart/form-data", &long] {
        let client = guest.with("content-type", kind);
        let response = client.send("POST", path, Some(b"--x--".to_vec())).await;
        response.is_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let response = guest.send("PUT", path, None).await;
    response.is_error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(place.ids().await, BTreeSet::new());
}

async fn erasing_the_user_erases_the_files(place: &Place) {
    let user = place.app.client().user().await;
    let other = place.app.client().guest().await;
    let kept = other.uploaded("b.txt", b"kept").await;
    for number in 0..3 {
        user.uploaded("marker.txt", &vec![b'a' + number; 530_000])
            .await;
    }
    let form = Form::new().file("file", "a.png", None, &png());
    let avatar = user.send_form("/api/uploads/profile/avatar", form).await;
    assert_eq!(avatar.status, 201, "{avatar:?}");
    let body = json!({ "password": PASSWORD }).to_string().into_bytes();
    let client = user.with("content-type", "application/json");
    let response = client.send("DELETE", "/api/v1/auth/me", Some(body)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let kept = kept["id"].as_str().unwrap().to_owned();
    assert_eq!(place.ids().await, BTreeSet::from([kept]));
    assert!(
        !place
            .app
            .stored()
            .iter()
            .any(|row| row.contains("marker.txt"))
    );
}

async fn export_of_the_user_lists_the_files(place: &Place) {
    let guest = place.app.client().guest().await;
    let file = guest.uploaded("marker.txt", b"Hello").await;
    // Clearing content clears files too.
    let response = guest.delete("/api/clear").await;
    assert_eq!(response.status, 200, "{response:?}");
    guest
        .get(&content_path(&file))
        .await
        .is_error(404, "NOT_FOUND");
    assert_eq!(place.ids().await, BTreeSet::new());
}

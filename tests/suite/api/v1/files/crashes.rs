//! Clients that go away, and processes that are killed, in the middle of uploads and deletions.
//!
//! `GOLDFISH_FILE_KILLS` sets the number of kills on each store; 6 without it, 100 for a whole run.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::Value;

use super::{Form, Place, content_path, on_both_stores};
use crate::harness::{App, Client, eventually, repetitions};

on_both_stores!(an_upload_of_a_client_that_disconnects_is_removed);

const UPLOAD: &str = "/api/v1/files/upload";

/// Pieces that stop coming, with the connection open.
fn stuck(pieces: usize) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let head = Form::new().file("file", "a.bin", None, b"");
    let head = head.open_body();
    // Without the line break that ends the part.
    let head = Bytes::from(head[..head.len() - 2].to_vec());
    let content = (0..pieces).map(|_| Bytes::from(vec![7; 100_000]));
    let pieces = std::iter::once(head).chain(content).map(Ok);
    futures::stream::iter(pieces).chain(futures::stream::pending())
}

async fn an_upload_of_a_client_that_disconnects_is_removed(place: &Place) {
    let guest = place.app.client().guest().await;
    let kind = Form::new().content_type();
    let client = guest.with("content-type", &kind);
    let sending = tokio::spawn(async move { client.send_pieces("POST", UPLOAD, stuck(90)).await });
    // A part of it is stored when it is interrupted; in S3 a part is sent when it is full.
    eventually("a part of the upload", || async {
        (!place.ids().await.is_empty()).then_some(())
    })
    .await;
    sending.abort();
    eventually("the end of the upload", || async {
        place.ids().await.is_empty().then_some(())
    })
    .await;
    assert_eq!(
        guest.get("/api/v1/files").await.json()["files"],
        Value::Array(Vec::new())
    );
}

/// Makes unfinished uploads look as if they had begun long ago, in entries and in snapshots.
fn age(app: &App) {
    app.tamper("files:u:", |value| {
        let of_entries = with_number(value, "\"at\":");
        with_number(&of_entries, "\"since\":")
    });
}

/// The text with the number 1 after each `name`.
fn with_number(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{text}{name}1{rest}")
    })
}

/// The ids that are listed, of files that are there byte for byte.
async fn listed(app: &App, token: &str) -> BTreeSet<String> {
    let guest = app.client().bearer(token);
    let mut ids = BTreeSet::new();
    let mut path = "/api/v1/files?limit=100".to_owned();
    loop {
        let response = guest.get(&path).await;
        assert_eq!(response.status, 200, "{response:?} {}", app.logs());
        let page = response.json();
        for file in page["files"].as_array().unwrap() {
            let response = guest.get(&content_path(file)).await;
            assert_eq!(response.status, 200, "{response:?}");
            let seed: usize = file["name"].as_str().unwrap().parse().unwrap();
            assert!(response.body == content(seed), "{file}");
            ids.insert(file["id"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => path = format!("/api/v1/files?limit=100&cursor={next}"),
            None => return ids,
        }
    }
}

fn content(seed: usize) -> Vec<u8> {
    (seed..)
        .map(|n| (n % 251) as u8)
        .take(300_000 + 90_000 * (seed % 13))
        .collect()
}

/// Uploads and deletes until the process is killed. Returns the ids that were acknowledged, and those whose
/// deletion had begun.
async fn work(guest: Client, first: usize) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut stored, mut deleting) = (BTreeSet::new(), BTreeSet::new());
    for seed in first.. {
        let body = futures::stream::iter(
            content(seed)
                .chunks(50_000)
                .map(|some| Ok::<_, std::io::Error>(Bytes::copy_from_slice(some)))
                .collect::<Vec<_>>(),
        );
        let client = guest.with("x-filename", &seed.to_string());
        let Ok(response) = client.send_pieces("POST", UPLOAD, body).await else {
            break;
        };
        assert_eq!(response.status, 201, "{response:?}");
        let id = response.json()["file"]["id"].as_str().unwrap().to_owned();
        stored.insert(id.clone());
        if seed % 3 == 0 {
            deleting.insert(id.clone());
            let none = futures::stream::empty();
            let path = format!("/api/v1/files/{id}");
            if client.send_pieces("DELETE", &path, none).await.is_err() {
                break;
            }
        }
    }
    (stored, deleting)
}

#[tokio::test]
async fn kill_at_any_moment_keeps_exactly_the_acknowledged_files() {
    let mut place = Place::key_value(|builder| builder.process()).await;
    let acknowledged = kill_during_uploads(&mut place).await;
    age(&place.app);
    place.restart().await;
    check(place, acknowledged).await;
}

#[tokio::test]
async fn kill_at_any_moment_keeps_exactly_the_acknowledged_files_in_s3() {
    let name = "kill_at_any_moment_keeps_exactly_the_acknowledged_files_in_s3";
    // The server says that every unfinished upload began years ago.
    if let Some(mut place) = Place::s3(name, |builder| builder.process()).await {
        let acknowledged = kill_during_uploads(&mut place).await;
        place.restart().await;
        // What is unfinished is deleted by the next upload.
        let guest = place.app.client().bearer(&acknowledged.token);
        guest.uploaded("7", &content(7)).await;
        check(place, acknowledged).await;
    }
}

/// The user of the uploads, and ids of files.
struct Acknowledged {
    token: String,
    /// Those that were stored.
    stored: BTreeSet<String>,
    /// Those whose deletion has begun.
    deleting: BTreeSet<String>,
}

/// Kills the process again and again while it stores and deletes files. It does not run afterwards.
async fn kill_during_uploads(place: &mut Place) -> Acknowledged {
    let token = place.app.client().guest().await.token;
    let (mut stored, mut deleting) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..repetitions("GOLDFISH_FILE_KILLS", 6) {
        if round > 0 {
            place.restart().await;
        }
        let guest = place.app.client().bearer(&token);
        // Where the last kill has left an entry unwritten, the first upload waits for it; the kill comes later.
        let seed = 1000 * round + 999;
        let first = guest.uploaded(&seed.to_string(), &content(seed)).await;
        stored.insert(first["id"].as_str().unwrap().to_owned());
        let working = [
            tokio::spawn(work(guest.clone(), 1000 * round)),
            tokio::spawn(work(guest, 1000 * round + 500)),
        ];
        let life = 150 + 97 * u64::try_from(round % 7).unwrap();
        tokio::time::sleep(Duration::from_millis(life)).await;
        place.app.signal("KILL").await;
        place.app.ended().await;
        for done in working {
            let (more, begun) = done.await.unwrap();
            stored.extend(more);
            deleting.extend(begun);
        }
    }
    Acknowledged {
        token,
        stored,
        deleting,
    }
}

async fn check(place: Place, acknowledged: Acknowledged) {
    let Acknowledged {
        token,
        stored,
        deleting,
    } = acknowledged;
    let present = listed(&place.app, &token).await;
    let kept: BTreeSet<_> = stored.difference(&deleting).cloned().collect();
    assert!(
        kept.is_subset(&present),
        "lost: {:?}",
        kept.difference(&present)
    );
    assert_eq!(place.ids().await, present);
}

#[tokio::test]
async fn parts_of_an_upload_to_s3_that_was_cut_off_are_deleted_by_the_next_one() {
    let bucket = match crate::harness::Bucket::create().await {
        Ok(bucket) => bucket,
        Err(missing) => return crate::harness::skip_or_fail("files::crashes", &missing),
    };
    let app = App::with_defaults().s3(&bucket).start().await;
    let guest = app.client().guest().await;
    let key = format!("files/{}/019a3c5e-7b1f-7c3a-9d2e-7f1a2b3c4d5e", guest.id);
    let of_another = "files/another/019a3c5e-7b1f-7c3a-9d2e-7f1a2b3c4d5e";
    // The server says that every upload began years ago.
    bucket.begin_upload(&key).await;
    bucket.begin_upload(of_another).await;
    let file = guest.uploaded("a.txt", b"Hello").await;
    let listed = bucket.list().await;
    assert_eq!(listed.uploads, [of_another]);
    let id = file["id"].as_str().unwrap();
    assert_eq!(listed.objects, [format!("files/{}/{id}", guest.id)]);
}

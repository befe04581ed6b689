//! Large files in bounded memory, and what AWS's own client reads of them.

use bytes::Bytes;
use serde_json::json;

use super::{Place, content_path};
use crate::harness::{App, Bucket};

const PIECE: usize = 1_000_000;
const PIECES: usize = 100;
/// How much the process may grow by an upload and a download of 100 MB.
const GROWTH: u64 = 16 * 1024 * 1024;

fn piece(number: usize) -> Bytes {
    (0..PIECE)
        .map(|n| ((n + number) % 251) as u8)
        .collect::<Vec<_>>()
        .into()
}

async fn up_and_down(app: &App, pieces: usize) {
    let guest = app.client().guest().await;
    let body = futures::stream::iter((0..pieces).map(|number| Ok(piece(number))));
    let response = guest
        .send_pieces("POST", "/api/v1/files/upload", body)
        .await;
    let response = response.unwrap();
    assert_eq!(response.status, 201, "{response:?}");
    let file = &response.json()["file"];
    assert_eq!(file["size"], pieces * PIECE);
    let mut content = guest.open("GET", &content_path(file), None).await;
    let (mut at, mut expected) = (0, piece(0));
    while let Some(bytes) = content.bytes().await {
        for byte in bytes {
            if at % PIECE == 0 {
                expected = piece(at / PIECE);
            }
            assert_eq!(byte, expected[at % PIECE], "byte {at}");
            at += 1;
        }
    }
    assert_eq!(at, pieces * PIECE);
}

#[tokio::test]
async fn a_file_of_100_mb_takes_16_mb_of_memory_at_most() {
    let place =
        Place::key_value(|builder| builder.process().variable("max_upload_bytes", "200000000"))
            .await;
    // The memory that every upload takes, even the smallest.
    up_and_down(&place.app, 8).await;
    let Some(before) = place.app.peak_memory() else {
        return;
    };
    up_and_down(&place.app, PIECES).await;
    let after = place.app.peak_memory().unwrap();
    assert!(
        after <= before + GROWTH,
        "grew from {before} to {after} bytes"
    );
}

#[tokio::test]
async fn objects_in_s3_are_read_by_the_client_of_aws() {
    let bucket = match Bucket::create().await {
        Ok(bucket) => bucket,
        Err(missing) => return crate::harness::skip_or_fail("files::s3", &missing),
    };
    let builder = App::with_defaults().s3(&bucket);
    let app = builder
        .variable("max_upload_bytes", "30000000")
        .start()
        .await;
    let guest = app.client().guest().await;
    for (name, length) in [
        ("año.bin", 100_000),
        ("b.bin", 8_388_608),
        ("c.bin", 20_000_000),
    ] {
        let content: Vec<u8> = (0..length).map(|n: usize| (n % 253) as u8).collect();
        let file = guest.uploaded(name, &content).await;
        let id = file["id"].as_str().unwrap();
        let object = bucket.get(&format!("files/{}/{id}", guest.id)).await;
        assert!(object.content == content, "{name} differs");
        assert_eq!(object.media_type, "application/octet-stream");
        let encoded = name.replace('ñ', "%C3%B1");
        assert_eq!(
            object.metadata,
            json!({ "name": encoded, "purpose": "file" })
        );
    }
    assert_eq!(bucket.list().await.uploads, Vec::<String>::new());
}

#[tokio::test]
async fn s3_public_url_makes_signed_urls_lead_to_the_bucket() {
    let bucket = match Bucket::create().await {
        Ok(bucket) => bucket,
        Err(missing) => return crate::harness::skip_or_fail("files::s3", &missing),
    };
    let builder = App::with_defaults().s3(&bucket);
    let app = builder
        .variable("s3_public_url", bucket.endpoint())
        .start()
        .await;
    let guest = app.client().guest().await;
    let file = guest.uploaded("a.txt", b"Hello").await;
    let path = format!(
        "/api/v1/files/{}/url?expires=60",
        file["id"].as_str().unwrap()
    );
    let response = guest.get(&path).await.json();
    let url = response["url"].as_str().unwrap();
    let target = url
        .strip_prefix(bucket.endpoint())
        .expect("the bucket's URL");
    let address = bucket.endpoint().strip_prefix("http://").unwrap();
    let client = crate::harness::Client::new(address.parse().unwrap()).undescribed();
    let response = client.get(target).await;
    assert_eq!((response.status, response.text()), (200, "Hello"));
    assert!(
        response
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
}

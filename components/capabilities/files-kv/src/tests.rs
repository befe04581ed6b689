use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use file_rules::{Limits, Purpose};
use file_store::{Error, File, NewFile};
use journal::blob::CHUNK_BYTES;
use journal::testing::{Client, Fault, World};
use proptest::prelude::*;

use crate::files::{self, Files, LEASE};
use crate::secret;
use crate::writer::{RENEW, STOP, Writer};

const OWNER: &str = "user_ada";

const LIMITS: Limits = Limits {
    upload: 10_000_000,
    storage: 10_000_000,
};

fn new_file(number: u64) -> NewFile {
    NewFile {
        id: ids::new_uuid_at(number),
        owner: OWNER.to_owned(),
        name: format!("{number}.txt"),
        media_type: "text/plain",
        purpose: Purpose::File,
        created_at: number,
    }
}

fn content(number: u64, length: usize) -> Vec<u8> {
    (number..)
        .map(|byte| (byte % 251) as u8)
        .take(length)
        .collect()
}

async fn upload(
    client: Client,
    file: NewFile,
    limits: Limits,
    bytes: &[u8],
) -> Result<File, Error> {
    let mut writer = Writer::begin(client, file, limits).await?;
    for some in bytes.chunks(300_000) {
        if let Err(error) = writer.write(some).await {
            writer.abort().await;
            return Err(error);
        }
    }
    writer.finish().await
}

async fn read(client: Client, id: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, Error> {
    let mut content = Files::new(client, OWNER).read(id, range).await?;
    let mut bytes = Vec::new();
    while let Some(some) = content.next().await? {
        bytes.extend(some);
    }
    Ok(bytes)
}

/// All files, page by page.
async fn list(client: Client) -> Result<Vec<File>, Error> {
    let files = Files::new(client, OWNER);
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = files.page(cursor.as_deref(), 2).await?;
        assert!(page.files.len() <= 2);
        all.extend(page.files);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}

/// Ids of the files that have keys of their own.
fn ids_in_keys(world: &World) -> BTreeSet<String> {
    let keys = world.keys().into_iter();
    keys.filter_map(|key| {
        let mut parts = key.splitn(3, ':').skip(1);
        let kind = parts.next()?.to_owned();
        let id = parts.next()?.split(':').next()?.to_owned();
        matches!(kind.as_str(), "f" | "b" | "t" | "w").then_some(id)
    })
    .collect()
}

#[test]
fn read_of_any_part_is_its_bytes() {
    let world = World::new(1);
    let client = world.client();
    let bytes = content(7, 2 * CHUNK_BYTES + 5);
    let expected = bytes.clone();
    world
        .finish(async move {
            let file = upload(client.clone(), new_file(1), LIMITS, &bytes)
                .await
                .unwrap();
            assert_eq!(file.size, bytes.len() as u64);
            let info = files::info(&client, Some(OWNER), &file.id).await;
            assert_eq!(info.as_ref(), Ok(&file));
            assert_eq!(
                files::info(&client, Some("other"), &file.id).await,
                Err(Error::NotFound)
            );
            assert_eq!(
                files::info(&client, None, &file.id).await,
                Err(Error::NotFound)
            );
            let chunk = CHUNK_BYTES as u64;
            for range in [
                0..0,
                0..1,
                5..chunk,
                chunk - 1..chunk + 1,
                chunk..2 * chunk,
                0..u64::MAX,
                2 * chunk..file.size,
            ] {
                let read = read(client.clone(), &file.id, range.clone()).await.unwrap();
                let end = range.end.min(file.size);
                assert_eq!(
                    read,
                    expected[range.start as usize..end as usize],
                    "{range:?}"
                );
            }
            let others = Files::new(client, "other");
            assert_eq!(
                others.read(&file.id, 0..1).await.err(),
                Some(Error::NotFound)
            );
            assert_eq!(others.delete(&file.id).await, Err(Error::NotFound));
        })
        .unwrap();
}

#[test]
fn delete_leaves_no_key_of_the_file() {
    let world = World::new(1);
    let client = world.client();
    world
        .finish(async move {
            let file = upload(client.clone(), new_file(1), LIMITS, &content(1, 700_000))
                .await
                .unwrap();
            let files = Files::new(client.clone(), OWNER);
            assert_eq!(files.text(&file.id).await, Ok(None));
            for text in ["first", "second\nline"] {
                files.put_text(&file.id, text).await.unwrap();
                assert_eq!(files.text(&file.id).await, Ok(Some(text.to_owned())));
            }
            let others = Files::new(client.clone(), "other");
            assert_eq!(others.text(&file.id).await, Ok(None));
            assert_eq!(files.used_bytes().await, Ok(700_000));
            assert_eq!(files.delete(&file.id).await, Ok(()));
            assert_eq!(files.delete(&file.id).await, Err(Error::NotFound));
            assert_eq!(files.used_bytes().await, Ok(0));
            assert_eq!(list(client).await, Ok(Vec::new()));
        })
        .unwrap();
    assert_eq!(ids_in_keys(&world), BTreeSet::new());
}

#[test]
fn abort_leaves_no_key_of_the_file() {
    let world = World::new(1);
    let client = world.client();
    world
        .finish(async move {
            let mut writer = Writer::begin(client.clone(), new_file(1), LIMITS)
                .await
                .unwrap();
            writer.write(&content(1, 700_000)).await.unwrap();
            writer.abort().await;
            let files = Files::new(client, OWNER);
            assert_eq!(files.used_bytes().await, Ok(0));
            assert!(
                files
                    .index()
                    .read()
                    .await
                    .unwrap()
                    .state
                    .unfinished
                    .is_empty()
            );
        })
        .unwrap();
    assert_eq!(ids_in_keys(&world), BTreeSet::new());
}

#[test]
fn page_with_a_cursor_of_something_else_is_invalid() {
    let world = World::new(1);
    let files = Files::new(world.client(), OWNER);
    let page = world
        .finish(async move { files.page(Some("x"), 2).await })
        .unwrap();
    assert!(matches!(page, Err(Error::Invalid(_))), "{page:?}");
}

#[test]
fn write_of_a_slow_upload_keeps_it_from_being_swept() {
    let world = World::new(1);
    let client = world.client();
    world
        .finish(async move {
            use journal::Clock as _;
            let mut writer = Writer::begin(client.clone(), new_file(1), LIMITS)
                .await
                .unwrap();
            let files = Files::new(client.clone(), OWNER);
            for _ in 0..LEASE / RENEW * 2 {
                client.sleep(RENEW).await;
                writer.write(b"slow ").await.unwrap();
                files.used_bytes().await.unwrap();
            }
            let file = writer.finish().await.unwrap();
            assert_eq!(
                read(client.clone(), &file.id, 0..5).await,
                Ok(b"slow ".to_vec())
            );
            // An upload without a heartbeat for too long fails, before others may sweep it.
            let mut writer = Writer::begin(client.clone(), new_file(2), LIMITS)
                .await
                .unwrap();
            client.sleep(STOP + 1).await;
            assert_eq!(writer.write(b"late").await, Err(Error::Incomplete));
            writer.abort().await;
            assert_eq!(list(client).await, Ok(vec![file]));
        })
        .unwrap();
}

#[test]
fn erase_during_an_upload_makes_it_fail_and_leaves_no_content() {
    let world = World::new(1);
    let client = world.client();
    world
        .finish(async move {
            let files = Files::new(client.clone(), OWNER);
            upload(client.clone(), new_file(1), LIMITS, &content(1, 600_000))
                .await
                .unwrap();
            let mut writer = Writer::begin(client.clone(), new_file(2), LIMITS)
                .await
                .unwrap();
            writer.write(&content(2, 600_000)).await.unwrap();
            files.erase().await.unwrap();
            writer.write(&content(3, 600_000)).await.unwrap();
            assert!(writer.finish().await.is_err());
            files.erase().await.unwrap();
            assert!(
                files
                    .index()
                    .read()
                    .await
                    .unwrap()
                    .state
                    .unfinished
                    .is_empty()
            );
        })
        .unwrap();
    assert_eq!(ids_in_keys(&world), BTreeSet::new());
    assert_eq!(world.keys_containing("txt"), Vec::<String>::new());
}

#[test]
fn key_of_concurrent_instances_is_equal() {
    let world = World::new(3);
    world.set_latency(50);
    let keys = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..5 {
        let (client, keys) = (world.client(), Rc::clone(&keys));
        world.spawn(async move {
            let key = secret::key(client).await.unwrap();
            keys.borrow_mut().push(key);
        });
    }
    world.run();
    let mut keys = keys.take();
    assert!(keys[0].len() >= 32);
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

/// The acknowledged operations, by file id.
#[derive(Debug, Default)]
struct Acknowledged {
    stored: BTreeMap<String, u64>,
    /// Deletions that began, with any outcome.
    deleting: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(Fault::DieBefore)),
        2 => Just(Some(Fault::DieAfter)),
        1 => Just(Some(Fault::Fail)),
        1 => Just(Some(Fault::FailAfter)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Processes upload and delete, and are killed at any operation. All acknowledged files are there,
    /// byte for byte. After a sweep, no other keys are left.
    #[test]
    fn files_after_crashes_are_those_that_were_acknowledged(
        seed in any::<u64>(),
        latency in 0_u64..40,
        uploads in prop::collection::vec(
            (0_usize..1_200_000, fault(), 0_u64..40, prop::option::of((fault(), 0_u64..30))),
            1..5,
        ),
        limit in prop_oneof![Just(10_000_000_u64), Just(1_500_000)],
    ) {
        let world = World::new(seed);
        world.set_latency(latency);
        world.split_batches();
        let limits = Limits { storage: limit, ..LIMITS };
        let acknowledged = Rc::new(RefCell::new(Acknowledged::default()));
        for (number, (length, upload_fault, after, deletion)) in (1..).zip(uploads) {
            let with = |fault: Option<Fault>, after| match fault {
                Some(fault) => world.client().with_fault(after, fault),
                None => world.client(),
            };
            let client = with(upload_fault, after);
            let deleter = deletion.map(|(fault, after)| with(fault, after));
            let writer = world.client();
            let acknowledged = Rc::clone(&acknowledged);
            world.spawn(async move {
                let bytes = content(number, length);
                let Ok(file) = upload(client, new_file(number), limits, &bytes).await else {
                    return;
                };
                acknowledged.borrow_mut().stored.insert(file.id.clone(), number);
                let files = Files::new(writer, OWNER);
                files.put_text(&file.id, "text").await.unwrap();
                if let Some(deleter) = deleter {
                    acknowledged.borrow_mut().deleting.insert(file.id.clone());
                    if Files::new(deleter, OWNER).delete(&file.id).await.is_ok() {
                        acknowledged.borrow_mut().deleted.insert(file.id);
                    }
                }
            });
        }
        world.run();
        world.set_latency(0);
        world.pass(2 * LEASE);
        let client = world.client();
        let acknowledged = acknowledged.take();
        let listed = world.finish(async move {
            let files = Files::new(client.clone(), OWNER);
            let used = files.used_bytes().await.unwrap();
            let listed = list(client.clone()).await.unwrap();
            let sum: u64 = listed.iter().map(|file| file.size).sum();
            assert_eq!(used, sum);
            assert!(used <= limit);
            for file in &listed {
                let bytes = read(client.clone(), &file.id, 0..u64::MAX).await.unwrap();
                assert_eq!(bytes, content(file.created_at, bytes.len()), "{file:?}");
                assert_eq!(bytes.len() as u64, file.size);
            }
            listed.into_iter().map(|file| file.id).collect::<Vec<_>>()
        }).unwrap();
        let ids: BTreeSet<String> = listed.iter().cloned().collect();
        prop_assert_eq!(ids.len(), listed.len(), "each is listed once");
        for id in acknowledged.stored.keys() {
            prop_assert!(acknowledged.deleting.contains(id) || ids.contains(id), "{} is lost", id);
        }
        for id in &acknowledged.deleted {
            prop_assert!(!ids.contains(id), "{} is back", id);
        }
        prop_assert_eq!(ids_in_keys(&world), ids);
    }
}

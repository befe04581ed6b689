use journal::Error;
use std::cell::Cell;
use std::rc::Rc;

use journal::blob::{Blob, CHUNK_BYTES};
use journal::testing::{Client, World};
use proptest::prelude::*;

use crate::faults;

/// The operations that the instances completed.
#[derive(Debug, Default)]
struct Done {
    written: Cell<bool>,
    erasing: Cell<bool>,
    erased: Cell<bool>,
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

fn blob(client: Client) -> Blob<Client> {
    Blob::new(client, "blob")
}

async fn write(blob: &Blob<Client>, content: &[u8], step: usize) -> Result<u64, Error> {
    let mut writer = blob.writer();
    for part in content.chunks(step) {
        writer.write(part).await?;
    }
    writer.finish().await
}

async fn read(blob: &Blob<Client>) -> Result<Option<Vec<u8>>, Error> {
    match blob.open().await? {
        Some(reader) => reader.range(0..u64::MAX).await.map(Some),
        None => Ok(None),
    }
}

fn read_now(world: &World) -> Option<Vec<u8>> {
    let blob = blob(world.client());
    world
        .finish(async move { read(&blob).await.unwrap() })
        .unwrap()
}

/// Lengths around the ends of chunks.
fn lengths() -> impl Strategy<Value = usize> {
    (0_usize..4, 0_usize..3)
        .prop_map(|(chunks, more)| (chunks * CHUNK_BYTES + more).saturating_sub(1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn blob_of_a_writer_and_an_eraser_with_faults_matches_the_model(
        seed in any::<u64>(),
        splits_batches in any::<bool>(),
        length in lengths(),
        erased_after in 0_u64..150,
        erases in 0_usize..3,
        instances in prop::collection::vec(faults(), 2),
    ) {
        let world = World::new(seed);
        if splits_batches {
            world.split_batches();
        }
        world.set_latency(20);
        let done = Rc::new(Done::default());
        let (at, fault) = instances[0];
        let writer = blob(world.client().with_fault(at, fault));
        let of_writer = Rc::clone(&done);
        let expected = content(length);
        let bytes = expected.clone();
        world.spawn(async move {
            let result = write(&writer, &bytes, 100_000).await;
            of_writer.written.set(result.is_ok());
        });
        let (at, fault) = instances[1];
        let client = world.client().with_fault(at, fault);
        let of_eraser = Rc::clone(&done);
        world.spawn(async move {
            use journal::Clock as _;
            client.sleep(erased_after).await;
            let eraser = blob(client);
            for _ in 0..erases {
                of_eraser.erasing.set(true);
                if eraser.erase().await.is_ok() {
                    of_eraser.erased.set(true);
                }
            }
        });
        let reader_client = world.client();
        let whole = expected.clone();
        world.spawn(async move {
            use journal::Clock as _;
            let reader = blob(reader_client.clone());
            for _ in 0..10 {
                match read(&reader).await {
                    Ok(Some(content)) => assert!(content == whole, "a part was read"),
                    Ok(None) | Err(Error::Erased) => {}
                    Err(error) => panic!("{error}"),
                }
                reader_client.sleep(15).await;
            }
        });
        world.run();
        let content = read_now(&world);
        prop_assert!(content.is_none() || content == Some(expected));
        if done.erased.get() {
            prop_assert!(content.is_none());
        } else if done.written.get() && !done.erasing.get() {
            prop_assert!(content.is_some());
        }
        let last = blob(world.client());
        let most = u64::try_from(length).unwrap();
        world.finish(async move { last.purge(most).await.unwrap() });
        prop_assert_eq!(world.keys(), Vec::<String>::new());
    }
}

#[test]
fn range_of_a_blob_crosses_chunks_and_ends_with_the_blob() {
    let world = World::new(1);
    let bytes = content(2 * CHUNK_BYTES + 10);
    let one = blob(world.client());
    let all = bytes.clone();
    world.finish(async move {
        write(&one, &all, 70_000).await.unwrap();
        let reader = one.open().await.unwrap().unwrap();
        assert_eq!((reader.len(), reader.chunks()), (all.len() as u64, 3));
        let chunk = CHUNK_BYTES as u64;
        for range in [
            0..1,
            chunk - 1..chunk + 1,
            5..2 * chunk + 5,
            2 * chunk..u64::MAX,
            3 * chunk..4 * chunk,
        ] {
            let end = (range.end as usize).min(all.len());
            let expected = all.get(range.start as usize..end).unwrap_or_default();
            assert!(
                reader.range(range.clone()).await.unwrap() == expected,
                "{range:?}"
            );
        }
        assert_eq!(reader.chunk(3).await, Ok(None));
    });
}

#[test]
fn finish_of_an_erased_blob_fails_and_leaves_only_the_tombstone() {
    let world = World::new(1);
    let one = blob(world.client());
    let result = world.finish(async move {
        let mut writer = one.writer();
        writer.write(&content(CHUNK_BYTES + 1)).await.unwrap();
        one.erase().await.unwrap();
        writer.finish().await
    });
    assert_eq!(result, Some(Err(Error::Erased)));
    assert_eq!(world.keys(), ["blob:x"]);
}

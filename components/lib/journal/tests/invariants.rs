//! The invariants of the crate's documentation, against a simulated store.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;

use journal::testing::{Client, Fault, World};
use journal::{ERASE_MARGIN, Error, Fold, GRACE, Journal, SETTLE, View, WRITE_DEADLINE};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// The entries in their order; one that comes again has moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Log(Vec<String>);

impl Fold for Log {
    const VERSION: u32 = 1;
    type Entry = String;

    fn apply(&mut self, _number: u64, entry: String) {
        self.0.retain(|existing| *existing != entry);
        self.0.push(entry);
    }
}

fn journal(client: Client) -> Journal<Client> {
    Journal::new(client, "test")
}

async fn append(journal: &Journal<Client>, entry: &str) -> Result<u64, Error> {
    let mut view = journal.read::<Log>().await?;
    journal.append(&mut view, &entry.to_owned()).await
}

async fn save(journal: &Journal<Client>, view: &mut View<Log>) -> Result<(), Error> {
    journal.erase_settled(view, |_| Vec::new()).await?;
    match journal.snapshot(view) {
        Some(pair) => {
            use journal::Store;
            journal.platform().set_many(vec![pair]).await
        }
        None => Ok(()),
    }
}

fn read(world: &World) -> Vec<String> {
    let journal = journal(world.client());
    let read = world.finish(async move { journal.read::<Log>().await });
    read.unwrap().unwrap().state.0
}

fn sorted(mut entries: Vec<String>) -> Vec<String> {
    entries.sort();
    entries
}

/// Writers that all append `each` entries, and what was acknowledged.
fn spawn_writers(world: &World, count: usize, each: usize) -> Rc<RefCell<Vec<String>>> {
    let acknowledged = Rc::new(RefCell::new(Vec::new()));
    for writer in 0..count {
        let journal = journal(world.client());
        let acknowledged = Rc::clone(&acknowledged);
        world.spawn(async move {
            let mut view = journal.read::<Log>().await.unwrap();
            for index in 0..each {
                let entry = format!("{writer}.{index}");
                journal.append(&mut view, &entry).await.unwrap();
                assert_eq!(view.state.0.last(), Some(&entry));
                acknowledged.borrow_mut().push(entry);
            }
        });
    }
    acknowledged
}

/// Readers that look again and again, sometimes writing a snapshot, and check that they see all
/// that was acknowledged before they began.
fn spawn_readers(world: &World, count: u64, pace: u64, acknowledged: &Rc<RefCell<Vec<String>>>) {
    for reader in 0..count {
        let client = world.client();
        let acknowledged = Rc::clone(acknowledged);
        world.spawn(async move {
            use journal::Clock;
            let journal = journal(client.clone());
            for round in 0..10 {
                let before = acknowledged.borrow().clone();
                let mut view = journal.read::<Log>().await.unwrap();
                let missing = before.iter().find(|entry| !view.state.0.contains(entry));
                assert_eq!(missing, None);
                // Odd readers dawdle, so that older snapshots replace newer ones.
                client.sleep(pace + (reader % 2) * 40 + round).await;
                save(&journal, &mut view).await.unwrap();
            }
        });
    }
}

#[test]
fn append_by_many_writers_with_readers_loses_nothing() {
    for seed in 0..150 {
        let world = World::new(seed);
        world.set_latency(30);
        let acknowledged = spawn_writers(&world, 16, 4);
        spawn_readers(&world, 4, 0, &acknowledged);
        world.run();
        assert_eq!(acknowledged.borrow().len(), 64, "seed {seed}");
        assert_eq!(
            sorted(read(&world)),
            sorted(acknowledged.take()),
            "seed {seed}"
        );
    }
}

#[test]
fn append_by_a_single_writer_takes_two_writes() {
    let world = World::new(1);
    let journal = journal(world.client());
    let (view, journal) = world
        .finish(async move { (journal.read::<Log>().await.unwrap(), journal) })
        .unwrap();
    world.take_counts();
    let mut view = view;
    let appended = world.finish(async move {
        let number = journal.append(&mut view, &"a".to_owned()).await;
        number.unwrap()
    });
    assert_eq!(appended, Some(1));
    assert_eq!(world.take_counts(), (0, 2));
}

#[test]
fn read_of_a_snapshot_takes_two_gets() {
    let world = World::new(1);
    spawn_writers(&world, 1, 100);
    world.run();
    let one = journal(world.client());
    world.spawn(async move {
        let mut view = one.read::<Log>().await.unwrap();
        save(&one, &mut view).await.unwrap();
    });
    world.run();
    world.take_counts();
    assert_eq!(read(&world).len(), 100);
    assert_eq!(world.take_counts(), (2, 0));
}

#[test]
fn append_after_a_writer_died_is_delayed_by_the_grace_period_only() {
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for operation in 0..6 {
            for seed in 0..10 {
                let world = World::new(seed);
                world.set_latency(20);
                let mortal = journal(world.client().with_fault(operation, fault));
                world.spawn(async move {
                    let _ = append(&mortal, "mortal").await;
                });
                let acknowledged = spawn_writers(&world, 3, 3);
                world.run();
                let took = world.now() - journal::testing::BEGINNING;
                assert!(took < GRACE + 2_000, "{fault:?} at {operation}: {took}");
                let mut entries = read(&world);
                entries.retain(|entry| entry != "mortal");
                assert_eq!(sorted(entries), sorted(acknowledged.take()));
            }
        }
    }
}

#[test]
fn append_after_several_writers_died_waits_once() {
    let world = World::new(3);
    for _ in 0..20 {
        let mortal = journal(world.client().with_fault(3, Fault::DieBefore));
        world.spawn(async move {
            let _ = append(&mortal, "mortal").await;
        });
    }
    world.run();
    let acknowledged = spawn_writers(&world, 4, 2);
    world.run();
    assert!(world.now() - journal::testing::BEGINNING < GRACE + 1_000);
    assert_eq!(sorted(read(&world)), sorted(acknowledged.take()));
}

#[test]
fn append_by_a_late_writer_is_applied_once() {
    for seed in 0..20 {
        for stall in [0, 1_900, 2_100, 4_900, 5_100, 9_000, 14_000] {
            for operation in 1..4 {
                let world = World::new(seed);
                world.set_latency(20);
                let late = journal(world.client().with_fault(operation, Fault::Stall(stall)));
                let acknowledged = spawn_writers(&world, 3, 3);
                spawn_readers(&world, 2, 700, &acknowledged);
                let place = Rc::clone(&acknowledged);
                world.spawn(async move {
                    append(&late, "late").await.unwrap();
                    place.borrow_mut().push("late".to_owned());
                });
                world.run();
                let entries = sorted(read(&world));
                assert_eq!(
                    entries,
                    sorted(acknowledged.take()),
                    "{seed} {stall} {operation}"
                );
            }
        }
    }
}

#[test]
fn append_to_a_store_that_is_always_late_fails() {
    let world = World::new(1);
    let mut client = world.client();
    for operation in 0..40 {
        client = client.with_fault(operation, Fault::Stall(WRITE_DEADLINE + 1));
    }
    let slow = journal(client);
    let appended = world.finish(async move { append(&slow, "never").await });
    assert_eq!(appended, Some(Err(Error::TooSlow)));
    assert_eq!(read(&world), Vec::<String>::new());
}

#[test]
fn append_after_a_failed_write_keeps_its_number() {
    for fault in [Fault::Fail, Fault::FailAfter] {
        let world = World::new(1);
        let flaky = journal(world.client().with_fault(3, fault).with_fault(4, fault));
        let appended = world.finish(async move { append(&flaky, "kept").await });
        assert_eq!(appended, Some(Ok(1)));
        assert_eq!(read(&world), ["kept"]);
    }
}

#[test]
fn append_after_the_counter_was_lost_overwrites_nothing() {
    let world = World::new(1);
    spawn_writers(&world, 1, 3);
    world.run();
    let other = World::new(1);
    for key in world.keys() {
        other.put(&key, world.value(&key));
    }
    let writer = journal(other.client());
    let appended = other.finish(async move { append(&writer, "new").await });
    assert!(matches!(appended, Some(Err(Error::Corrupt(_)))));
    assert_eq!(read(&other).len(), 3);
}

#[test]
fn read_skips_damaged_values_and_refuses_later_versions() {
    let world = World::new(1);
    spawn_writers(&world, 1, 3);
    world.run();
    world.put("test:2", Some(b"\xff{".to_vec()));
    assert_eq!(read(&world), ["0.0", "0.2"]);
    world.put("test:s", Some(b"garbage".to_vec()));
    assert_eq!(read(&world), ["0.0", "0.2"]);
    world.put("test:1", None);
    let reader = journal(world.client());
    let damaged = world.finish(async move { reader.read::<Log>().await.map(|view| view.state) });
    assert!(matches!(damaged, Some(Err(Error::Corrupt(_)))));
    world.put("test:s", None);
    world.put("test:1", Some(br#"{"v":2,"e":{"odd":1}}"#.to_vec()));
    let reader = journal(world.client());
    let newer = world.finish(async move { reader.read::<Log>().await.map(|view| view.state) });
    assert_eq!(newer, Some(Err(Error::Newer)));
}

/// Reads, erases what can be erased, and writes a snapshot.
fn clean_up(world: &World) {
    let one = journal(world.client());
    world.spawn(async move {
        let mut view = one.read::<Log>().await.unwrap();
        save(&one, &mut view).await.unwrap();
    });
    world.run();
}

fn append_more(world: &World, count: u64) {
    let last = journal(world.client());
    world.spawn(async move {
        let mut view = last.read::<Log>().await.unwrap();
        for index in 0..count {
            let entry = format!("more.{index}");
            last.append(&mut view, &entry).await.unwrap();
        }
    });
    world.run();
}

#[test]
fn erase_settled_before_the_margin_erases_nothing_and_may_be_repeated() {
    let world = World::new(1);
    spawn_writers(&world, 1, 200);
    world.run();
    clean_up(&world);
    let early = world.value("test:s");
    world.pass(SETTLE + 1);
    append_more(&world, ERASE_MARGIN - 1);
    clean_up(&world);
    assert!(world.value("test:1").is_some(), "too close to the end");

    append_more(&world, ERASE_MARGIN);
    let expected = read(&world);
    clean_up(&world);
    assert!(world.value("test:1").is_none());
    assert!(world.value("test:200").is_none());
    assert!(world.value("test:201").is_some());
    assert_eq!(read(&world), expected);

    // The oldest snapshot that anybody may still have written is of the mark's position.
    world.put("test:s", early);
    assert_eq!(read(&world), expected);
    clean_up(&world);
    clean_up(&world);
    assert_eq!(read(&world), expected);
    append_more(&world, 1);
    let mut moved = expected;
    moved.retain(|entry| entry != "more.0");
    moved.push("more.0".to_owned());
    assert_eq!(read(&world), moved);
}

#[test]
fn erase_settled_before_the_settle_time_erases_nothing() {
    let world = World::new(1);
    spawn_writers(&world, 1, 200);
    world.run();
    clean_up(&world);
    append_more(&world, ERASE_MARGIN);
    world.pass(SETTLE - 10_000);
    clean_up(&world);
    assert!(world.value("test:1").is_some());
    world.pass(20_000);
    clean_up(&world);
    assert!(world.value("test:1").is_none());
}

#[test]
fn snapshot_of_a_stale_view_is_none() {
    let world = World::new(1);
    spawn_writers(&world, 1, 3);
    world.run();
    let one = journal(world.client());
    let read = world.finish(async move { (one.read::<Log>().await.unwrap(), one) });
    let (mut view, one) = read.unwrap();
    world.pass(journal::BASIS_DEADLINE + 1);
    assert!(one.is_stale(&view));
    assert!(one.snapshot(&mut view).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the interleaving of writers, snapshots, faults, erasing and passing time: what
    /// was acknowledged stays, once, and all readers agree.
    #[test]
    fn read_after_any_interleaving_gives_the_same_state(
        seed in any::<u64>(),
        rounds in prop::collection::vec((1_usize..6, 1_usize..12, 0_u64..8, 0_u64..SETTLE), 1..6),
    ) {
        let world = World::new(seed);
        world.set_latency(25);
        let mut expected = Vec::new();
        for (round, (writers, each, fault_at, pause)) in rounds.into_iter().enumerate() {
            let acknowledged = Rc::new(RefCell::new(expected.clone()));
            for writer in 0..writers {
                let fault = match world.random(0..=5) {
                    0 => Fault::Stall(world.random(0..=8_000)),
                    1 => Fault::Fail,
                    2 => Fault::FailAfter,
                    3 => Fault::DieBefore,
                    _ => Fault::Stall(0),
                };
                let dies = fault == Fault::DieBefore;
                let writer_journal = journal(world.client().with_fault(fault_at, fault));
                let acknowledged = Rc::clone(&acknowledged);
                world.spawn(async move {
                    for index in 0..each {
                        let entry = format!("{round}.{writer}.{index}{}", if dies { "?" } else { "" });
                        if append(&writer_journal, &entry).await.is_ok() {
                            acknowledged.borrow_mut().push(entry);
                        }
                    }
                });
            }
            spawn_readers(&world, 3, seed % 900, &acknowledged);
            world.run();
            world.pass(pause);
            let entries = read(&world);
            for entry in acknowledged.borrow().iter() {
                prop_assert_eq!(entries.iter().filter(|it| *it == entry).count(), 1);
            }
            prop_assert_eq!(&read(&world), &entries);
            expected = entries;
        }
    }
}

//! Many conversations: what is in the archive is listed, read, changed, evicted and erased like all others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use journal::Journal;
use journal::testing::{Client, Fault, World};

use super::{UNDO, begin, deltas_of, limits, list, of, run, said};
use crate::entries::Outcome;
use crate::error::Error;
use crate::library::{self, Place};
use crate::readers::Reader;
use crate::state::REPLY_OVERDUE;
use crate::turn::{BeginResult, ClientMessage, MessageAction, TurnWriter};

/// No limit.
const ANY: u32 = u32::MAX;

async fn talk(
    journal: &Journal<Client>,
    conversation: Option<&str>,
    message: &str,
    limit: u32,
) -> Result<String, Error> {
    let (mut writer, id) = begin(journal, conversation, message, limit).await?;
    let reply = format!("re {message}");
    writer
        .finish(Outcome::Complete, deltas_of(&[reply]), None)
        .await?;
    Ok(id)
}

/// Conversations `MARKER 0`, `MARKER 1`, …, and their ids.
fn fill(world: &World, count: usize, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        world.pass(10);
        ids.push(run(world, |journal| async move {
            let message = format!("MARKER {number}");
            talk(&journal, None, &message, limit).await.unwrap()
        }));
    }
    ids
}

fn summaries(world: &World, limit: usize, most: u32) -> Vec<library::Summary> {
    let mut found = Vec::new();
    let mut before: Option<Place> = None;
    loop {
        let place = before.clone();
        let page = run(world, |journal| async move {
            let found = library::summaries(&journal, place.as_ref(), limit, most).await;
            found.unwrap().page
        });
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        match page.next {
            Some(next) => before = Some(next),
            None => return found,
        }
    }
}

fn archived_values(world: &World) -> usize {
    world
        .keys()
        .iter()
        .filter(|key| key.contains(":a:"))
        .count()
}

fn snapshot_bytes(world: &World) -> usize {
    world.value("conv:guest_1:s").map_or(0, |value| value.len())
}

#[test]
fn many_conversations_are_listed_once_in_order_and_each_can_be_read() {
    let world = World::new(1);
    let mut ids = fill(&world, 300, ANY);
    assert!(
        snapshot_bytes(&world) < 64 * 1024,
        "{}",
        snapshot_bytes(&world)
    );
    ids.reverse();
    for limit in [7, 100, 1_000] {
        let listed = summaries(&world, limit, ANY);
        let listed: Vec<String> = listed.into_iter().map(|one| one.id).collect();
        assert_eq!(listed, ids);
    }
    let whole = list(&world);
    assert_eq!(whole.len(), 300);
    for (at, (one, id)) in whole.iter().zip(&ids).enumerate() {
        assert_eq!(one.id, *id);
        assert_eq!(said(one)[0].0, format!("MARKER {}", 299 - at));
    }
    // The entries alone say the same.
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world), whole);
}

#[test]
fn an_old_conversation_is_continued_renamed_pinned_and_deleted() {
    let world = World::new(1);
    let ids = fill(&world, 200, ANY);
    let (continued, renamed, pinned, deleted) = (&ids[3], &ids[4], &ids[5], &ids[6]);
    world.pass(1_000);
    run(&world, |journal| {
        let ids = [continued, renamed, pinned, deleted].map(Clone::clone);
        async move {
            let [continued, renamed, pinned, deleted] = ids;
            let writer = TurnWriter::open(journal.clone(), Some(&continued), None).await;
            assert_eq!(writer.unwrap().history().count(), 1);
            talk(&journal, Some(&continued), "more", ANY).await.unwrap();
            library::rename(&journal, &renamed, "renamed", limits(ANY))
                .await
                .unwrap();
            library::pin(&journal, &pinned, limits(ANY)).await.unwrap();
            library::delete(&journal, &deleted).await.unwrap();
            assert_eq!(
                library::delete(&journal, &deleted).await,
                Err(Error::NotFound)
            );
            assert_eq!(library::get(&journal, &deleted).await, Err(Error::NotFound));
        }
    });
    let listed = summaries(&world, 50, ANY);
    assert_eq!(listed.len(), 199);
    assert_eq!(listed[0].id, *continued);
    assert_eq!(listed[0].message_count, 4);
    let place = |id: &String| listed.iter().position(|one| one.id == *id).unwrap();
    assert_eq!(listed[place(renamed)].title, "renamed");
    assert_eq!(place(renamed), 199 - 4);
    assert!(listed[place(pinned)].pinned);
    assert!(world.keys_containing("MARKER 6\"").is_empty());
    world.put("conv:guest_1:s", None);
    assert_eq!(summaries(&world, 50, ANY), listed);
}

#[test]
fn a_reply_of_an_old_conversation_is_found_by_its_id_alone() {
    let world = World::new(1);
    let ids = fill(&world, 200, ANY);
    assert!(archived_values(&world) > 0);
    for id in [&ids[0], &ids[100], &ids[199]] {
        let id = id.clone();
        run(&world, |journal| async move {
            let conversation = library::get(&journal, &id).await.unwrap();
            let reply = conversation.turns[0].reply_id.clone();
            let reader = Reader::find(journal, &reply, 0).await.unwrap();
            assert_eq!(reader.started.conversation, id);
            assert_eq!(reader.started.reply, reply);
        });
    }
    run(&world, |journal| async move {
        let missing = Reader::find(journal, "missing", 0).await;
        assert_eq!(missing.err(), Some(Error::NotFound));
    });
}

#[test]
fn a_limit_beyond_the_state_evicts_the_oldest_that_is_not_pinned() {
    let world = World::new(1);
    let mut ids = fill(&world, 60, 60);
    let pinned = ids[1].clone();
    run(&world, |journal| async move {
        library::pin(&journal, &pinned, limits(60)).await.unwrap();
    });
    let before = archived_values(&world);
    assert!(before > 0);
    for number in 60..110 {
        world.pass(UNDO / 4);
        ids.push(run(&world, |journal| async move {
            let message = format!("MARKER {number}");
            talk(&journal, None, &message, 60).await.unwrap()
        }));
        let listed: BTreeSet<String> = summaries(&world, 100, 60)
            .into_iter()
            .map(|one| one.id)
            .collect();
        let mut expected: Vec<&String> = vec![&ids[1]];
        expected.extend(ids.iter().rev().take(59));
        assert_eq!(listed, expected.into_iter().cloned().collect(), "{number}");
    }
    world.pass(UNDO);
    list(&world);
    for number in (0..50).filter(|number| *number != 1) {
        let left = world.keys_containing(&format!("MARKER {number}\""));
        assert_eq!(left, Vec::<String>::new(), "{number}");
    }
    let next = run(&world, |journal| async move {
        library::summaries(&journal, None, 1, 60)
            .await
            .unwrap()
            .next_evicted
    });
    assert_eq!(next.unwrap().id, ids[51]);
}

#[test]
fn an_eviction_from_the_archive_can_be_undone() {
    let world = World::new(1);
    let ids = fill(&world, 61, 60);
    let first = ids[0].clone();
    let evicted = run(&world, |journal| async move {
        library::restore(&journal, &first, limits(60))
            .await
            .unwrap()
            .1
    });
    assert_eq!(
        evicted.iter().map(|one| &one.id).collect::<Vec<_>>(),
        [&ids[1]]
    );
    let listed = summaries(&world, 100, 60);
    assert_eq!(listed.len(), 60);
    assert!(listed.iter().any(|one| one.id == ids[0]));
}

#[test]
fn a_turn_costs_the_same_with_few_and_with_many() {
    let cost = |count: usize| {
        let world = World::new(1);
        let ids = fill(&world, count, ANY);
        let id = ids.last().unwrap().clone();
        let mut counts = Vec::new();
        for round in 0..6 {
            world.take_counts();
            let id = id.clone();
            run(&world, |journal| async move {
                talk(&journal, Some(&id), &format!("round {round}"), ANY)
                    .await
                    .unwrap()
            });
            counts.push(world.take_counts());
        }
        counts
    };
    assert_eq!(cost(3), cost(400));
}

#[test]
fn a_lower_limit_evicts_with_each_new_conversation() {
    let world = World::new(1);
    let mut ids = fill(&world, 150, ANY);
    for number in 150..165 {
        world.pass(10);
        ids.push(run(&world, |journal| async move {
            talk(&journal, None, &format!("MARKER {number}"), 40)
                .await
                .unwrap()
        }));
    }
    let listed: Vec<String> = summaries(&world, 100, 40)
        .into_iter()
        .map(|one| one.id)
        .collect();
    let newest: Vec<String> = ids.iter().rev().take(40).cloned().collect();
    assert_eq!(listed, newest);
}

#[test]
fn clearing_leaves_nothing_of_the_archive_wherever_it_breaks_off() {
    for operation in [
        None,
        Some(4),
        Some(9),
        Some(14),
        Some(19),
        Some(29),
        Some(49),
        Some(79),
    ] {
        let world = World::new(1);
        world.split_batches();
        fill(&world, 260, ANY);
        if let Some(operation) = operation {
            let mortal = of(world.client().with_fault(operation, Fault::DieAfter));
            world.finish(async move { library::clear(&mortal).await });
        }
        run(&world, |journal| async move {
            library::clear(&journal).await.unwrap()
        });
        assert_eq!(
            world.keys_containing("MARKER"),
            Vec::<String>::new(),
            "{operation:?}"
        );
        assert_eq!(archived_values(&world), 0, "{operation:?}");
        assert!(list(&world).is_empty());
    }
}

/// Clears everything when no writer that died can still write, and looks for what is left. `what` is shown if there is
/// something.
fn assert_clearing_leaves_nothing(world: &World, what: &str) {
    world.pass(700_000);
    run(world, |journal| async move {
        library::clear(&journal).await.unwrap()
    });
    assert_eq!(
        world.keys_containing("MARKER"),
        Vec::<String>::new(),
        "{what}"
    );
    assert_eq!(archived_values(world), 0, "{what}");
}

#[test]
fn many_old_conversations_are_continued_at_once() {
    let world = World::new(1);
    let ids = fill(&world, 80, ANY);
    world.set_latency(5);
    let continued = Rc::new(RefCell::new(0));
    for id in ids.into_iter().take(24) {
        let (journal, continued) = (of(world.client()), Rc::clone(&continued));
        world.spawn(async move {
            talk(&journal, Some(&id), "more", ANY).await.unwrap();
            *continued.borrow_mut() += 1;
        });
    }
    world.run();
    assert_eq!(*continued.borrow(), 24);
    let listed = summaries(&world, 100, ANY);
    assert_eq!(listed.len(), 80);
    let continued = listed.iter().filter(|one| one.message_count == 4).count();
    assert_eq!(continued, 24);
}

#[test]
fn many_old_conversations_are_changed_and_listed_at_once() {
    let world = World::new(1);
    let ids = fill(&world, 120, ANY);
    world.set_latency(5);
    let done = Rc::new(RefCell::new(0));
    for (at, id) in ids.iter().take(48).cloned().enumerate() {
        let (journal, done) = (of(world.client()), Rc::clone(&done));
        world.spawn(async move {
            match at % 4 {
                0 => library::delete(&journal, &id).await.unwrap(),
                1 => drop(
                    library::rename(&journal, &id, "renamed", limits(ANY))
                        .await
                        .unwrap(),
                ),
                2 => drop(library::pin(&journal, &id, limits(ANY)).await.unwrap()),
                _ => {
                    let whole = library::list(&journal, None, 200).await.unwrap();
                    assert!(whole.items.len() >= 108, "{}", whole.items.len());
                    let page = library::summaries(&journal, None, 200, ANY).await.unwrap();
                    assert!(page.page.items.len() >= 108);
                    assert_eq!(library::get(&journal, &id).await.unwrap().id, id);
                }
            }
            *done.borrow_mut() += 1;
        });
    }
    world.run();
    assert_eq!(*done.borrow(), 48);
    let listed = summaries(&world, 100, ANY);
    assert_eq!(listed.len(), 108);
    assert_eq!(
        listed.iter().filter(|one| one.title == "renamed").count(),
        12
    );
    assert_eq!(listed.iter().filter(|one| one.pinned).count(), 12);
}

#[test]
fn what_a_writer_that_died_had_announced_is_erased() {
    for operation in 0..40 {
        let world = World::new(1);
        fill(&world, 48, ANY);
        let mortal = of(world.client().with_fault(operation, Fault::DieAfter));
        world.finish(async move { talk(&mortal, None, "MARKER last", ANY).await });
        world.pass(REPLY_OVERDUE + 1);
        let listed = summaries(&world, 20, ANY).len();
        assert!(listed == 48 || listed == 49, "{listed} at {operation}");
        assert_clearing_leaves_nothing(&world, &operation.to_string());
    }
}

#[test]
fn a_client_id_that_moved_meanwhile_begins_no_second_conversation() {
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let send = |journal: Journal<Client>, message: &'static str| async move {
        let client = ClientMessage::new(message.to_owned(), None, MessageAction::Append).unwrap();
        let mut writer = TurnWriter::open_client_message(journal, id, client, None)
            .await
            .unwrap();
        let begun = writer
            .begin(message.to_owned(), "m".to_owned(), limits(ANY))
            .await
            .unwrap();
        assert!(matches!(begun, BeginResult::Started(..)));
        writer
            .finish(Outcome::Complete, deltas_of(&["re".to_owned()]), None)
            .await
            .unwrap();
    };
    let world = World::new(1);
    fill(&world, 20, ANY);
    // It is opened while the conversation does not exist, and begun when it is in the archive.
    let mut late = run(&world, |journal| async move {
        let client = ClientMessage::new("late".to_owned(), None, MessageAction::Append).unwrap();
        TurnWriter::open_client_message(journal, id, client, None)
            .await
            .unwrap()
    });
    run(&world, |journal| send(journal, "first"));
    fill(&world, 60, ANY);
    let state = run(&world, |journal| async move {
        crate::recovery::read(&journal).await.unwrap().state
    });
    assert!(state.conversation(id).is_none(), "it is in the archive");
    world.pass(1);
    world.finish(async move {
        late.begin("late".to_owned(), "m".to_owned(), limits(ANY))
            .await
            .unwrap();
        late.finish(Outcome::Complete, deltas_of(&["re".to_owned()]), None)
            .await
            .unwrap();
    });
    let listed = summaries(&world, 30, ANY);
    assert_eq!(listed.iter().filter(|one| one.id == id).count(), 1);
    assert_eq!(listed[0].message_count, 4);
    let whole = run(&world, |journal| async move {
        library::get(&journal, id).await.unwrap()
    });
    let texts: Vec<String> = said(&whole).into_iter().map(|(text, ..)| text).collect();
    assert_eq!(texts, ["first", "late"]);
}

/// What clients were told, and what they asked to delete.
#[derive(Default)]
struct Told {
    /// Messages by conversation, acknowledged with their replies.
    said: BTreeMap<String, Vec<String>>,
    deleted: BTreeSet<String>,
    /// Deletions that may or may not have had an effect.
    doubtful: BTreeSet<String>,
}

/// Instances that use the same conversations at the same time; one of them may die, or its store fail.
fn race(seed: u64, fault: Option<(u64, Fault)>) {
    let world = World::new(seed);
    let ids = fill(&world, 70, ANY);
    let told = Rc::new(RefCell::new(Told::default()));
    for (number, id) in ids.iter().enumerate() {
        told.borrow_mut()
            .said
            .insert(id.clone(), vec![format!("MARKER {number}")]);
    }
    world.split_batches();
    world.set_latency(20);
    for instance in 0..4_u64 {
        let mut client = world.client();
        if let Some((operation, fault)) = fault.filter(|_| instance == 0) {
            client = client.with_fault(operation, fault);
        }
        let journal = of(client);
        let (told, ids) = (Rc::clone(&told), ids.clone());
        let picks: Vec<(u64, usize)> = (0..14)
            .map(|_| {
                let pick = usize::try_from(world.random(0..=24)).unwrap();
                (world.random(0..=9), pick)
            })
            .collect();
        world.spawn(async move {
            for (round, (what, pick)) in picks.into_iter().enumerate() {
                let message = format!("MARKER {instance}.{round}");
                let id = &ids[pick];
                match what {
                    0..=3 => {
                        if let Ok(new) = talk(&journal, None, &message, ANY).await {
                            told.borrow_mut().said.entry(new).or_default().push(message);
                        }
                    }
                    4..=6 => {
                        let done = talk(&journal, Some(id), &message, ANY).await;
                        if done.is_ok() {
                            told.borrow_mut()
                                .said
                                .entry(id.clone())
                                .or_default()
                                .push(message);
                        } else if done == Err(Error::NotFound) {
                            let told = told.borrow();
                            assert!(
                                told.deleted.contains(id) || told.doubtful.contains(id),
                                "lost"
                            );
                        }
                    }
                    7 => drop(library::rename(&journal, id, &message, limits(ANY)).await),
                    8 => {
                        told.borrow_mut().doubtful.insert(id.clone());
                        if library::delete(&journal, id).await.is_ok() {
                            told.borrow_mut().deleted.insert(id.clone());
                        }
                    }
                    _ => {
                        let page = library::list(&journal, None, 100).await;
                        if let Ok(page) = page {
                            let found: BTreeSet<_> = page.items.iter().map(|one| &one.id).collect();
                            assert_eq!(found.len(), page.items.len(), "twice in a page");
                        }
                    }
                }
            }
        });
    }
    world.run();
    world.set_latency(0);
    world.pass(REPLY_OVERDUE + 1);
    let whole = list(&world);
    let found: BTreeMap<String, Vec<String>> = whole
        .iter()
        .map(|one| {
            (
                one.id.clone(),
                said(one).into_iter().map(|(text, ..)| text).collect(),
            )
        })
        .collect();
    let which = format!("seed {seed}, {fault:?}");
    assert_eq!(found.len(), whole.len(), "an id twice: {which}");
    let told = told.borrow();
    for (id, messages) in &told.said {
        if told.deleted.contains(id) {
            assert!(!found.contains_key(id), "{id} is back: {which}");
            continue;
        }
        let Some(present) = found.get(id) else {
            assert!(told.doubtful.contains(id), "{id} is lost: {which}");
            continue;
        };
        for message in messages {
            let times = present.iter().filter(|text| *text == message).count();
            assert_eq!(times, 1, "{message}: {which}");
        }
    }
    let summaries = summaries(&world, 30, ANY);
    let listed: Vec<&String> = summaries.iter().map(|one| &one.id).collect();
    assert_eq!(
        listed,
        whole.iter().map(|one| &one.id).collect::<Vec<_>>(),
        "{which}"
    );
    for one in &whole {
        let id = one.id.clone();
        let read = run(&world, |journal| async move {
            library::get(&journal, &id).await
        });
        assert_eq!(read.as_ref(), Ok(one), "{which}");
    }
    // Without the snapshot, the entries say the same.
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world), whole, "{which}");
    assert_clearing_leaves_nothing(&world, &which);
}

#[test]
fn instances_at_the_same_time_lose_nothing() {
    for seed in 0..30 {
        race(seed, None);
    }
}

#[test]
fn an_instance_that_dies_or_fails_at_any_call_loses_nothing() {
    let faults = [
        Fault::DieBefore,
        Fault::DieAfter,
        Fault::Fail,
        Fault::FailAfter,
    ];
    for at in 0..80_u64 {
        let fault = faults[usize::try_from(at % 4).unwrap()];
        race(at, Some((at * 7, fault)));
    }
}

#[test]
fn an_instance_whose_store_stalls_loses_nothing() {
    for at in 0..40_u64 {
        race(100 + at, Some((at * 13, Fault::Stall(500 + at * 190))));
    }
}

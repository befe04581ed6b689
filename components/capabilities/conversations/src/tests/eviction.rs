//! Which conversation is evicted for a new one, and when it comes back.

use journal::testing::{Client, World};

use super::{UNDO, append_now, begin, chats, delete, deltas_of, limits, list, of, run};
use crate::entries::Outcome;
use crate::error::Error;
use crate::library;
use crate::state::REPLY_OVERDUE;
use crate::turn::TurnWriter;

fn titles(world: &World) -> Vec<String> {
    let mut titles: Vec<String> = list(world)
        .into_iter()
        .map(|conversation| conversation.title)
        .collect();
    titles.sort();
    titles
}

/// Three conversations, "a" the least recently updated.
fn three(seed: u64) -> World {
    let world = World::new(seed);
    for message in ["a", "b", "c"] {
        chats(&world, None, message);
        world.pass(1_000);
    }
    world
}

fn start(world: &World, conversation: Option<&str>, message: &str) -> TurnWriter<Client> {
    let (conversation, message) = (conversation.map(str::to_owned), message.to_owned());
    run(world, |journal| async move {
        let begun = begin(&journal, conversation.as_deref(), &message, 3).await;
        begun.unwrap().0
    })
}

fn finish(world: &World, mut writer: TurnWriter<Client>, outcome: Outcome, deltas: &[&str]) {
    let deltas: Vec<String> = deltas.iter().map(|delta| (*delta).to_owned()).collect();
    let finished =
        world.finish(async move { writer.finish(outcome, deltas_of(&deltas), None).await });
    finished.unwrap().unwrap();
}

/// What is listed from the snapshot is what is listed from the journal alone.
fn titles_with_and_without_snapshot(world: &World) -> Vec<String> {
    let listed = titles(world);
    world.put("conv:guest_1:s", None);
    assert_eq!(titles(world), listed);
    listed
}

#[test]
fn begin_when_the_reply_fails_without_a_word_evicts_nothing() {
    for outcome in [Outcome::Incomplete, Outcome::Stopped] {
        let world = three(1);
        for round in 0..5 {
            let writer = start(&world, None, &format!("failed {round}"));
            finish(&world, writer, outcome, &[]);
            world.pass(1_000);
        }
        let expected = ["a", "b", "c", "failed 4"];
        assert_eq!(titles_with_and_without_snapshot(&world), expected);
        world.pass(60_000);
        list(&world);
        assert!(world.keys_containing("failed 3").is_empty());
        assert!(!world.keys_containing("re a").is_empty());
    }
}

#[test]
fn begin_when_the_reply_has_words_evicts_the_least_recently_updated_and_erases_it() {
    for outcome in [Outcome::Complete, Outcome::Stopped, Outcome::Incomplete] {
        let world = three(1);
        let writer = start(&world, None, "d");
        finish(&world, writer, outcome, &["word"]);
        assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
        assert!(!world.keys_containing("re a").is_empty(), "can be restored");
        world.pass(UNDO);
        assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
        assert!(world.keys_containing("re a").is_empty());
    }
}

#[test]
fn begin_when_the_writer_dies_before_the_first_word_evicts_nothing() {
    let world = three(1);
    drop(start(&world, None, "d"));
    world.pass(REPLY_OVERDUE + 1);
    assert_eq!(
        titles_with_and_without_snapshot(&world),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn begin_when_the_writer_dies_after_the_first_word_evicts() {
    let world = three(1);
    let mut writer = start(&world, None, "d");
    world.finish(async move { append_now(&mut writer, &["word".to_owned()]).await });
    world.pass(REPLY_OVERDUE + 1);
    assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
}

#[test]
fn begin_of_two_at_once_evicts_only_for_the_one_with_words() {
    for first_fails in [true, false] {
        let world = three(1);
        let first = start(&world, None, "first");
        let second = start(&world, None, "second");
        let (failed, good) = if first_fails {
            (first, second)
        } else {
            (second, first)
        };
        finish(&world, failed, Outcome::Incomplete, &[]);
        finish(&world, good, Outcome::Complete, &["word"]);
        let listed = titles_with_and_without_snapshot(&world);
        let kept = listed
            .iter()
            .filter(|title| ["a", "b", "c"].contains(&title.as_str()));
        assert_eq!(kept.count(), 2, "{listed:?}");
        assert!(listed.contains(&"first".to_owned()) && listed.contains(&"second".to_owned()));
    }
}

#[test]
fn a_retry_in_a_failed_conversation_evicts_with_its_first_word() {
    let world = three(1);
    let writer = start(&world, None, "d");
    finish(&world, writer, Outcome::Incomplete, &[]);
    let id = list(&world)
        .into_iter()
        .find(|conversation| conversation.title == "d")
        .unwrap()
        .id;
    let wanted = id.clone();
    let writer = run(&world, |journal| async move {
        let mut writer = TurnWriter::open_regenerate(journal, &wanted, None, None)
            .await
            .unwrap();
        writer
            .begin(String::new(), "m".to_owned(), limits(3))
            .await
            .unwrap();
        writer
    });
    finish(&world, writer, Outcome::Incomplete, &[]);
    assert_eq!(
        titles_with_and_without_snapshot(&world),
        ["a", "b", "c", "d"]
    );
    chats(&world, Some(&id), "again");
    assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
}

#[test]
fn deleting_all_during_a_first_reply_keeps_nothing() {
    let world = three(1);
    let mut writer = start(&world, None, "d");
    run(&world, |journal| async move {
        library::clear(&journal).await.unwrap()
    });
    let finished = world.finish(async move {
        writer
            .finish(Outcome::Incomplete, deltas_of(&[]), None)
            .await
    });
    assert!(finished.unwrap().is_err());
    assert_eq!(
        titles_with_and_without_snapshot(&world),
        Vec::<String>::new()
    );
    assert!(world.keys_containing("re a").is_empty());
}

#[test]
fn a_failed_conversation_that_is_deleted_costs_nothing() {
    let world = three(1);
    let writer = start(&world, None, "d");
    finish(&world, writer, Outcome::Incomplete, &[]);
    let id = list(&world)
        .into_iter()
        .find(|conversation| conversation.title == "d")
        .unwrap()
        .id;
    delete(&world, &id).unwrap();
    assert_eq!(titles_with_and_without_snapshot(&world), ["a", "b", "c"]);
}

#[test]
fn rename_does_not_keep_a_conversation_from_eviction() {
    let world = three(1);
    let id = list(&world)
        .into_iter()
        .find(|conversation| conversation.title == "a")
        .unwrap()
        .id;
    let before = list(&world)
        .into_iter()
        .find(|conversation| conversation.id == id)
        .unwrap()
        .updated;
    run(&world, |journal| async move {
        library::rename(&journal, &id, "renamed", limits(3))
            .await
            .unwrap()
    });
    let conversation = list(&world)
        .into_iter()
        .find(|conversation| conversation.title == "renamed")
        .unwrap();
    assert_eq!(conversation.updated, before);
    world.pass(1_000);
    chats(&world, None, "d");
    assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
}

#[test]
fn begin_at_any_interleaving_never_costs_a_conversation_for_a_failed_reply() {
    for seed in 0..40 {
        let world = three(seed);
        world.set_latency(30);
        for tab in 0..6 {
            let journal = of(world.client());
            world.spawn(async move {
                let (mut writer, _) = begin(&journal, None, &format!("tab {tab}"), 3)
                    .await
                    .unwrap();
                let _ = writer
                    .finish(Outcome::Incomplete, deltas_of(&[]), None)
                    .await;
            });
        }
        world.run();
        let listed = titles_with_and_without_snapshot(&world);
        for title in ["a", "b", "c"] {
            assert!(
                listed.contains(&title.to_owned()),
                "seed {seed}: {listed:?}"
            );
        }
    }
}

fn id_of(world: &World, title: &str) -> String {
    let listed = list(world).into_iter();
    let mut conversation = listed.filter(|conversation| conversation.title == title);
    conversation.next().unwrap().id
}

#[test]
fn append_of_the_first_word_evicts_and_reports_it_once() {
    let world = three(1);
    let mut writer = start(&world, None, "d");
    assert_eq!(titles(&world), ["a", "b", "c", "d"]);
    let evicted = world.finish(async move {
        assert_eq!(writer.append(deltas_of(&[])).await.evicted, []);
        let first = writer.append(deltas_of(&["word".to_owned()])).await.evicted;
        let second = writer.append(deltas_of(&["s".to_owned()])).await.evicted;
        let end = writer
            .finish(Outcome::Complete, deltas_of(&[]), None)
            .await
            .unwrap();
        (first, second, end)
    });
    let (first, second, end) = evicted.unwrap();
    let names: Vec<&str> = first.iter().map(|evicted| evicted.title.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert_eq!((second.len(), end.len()), (0, 0));
    assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
}

#[test]
fn restore_in_time_brings_it_back_and_evicts_the_oldest_other_one() {
    let world = three(1);
    let (a, gone) = (id_of(&world, "a"), id_of(&world, "a"));
    chats(&world, None, "d");
    let (conversation, evicted) = run(&world, |journal| async move {
        library::restore(&journal, &a, limits(3)).await.unwrap()
    });
    assert_eq!(super::said(&conversation)[0].2, "re a");
    assert_eq!(evicted[0].title, "b");
    assert_eq!(titles_with_and_without_snapshot(&world), ["a", "c", "d"]);
    let again = run(&world, |journal| async move {
        library::restore(&journal, &gone, limits(3)).await.unwrap()
    });
    assert_eq!(again.1, [], "a repetition changes nothing");
    world.pass(UNDO);
    list(&world);
    assert!(world.keys_containing("re b").is_empty());
}

#[test]
fn restore_after_the_time_is_not_found_and_nothing_is_left() {
    let world = three(1);
    let a = id_of(&world, "a");
    chats(&world, None, "d");
    world.pass(UNDO);
    let restored = run(&world, |journal| async move {
        library::restore(&journal, &a, limits(3)).await
    });
    assert!(matches!(restored, Err(Error::NotFound)));
    list(&world);
    assert!(world.keys_containing("re a").is_empty());
}

#[test]
fn pin_keeps_from_eviction_and_one_less_than_the_limit_can_be_pinned() {
    let world = three(1);
    let ids = ["a", "b", "c"].map(|title| id_of(&world, title));
    for (at, id) in ids.iter().cloned().enumerate() {
        let pinned = run(&world, |journal| async move {
            library::pin(&journal, &id, limits(3)).await
        });
        assert_eq!(pinned.is_ok(), at < 2, "{pinned:?}");
    }
    chats(&world, None, "d");
    assert_eq!(titles_with_and_without_snapshot(&world), ["a", "b", "d"]);
    let id = ids[0].clone();
    run(&world, |journal| async move {
        library::unpin(&journal, &id).await.unwrap()
    });
    world.pass(1_000);
    chats(&world, None, "e");
    assert_eq!(titles_with_and_without_snapshot(&world), ["b", "d", "e"]);
}

#[test]
fn rename_and_pin_keep_a_failed_conversation() {
    for rename in [true, false] {
        let world = three(1);
        let writer = start(&world, None, "d");
        finish(&world, writer, Outcome::Incomplete, &[]);
        let id = id_of(&world, "d");
        run(&world, |journal| async move {
            if rename {
                library::rename(&journal, &id, "d", limits(3))
                    .await
                    .unwrap();
            } else {
                library::pin(&journal, &id, limits(3)).await.unwrap();
            }
        });
        assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
    }
}

//! Which conversation is evicted for a new one, and when it comes back.

use journal::testing::{Client, World};

use super::{append_now, begin, chats, delete, list, of, run};
use crate::facts::Outcome;
use crate::library;
use crate::state::REPLY_OVERDUE;
use crate::turn::TurnWriter;

fn titles(world: &World) -> Vec<String> {
    let mut titles: Vec<String> = list(world).into_iter().map(|found| found.title).collect();
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
    let finished = world.finish(async move { writer.finish(outcome, &deltas, None).await });
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
        assert!(world.keys_containing("re a").is_empty());
        assert_eq!(titles_with_and_without_snapshot(&world), ["b", "c", "d"]);
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
        .find(|found| found.title == "d")
        .unwrap()
        .id;
    let wanted = id.clone();
    let writer = run(&world, |journal| async move {
        let mut writer = TurnWriter::open_regenerate(journal, &wanted, None)
            .await
            .unwrap();
        writer
            .begin(String::new(), "m".to_owned(), 3)
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
    let finished = world.finish(async move { writer.finish(Outcome::Incomplete, &[], None).await });
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
        .find(|found| found.title == "d")
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
        .find(|found| found.title == "a")
        .unwrap()
        .id;
    let before = list(&world)
        .into_iter()
        .find(|found| found.id == id)
        .unwrap()
        .updated;
    run(&world, |journal| async move {
        library::rename(&journal, &id, "renamed").await.unwrap()
    });
    let found = list(&world)
        .into_iter()
        .find(|found| found.title == "renamed")
        .unwrap();
    assert_eq!(found.updated, before);
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
                let _ = writer.finish(Outcome::Incomplete, &[], None).await;
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

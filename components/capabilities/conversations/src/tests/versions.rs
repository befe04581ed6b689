//! Versions of messages and replies.

use journal::testing::{Client, Fault, World};

use super::{append_now, chats, delete, deltas_of, limits, list, of, run, said};
use crate::entries::Outcome;
use crate::error::Error;
use crate::library;
use crate::state::{REPLY_OVERDUE, all_turns};
use crate::turn::TurnWriter;

fn regenerate(world: &World, id: &str) -> TurnWriter<Client> {
    let id = id.to_owned();
    run(world, |journal| async move {
        let writer = TurnWriter::open_regenerate(journal, &id, None, None).await;
        let mut writer = writer.unwrap();
        let begun = writer.begin(String::new(), "m".to_owned(), limits(3)).await;
        begun.unwrap();
        writer
    })
}

fn edit(world: &World, id: &str, message: &str, text: &str) -> Result<TurnWriter<Client>, Error> {
    let (id, message, text) = (id.to_owned(), message.to_owned(), text.to_owned());
    run(world, |journal| async move {
        let mut writer = TurnWriter::open_edit(journal, &id, &message, None).await?;
        writer.begin(text, "m".to_owned(), limits(3)).await?;
        Ok(writer)
    })
}

fn finish(world: &World, mut writer: TurnWriter<Client>, outcome: Outcome, reply: &str) {
    let deltas: Vec<String> = [reply.to_owned()]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect();
    let ended = world.finish(async move { writer.finish(outcome, deltas_of(&deltas), None).await });
    ended.unwrap().unwrap();
}

fn set_active(world: &World, id: &str, message: &str, active: &str) -> Result<(), Error> {
    let (id, message, active) = (id.to_owned(), message.to_owned(), active.to_owned());
    run(world, |journal| async move {
        let chosen = library::set_active(&journal, &id, &message, &active).await;
        chosen.map(drop)
    })
}

fn texts(world: &World) -> Vec<String> {
    let said = said(&list(world)[0]).into_iter();
    said.flat_map(|(message, _, reply)| [message, reply])
        .collect()
}

#[test]
fn regenerate_that_fails_keeps_the_good_reply_active() {
    for outcome in [Outcome::Incomplete, Outcome::Stopped] {
        let world = World::new(1);
        let id = chats(&world, None, "question");
        for _ in 0..3 {
            let writer = regenerate(&world, &id);
            assert_eq!(texts(&world), ["question", "re question"]);
            finish(&world, writer, outcome, "");
            assert_eq!(texts(&world), ["question", "re question"]);
            assert_eq!(
                list(&world)[0].turns[0].versions.len(),
                1,
                "the last failure"
            );
        }
        let writer = regenerate(&world, &id);
        finish(&world, writer, Outcome::Incomplete, "word");
        assert_eq!(texts(&world), ["question", "word"]);
    }
}

#[test]
fn regenerate_becomes_active_with_its_first_word_also_if_its_writer_dies() {
    let world = World::new(1);
    let id = chats(&world, None, "question");
    let mut writer = regenerate(&world, &id);
    world.finish(async move { append_now(&mut writer, &["word".to_owned()]).await });
    assert_eq!(texts(&world), ["question", "word"]);
    let dead = World::new(1);
    let id = chats(&dead, None, "question");
    drop(regenerate(&dead, &id));
    dead.pass(REPLY_OVERDUE + 1);
    assert_eq!(texts(&dead), ["question", "re question"]);
}

#[test]
fn set_active_brings_back_a_version_with_what_followed_it() {
    let world = World::new(1);
    let id = chats(&world, None, "one");
    chats(&world, Some(&id), "two");
    let old = list(&world)[0].turns[0].clone();
    let writer = edit(&world, &id, &old.id, "uno").unwrap();
    finish(&world, writer, Outcome::Complete, "re uno");
    assert_eq!(texts(&world), ["uno", "re uno"]);
    let new = list(&world)[0].turns[0].clone();
    let updated = list(&world)[0].updated;
    world.pass(1_000);
    set_active(&world, &id, &new.id, &old.id).unwrap();
    assert_eq!(texts(&world), ["one", "re one", "two", "re two"]);
    assert_eq!(list(&world)[0].updated, updated, "no update");
    set_active(&world, &id, &old.id, &new.id).unwrap();
    assert_eq!(texts(&world), ["uno", "re uno"]);
    let wrong = set_active(&world, &id, &new.id, &old.reply_id);
    assert!(matches!(wrong, Err(Error::Invalid(_))), "{wrong:?}");
    let unknown = set_active(&world, &id, "nothing", &old.id);
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    let listed = list(&world);
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world), listed);
}

#[test]
fn set_active_to_a_message_brings_back_the_reply_that_was_active_last() {
    let world = World::new(1);
    let id = chats(&world, None, "one");
    let first = list(&world)[0].turns[0].clone();
    let writer = regenerate(&world, &id);
    finish(&world, writer, Outcome::Complete, "re one again");
    let second = list(&world)[0].turns[0].clone();
    for reply in [&first.reply_id, &second.reply_id, &first.reply_id] {
        let active = list(&world)[0].turns[0].reply_id.clone();
        set_active(&world, &id, &active, reply).unwrap();
    }
    chats(&world, Some(&id), "two");
    let writer = edit(&world, &id, &first.id, "uno").unwrap();
    finish(&world, writer, Outcome::Complete, "re uno");
    let edited = list(&world)[0].turns[0].clone();
    set_active(&world, &id, &edited.id, &first.id).unwrap();
    assert_eq!(texts(&world), ["one", "re one", "two", "re two"]);
}

#[test]
fn versions_are_bounded_in_number_and_deleted_with_the_conversation() {
    let world = World::new(1);
    let id = chats(&world, None, "question");
    for number in 0..12 {
        let writer = regenerate(&world, &id);
        finish(
            &world,
            writer,
            Outcome::Complete,
            &format!("MARKER {number}."),
        );
        world.pass(1_000);
    }
    let turn = list(&world)[0].turns[0].clone();
    assert_eq!(turn.versions.len(), 9);
    assert_eq!(turn.reply.unwrap().text, "MARKER 11.");
    assert!(world.keys_containing("MARKER 0.").is_empty());
    assert!(world.keys_containing("re question").is_empty());
    delete(&world, &id).unwrap();
    world.pass(60_000);
    list(&world);
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
}

#[test]
fn versions_of_long_replies_are_bounded_in_size() {
    let world = World::new(1);
    let id = chats(&world, None, "question");
    for number in 0..6 {
        let writer = regenerate(&world, &id);
        let long = format!("MARKER {number}. {}", "x".repeat(60_000));
        finish(&world, writer, Outcome::Complete, &long);
        world.pass(1_000);
    }
    let turn = list(&world)[0].turns[0].clone();
    assert!(turn.versions.len() <= 3, "{}", turn.versions.len());
    assert!(world.keys_containing("MARKER 0.").is_empty());
}

/// Two instances work on one conversation; one of them is killed at any operation.
#[test]
fn a_process_killed_at_any_operation_costs_no_good_reply() {
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for operation in 0..25 {
            let world = World::new(operation);
            let id = chats(&world, None, "question");
            world.set_latency(20);
            let (mortal, place) = (of(world.client().with_fault(operation, fault)), id.clone());
            world.spawn(async move {
                let opened = TurnWriter::open_regenerate(mortal, &place, None, None).await;
                let Ok(mut writer) = opened else { return };
                let begun = writer.begin(String::new(), "m".to_owned(), limits(3)).await;
                if begun.is_ok() {
                    writer.append(deltas_of(&["new".to_owned()])).await;
                    let _ = writer.finish(Outcome::Complete, deltas_of(&[]), None).await;
                }
            });
            let (other, place) = (of(world.client()), id.clone());
            world.spawn(async move {
                let opened = TurnWriter::open_regenerate(other, &place, None, None).await;
                let Ok(mut writer) = opened else { return };
                let begun = writer.begin(String::new(), "m".to_owned(), limits(3)).await;
                if begun.is_ok() {
                    let _ = writer
                        .finish(Outcome::Incomplete, deltas_of(&[]), None)
                        .await;
                }
            });
            world.run();
            world.pass(REPLY_OVERDUE * 2);
            let conversations = list(&world);
            let active = said(&conversations[0])[0].2.clone();
            assert!(
                ["re question", "new"].contains(&active.as_str()),
                "{fault:?} at {operation}: {active}"
            );
            let all = all_turns(&conversations[0].turns).filter_map(|turn| turn.reply.as_ref());
            let texts: Vec<&str> = all.map(|reply| reply.text.as_str()).collect();
            assert!(texts.contains(&"re question"), "{texts:?}");
            world.put("conv:guest_1:s", None);
            assert_eq!(list(&world), conversations, "{fault:?} at {operation}");
        }
    }
}

//! Long conversations and long replies.

use journal::testing::{Client, Fault, World};
use journal::{MARK_EVERY, SETTLE, VALUE_MAX};

use super::{append_now, begin, chats, delete, deltas_of, list, of, run, said};
use crate::entries::Outcome;
use crate::library;
use crate::state::REPLY_OVERDUE;
use crate::text::REPLY_MAX;
use crate::turn::TurnWriter;

fn largest(world: &World) -> usize {
    let sizes = world.keys().into_iter().filter_map(|key| world.value(&key));
    sizes.map(|value| value.len()).max().unwrap_or(0)
}

/// A conversation of many turns with replies of `bytes`.
fn fill(world: &World, id: &str, turns: usize, bytes: usize) {
    for turn in 0..turns {
        let (id, reply) = (id.to_owned(), "MARKER ".repeat(bytes / 7));
        run(world, |journal| async move {
            let message = format!("MARKER {turn}");
            let (mut writer, _) = begin(&journal, Some(&id), &message, 3).await.unwrap();
            writer
                .finish(Outcome::Complete, deltas_of(&[reply.to_owned()]), None)
                .await
                .unwrap();
        });
    }
}

#[test]
fn a_long_conversation_is_read_in_a_handful_of_gets() {
    let world = World::new(1);
    let id = chats(&world, None, "first");
    fill(&world, &id, 120, 8_000);
    let snapshot = world.value("conv:guest_1:s").unwrap();
    assert!(snapshot.len() < 200_000, "{}", snapshot.len());
    assert!(largest(&world) < VALUE_MAX);

    world.take_counts();
    let conversations = list(&world);
    let (gets, _) = world.take_counts();
    assert!(gets <= 16, "{gets} gets");
    assert_eq!(conversations[0].turns.len(), 121);
    assert_eq!(conversations[0].message_count(), 242);
    let order: Vec<u64> = conversations[0]
        .turns
        .iter()
        .map(|turn| turn.number)
        .collect();
    assert!(order.is_sorted());

    run(&world, |journal| async move {
        library::summaries(&journal, None, 100, 3)
            .await
            .map(drop)
            .unwrap()
    });
    assert!(world.take_counts().0 <= 6);

    // The entries alone, and then whoever seals again, say the same.
    let segments = |world: &World| -> Vec<(String, Vec<u8>)> {
        let keys = world.keys().into_iter().filter(|key| key.contains(":g:"));
        keys.map(|key| (key.clone(), world.value(&key).unwrap()))
            .collect()
    };
    let before = segments(&world);
    assert!(before.len() >= 6);
    world.put("conv:guest_1:s", None);
    for (key, _) in &before {
        world.put(key, None);
    }
    let again = list(&world);
    assert_eq!(said(&again[0]), said(&conversations[0]));
    let rebuilt = segments(&world);
    assert_eq!(rebuilt, before);

    let history = run(&world, |journal| {
        let id = id.clone();
        async move {
            let writer = TurnWriter::open(journal, Some(&id), None).await.unwrap();
            writer.history().count()
        }
    });
    assert_eq!(history, 121);
    delete(&world, &id).unwrap();
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
    assert!(segments(&world).is_empty());
}

#[test]
fn a_reply_beyond_the_bound_is_cut_and_incomplete() {
    let world = World::new(1);
    let reply = "\u{1}é".repeat(REPLY_MAX);
    run(&world, |journal| async move {
        let (mut writer, _) = begin(&journal, None, "q", 3).await.unwrap();
        for _ in 0..3 {
            append_now(&mut writer, std::slice::from_ref(&reply)).await;
        }
        writer
            .finish(Outcome::Complete, deltas_of(&[reply.to_owned()]), None)
            .await
            .unwrap();
    });
    assert!(largest(&world) < VALUE_MAX);
    let conversations = list(&world);
    let turn = &conversations[0].turns[0];
    assert_eq!(turn.reply.as_ref().unwrap().outcome, Outcome::Incomplete);
    assert!(turn.reply.as_ref().unwrap().text.len() > REPLY_MAX / 8);
    assert!(!world.keys().iter().any(|key| key.contains(":r:1:")));
}

#[test]
fn many_large_conversations_stay_below_the_bounds_of_a_value() {
    let world = World::new(1);
    for round in 0..3 {
        let id = chats(&world, None, &format!("{round}"));
        fill(&world, &id, 12, 60_000);
    }
    let conversations = list(&world);
    assert_eq!(conversations.len(), 3);
    assert!(
        conversations
            .iter()
            .all(|conversation| conversation.turns.len() == 13)
    );
    let snapshot = world.value("conv:guest_1:s").unwrap();
    assert!(snapshot.len() < 512 * 1024, "{}", snapshot.len());
}

#[test]
fn folded_entries_are_erased_when_it_is_safe() {
    let world = World::new(1);
    let id = chats(&world, None, "first");
    for round in 0..6 {
        fill(&world, &id, 40, 100);
        world.pass(SETTLE / 2 + round);
    }
    fill(&world, &id, 10, 100);
    let conversations = list(&world);
    assert_eq!(conversations[0].message_count(), 2 * 251);
    let entries = |world: &World| {
        let keys = world.keys().into_iter();
        let numbered = keys.filter(|key| key.rsplit(':').next().unwrap().parse::<u64>().is_ok());
        numbered.filter(|key| !key.contains(":g:")).count()
    };
    assert!(entries(&world) < 2 * 251 / 2, "{}", entries(&world));
    delete(&world, &id).unwrap();
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
    assert_eq!(list(&world).len(), 0);
}

/// Passes at least this time while a reply gives nothing but signs of life.
fn stay_silent(
    world: &World,
    mut writer: TurnWriter<Client>,
    milliseconds: u64,
) -> TurnWriter<Client> {
    let until = world.now() + milliseconds;
    while world.now() <= until {
        world.pass(REPLY_OVERDUE / 2);
        let ticked = world.finish(async move {
            append_now(&mut writer, &[]).await;
            writer
        });
        writer = ticked.unwrap();
    }
    writer
}

#[test]
fn a_long_reply_is_not_erased_while_it_is_needed() {
    let world = World::new(1);
    let (mut writer, id) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    fill(&world, &id, 70, 10);
    writer = stay_silent(&world, writer, MARK_EVERY);
    fill(&world, &id, 1, 10);
    writer = stay_silent(&world, writer, SETTLE);
    fill(&world, &id, 60, 10);
    world.pass(REPLY_OVERDUE / 2);
    let before = world.value("conv:guest_1:s");
    world.finish(async move {
        writer
            .finish(Outcome::Complete, deltas_of(&["at last".to_owned()]), None)
            .await
            .unwrap()
    });
    fill(&world, &id, 5, 10);
    // Somebody who read before the end was there writes what is then an old snapshot.
    world.put("conv:guest_1:s", before);
    assert_eq!(said(&list(&world)[0])[0].2, "at last");
    delete(&world, &id).unwrap();
    assert_eq!(world.keys_containing("at last"), Vec::<String>::new());
}

#[test]
fn turns_are_sealed_only_when_they_have_ended() {
    let world = World::new(1);
    let (mut writer, id) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    fill(&world, &id, 5, 100_000);
    assert!(!world.keys().iter().any(|key| key.contains(":g:")));
    world.finish(async move {
        writer
            .finish(Outcome::Complete, deltas_of(&["at last".to_owned()]), None)
            .await
            .unwrap()
    });
    fill(&world, &id, 2, 100_000);
    let conversations = list(&world);
    assert_eq!(conversations[0].turns.len(), 8);
    assert_eq!(said(&conversations[0])[0].2, "at last");
    assert!(world.keys().iter().any(|key| key.contains(":g:")));
}

#[test]
fn deleting_a_long_conversation_can_break_off_anywhere() {
    for operation in 0..60 {
        let world = World::new(1);
        let id = chats(&world, None, "first");
        fill(&world, &id, 6, 60_000);
        let mortal = of(world.client().with_fault(operation, Fault::DieAfter));
        let wanted = id.clone();
        world.finish(async move { library::delete(&mortal, &wanted).await });
        world.pass(20_000);
        if !list(&world).is_empty() {
            delete(&world, &id).unwrap();
        }
        list(&world);
        let left = world.keys_containing("MARKER");
        assert_eq!(left, Vec::<String>::new(), "operation {operation}");
    }
}

//! Removing: what is gone is gone, from the store too.

use journal::testing::{Fault, World};

use super::{append_now, begin, chat, chats, delete, deltas_of, limits, list, of, run};
use crate::entries::{Outcome, Preferences};
use crate::error::Error;
use crate::library;
use crate::preferences;
use crate::state::REPLY_OVERDUE;

const MARKER: &str = "MARKER";

#[test]
fn deleting_erases_and_is_not_found_again() {
    let world = World::new(1);
    let id = chats(&world, None, "MARKER one");
    let kept = chats(&world, None, "kept");
    chats(&world, Some(&id), "MARKER two");
    let rename_id = id.clone();
    run(&world, |journal| async move {
        library::rename(&journal, &rename_id, "MARKER title", limits(3))
            .await
            .unwrap();
    });
    delete(&world, &id).unwrap();
    assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
    assert_eq!(delete(&world, &id), Err(Error::NotFound));
    let left = list(&world);
    assert_eq!(left.len(), 1);
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world), left);
    assert_eq!(left[0].id, kept);
}

#[test]
fn clearing_erases_everything_and_can_be_repeated() {
    let world = World::new(1);
    for text in ["MARKER a", "MARKER b"] {
        chats(&world, None, text);
    }
    run(&world, |journal| async move {
        let changes = Preferences {
            system_prompt: Some("MARKER prompt".to_owned()),
            ..Preferences::default()
        };
        preferences::update(&journal, changes).await.unwrap();
        library::clear(&journal).await.unwrap();
        library::clear(&journal).await.unwrap();
        let left = preferences::get(&journal).await.unwrap();
        assert_eq!(left, Preferences::default());
    });
    assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
    assert_eq!(list(&world).len(), 0);
    chats(&world, None, "anew");
    assert_eq!(list(&world).len(), 1);
}

#[test]
fn an_old_snapshot_brings_nothing_back() {
    let world = World::new(1);
    let id = chats(&world, None, "MARKER");
    chats(&world, None, "kept");
    let old = world.value("conv:guest_1:s");
    delete(&world, &id).unwrap();
    let expected = list(&world);
    world.put("conv:guest_1:s", old);
    assert_eq!(list(&world), expected);
    // It lies about until a reader that finds it some time later.
    world.pass(20_000);
    assert_eq!(list(&world), expected);
    assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
}

#[test]
fn a_reply_in_mid_stream_leaves_nothing_behind() {
    for deltas in [0, 2] {
        let world = World::new(1);
        let (mut writer, id) = run(&world, |journal| async move {
            let (mut writer, id) = begin(&journal, None, MARKER, 3).await.unwrap();
            for _ in 0..deltas {
                append_now(&mut writer, &[MARKER.to_owned()]).await;
            }
            (writer, id)
        });
        delete(&world, &id).unwrap();
        assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
        let ended = world.finish(async move {
            append_now(&mut writer, &[MARKER.to_owned()]).await;
            writer
                .finish(Outcome::Complete, deltas_of(&[MARKER.to_owned()]), None)
                .await
        });
        assert_eq!(ended, Some(Err(Error::NotFound)));
        assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_turn_wrote_after_the_removal_is_erased_later() {
    let world = World::new(1);
    let (mut writer, id) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    delete(&world, &id).unwrap();
    world.finish(async move { append_now(&mut writer, &[MARKER.to_owned()]).await });
    assert_eq!(world.keys_containing(MARKER).len(), 1);
    world.pass(REPLY_OVERDUE * 2);
    list(&world);
    assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
}

#[test]
fn a_message_to_a_removed_conversation_is_refused_and_erased() {
    let world = World::new(1);
    let id = chats(&world, None, "first");
    let wanted = id.clone();
    let mut writer = run(&world, |journal| async move {
        crate::turn::TurnWriter::open(journal, Some(&wanted), None)
            .await
            .unwrap()
    });
    delete(&world, &id).unwrap();
    let begun = world.finish(async move {
        let begun = writer
            .begin(MARKER.to_owned(), "m".to_owned(), limits(3))
            .await;
        begun.map(drop)
    });
    assert_eq!(begun, Some(Err(Error::NotFound)));
    assert_eq!(world.keys_containing(MARKER), Vec::<String>::new());
    assert_eq!(list(&world).len(), 0);
}

#[test]
fn deleting_in_several_tabs_leaves_nothing_at_any_interleaving() {
    for seed in 0..120 {
        let world = World::new(seed);
        let id = chats(&world, None, MARKER);
        chats(&world, None, "kept");
        world.set_latency(25);
        for tab in 0..5 {
            let (journal, id) = (of(world.client()), id.clone());
            world.spawn(async move {
                for round in 0..3 {
                    let done = chat(&journal, Some(&id), &format!("MARKER {tab} {round}")).await;
                    assert!(matches!(done, Ok(_) | Err(Error::NotFound)));
                }
            });
        }
        let (journal, id) = (of(world.client()), id.clone());
        let pause = world.random(0..=400);
        world.spawn(async move {
            use journal::Clock;
            journal.platform().sleep(pause).await;
            library::delete(&journal, &id).await.unwrap();
        });
        world.run();
        world.set_latency(0);
        world.pass(REPLY_OVERDUE * 2);
        let left = list(&world);
        assert_eq!(left.len(), 1);
        assert_eq!(
            world.keys_containing(MARKER),
            Vec::<String>::new(),
            "seed {seed}"
        );
        world.put("conv:guest_1:s", None);
        assert_eq!(list(&world), left);
    }
}

#[test]
fn a_deletion_killed_anywhere_is_completed_by_others() {
    for operation in 0..12 {
        let world = World::new(1);
        let id = chats(&world, None, MARKER);
        chats(&world, None, "kept");
        let mortal = of(world.client().with_fault(operation, Fault::DieAfter));
        let wanted = id.clone();
        world.finish(async move { library::delete(&mortal, &wanted).await });
        world.pass(20_000);
        if list(&world).len() == 2 {
            delete(&world, &id).unwrap();
        }
        list(&world);
        assert_eq!(list(&world).len(), 1);
        assert_eq!(
            world.keys_containing(MARKER),
            Vec::<String>::new(),
            "{operation}"
        );
    }
}

#[test]
fn a_removal_while_the_end_is_being_written_is_noticed() {
    // Opening and beginning are four operations; finishing looks, writes, and looks again.
    for operation in 4..7 {
        let world = World::new(1);
        let id = chats(&world, None, "first");
        let slow = of(world.client().with_fault(operation, Fault::Stall(500)));
        let wanted = id.clone();
        let ended = std::rc::Rc::new(std::cell::RefCell::new(None));
        let place = ended.clone();
        world.spawn(async move {
            let (mut writer, _) = begin(&slow, Some(&wanted), "question", 3).await.unwrap();
            let done = writer
                .finish(Outcome::Complete, deltas_of(&[MARKER.to_owned()]), None)
                .await;
            place.borrow_mut().replace(done);
        });
        let journal = of(world.client());
        world.spawn(async move {
            use journal::Clock;
            journal.platform().sleep(100).await;
            library::delete(&journal, &id).await.unwrap();
        });
        world.run();
        assert_eq!(
            ended.take(),
            Some(Err(Error::NotFound)),
            "operation {operation}"
        );
        // A snapshot that was on its way is replaced by the next.
        world.pass(20_000);
        assert_eq!(list(&world).len(), 0);
        let left = world.keys_containing(MARKER);
        assert_eq!(left, Vec::<String>::new(), "operation {operation}");
    }
}

//! Turns: what they store, what it costs, and what survives.

use journal::testing::{Fault, World};

use super::{USER, append_now, begin, chat, chats, deltas_of, limits, list, of, run, said};
use crate::entries::{Attachment, Outcome};
use crate::error::Error;
use crate::ids;
use crate::library;
use crate::preferences;
use crate::state::REPLY_OVERDUE;
use crate::turn::{BeginResult, TurnWriter, UserMessage};

#[test]
fn a_turn_is_stored_and_read_again() {
    let world = World::new(1);
    let id = chats(&world, None, "Hello   there");
    world.pass(10);
    chats(&world, Some(&id), "And again");
    let conversations = list(&world);
    assert_eq!(conversations.len(), 1);
    assert_eq!(conversations[0].title, "Hello there");
    assert_eq!(conversations[0].message_count(), 4);
    assert_eq!(conversations[0].updated, world.now());
    let expected = ["Hello   there", "And again"].map(|text| {
        (
            text.to_owned(),
            Some(Outcome::Complete),
            format!("re {text}"),
        )
    });
    assert_eq!(said(&conversations[0]), expected);

    let history = run(&world, |journal| async move {
        let writer = TurnWriter::open(journal, Some(&id.to_uppercase()), None)
            .await
            .unwrap();
        assert_eq!(writer.model(), Some("gpt-4o"));
        writer
            .history()
            .map(|turn| turn.text.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(history, ["Hello   there", "And again"]);
}

fn file(name: &str) -> Attachment {
    Attachment {
        id: ids::new_id(),
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        size: 7,
    }
}

#[test]
fn attachments_are_stored_with_a_message_and_erased_with_it() {
    let world = World::new(1);
    let files = vec![file("marker-one.txt"), file("two.txt")];
    let message = UserMessage {
        text: String::new(),
        attachments: files.clone(),
    };
    let id = run(&world, |journal| async move {
        let mut writer = TurnWriter::open(journal, None, None).await.unwrap();
        assert_eq!(writer.attachments(), []);
        let begun = writer.begin(message, "m".to_owned(), limits(3)).await;
        let Ok(BeginResult::Started(started, _)) = begun else {
            panic!("{begun:?}");
        };
        let last = ["ok".to_owned()];
        let finished = writer.finish(Outcome::Complete, deltas_of(&last), None);
        finished.await.unwrap();
        started.conversation
    });
    let conversation = list(&world).remove(0);
    assert_eq!(conversation.title, "marker-one.txt");
    assert_eq!(conversation.turns[0].attachments, files);
    let message = conversation.turns[0].id.clone();
    let wanted = id.clone();
    let (again, edit) = run(&world, |journal| async move {
        let again = TurnWriter::open_regenerate(journal.clone(), &wanted, None, None).await;
        let edit = TurnWriter::open_edit(journal, &wanted, &message, None).await;
        (
            again.unwrap().attachments().to_vec(),
            edit.unwrap().attachments().to_vec(),
        )
    });
    assert_eq!((&again, &edit), (&files, &files));
    run(&world, |journal| async move {
        library::delete(&journal, &id).await.unwrap()
    });
    assert_eq!(world.keys_containing("marker-one"), Vec::<String>::new());
}

#[test]
fn a_message_has_text_or_at_most_ten_attachments() {
    let world = World::new(1);
    let begin = |attachments: Vec<Attachment>| {
        let text = String::new();
        run(&world, |journal| async move {
            let mut writer = TurnWriter::open(journal, None, None).await.unwrap();
            let message = UserMessage { text, attachments };
            writer
                .begin(message, "m".to_owned(), limits(3))
                .await
                .map(drop)
        })
    };
    assert_eq!(begin(vec![file("a"); 10]), Ok(()));
    for wrong in [
        Vec::new(),
        vec![file("a"); 11],
        vec![file(&"a".repeat(256))],
        vec![Attachment {
            id: "nonsense".to_owned(),
            ..file("a")
        }],
    ] {
        assert!(matches!(begin(wrong), Err(Error::Invalid(_))));
    }
}

#[test]
fn a_turn_is_three_writes_and_a_listing_two_gets() {
    let world = World::new(1);
    for round in 0..20 {
        world.take_counts();
        chats(&world, None, &format!("message {round}"));
        let (_, writes) = world.take_counts();
        // Beyond the limit the first word is recorded, with which another one is evicted.
        let expected = if round < 3 { 3 } else { 5 };
        assert_eq!(writes, expected, "round {round}");
        list(&world);
        let gets = if round < 3 { 2 } else { 6 };
        assert_eq!(world.take_counts(), (gets, 0), "round {round}");
        world.pass(1_000);
    }
}

#[test]
fn the_fourth_conversation_evicts_the_least_recently_updated() {
    let world = World::new(1);
    let mut ids = Vec::new();
    for message in ["a", "b", "c"] {
        ids.push(chats(&world, None, message));
        world.pass(1_000);
    }
    chats(&world, Some(&ids[0]), "a again");
    world.pass(1_000);
    chats(&world, None, "d");
    let titles: Vec<String> = list(&world)
        .into_iter()
        .map(|conversation| conversation.title)
        .collect();
    assert_eq!(titles, ["d", "a", "c"]);
    world.pass(super::UNDO);
    list(&world);
    assert!(world.keys_containing("\"re b\"").is_empty());
    assert!(world.keys_containing("\"b\"").is_empty());
}

#[test]
fn the_end_of_a_reply_counts_as_an_update_for_everybody() {
    let world = World::new(1);
    let first = world.finish({
        let journal = of(world.client());
        async move { begin(&journal, None, "slow", 3).await.unwrap().0 }
    });
    for message in ["b", "c"] {
        world.pass(1_000);
        chats(&world, None, message);
    }
    world.pass(1_000);
    let mut first = first.unwrap();
    world.finish(async move {
        first
            .finish(Outcome::Complete, deltas_of(&["at last".to_owned()]), None)
            .await
            .unwrap()
    });
    world.pass(1_000);
    chats(&world, None, "d");
    let expected = ["d", "slow", "c"];
    let titles = |world: &World| -> Vec<String> {
        list(world)
            .into_iter()
            .map(|conversation| conversation.title)
            .collect()
    };
    assert_eq!(titles(&world), expected);
    // Without any snapshot the entries decide the same.
    world.put("conv:guest_1:s", None);
    assert_eq!(titles(&world), expected);
}

#[test]
fn sixteen_tabs_in_one_conversation_lose_nothing() {
    for seed in 0..40 {
        let world = World::new(seed);
        let id = chats(&world, None, "first");
        world.set_latency(30);
        for tab in 0..16 {
            let (journal, id) = (of(world.client()), id.clone());
            world.spawn(async move {
                for round in 0..3 {
                    let message = format!("{tab}.{round}");
                    chat(&journal, Some(&id), &message).await.unwrap();
                }
            });
        }
        for _ in 0..4 {
            let journal = of(world.client());
            world.spawn(async move {
                for _ in 0..6 {
                    library::list(&journal, None, usize::MAX).await.unwrap();
                }
            });
        }
        world.run();
        let conversations = list(&world);
        let said = said(&conversations[0]);
        assert_eq!(said.len(), 49, "seed {seed}");
        for (message, outcome, reply) in &said {
            assert_eq!(*outcome, Some(Outcome::Complete));
            assert_eq!(*reply, format!("re {message}"));
        }
        for tab in 0..16 {
            let own = said
                .iter()
                .filter(|(text, ..)| text.starts_with(&format!("{tab}.")));
            let own: Vec<&str> = own.map(|(text, ..)| text.as_str()).collect();
            assert_eq!(own, [0, 1, 2].map(|round| format!("{tab}.{round}")));
        }
        world.put("conv:guest_1:s", None);
        assert_eq!(
            list(&world),
            conversations,
            "the entries alone say the same"
        );
    }
}

#[test]
fn sixteen_new_conversations_at_once_leave_three() {
    for seed in 0..40 {
        let world = World::new(seed);
        world.set_latency(30);
        for tab in 0..16 {
            let journal = of(world.client());
            world.spawn(async move {
                match chat(&journal, None, &format!("tab {tab}")).await {
                    Ok(_) | Err(Error::NotFound) => {}
                    Err(error) => panic!("{error:?}"),
                }
            });
        }
        world.run();
        let conversations = list(&world);
        assert_eq!(conversations.len(), 3);
        world.put("conv:guest_1:s", None);
        assert_eq!(list(&world), conversations, "seed {seed}");
    }
}

#[test]
fn stored_deltas_survive_a_killed_process() {
    let world = World::new(1);
    run(&world, |journal| async move {
        let (mut writer, _) = begin(&journal, None, "question", 3).await.unwrap();
        append_now(&mut writer, &["some ".to_owned(), "of ".to_owned()]).await;
        append_now(&mut writer, &[]).await;
        append_now(&mut writer, &["it".to_owned()]).await;
    });
    let so_far = ("question".to_owned(), None, "some of it".to_owned());
    assert_eq!(said(&list(&world)[0]), [so_far]);
    world.pass(REPLY_OVERDUE + 1);
    let broken = (
        "question".to_owned(),
        Some(Outcome::Incomplete),
        "some of it".to_owned(),
    );
    assert_eq!(said(&list(&world)[0]).first(), Some(&broken));
    // The next turn's snapshot holds it, and the deltas go.
    let id = list(&world)[0].id.clone();
    chats(&world, Some(&id), "next");
    assert_eq!(said(&list(&world)[0])[0], broken);
    assert!(!world.keys().iter().any(|key| key.ends_with(":r:1:0")));
}

#[test]
fn a_process_killed_at_any_operation_loses_nothing_acknowledged() {
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for operation in 0..30 {
            let world = World::new(7);
            let id = chats(&world, None, "before");
            let journal = of(world.client().with_fault(operation, fault));
            let acknowledged = std::rc::Rc::new(std::cell::Cell::new(0));
            let (place, conversation) = (acknowledged.clone(), id.clone());
            world.spawn(async move {
                for round in 0..3 {
                    let message = format!("round {round}");
                    let opened = begin(&journal, Some(&conversation), &message, 3).await;
                    let (mut writer, _) = opened.unwrap();
                    place.set(place.get() + 1);
                    writer.append(deltas_of(&["re ".to_owned()])).await;
                    let _ = writer.store_chunk().await;
                    writer
                        .finish(Outcome::Complete, deltas_of(&["re".to_owned()]), None)
                        .await
                        .unwrap();
                    place.set(place.get() + 100);
                }
            });
            world.run();
            chats(&world, Some(&id), "after");
            world.pass(REPLY_OVERDUE + 1);
            let found = said(&list(&world)[0]);
            let texts = found.iter().map(|(text, ..)| text.as_str());
            let rounds = texts.filter(|text| text.starts_with("round")).count();
            assert!(
                rounds >= acknowledged.get() % 100,
                "{fault:?} at {operation}"
            );
            let ended = found
                .iter()
                .filter(|(_, it, _)| *it == Some(Outcome::Complete));
            assert!(ended.count() >= acknowledged.get() / 100 + 2);
            assert_eq!(found.last().unwrap().0, "after");
        }
    }
}

#[test]
fn an_end_after_the_turn_was_given_up_changes_nothing() {
    let world = World::new(1);
    let (writer, _) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    world.pass(REPLY_OVERDUE + 1);
    let given_up = list(&world);
    let mut writer = writer;
    let late = world.finish(async move {
        writer
            .finish(Outcome::Complete, deltas_of(&["late".to_owned()]), None)
            .await
    });
    assert!(matches!(late, Some(Err(Error::Unavailable(_)))));
    assert_eq!(list(&world), given_up);
}

#[test]
fn a_long_silence_that_nobody_saw_does_not_cost_the_reply() {
    let world = World::new(1);
    let (mut writer, _) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    world.pass(REPLY_OVERDUE * 2);
    world.finish(async move {
        writer
            .finish(Outcome::Complete, deltas_of(&["late".to_owned()]), None)
            .await
            .unwrap()
    });
    assert_eq!(said(&list(&world)[0])[0].1, Some(Outcome::Complete));
}

#[test]
fn heartbeats_keep_a_silent_reply_running() {
    let world = World::new(1);
    let (mut writer, _) = run(&world, |journal| async move {
        begin(&journal, None, "question", 3).await.unwrap()
    });
    for _ in 0..10 {
        world.pass(REPLY_OVERDUE - 1_000);
        writer = world
            .finish(async move {
                append_now(&mut writer, &[]).await;
                writer
            })
            .unwrap();
        assert_eq!(said(&list(&world)[0])[0].1, None);
    }
    world.finish(async move {
        writer
            .finish(Outcome::Stopped, deltas_of(&["enough".to_owned()]), None)
            .await
            .unwrap()
    });
    assert_eq!(said(&list(&world)[0])[0].1, Some(Outcome::Stopped));
}

#[test]
fn a_failing_snapshot_does_not_lose_the_reply() {
    for operation in 0..12 {
        let world = World::new(1);
        chats(&world, None, "before");
        world.pass(1);
        let flaky = of(world.client().with_fault(operation, Fault::Fail));
        let done = world.finish(async move { chat(&flaky, None, "message").await });
        if done.unwrap().is_ok() {
            let ended = said(&list(&world)[0]);
            assert_eq!(ended[0].2, "re message", "operation {operation}");
        }
    }
}

#[test]
fn ids_of_others_and_nonsense_are_not_found() {
    let world = World::new(1);
    let id = chats(&world, None, "mine");
    let other = ids::journal_of(world.client(), "guest_2").unwrap();
    for wanted in [id.as_str(), "nonsense", "", "../../x", "guest_1:s"] {
        let (journal, wanted) = (other.clone(), wanted.to_owned());
        world.finish(async move {
            let conversation = library::get(&journal, &wanted).await;
            assert_eq!(conversation, Err(Error::NotFound));
            let deleted = library::delete(&journal, &wanted).await;
            assert_eq!(deleted, Err(Error::NotFound));
            let opened = TurnWriter::open(journal, Some(&wanted), None).await;
            assert!(matches!(opened, Err(Error::NotFound)));
        });
    }
    for user in ["", "a b", "a:b", "ü", "a/b", &"x".repeat(129)] {
        assert!(ids::journal_of(world.client(), user).is_err(), "{user}");
    }
    assert!(ids::journal_of(world.client(), USER).is_ok());
}

#[test]
fn messages_and_titles_have_their_bounds() {
    let world = World::new(1);
    let id = chats(&world, None, "x");
    run(&world, |journal| async move {
        let long = "é".repeat(10_000);
        assert!(begin(&journal, None, &long, 3).await.is_ok());
        for message in ["", &"é".repeat(10_001)] {
            let refused = begin(&journal, None, message, 3).await;
            assert!(matches!(refused, Err(Error::Invalid(_))));
        }
        for title in ["", " \n", &"x".repeat(201)] {
            let refused = library::rename(&journal, &id, title, limits(3)).await;
            assert!(matches!(refused, Err(Error::Invalid(_))));
        }
        let renamed = library::rename(&journal, &id, " A \n name ", limits(3))
            .await
            .unwrap();
        assert_eq!(renamed.title, "A name");
    });
}

#[test]
fn preferences_are_merged_and_kept() {
    use crate::entries::{Preferences, Theme};
    let world = World::new(1);
    run(&world, |journal| async move {
        let model = Preferences {
            default_model: Some("gpt-4o".to_owned()),
            ..Preferences::default()
        };
        let theme = Preferences {
            theme: Some(Theme::Light),
            ..Preferences::default()
        };
        preferences::update(&journal, model).await.unwrap();
        let both = preferences::update(&journal, theme).await.unwrap();
        assert_eq!(both.default_model.as_deref(), Some("gpt-4o"));
        assert_eq!(both.theme, Some(Theme::Light));
        assert_eq!(preferences::get(&journal).await.unwrap(), both);
        let long = Preferences {
            system_prompt: Some("x".repeat(10_001)),
            ..Preferences::default()
        };
        assert!(preferences::update(&journal, long).await.is_err());
    });
}

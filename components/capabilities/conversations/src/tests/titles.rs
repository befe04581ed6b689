//! Clients that name conversations and messages themselves.

use journal::testing::{Client, World};
use journal::{Clock as _, Journal};

use super::{begin, delete, deltas_of, limits, list, of, run, said};
use crate::entries::{Outcome, Request};
use crate::error::Error;
use crate::turn::{BeginResult, ClientMessage, MessageAction, StopReason, TurnWriter};

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

fn named(name: &str, preceding: u32, action: MessageAction) -> ClientMessage {
    ClientMessage::new(name.to_owned(), Some(preceding), action).unwrap()
}

async fn open(
    journal: Journal<Client>,
    message: ClientMessage,
    text: &str,
) -> Result<TurnWriter<Client>, Error> {
    let request = Some(Request::new(&format!("{ID} {text}"), text)?);
    let mut writer = TurnWriter::open_client_message(journal, ID, message, request).await?;
    let beginning = writer
        .begin(text.to_owned(), "gpt-4o".to_owned(), limits(3))
        .await?;
    assert!(
        matches!(beginning, BeginResult::Started(..)),
        "{beginning:?}"
    );
    Ok(writer)
}

/// A whole turn in the conversation of that id.
fn says(world: &World, message: ClientMessage, text: &str) -> Result<(), Error> {
    let text = text.to_owned();
    run(world, |journal| async move {
        let mut writer = open(journal, message, &text).await?;
        let reply = format!("re {text}");
        writer
            .finish(Outcome::Complete, deltas_of(&[reply.to_owned()]), None)
            .await
            .map(|_| ())
    })
}

fn texts(world: &World) -> Vec<String> {
    let conversations = list(world);
    let texts = conversations.iter().flat_map(said);
    texts.map(|(text, _, _)| text).collect()
}

fn is_conflict(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Conflict(_)))
}

#[test]
fn conversation_has_the_id_that_the_client_gave() {
    let world = World::new(1);
    says(&world, named("a", 0, MessageAction::Append), "one").unwrap();
    says(&world, named("b", 1, MessageAction::Append), "two").unwrap();
    let conversations = list(&world);
    assert_eq!((conversations.len(), conversations[0].id.as_str()), (1, ID));
    assert_eq!(texts(&world), ["one", "two"]);
    // The client's names are not stored.
    says(&world, named("MARKER", 2, MessageAction::Append), "three").unwrap();
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
}

#[test]
fn two_concurrent_first_messages_make_one_conversation() {
    for seed in 0..40 {
        let world = World::new(seed);
        let tasks = ["one", "two"].map(|text| {
            let journal = of(world.client());
            async move {
                let message = named(text, 0, MessageAction::Append);
                let mut writer = open(journal, message, text).await.unwrap();
                writer
                    .finish(Outcome::Complete, deltas_of(&[text.to_owned()]), None)
                    .await
                    .unwrap();
            }
        });
        world
            .finish(futures::future::join_all(tasks))
            .expect("both end");
        let conversations = list(&world);
        assert_eq!(conversations.len(), 1, "seed {seed}");
        let mut texts = texts(&world);
        texts.sort();
        assert_eq!(texts, ["one", "two"], "seed {seed}");
    }
}

#[test]
fn messages_can_be_changed_and_their_old_versions_are_kept() {
    let world = World::new(1);
    says(&world, named("a", 0, MessageAction::Append), "uno").unwrap();
    says(&world, named("a", 0, MessageAction::Replace), "one").unwrap();
    assert_eq!(texts(&world), ["one"]);
    assert_eq!(list(&world)[0].title, "one");
    says(&world, named("b", 1, MessageAction::Append), "two").unwrap();
    // By the id that it has here, too.
    let id = list(&world)[0].turns[1].id.clone();
    says(&world, named(&id, 1, MessageAction::Replace), "zwei").unwrap();
    assert_eq!(texts(&world), ["one", "zwei"]);
    // An earlier one: what followed it stays with the old version.
    says(&world, named("a", 0, MessageAction::Replace), "1").unwrap();
    assert_eq!(texts(&world), ["1"]);
    assert_eq!(list(&world)[0].title, "1");
    assert_eq!(list(&world)[0].turns[0].versions.len(), 2);
    let expected = list(&world);
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world), expected, "the entries alone say the same");
}

#[test]
fn regenerate_replies_to_the_last_message_again() {
    let world = World::new(1);
    says(&world, named("a", 0, MessageAction::Append), "one").unwrap();
    let reply = list(&world)[0].turns[0].reply_id.clone();
    run(&world, |journal| async move {
        let message = named("a", 0, MessageAction::Regenerate);
        let writer = TurnWriter::open_client_message(journal, ID, message, None)
            .await
            .unwrap();
        assert_eq!(writer.regenerated_message(), Some("one"));
        assert_eq!(writer.history().count(), 0);
    });
    says(
        &world,
        named("a", 0, MessageAction::Regenerate),
        "not looked at",
    )
    .unwrap();
    assert_eq!(texts(&world), ["one"]);
    assert_ne!(list(&world)[0].turns[0].reply_id, reply);
}

#[test]
fn messages_that_are_not_stored_yet_are_added() {
    for action in [MessageAction::Replace, MessageAction::Regenerate] {
        let world = World::new(1);
        says(&world, named("a", 0, action), "one").unwrap();
        says(&world, named("b", 1, action), "two").unwrap();
        // A client that has more than there is here: some of its messages were refused.
        says(&world, named("c", 7, action), "three").unwrap();
        assert_eq!(texts(&world), ["one", "two", "three"]);
        // One that has less, and does not know what it would replace.
        let late = says(&world, named("d", 2, action), "four");
        assert!(is_conflict(&late), "{late:?}");
        assert_eq!(texts(&world), ["one", "two", "three"]);
    }
}

#[test]
fn message_during_a_reply_stops_it() {
    for action in [MessageAction::Replace, MessageAction::Regenerate] {
        let world = World::new(1);
        let client = world.client();
        let writer = of(client.clone());
        let writing = async move {
            let mut writer = open(writer, named("a", 0, MessageAction::Append), "one")
                .await
                .unwrap();
            while writer.append(deltas_of(&[])).await.stop != Some(StopReason::Cancelled) {
                client.sleep(100).await;
            }
            writer
                .finish(Outcome::Stopped, deltas_of(&["MARKER".to_owned()]), None)
                .await
                .unwrap();
        };
        let client = world.client();
        let another = of(client.clone());
        let another = async move {
            // By then there is something to be given up.
            client.sleep(1_000).await;
            let mut writer = open(another, named("a", 0, action), "again").await.unwrap();
            writer
                .finish(Outcome::Complete, deltas_of(&["re".to_owned()]), None)
                .await
                .unwrap();
        };
        world
            .finish(futures::future::join(writing, another))
            .expect("both end");
        let conversations = list(&world);
        let turns = said(&conversations[0]);
        assert_eq!(turns.len(), 1, "{turns:?}");
        assert_eq!(turns[0].1, Some(Outcome::Complete));
        assert_eq!(turns[0].2, "re");
        assert_eq!(conversations[0].turns[0].versions.len(), 1);
        let id = conversations[0].id.clone();
        super::delete(&world, &id).unwrap();
        world.pass(crate::state::REPLY_OVERDUE * 2);
        list(&world);
        assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
    }
}

#[test]
fn a_deleted_conversation_begins_anew_and_keeps_its_own_segments() {
    let world = World::new(1);
    let long = "MARKER ".repeat(3_000);
    let fill = |reply: &str| {
        for turn in 0..40 {
            let (reply, name) = (reply.to_owned(), format!("{turn} of {}", reply.len()));
            run(&world, |journal| async move {
                let message = named(&name, turn, MessageAction::Append);
                let mut writer = open(journal, message, &name).await.unwrap();
                writer
                    .finish(Outcome::Complete, deltas_of(&[reply.to_owned()]), None)
                    .await
                    .unwrap();
            });
        }
    };
    fill(&long);
    assert!(list(&world)[0].message_count() == 80);
    delete(&world, ID).unwrap();
    assert!(list(&world).is_empty());
    let other = "KEPT ".repeat(4_000);
    fill(&other);
    // Whatever was left of the first is erased, and nothing of the second with it.
    world.pass(crate::state::REPLY_OVERDUE * 2);
    let conversations = list(&world);
    assert_eq!(conversations[0].id, ID);
    assert!(
        said(&conversations[0])
            .iter()
            .all(|(_, _, reply)| *reply == other)
    );
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
    world.put("conv:guest_1:s", None);
    assert_eq!(list(&world)[0].turns.len(), 40);
}

#[test]
fn a_writer_of_a_deleted_conversation_leaves_nothing_in_the_next_of_that_id() {
    let world = World::new(1);
    let mut late = run(&world, |journal| async move {
        open(journal, named("a", 0, MessageAction::Append), "one")
            .await
            .unwrap()
    });
    delete(&world, ID).unwrap();
    says(&world, named("b", 0, MessageAction::Append), "two").unwrap();
    let finished = run(&world, |_| async move {
        late.finish(Outcome::Complete, deltas_of(&["MARKER".to_owned()]), None)
            .await
    });
    assert_eq!(finished, Err(Error::NotFound));
    assert_eq!(texts(&world), ["two"]);
    assert_eq!(world.keys_containing("MARKER"), Vec::<String>::new());
}

#[test]
fn other_conversations_are_not_changed() {
    let world = World::new(1);
    let id = run(&world, |journal| async move {
        begin(&journal, None, "plain", 3).await.unwrap().1
    });
    says(&world, named("a", 0, MessageAction::Append), "one").unwrap();
    let ids: Vec<String> = list(&world)
        .into_iter()
        .map(|conversation| conversation.id)
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&id) && ids.contains(&ID.to_owned()));
}

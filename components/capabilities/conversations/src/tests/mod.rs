//! The capability against a simulated store.

mod archive;
mod deletion;
mod drafts;
mod eviction;
mod folding;
mod long;
mod readers;
mod titles;
mod turns;
mod versions;

use std::future::Future;

use journal::Journal;
use journal::testing::{Client, World};

use crate::entries::Outcome;
use crate::error::Error;
use crate::ids;
use crate::library;
use crate::state::{Conversation, Limits};
use crate::turn::{BeginResult, ReplyDelta, TurnWriter};

/// How long evictions can be undone in these tests (milliseconds).
const UNDO: u64 = 500;

const USER: &str = "guest_1";

fn of(client: Client) -> Journal<Client> {
    ids::journal_of(client, USER).unwrap()
}

/// Runs one task with a journal of its own, along with all others.
fn run<T: 'static, F: Future<Output = T> + 'static>(
    world: &World,
    task: impl FnOnce(Journal<Client>) -> F,
) -> T {
    world.finish(task(of(world.client()))).unwrap()
}

fn limits(conversations: u32) -> Limits {
    Limits {
        conversations,
        undo: UNDO,
    }
}

async fn begin(
    journal: &Journal<Client>,
    conversation: Option<&str>,
    message: &str,
    limit: u32,
) -> Result<(TurnWriter<Client>, String), Error> {
    let mut writer = TurnWriter::open(journal.clone(), conversation, None).await?;
    let beginning = writer
        .begin(message.to_owned(), "gpt-4o".to_owned(), limits(limit))
        .await?;
    match beginning {
        BeginResult::Started(started, _) => Ok((writer, started.conversation)),
        BeginResult::Existing(started) => panic!("{started:?}"),
    }
}

fn deltas_of(deltas: &[String]) -> Vec<ReplyDelta> {
    deltas.iter().cloned().map(ReplyDelta::Text).collect()
}

/// Appends deltas and stores them at once, whenever that would be due.
async fn append_now(writer: &mut TurnWriter<Client>, deltas: &[String]) {
    writer.append(deltas_of(deltas)).await;
    writer.store_chunk().await.unwrap();
}

/// A whole turn; answers the conversation's id.
async fn chat(
    journal: &Journal<Client>,
    conversation: Option<&str>,
    message: &str,
) -> Result<String, Error> {
    let (mut writer, id) = begin(journal, conversation, message, 3).await?;
    let reply = format!("re {message}");
    writer
        .finish(Outcome::Complete, deltas_of(&[reply.to_owned()]), None)
        .await?;
    Ok(id)
}

fn chats(world: &World, conversation: Option<&str>, message: &str) -> String {
    let (conversation, message) = (conversation.map(str::to_owned), message.to_owned());
    // Lists have conversations of one millisecond in any order.
    world.pass(1);
    run(world, |journal| async move {
        chat(&journal, conversation.as_deref(), &message)
            .await
            .unwrap()
    })
}

fn list(world: &World) -> Vec<Conversation> {
    run(world, |journal| async move {
        library::list(&journal, None, usize::MAX)
            .await
            .unwrap()
            .items
    })
}

fn delete(world: &World, id: &str) -> Result<(), Error> {
    let id = id.to_owned();
    run(world, |journal| async move {
        library::delete(&journal, &id).await
    })
}

/// Messages with the outcomes of their replies, oldest first.
fn said(conversation: &Conversation) -> Vec<(String, Option<Outcome>, String)> {
    let turns = conversation.turns.iter();
    turns
        .map(|turn| {
            let reply = turn.reply.as_ref();
            let text = match (reply, &turn.received) {
                (Some(reply), _) => reply.text.clone(),
                (None, Some(received)) => received.text.clone(),
                (None, None) => String::new(),
            };
            (turn.text.clone(), reply.map(|reply| reply.outcome), text)
        })
        .collect()
}

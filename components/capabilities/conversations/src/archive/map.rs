//! What the archive stores: the map of its conversations, and the conversations.

use futures::future::try_join_all;
use journal::tree::Tree;
use journal::{BATCH_MAX, Journal, Platform, READS_AT_ONCE, delete_all, get_all};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::state::State;
use crate::state::conversation::Conversation;

/// The range of keys that are ordered by time.
const BY_TIME: std::ops::Range<&str> = "t".."u";

/// A value of the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Item {
    ByTime(Archived),
    ById(Place),
}

/// An archived conversation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Archived {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) model: String,
    pub(crate) message_count: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// The name of the value that holds it.
    pub(crate) content: String,
}

/// Where an archived conversation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(super) updated: u64,
    pub(super) content: String,
}

/// The key prefix of the values.
fn prefix<P: Platform>(journal: &Journal<P>) -> String {
    journal.key("a:")
}

pub(crate) fn tree<P: Platform>(journal: &Journal<P>) -> Tree<'_, P> {
    Tree::new(journal.platform(), prefix(journal))
}

pub(crate) fn value_key<P: Platform>(journal: &Journal<P>, name: &str) -> String {
    format!("{}{name}", prefix(journal))
}

pub(super) fn id_key(id: &str) -> String {
    format!("i{id}")
}

pub(crate) fn time_key(updated: u64, id: &str) -> String {
    format!("t{updated:016x}{id}")
}

/// The last `limit` archived conversations before a place in the order of time, the newest first.
pub(crate) async fn newest<P: Platform>(
    journal: &Journal<P>,
    state: &State,
    before: Option<(u64, &str)>,
    limit: usize,
) -> Result<Vec<Archived>, journal::Error> {
    let end = before.map(|(updated, id)| time_key(updated, id));
    let range = BY_TIME.start..end.as_deref().unwrap_or(BY_TIME.end);
    let root = state.archive.root.as_deref();
    let items = tree(journal).last(root, range, limit).await?;
    Ok(items
        .into_iter()
        .filter_map(|(_, item)| by_time(item))
        .collect())
}

/// The archived conversations that are evicted first.
pub(super) async fn oldest<P: Platform>(
    tree: &Tree<'_, P>,
    root: Option<&str>,
    limit: usize,
) -> Result<Vec<Archived>, journal::Error> {
    let may_go = |item: &Item| matches!(item, Item::ByTime(one) if !one.pinned);
    let items = tree.first(root, BY_TIME, limit, may_go).await?;
    Ok(items
        .into_iter()
        .filter_map(|(_, item)| by_time(item))
        .collect())
}

fn by_time(item: Item) -> Option<Archived> {
    match item {
        Item::ByTime(archived) => Some(archived),
        Item::ById(_) => None,
    }
}

/// The archived conversations of these values.
pub(crate) async fn contents<P: Platform>(
    journal: &Journal<P>,
    names: &[String],
) -> Result<Vec<Conversation>, journal::Error> {
    let keys: Vec<String> = names.iter().map(|name| value_key(journal, name)).collect();
    let values = get_all(journal.platform(), &keys).await?;
    let read = values.into_iter().map(|value| {
        let bytes = value.ok_or(journal::Error::Erased)?;
        serde_json::from_slice(&bytes).map_err(|_| journal::Error::Corrupt("a conversation"))
    });
    read.collect()
}

pub(super) async fn place<P: Platform>(
    journal: &Journal<P>,
    state: &State,
    id: &str,
) -> Result<Option<Place>, journal::Error> {
    let root = state.archive.root.as_deref();
    let item = tree(journal).get(root, &id_key(id)).await?;
    Ok(match item {
        Some(Item::ById(place)) => Some(place),
        _ => None,
    })
}

/// A part of an archive that is to be erased.
pub(crate) struct Part {
    pub(crate) conversations: Vec<Conversation>,
    /// The names of their values.
    pub(crate) contents: Vec<String>,
    /// The last item, if there may be more.
    pub(crate) last: Option<String>,
}

/// The conversations of an archive after an item. What is missing was erased before.
pub(crate) async fn part<P: Platform>(
    journal: &Journal<P>,
    root: &str,
    after: Option<&str>,
) -> Result<Part, Error> {
    let begin = after.map(|last| format!("{last}\0"));
    let range = begin.as_deref().unwrap_or(BY_TIME.start)..BY_TIME.end;
    let limit = BATCH_MAX;
    let items = tree(journal)
        .first::<Item>(Some(root), range, limit, |_| true)
        .await;
    let items = match items {
        // Pages are deleted after the conversations.
        Err(journal::Error::Erased) => Vec::new(),
        items => items?,
    };
    let last = items.last().filter(|_| items.len() >= limit);
    let last = last.map(|(key, _)| key.clone());
    let names: Vec<String> = items
        .into_iter()
        .filter_map(|(_, item)| by_time(item).map(|one| one.content))
        .collect();
    let mut conversations = Vec::new();
    for some in names.chunks(READS_AT_ONCE) {
        let some = some.iter().map(|name| async move {
            match contents(journal, std::slice::from_ref(name)).await {
                Err(journal::Error::Erased | journal::Error::Corrupt(_)) => Ok(Vec::new()),
                other => other,
            }
        });
        conversations.extend(try_join_all(some).await?.into_iter().flatten());
    }
    Ok(Part {
        conversations,
        contents: names,
        last,
    })
}

/// Deletes the pages of an archive whose conversations are erased.
pub(crate) async fn delete_pages<P: Platform>(
    journal: &Journal<P>,
    root: &str,
) -> Result<(), Error> {
    for level in tree(journal).pages::<Item>(root).await? {
        let keys: Vec<String> = level.iter().map(|name| value_key(journal, name)).collect();
        delete_all(journal.platform(), &keys).await?;
    }
    Ok(())
}

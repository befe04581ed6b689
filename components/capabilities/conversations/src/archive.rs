//! The archive: conversations that were not used for long, each in a value of its own, so that what a turn
//! reads and writes does not grow with the number of conversations.
//!
//! Two orders of them, by id and by the time of the last message, are one map in pages that never change
//! ([`journal::tree`]), and so are the conversations. The state has the root of that map, and an entry
//! replaces it by another one: only if it is the one that the writer knew, and if the conversations have
//! not changed since. So of writers at the same time the first one wins, and the others begin anew.
//!
//! Nothing in the archive is changed: a conversation comes back into the state before it is. Reading does
//! not bring it back.
//!
//! Values are written between two entries. The first names them, so that they are erased if the writer
//! dies; the second makes them count.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use journal::tree::Tree;
use journal::{BATCH_MAX, Journal, Platform, READS_AT_ONCE, View, delete_all, get_all, set_all};
use serde::{Deserialize, Serialize};

use crate::entries::{ArchiveChange, ArchivePrepared, Begins, Entry};
use crate::erasure;
use crate::error::Error;
use crate::ids;
use crate::reading;
use crate::state::{Conversation, EvictedTitle, Limits, Next, State, content_name};

/// How long a writer may take from its first entry to the second (milliseconds); and when values that were
/// announced and do not count are erased.
const WRITE_WITHIN: u64 = 30_000;
const ERASE_AFTER: u64 = 600_000;

/// How many conversations move at once, and how many come back to be evicted.
const MOVED_MOST: usize = 24;
const EVICTABLE: usize = 8;

/// A conversation longer than this (bytes) does not move: it would not fit into the entry that brings it back.
const CONTENT_MOST: usize = 800_000;

/// How much comes back at once (bytes), with the first conversation in any case.
const BACK_BYTES: usize = 64 * 1024;

/// How often something is tried while others change the archive.
const ATTEMPTS: usize = 6;

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
    updated: u64,
    content: String,
}

/// What a change is made of.
#[derive(Default)]
struct Plan {
    changes: BTreeMap<String, Option<Item>>,
    /// Names and values of the conversations that move.
    contents: Vec<(String, Vec<u8>)>,
    out: Vec<(String, u64)>,
    back: Vec<Conversation>,
    /// The names of values that are no longer needed.
    replaced: Vec<String>,
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

fn id_key(id: &str) -> String {
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
async fn oldest<P: Platform>(
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

async fn place<P: Platform>(
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

/// Reads the state anew.
pub(crate) async fn refresh<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
) -> Result<(), Error> {
    *view = journal.read().await?;
    reading::resolve(journal, view, None).await
}

/// An archived conversation, without bringing it back; none if it is in the state (perhaps by now), or if
/// it does not exist.
pub(crate) async fn look_up<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    id: &str,
) -> Result<Option<Conversation>, Error> {
    for _ in 0..ATTEMPTS {
        if view.state.archive.is_empty() || view.state.conversation(id).is_some() {
            return Ok(None);
        }
        let found = async {
            let Some(place) = place(journal, &view.state, id).await? else {
                return Ok(None);
            };
            let contents = contents(journal, &[place.content]).await?;
            Ok(contents.into_iter().next())
        };
        match found.await {
            Err(journal::Error::Erased) => refresh(journal, view).await?,
            other => return Ok(other?),
        }
    }
    Err(changing())
}

/// Brings a conversation back into the state, if it is in the archive.
pub(crate) async fn bring_back<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    id: &str,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        if view.state.archive.is_empty() || view.state.conversation(id).is_some() {
            return Ok(());
        }
        let planned = async {
            let Some(place) = place(journal, &view.state, id).await? else {
                return Ok(None);
            };
            let contents = contents(journal, std::slice::from_ref(&place.content)).await?;
            Ok(Some(Plan::back(contents, vec![place.content])))
        };
        match planned.await {
            Err(journal::Error::Erased) => refresh(journal, view).await?,
            Ok(None) => return Ok(()),
            Ok(Some(plan)) => commit(journal, view, ids::new_id(), plan).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(changing())
}

/// Brings the conversations back that are evicted next.
async fn bring_back_oldest<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
) -> Result<(), Error> {
    let planned = async {
        let root = view.state.archive.root.as_deref();
        let oldest = oldest(&tree(journal), root, EVICTABLE).await?;
        let names: Vec<String> = oldest.into_iter().map(|one| one.content).collect();
        let mut bytes = 0_usize;
        let mut back = Vec::new();
        for one in contents(journal, &names).await? {
            let length = serde_json::to_vec(&one).map_or(0, |json| json.len());
            bytes = bytes.saturating_add(length);
            if !back.is_empty() && bytes > BACK_BYTES {
                break;
            }
            back.push(one);
        }
        let mut names = names;
        names.truncate(back.len());
        Ok(Plan::back(back, names))
    };
    match planned.await {
        Err(journal::Error::Erased) => refresh(journal, view).await,
        Ok(plan) => commit(journal, view, ids::new_id(), plan).await,
        Err(error) => Err(error.into()),
    }
}

/// Appends the entry that `decide` makes of what decides about evictions, and returns its number and what
/// was evicted. Conversations of the archive that are to be evicted come back for it. `id` is the
/// conversation that the entry is about.
pub(crate) async fn append_with_room<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    limits: Limits,
    id: &str,
    decide: impl FnOnce(Begins) -> Entry,
) -> Result<Vec<EvictedTitle>, Error> {
    for _ in 0..ATTEMPTS {
        if !view.state.evicts_archived(limits.conversations, Some(id)) {
            break;
        }
        bring_back_oldest(journal, view).await?;
    }
    let entry = decide(view.state.begins(limits));
    let number = journal.append(view, &entry).await?;
    let mut evicted = EvictedTitle::all(&view.state, number);
    // Where others were evicted meanwhile, or the limit is a lower one than before.
    let beyond = limits.conversations.saturating_add(1);
    for _ in 0..ATTEMPTS {
        if !view.state.evicts_archived(beyond, None) {
            break;
        }
        bring_back_oldest(journal, view).await?;
        let entry = Entry::LimitEnforced {
            time: journal.platform().now(),
            begins: view.state.begins(limits),
        };
        let number = journal.append(view, &entry).await?;
        evicted.extend(EvictedTitle::all(&view.state, number));
    }
    Ok(evicted)
}

/// The conversation that is evicted next, if there are as many as the user may have.
pub(crate) async fn next_evicted<P: Platform>(
    journal: &Journal<P>,
    view: &View<State>,
    limit: u32,
) -> Result<Option<EvictedTitle>, journal::Error> {
    let title = |id: &str, title: &str| EvictedTitle {
        id: id.to_owned(),
        title: title.to_owned(),
    };
    Ok(match view.state.next_evicted(limit) {
        Next::Nothing => None,
        Next::Conversation(one) => Some(title(&one.id, &one.title)),
        Next::Archived => {
            let root = view.state.archive.root.as_deref();
            let oldest = oldest(&tree(journal), root, 1).await?;
            oldest.first().map(|one| title(&one.id, &one.title))
        }
    })
}

/// Moves conversations to the archive if there are too many in the state. That it fails is no error: the
/// next turn does it.
pub(crate) async fn move_surplus<P: Platform>(journal: &Journal<P>, view: &mut View<State>) {
    if view.state.surplus().is_empty() {
        return;
    }
    let mut moved = view.clone();
    if try_move_surplus(journal, &mut moved).await.is_ok() {
        *view = moved;
    }
}

async fn try_move_surplus<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
) -> Result<(), Error> {
    let token = ids::new_id();
    let mut plan = Plan::default();
    for one in view.state.surplus().into_iter().take(MOVED_MOST) {
        plan.move_out(one, &token);
    }
    if plan.out.is_empty() {
        return Ok(());
    }
    commit(journal, view, token, plan).await?;
    erasure::write_snapshot(journal, view, Vec::new()).await
}

/// Makes a change, unless another one was made meanwhile: the state tells.
async fn commit<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    token: String,
    plan: Plan,
) -> Result<(), Error> {
    let begun = journal.platform().monotonic();
    let from = view.state.archive.root.clone();
    let mut tree = tree(journal);
    let change = tree.change(from.as_deref(), plan.changes, &token).await;
    let change = match change {
        Err(journal::Error::Erased) => return refresh(journal, view).await,
        change => change?,
    };
    let oldest = oldest(&tree, change.root.as_deref(), 1).await;
    let oldest = match oldest {
        Err(journal::Error::Erased) => return refresh(journal, view).await,
        oldest => oldest?.first().map(|one| one.updated),
    };
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let prepared = Entry::ArchivePrepared(ArchivePrepared {
        token: token.clone(),
        contents: count(plan.contents.len()),
        pages: count(change.pages.len()),
        until: journal.platform().now().saturating_add(ERASE_AFTER),
    });
    journal.append(view, &prepared).await?;
    let contents = plan.contents.into_iter();
    let contents = contents.map(|(name, value)| (value_key(journal, &name), value));
    let mut pairs: Vec<(String, Vec<u8>)> = contents.collect();
    pairs.extend(change.pages);
    let keys: Vec<String> = pairs.iter().map(|(key, _)| key.clone()).collect();
    set_all(journal.platform(), pairs).await?;
    let taken = journal.platform().monotonic().saturating_sub(begun);
    if taken > WRITE_WITHIN {
        delete_all(journal.platform(), &keys).await?;
        return Err(Error::Unavailable("the store is too slow".to_owned()));
    }
    let mut replaced = change.replaced;
    replaced.extend(plan.replaced);
    let changed = Entry::ArchiveChanged(ArchiveChange {
        token,
        from,
        to: change.root,
        oldest,
        out: plan.out,
        back: plan.back,
        replaced,
    });
    journal.append(view, &changed).await?;
    Ok(())
}

impl Plan {
    fn move_out(&mut self, conversation: &Conversation, token: &str) {
        let mut stored = conversation.clone();
        stored.touched = stored.touched.max(stored.updated);
        let Ok(value) = serde_json::to_vec(&stored) else {
            return;
        };
        if value.len() > CONTENT_MOST {
            return;
        }
        let number = u32::try_from(self.contents.len()).unwrap_or(u32::MAX);
        let content = content_name(token, number);
        let updated = stored.updated;
        let place = Place {
            updated,
            content: content.clone(),
        };
        let archived = Archived {
            message_count: stored.message_count(),
            pinned: stored.pinned,
            created: stored.created,
            updated,
            content: content.clone(),
            id: stored.id.clone(),
            title: stored.title,
            model: stored.model,
        };
        let by_id = Some(Item::ById(place));
        self.changes.insert(id_key(&stored.id), by_id);
        let by_time = Some(Item::ByTime(archived));
        self.changes.insert(time_key(updated, &stored.id), by_time);
        self.contents.push((content, value));
        self.out.push((stored.id, stored.changed));
    }

    /// `names` are those of the values that hold the conversations.
    fn back(back: Vec<Conversation>, names: Vec<String>) -> Self {
        let mut changes = BTreeMap::new();
        for one in &back {
            changes.insert(id_key(&one.id), None);
            changes.insert(time_key(one.updated, &one.id), None);
        }
        Self {
            changes,
            back,
            replaced: names,
            ..Self::default()
        }
    }
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

fn changing() -> Error {
    Error::Unavailable("the archive changes all the time".to_owned())
}

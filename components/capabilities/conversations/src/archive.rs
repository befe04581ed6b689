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

pub(crate) mod map;

use std::collections::BTreeMap;

use journal::{Journal, Platform, View, delete_all, set_all};

use crate::entries::{ArchiveChange, ArchivePrepared, Begins, Entry};
use crate::erasure;
use crate::error::Error;
use crate::ids;
use crate::reading;
use crate::state::{Conversation, EvictedTitle, Limits, Next, State, content_name};
use map::{Archived, Item, Place, contents, id_key, oldest, place, time_key, tree, value_key};

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

/// How often something is tried while others change the archive. Of changes at the same time one wins, so
/// this is how many turns of one user may bring conversations back at once.
const ATTEMPTS: usize = 40;

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

fn changing() -> Error {
    Error::Unavailable("the archive changes all the time".to_owned())
}

//! Which conversations are in the state, and which are in the archive (`crate::archive`).

use serde::{Deserialize, Serialize};

use super::turn::{Leftover, Turn, all_turns};
use super::{Conversation, State, size};
use crate::entries::{ArchiveChange, Begins, Reasoning};

/// How many conversations stay in the state when others are moved to the archive: those that were used
/// last.
const KEPT: usize = 32;

/// More conversations than this are never left in the state, if the others can be moved.
const KEPT_MOST: usize = 48;

/// How many conversations that are evicted next are kept in the state besides.
const EVICTABLE: usize = 8;

/// More content than this (bytes) is never left in the state, if it can be moved; and how much then stays.
const BYTES_MOST: usize = 640 * 1024;
const BYTES_KEPT: usize = 384 * 1024;

/// What is known of the conversations that are in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Archive {
    /// The root of the map of them; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<String>,
    pub(crate) count: u32,
    pub(crate) pinned: u32,
    /// When the one that is evicted first was last updated: the oldest one that is not pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) oldest: Option<u64>,
}

/// What is evicted next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// Nothing: there is room, or all are pinned.
    Nothing,
    Conversation(&'a Conversation),
    /// The oldest one in the archive.
    Archived,
}

impl Archive {
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

impl State {
    /// How many conversations count towards the limit, without the one with the id `except`.
    pub(crate) fn counted(&self, except: Option<&str>) -> usize {
        let counted = self
            .conversations
            .iter()
            .filter(|one| one.counts() && Some(one.id.as_str()) != except);
        let archived = usize::try_from(self.archive.count).unwrap_or(usize::MAX);
        counted.count().saturating_add(archived)
    }

    /// What is evicted if there are `limit` conversations or more, without the one with the id `except`.
    /// `updated` says when one was last updated, `failed` whether its replies have no word.
    pub(crate) fn next(
        &self,
        limit: u32,
        except: Option<&str>,
        updated: impl Fn(&Conversation) -> u64,
        failed: impl Fn(&Conversation) -> bool,
    ) -> Next<'_> {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        if self.counted(except) < limit {
            return Next::Nothing;
        }
        let candidates = self
            .conversations
            .iter()
            .filter(|one| one.counts() && !one.pinned && Some(one.id.as_str()) != except);
        // Of two updated at the same time, the one that began first.
        let candidate = candidates.min_by_key(|one| (!failed(one), updated(one)));
        match (candidate, self.archive.oldest) {
            (Some(candidate), Some(oldest))
                if !failed(candidate) && updated(candidate) > oldest =>
            {
                Next::Archived
            }
            (Some(candidate), _) => Next::Conversation(candidate),
            (None, Some(_)) => Next::Archived,
            (None, None) => Next::Nothing,
        }
    }

    /// Whether an entry with these limits, for the conversation `id`, would evict one of the archive.
    pub(crate) fn evicts_archived(&self, limit: u32, id: Option<&str>) -> bool {
        let updated = |one: &Conversation| one.updated.max(one.touched);
        !self.archive.is_empty()
            && self.next(limit, id, updated, Conversation::has_failed) == Next::Archived
    }

    /// The conversations to move to the archive, the least recently used ones first; none unless there are
    /// many, or much is in them.
    pub(crate) fn surplus(&self) -> Vec<&Conversation> {
        let bytes: usize = self.conversations.iter().map(Conversation::size).sum();
        if self.conversations.len() <= KEPT_MOST && bytes <= BYTES_MOST {
            return Vec::new();
        }
        let used = |one: &&Conversation| one.updated.max(one.touched);
        let mut all: Vec<&Conversation> = self.conversations.iter().collect();
        all.sort_by_key(used);
        // The one that was used last stays.
        all.pop();
        let evictable = all
            .iter()
            .filter(|one| !one.pinned && self.archive.oldest.is_some_and(|at| used(one) <= at));
        let evictable: Vec<u64> = evictable.take(EVICTABLE).map(|one| one.begun).collect();
        let mut number = self.conversations.len();
        let mut left = bytes;
        let mut surplus = Vec::new();
        for one in all {
            let is_many = number > KEPT && self.conversations.len() > KEPT_MOST;
            let is_much = left > BYTES_KEPT && bytes > BYTES_MOST;
            if !is_many && !is_much {
                break;
            }
            if self.may_move(one) && !evictable.contains(&one.begun) {
                number = number.saturating_sub(1);
                left = left.saturating_sub(one.size());
                surplus.push(one);
            }
        }
        surplus
    }

    /// Whether nothing of the conversation is under way.
    fn may_move(&self, one: &Conversation) -> bool {
        let mut evicted = self.evicted.iter();
        one.begun > 0
            && one.counts()
            && !evicted.any(|evicted| evicted.conversation.id == one.id)
            && all_turns(&one.turns).all(|turn| {
                let reply = turn.reply.as_ref();
                reply.is_some_and(|reply| !turn.pending || !reply.has_words())
            })
    }

    /// A change of the archive, whose values were announced before. Refused unless everything is as its
    /// writer knew it.
    pub(super) fn change_archive(&mut self, number: u64, change: ArchiveChange) {
        let is_own = |leftover: &Leftover| matches!(leftover, Leftover::Prepared { token, .. } if *token == change.token);
        let Some(at) = self.leftovers.iter().position(is_own) else {
            self.take_again_archived(number, &change);
            return;
        };
        let prepared = self.leftovers.remove(at);
        if !self.fits(&change) {
            self.leftovers.extend(prepared.refused());
            self.leftovers.push(Leftover::Entry { number });
            return;
        }
        let pins = |conversations: &[Conversation]| {
            let pinned = conversations.iter().filter(|one| one.pinned).count();
            u32::try_from(pinned).unwrap_or(u32::MAX)
        };
        let is_moved = |one: &Conversation| change.out.iter().any(|(id, _)| *id == one.id);
        let (moved, kept) = std::mem::take(&mut self.conversations)
            .into_iter()
            .partition(is_moved);
        let moved: Vec<Conversation> = moved;
        self.conversations = kept;
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let archive = &self.archive;
        self.archive = Archive {
            root: change.to,
            count: archive
                .count
                .saturating_add(count(moved.len()))
                .saturating_sub(count(change.back.len())),
            pinned: archive
                .pinned
                .saturating_add(pins(&moved))
                .saturating_sub(pins(&change.back)),
            oldest: change.oldest,
        };
        for mut conversation in change.back {
            conversation.changed = number;
            conversation.archive_entries.push(number);
            self.conversations.push(conversation);
        }
        self.conversations.sort_by_key(|one| one.begun);
        if !change.replaced.is_empty() {
            self.leftovers.push(Leftover::Values {
                names: change.replaced,
            });
        }
    }

    fn fits(&self, change: &ArchiveChange) -> bool {
        let is_as_known = |(id, changed): &(String, u64)| {
            let evicted = self.evicted.iter().any(|one| one.conversation.id == *id);
            let known = self.conversation(id);
            !evicted && known.is_some_and(|known| known.changed == *changed)
        };
        self.archive.root == change.from
            && change.out.iter().all(is_as_known)
            && change
                .back
                .iter()
                .all(|one| self.conversation_or_evicted(&one.id).is_none())
    }

    /// The entry of a change was appended anew.
    fn take_again_archived(&mut self, number: u64, change: &ArchiveChange) {
        let mut is_known = false;
        for one in &change.back {
            if let Some(known) = self.conversation_mut(&one.id)
                && known.begun == one.begun
            {
                known.archive_entries.push(number);
                is_known = true;
            }
        }
        if !is_known {
            self.leftovers.push(Leftover::Entry { number });
        }
    }

    /// How many conversations are pinned, without the one with the id `except`.
    pub(crate) fn pinned_count(&self, except: Option<&str>) -> usize {
        let pinned = self
            .conversations
            .iter()
            .filter(|one| one.pinned && Some(one.id.as_str()) != except);
        let archived = usize::try_from(self.archive.pinned).unwrap_or(usize::MAX);
        pinned.count().saturating_add(archived)
    }

    /// Whether an archive is to be erased.
    pub(crate) fn erases_archive(&self) -> bool {
        let mut leftovers = self.leftovers.iter();
        leftovers.any(|leftover| matches!(leftover, Leftover::Archive { .. }))
    }

    /// Whether a conversation with an id of the client's may begin: it is not in the archive that the
    /// writer knew, and that has not changed.
    pub(super) fn is_absent(&self, absent_from: Option<&str>) -> bool {
        let root = self.archive.root.as_deref().unwrap_or_default();
        absent_from.is_none_or(|known| known == root)
    }

    /// Evicts conversations beyond the limit.
    pub(super) fn enforce_limit(&mut self, number: u64, begins: &Begins, time: u64) {
        self.expire_evictions(time);
        self.make_room(number, begins, None, time);
    }
}

impl Conversation {
    /// What it costs in the state, in bytes.
    fn size(&self) -> usize {
        size(&self.turns)
    }

    /// Removes everything that a person or a model wrote.
    pub(crate) fn redact(&mut self) {
        self.title.clear();
        self.system = None;
        redact_turns(&mut self.turns);
    }
}

fn redact_turns(turns: &mut [Turn]) {
    for turn in turns {
        turn.text.clear();
        if let Some(reply) = &mut turn.reply {
            reply.text.clear();
            reply.reasoning = Reasoning::default();
            reply.failure = None;
        }
        turn.versions
            .iter_mut()
            .for_each(|version| redact_turns(version));
    }
}

impl Leftover {
    /// What there is to erase of a change that was refused.
    fn refused(&self) -> Option<Self> {
        match self {
            Self::Prepared {
                token,
                contents,
                pages,
                ..
            } => Some(Self::Values {
                names: value_names(token, *contents, *pages),
            }),
            _ => None,
        }
    }
}

/// The names of the values that a change announced.
pub(crate) fn value_names(token: &str, contents: u32, pages: u32) -> Vec<String> {
    let contents = (0..contents).map(|number| content_name(token, number));
    let pages = (0..pages).map(|number| format!("{token}.{number}"));
    contents.chain(pages).collect()
}

/// The name of the value that holds a conversation.
pub(crate) fn content_name(token: &str, number: u32) -> String {
    format!("{token}.c{number}")
}

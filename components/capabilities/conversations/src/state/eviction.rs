//! Which conversations a user keeps.

use serde::{Deserialize, Serialize};

use super::turn::{Leftover, Turn, all_turns};
use super::{Conversation, Limits, Next, State};
use crate::entries::{Begins, Confirmed};

/// How many evicted conversations can be restored at a time; they are part of the snapshot.
const EVICTED_MAX: usize = 16;

/// An evicted conversation that can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evicted {
    /// The number of the entry by which it was evicted.
    pub(crate) number: u64,
    /// Until when it can be restored.
    pub(crate) until: u64,
    pub(crate) conversation: Conversation,
}

/// A conversation that was evicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EvictedTitle {
    pub(crate) id: String,
    pub(crate) title: String,
}

impl EvictedTitle {
    /// What was evicted by an entry.
    pub(crate) fn all(state: &State, number: u64) -> Vec<Self> {
        let evicted = state.evicted.iter();
        let evicted = evicted.filter(|evicted| evicted.number == number);
        evicted
            .map(|evicted| Self {
                id: evicted.conversation.id.clone(),
                title: evicted.conversation.title.clone(),
            })
            .collect()
    }
}

impl State {
    /// What a writer whose entry may evict a conversation has to record.
    pub(crate) fn begins(&self, limits: Limits) -> Begins {
        let newer = |conversation: &&Conversation| conversation.updated > conversation.touched;
        let touched = self.conversations.iter().filter(newer);
        let failed = self
            .conversations
            .iter()
            .filter(|conversation| conversation.has_failed());
        Begins {
            limit: limits.conversations,
            undo: limits.undo,
            touched: touched
                .map(|conversation| (conversation.id.clone(), conversation.updated))
                .collect(),
            failed: failed.map(|conversation| conversation.id.clone()).collect(),
        }
    }

    /// What is evicted next, if there are `limit` already.
    pub(crate) fn next_evicted(&self, limit: u32) -> Next<'_> {
        let updated = |one: &Conversation| one.updated.max(one.touched);
        self.next(limit, None, updated, Conversation::has_failed)
    }

    /// A reply with words whose first word was not recorded: by the conversation and the reply.
    pub(crate) fn unconfirmed(&self) -> Option<(&Conversation, &Turn)> {
        let mut turns = self.conversations.iter().flat_map(|conversation| {
            let turns = all_turns(&conversation.turns);
            turns.map(move |turn| (conversation, turn))
        });
        turns.find(|(conversation, turn)| {
            let has_words = turn.reply.as_ref().is_some_and(super::Reply::has_words);
            has_words && (turn.pending || conversation.provisional.is_some())
        })
    }

    /// Whether an evicted conversation can be restored at the time `now`.
    pub(crate) fn can_restore(&self, id: &str, now: u64) -> bool {
        let mut evicted = self.evicted.iter();
        evicted.any(|evicted| evicted.conversation.id == id && evicted.until > now)
    }

    /// Whether evictions can no longer be undone at the time `now`, and are not final yet.
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.evicted.iter().any(|evicted| evicted.until <= now)
    }

    /// The limits, if a conversation that begins now exceeds them. Removes the provisional ones that
    /// failed.
    pub(super) fn begin_provisional(&mut self, begins: &Begins, time: u64) -> Option<Limits> {
        for id in &begins.failed {
            if self
                .conversation(id)
                .is_some_and(|conversation| conversation.provisional.is_some())
            {
                self.remove(id, time);
            }
        }
        let limit = usize::try_from(begins.limit.max(1)).unwrap_or(usize::MAX);
        (self.counted(None) >= limit).then_some(Limits {
            conversations: begins.limit,
            undo: begins.undo,
        })
    }

    /// A reply has its first word, or the user keeps the conversation.
    pub(super) fn confirm(&mut self, number: u64, confirmed: &Confirmed) {
        self.expire_evictions(confirmed.time);
        let Some(conversation) = self.conversation_mut(&confirmed.conversation) else {
            return;
        };
        if let Some(reply) = &confirmed.reply {
            conversation.confirm_reply(reply);
        }
        if conversation.provisional.take().is_some() {
            let id = &confirmed.conversation;
            self.make_room(number, &confirmed.begins, Some(id), confirmed.time);
        }
    }

    /// Brings back an evicted conversation. Another one may be evicted for it.
    pub(super) fn restore(&mut self, number: u64, id: &str, begins: &Begins, time: u64) {
        self.expire_evictions(time);
        let mut evicted = self.evicted.iter();
        let at = evicted.rposition(|evicted| evicted.conversation.id == id);
        if let Some(at) = at.filter(|_| self.conversation(id).is_none()) {
            let evicted = self.evicted.remove(at);
            self.conversations.push(evicted.conversation);
            self.conversations
                .sort_by_key(|conversation| conversation.begun);
            self.make_room(number, begins, Some(id), time);
        }
    }

    pub(super) fn pin(&mut self, id: &str, limit: u32) {
        let pinned = self.pinned_count(Some(id));
        let may_pin = pinned < usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(conversation) = self.conversation_mut(id) {
            conversation.pinned |= may_pin;
        }
    }

    /// Evicts conversations until there are no more than the limit, the conversation `id` included. Stops
    /// where the next one is in the archive.
    pub(super) fn make_room(&mut self, number: u64, begins: &Begins, id: Option<&str>, time: u64) {
        for (id, time) in &begins.touched {
            if let Some(conversation) = self.conversation_mut(id) {
                conversation.touch(*time);
            }
        }
        // Without a conversation of its own, the limit is reached with one more.
        let limit = begins.limit.saturating_add(u32::from(id.is_none()));
        loop {
            let touched = |one: &Conversation| one.touched;
            let failed = |one: &Conversation| begins.failed.contains(&one.id);
            let Next::Conversation(next) = self.next(limit, id, touched, failed) else {
                return;
            };
            let begun = next.begun;
            let mut conversations = self.conversations.iter();
            let Some(at) = conversations.position(|one| one.begun == begun) else {
                return;
            };
            let conversation = self.conversations.remove(at);
            self.removed = self.removed.max(time);
            // A repeated request gets a reply, not the one that was evicted.
            self.requests.forget(&conversation.id);
            self.evicted.push(Evicted {
                number,
                until: time.saturating_add(begins.undo),
                conversation,
            });
            if self.evicted.len() > EVICTED_MAX {
                let oldest = self.evicted.remove(0);
                self.leave(oldest.conversation, time);
            }
        }
    }

    /// Makes evictions final that can no longer be undone.
    pub(super) fn expire_evictions(&mut self, time: u64) {
        let (expired, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.evicted)
            .into_iter()
            .partition(|evicted| evicted.until <= time);
        self.evicted = kept;
        for evicted in expired {
            self.leave(evicted.conversation, time);
        }
    }

    pub(super) fn remove(&mut self, id: &str, time: u64) {
        let at = self.conversations.iter().position(|one| one.id == id);
        if let Some(at) = at {
            let conversation = self.conversations.remove(at);
            self.leave(conversation, time);
        }
    }

    /// Notes what there is to erase of a conversation that is no more.
    pub(super) fn leave(&mut self, conversation: Conversation, time: u64) {
        self.removed = self.removed.max(time);
        if self.conversation(&conversation.id).is_none() {
            self.requests.forget(&conversation.id);
        }
        if conversation.segments > 0 {
            self.leftovers.push(Leftover::Segments {
                conversation: conversation.place(),
                count: conversation.segments,
            });
        }
        let titles = conversation.title_entries.iter();
        let titles = titles.chain(&conversation.archive_entries);
        self.leftovers
            .extend(titles.map(|number| Leftover::Entry { number: *number }));
        for turn in all_turns(&conversation.turns) {
            let number = turn.number;
            self.leftovers.push(Leftover::Entry { number });
            self.leftovers.push(turn.reply_leftover(time));
        }
    }
}

impl Conversation {
    /// Whether it counts towards the limit.
    pub(crate) fn counts(&self) -> bool {
        self.provisional.is_none()
    }

    /// Whether all of its replies ended without a word.
    pub(crate) fn has_failed(&self) -> bool {
        self.sealed == 0 && all_turns(&self.turns).all(Turn::has_failed)
    }
}

//! A user's conversations as folded from entries. Pure.

mod archive;
pub(crate) mod conversation;
mod drafts;
mod eviction;
mod turn;
mod versions;

use serde::{Deserialize, Serialize};

use crate::entries::{Begins, End, Entry, Message, Preferences, Regenerated, Request, Version};
use crate::requests::Requests;
use crate::text;
use turn::find_turn_mut;

pub(crate) use archive::{Archive, Next, content_name, value_names};
pub(crate) use conversation::{Conversation, Limits};
pub(crate) use drafts::Drafted;
pub(crate) use eviction::{Evicted, EvictedTitle};
pub(crate) use turn::{Leftover, REPLY_OVERDUE, ReceivedText, Reply, Turn, all_turns};
pub(crate) use versions::size;

/// All that is known of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the order in which they began.
    pub(crate) conversations: Vec<Conversation>,
    /// Those that are stored apart.
    #[serde(default, skip_serializing_if = "Archive::is_empty")]
    pub(crate) archive: Archive,
    /// Evicted conversations that can be restored, in the order of their eviction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) evicted: Vec<Evicted>,
    /// Conversations without messages, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) drafts: Vec<Drafted>,
    pub(crate) preferences: Preferences,
    /// The entries that hold preferences.
    #[serde(default)]
    pub(crate) preference_entries: Vec<u64>,
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    pub(crate) requests: Requests,
    /// What was removed and still has to be erased.
    #[serde(default)]
    pub(crate) leftovers: Vec<Leftover>,
    /// When something was last removed.
    #[serde(default)]
    pub(crate) removed: u64,
}

/// Content kept in the snapshot, over all conversations a user may have; what exceeds a
/// conversation's share goes into segments.
const INLINE_BYTES: u32 = 384 * 1024;
const SEGMENT_BYTES_MAX: u32 = 128 * 1024;
const SEGMENT_BYTES_MIN: u32 = 4 * 1024;

impl journal::Fold for State {
    const VERSION: u32 = 1;
    type Entry = Entry;

    fn apply(&mut self, number: u64, entry: Entry) {
        let conversation = entry.conversation().map(str::to_owned);
        self.take(number, entry);
        if let Some(changed) = conversation.and_then(|id| self.conversation_mut(&id)) {
            changed.changed = number;
        }
    }

    fn settled(&self, position: u64) -> u64 {
        self.due()
            .map(|turn| turn.reply_number().saturating_sub(1))
            .fold(position, u64::min)
    }
}

impl State {
    fn take(&mut self, number: u64, entry: Entry) {
        match entry {
            Entry::Message(message) => self.take_message(number, message),
            Entry::Regenerated(again) => self.take_again(number, again),
            Entry::Stopped {
                conversation,
                replies,
                time,
            } => {
                if let Some(changed) = self.conversation_mut(&conversation) {
                    let is_new =
                        |turn: &Turn| turn.stopped.is_none() && replies.contains(&turn.reply_id);
                    while let Some(turn) = find_turn_mut(&mut changed.turns, &is_new) {
                        turn.stopped = Some(time);
                    }
                }
            }
            Entry::Renamed {
                conversation,
                title,
                time: _,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    conversation.title = title;
                    conversation.renamed = true;
                    conversation.title_entries.push(number);
                }
                None => self.leftovers.push(Leftover::Entry { number }),
            },
            Entry::Titled {
                conversation,
                title,
                time: _,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    if !conversation.renamed {
                        conversation.title = title;
                    }
                    conversation.title_entries.push(number);
                }
                None => self.leftovers.push(Leftover::Entry { number }),
            },
            Entry::Deleted { conversation, time } => {
                self.remove_draft(&conversation);
                self.remove(&conversation, time);
            }
            Entry::Drafted(draft) => self.add_draft(number, draft),
            Entry::Confirmed(confirmed) => self.confirm(number, &confirmed),
            Entry::Chosen {
                conversation,
                version,
                time: _,
            } => {
                if let Some(changed) = self.conversation_mut(&conversation) {
                    changed.choose(&version);
                }
            }
            Entry::Pinned {
                conversation,
                limit,
                time: _,
            } => self.pin(&conversation, limit),
            Entry::Unpinned {
                conversation,
                time: _,
            } => {
                if let Some(changed) = self.conversation_mut(&conversation) {
                    changed.pinned = false;
                }
            }
            Entry::Restored {
                conversation,
                time,
                begins,
            } => self.restore(number, &conversation, &begins, time),
            Entry::EvictionsExpired { time } => self.expire_evictions(time),
            Entry::Cleared { time } => {
                self.removed = self.removed.max(time);
                let evicted = std::mem::take(&mut self.evicted).into_iter();
                let evicted = evicted.map(|evicted| evicted.conversation);
                let conversations = std::mem::take(&mut self.conversations);
                for conversation in conversations.into_iter().chain(evicted) {
                    self.leave(conversation, time);
                }
                if let Some(root) = std::mem::take(&mut self.archive).root {
                    self.leftovers.push(Leftover::Archive { root, after: None });
                }
                self.remove_drafts();
                let entries = std::mem::take(&mut self.preference_entries);
                let entries = entries.into_iter().map(|number| Leftover::Entry { number });
                self.leftovers.extend(entries);
                self.preferences = Preferences::default();
            }
            Entry::Preferences(changes) => {
                self.preferences.merge(changes);
                self.preference_entries.push(number);
            }
            Entry::ArchivePrepared(prepared) => self.leftovers.push(Leftover::Prepared {
                token: prepared.token,
                contents: prepared.contents,
                pages: prepared.pages,
                until: prepared.until,
            }),
            Entry::ArchiveChanged(change) => self.change_archive(number, change),
            Entry::LimitEnforced { time, begins } => self.enforce_limit(number, &begins, time),
        }
    }

    pub(crate) fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.conversations
            .iter()
            .find(|conversation| conversation.id == id)
    }

    fn conversation_mut(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations
            .iter_mut()
            .find(|conversation| conversation.id == id)
    }

    /// The conversation with this id, also if it was evicted and may come back.
    pub(crate) fn conversation_or_evicted(&self, id: &str) -> Option<&Conversation> {
        let evicted = self.evicted.iter().map(|evicted| &evicted.conversation);
        let mut all = self.conversations.iter().chain(evicted);
        all.find(|conversation| conversation.id == id)
    }

    fn all_conversations_mut(&mut self) -> impl Iterator<Item = &mut Conversation> {
        let evicted = self.evicted.iter_mut();
        let evicted = evicted.map(|evicted| &mut evicted.conversation);
        self.conversations.iter_mut().chain(evicted)
    }

    /// The turns whose replies have no end yet.
    pub(crate) fn due(&self) -> impl Iterator<Item = &Turn> {
        let evicted = self.evicted.iter().map(|evicted| &evicted.conversation);
        self.conversations
            .iter()
            .chain(evicted)
            .flat_map(|conversation| all_turns(&conversation.turns))
            .filter(|turn| turn.reply.is_none())
    }

    /// The turn whose reply that entry asked for, if it is still reachable.
    pub(crate) fn turn(&self, conversation: &str, number: u64) -> Option<&Turn> {
        let evicted = self.evicted.iter().map(|evicted| &evicted.conversation);
        let all = self.conversations.iter().chain(evicted);
        let all = all.filter(|one| one.id == conversation);
        let mut turns = all.flat_map(|one| all_turns(&one.turns));
        turns.find(|turn| turn.reply_number() == number)
    }

    /// Takes in the end of a reply. Not an entry, so it decides nothing that is numbered.
    pub(crate) fn settle(&mut self, number: u64, end: &End) {
        let deltas = end.deltas;
        let is_settled = self
            .all_conversations_mut()
            .any(|conversation| conversation.settle(number, end));
        if is_settled && deltas > 0 {
            self.leftovers.push(Leftover::Deltas {
                number,
                count: deltas,
            });
        }
    }

    /// What has arrived of a reply that is due.
    pub(crate) fn received(&mut self, number: u64, received: ReceivedText) {
        for conversation in self.all_conversations_mut() {
            let is = |turn: &Turn| turn.reply_number() == number;
            if let Some(turn) = find_turn_mut(&mut conversation.turns, &is) {
                conversation.updated = conversation.updated.max(received.time);
                turn.received = Some(received);
                return;
            }
        }
    }

    /// Whether something is to be erased at the time `now`.
    pub(crate) fn has_ready_leftovers(&self, now: u64) -> bool {
        self.leftovers.iter().any(|leftover| match leftover {
            Leftover::Running { until, erased, .. } => !erased || *until <= now,
            Leftover::Prepared { until, .. } => *until <= now,
            _ => true,
        })
    }

    /// Drops what only concerns entries that are erased.
    pub(crate) fn forget_erased(&mut self, erased: u64) {
        self.preference_entries.retain(|number| *number > erased);
        for conversation in &mut self.conversations {
            conversation.title_entries.retain(|number| *number > erased);
            conversation
                .archive_entries
                .retain(|number| *number > erased);
        }
    }

    fn take_message(&mut self, number: u64, message: Message) {
        self.expire_evictions(message.time);
        let has_moved = self.has_moved(&message.conversation, &message.reply);
        let is_refused = match &message.version {
            Some(version) => !has_moved && !self.allows(&message.conversation, version),
            None => {
                message.begins.is_some()
                    && self.conversation(&message.conversation).is_none()
                    && !self.is_absent(message.absent_from.as_deref())
            }
        };
        if is_refused || !self.admit(message.request.as_ref(), &message.conversation, &message) {
            self.leftovers.push(Leftover::Entry { number });
            return;
        }
        if let (Some(begins), None) = (&message.begins, self.conversation(&message.conversation)) {
            let provisional = self.begin_provisional(begins, message.time);
            let mut conversation = Conversation::begin(number, &message, begins, provisional);
            if let Some(drafted) = self.take_draft(&message.conversation) {
                conversation.adopt(drafted);
            }
            self.conversations.push(conversation);
        }
        let id = message.conversation.clone();
        let Some(conversation) = self.conversation_mut(&id) else {
            // The conversation may be in the archive, with other requests.
            self.requests.withdraw(&message.reply);
            self.leftovers.push(Leftover::Entry { number });
            return;
        };
        conversation.touch(message.time);
        conversation.latest = number;
        conversation.model.clone_from(&message.model);
        if has_moved {
            conversation.move_message(number, &message.reply);
            return;
        }
        let (time, reply) = (message.time, message.reply.clone());
        let version = message.version.clone();
        let turn = Turn {
            number,
            id: message.id,
            name: message.name,
            reply_id: message.reply,
            time: message.time,
            model: message.model,
            text: message.text,
            attachments: message.attachments,
            again: None,
            stopped: None,
            pending: false,
            reply: None,
            received: None,
            versions: Vec::new(),
        };
        let Some(version) = version else {
            conversation.turns.push(turn);
            return;
        };
        if let Some(at) = conversation.position(&version.of) {
            let titles = conversation.outdated_titles(at, &version);
            let dropped = conversation.add_version(at, turn, &version);
            let titles = titles.into_iter().map(|number| Leftover::Entry { number });
            self.leftovers.extend(titles);
            self.discard_turns(&id, &dropped, &reply, time);
        }
    }

    /// Another version of a reply, unless something came in between.
    fn take_again(&mut self, number: u64, again: Regenerated) {
        let has_moved = self.has_moved(&again.conversation, &again.reply);
        if !has_moved && !self.allows(&again.conversation, &again.version) {
            return;
        }
        if let Some(request) = &again.request
            && !self
                .requests
                .admit(request, &again.conversation, &again.reply, again.time)
        {
            return;
        }
        let id = again.conversation.clone();
        let Some(conversation) = self.conversation_mut(&id) else {
            return;
        };
        conversation.touch(again.time);
        conversation.latest = number;
        conversation.model.clone_from(&again.model);
        if has_moved {
            let is = |turn: &Turn| turn.reply_id == again.reply;
            if let Some(turn) = find_turn_mut(&mut conversation.turns, &is) {
                turn.again = Some((number, again.time));
            }
            return;
        }
        let Some(at) = conversation.position(&again.version.of) else {
            return;
        };
        let Some(active) = conversation.turns.get(at) else {
            return;
        };
        let turn = Turn {
            number: active.number,
            id: active.id.clone(),
            name: active.name.clone(),
            reply_id: again.reply.clone(),
            time: active.time,
            model: again.model,
            text: active.text.clone(),
            attachments: active.attachments.clone(),
            again: Some((number, again.time)),
            stopped: None,
            pending: false,
            reply: None,
            received: None,
            versions: Vec::new(),
        };
        let dropped = conversation.add_version(at, turn, &again.version);
        self.discard_turns(&id, &dropped, &again.reply, again.time);
    }

    /// Whether the entry that requested a reply was appended anew.
    fn has_moved(&self, conversation: &str, reply: &str) -> bool {
        let current = self.conversation(conversation);
        current.is_some_and(|current| all_turns(&current.turns).any(|turn| turn.reply_id == reply))
    }

    /// Whether a conversation is as the writer of a version knew it.
    fn allows(&self, conversation: &str, version: &Version) -> bool {
        let current = self.conversation(conversation);
        current.is_some_and(|current| {
            current.latest == version.latest && current.position(&version.of).is_some()
        })
    }

    fn admit(&mut self, request: Option<&Request>, conversation: &str, message: &Message) -> bool {
        let Some(request) = request else { return true };
        self.requests
            .admit(request, conversation, &message.reply, message.time)
    }
}

impl Conversation {
    fn begin(number: u64, message: &Message, begins: &Begins, provisional: Option<Limits>) -> Self {
        let share = INLINE_BYTES.checked_div(begins.limit).unwrap_or(u32::MAX);
        Self {
            id: message.conversation.clone(),
            begun: number,
            title: text::title(message.subject()),
            renamed: false,
            model: message.model.clone(),
            system: None,
            created: message.time,
            touched: message.time,
            updated: message.time,
            provisional,
            pinned: false,
            latest: number,
            changed: number,
            archive_entries: Vec::new(),
            segment_bytes: share.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
            segments: 0,
            sealed: 0,
            title_entries: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// Names its segments: those of an earlier conversation of the same id are others.
    pub(crate) fn place(&self) -> String {
        match self.begun {
            0 => self.id.clone(),
            number => format!("{}.{number}", self.id),
        }
    }

    /// Takes in the end of a reply; false if it is not one of this conversation that is due.
    fn settle(&mut self, number: u64, end: &End) -> bool {
        let is = |turn: &Turn| turn.reply_number() == number && turn.reply.is_none();
        let Some(turn) = find_turn_mut(&mut self.turns, &is) else {
            return false;
        };
        turn.received = None;
        turn.reply = Some(Reply {
            time: end.time,
            outcome: end.outcome,
            text: end.text.clone(),
            reasoning: end.reasoning.clone(),
            model: end.model.clone(),
            failure: end.failure.clone(),
        });
        self.updated = self.updated.max(end.time);
        true
    }

    /// The entry of a message was appended anew: it comes last, unless it is a version of another one.
    fn move_message(&mut self, number: u64, reply: &str) {
        let at = self.turns.iter().position(|turn| turn.reply_id == reply);
        let at = at.filter(|at| {
            let turn = self.turns.get(*at);
            turn.is_some_and(|turn| turn.versions.is_empty())
        });
        if let Some(at) = at {
            let mut turn = self.turns.remove(at);
            turn.number = number;
            self.turns.push(turn);
            return;
        }
        let is = |turn: &Turn| turn.reply_id == reply;
        if let Some(turn) = find_turn_mut(&mut self.turns, &is) {
            turn.number = number;
        }
    }

    /// The entries of the titles that were made of the first message, if that is dropped.
    fn outdated_titles(&mut self, at: usize, version: &Version) -> Vec<u64> {
        let Some(active) = self.turns.first() else {
            return Vec::new();
        };
        let is_dropped = at == 0 && version.drops.contains(&active.reply_id);
        if !is_dropped || self.sealed > 0 || self.renamed {
            return Vec::new();
        }
        std::mem::take(&mut self.title_entries)
    }

    /// A reply has its first word: its version becomes the active one, if it waits for that.
    fn confirm_reply(&mut self, reply: &str) {
        let is = |turn: &Turn| turn.reply_id == reply && turn.pending;
        let is_pending = all_turns(&self.turns).any(is);
        if is_pending {
            self.activate(&is);
        }
    }

    fn touch(&mut self, time: u64) {
        self.touched = self.touched.max(time);
        self.updated = self.updated.max(time);
    }

    /// Two messages a turn.
    pub(crate) fn message_count(&self) -> u32 {
        let inline = u32::try_from(self.turns.len()).unwrap_or(u32::MAX);
        self.sealed.saturating_add(inline).saturating_mul(2)
    }
}

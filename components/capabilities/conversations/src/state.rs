//! A user's conversations as folded from facts. Pure.

use serde::{Deserialize, Serialize};

use crate::facts::{Again, Begins, End, Fact, Message, Outcome, Preferences};
use crate::requests::Requests;
use crate::text;

/// A reply without an end is overdue when nothing was heard of it for this long (milliseconds).
/// The chat route gives signs of life at least every 30 seconds.
pub(crate) const REPLY_OVERDUE: u64 = 180_000;

/// All that is known of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the order in which they began.
    pub(crate) conversations: Vec<Conversation>,
    /// Evicted for a reply that has no end yet. A reply with words makes the eviction final; after
    /// one without, they come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) evicted: Vec<Evicted>,
    pub(crate) preferences: Preferences,
    /// The facts that hold preferences.
    #[serde(default)]
    pub(crate) preference_facts: Vec<u64>,
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    pub(crate) requests: Requests,
    /// What was removed and still has to be erased.
    #[serde(default)]
    pub(crate) leftovers: Vec<Leftover>,
    /// When something was last removed.
    #[serde(default)]
    pub(crate) removed: u64,
}

/// An evicted conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evicted {
    /// The number of the fact that requested the reply for which it was evicted.
    pub(crate) reply: u64,
    pub(crate) conversation: Conversation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    /// The number of the fact that began it: an id that its client has chosen may begin anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) begun: u64,
    pub(crate) title: String,
    /// Whether the title is the user's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) renamed: bool,
    /// The model asked last.
    pub(crate) model: String,
    pub(crate) created: u64,
    /// Whether it exceeds the limit: its replies failed so far. It is the first to be evicted, and
    /// does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) provisional: bool,
    /// The time of its last message as far as facts tell: decides which one is evicted.
    pub(crate) touched: u64,
    /// The time of its last message, ends of replies included: for people.
    pub(crate) updated: u64,
    /// How much content (bytes) makes a segment.
    pub(crate) segment_bytes: u32,
    /// How many segments hold its older turns, and how many turns those are.
    pub(crate) segments: u32,
    pub(crate) sealed: u32,
    /// The facts that hold titles.
    #[serde(default)]
    pub(crate) title_facts: Vec<u64>,
    /// Those not in segments, oldest first.
    pub(crate) turns: Vec<Turn>,
}

/// A message of the user and the reply to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The number of the message's fact.
    pub(crate) number: u64,
    pub(crate) id: String,
    /// A hash of the client's own name for the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) reply_id: String,
    pub(crate) time: u64,
    pub(crate) model: String,
    pub(crate) text: String,
    /// Present when another reply was asked for: by which fact, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<(u64, u64)>,
    /// When the user asked for the end of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<u64>,
    /// None while the reply is due.
    #[serde(default)]
    pub(crate) reply: Option<Reply>,
    /// What has arrived of a reply that is due; known to who has just read it.
    #[serde(skip)]
    pub(crate) arrived: Option<Arrived>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) time: u64,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    /// As in [`End`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// Of the last sign of life.
    pub(crate) time: u64,
    pub(crate) text: String,
    /// Writes so far, signs of life included.
    pub(crate) pieces: u64,
    /// Of each piece of the text, in bytes.
    pub(crate) lengths: Vec<u32>,
}

/// Something to erase: content that no reader reaches any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leftover {
    /// The text in a fact.
    Fact { number: u64 },
    /// The end of a reply, by the number that names its keys; so below.
    Reply { number: u64 },
    /// The pieces of a reply that has an end.
    Pieces { number: u64, count: u64 },
    /// A reply, end and pieces, that may still be written to until this time, so that it has to be
    /// erased now (if not done already) and again then.
    Running {
        number: u64,
        until: u64,
        #[serde(default)]
        erased: bool,
    },
    /// The segments of a conversation (by [`Conversation::place`]), and the facts and replies named
    /// in them.
    Segments { conversation: String, count: u32 },
}

/// Content kept in the snapshot, over all conversations a user may have; what exceeds a
/// conversation's share goes into segments.
const INLINE_BYTES: u32 = 384 * 1024;
const SEGMENT_BYTES_MAX: u32 = 128 * 1024;
const SEGMENT_BYTES_MIN: u32 = 4 * 1024;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl journal::Fold for State {
    const VERSION: u32 = 1;
    type Entry = Fact;

    fn apply(&mut self, number: u64, fact: Fact) {
        match fact {
            Fact::Message(message) => self.take_message(number, message),
            Fact::Again(again) => self.take_again(number, again),
            Fact::Stopped {
                conversation,
                replies,
                time,
            } => {
                let found = self.conversation_mut(&conversation).into_iter();
                let turns = found.flat_map(|found| &mut found.turns);
                turns
                    .filter(|turn| turn.stopped.is_none() && replies.contains(&turn.reply_id))
                    .for_each(|turn| turn.stopped = Some(time));
            }
            Fact::Renamed {
                conversation,
                title,
                time: _,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    conversation.title = title;
                    conversation.renamed = true;
                    conversation.title_facts.push(number);
                }
                None => self.leftovers.push(Leftover::Fact { number }),
            },
            Fact::Titled {
                conversation,
                title,
                time: _,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    if !conversation.renamed {
                        conversation.title = title;
                    }
                    conversation.title_facts.push(number);
                }
                None => self.leftovers.push(Leftover::Fact { number }),
            },
            Fact::Deleted { conversation, time } => self.remove(&conversation, time),
            Fact::EvictionUndone { reply } => self.undo_evictions(reply),
            Fact::Cleared { time } => {
                self.removed = self.removed.max(time);
                let evicted = std::mem::take(&mut self.evicted).into_iter();
                let evicted = evicted.map(|evicted| evicted.conversation);
                let conversations = std::mem::take(&mut self.conversations);
                for conversation in conversations.into_iter().chain(evicted) {
                    self.leave(conversation, time);
                }
                let facts = std::mem::take(&mut self.preference_facts);
                let facts = facts.into_iter().map(|number| Leftover::Fact { number });
                self.leftovers.extend(facts);
                self.preferences = Preferences::default();
            }
            Fact::Preferences(changes) => {
                self.preferences.merge(changes);
                self.preference_facts.push(number);
            }
        }
    }

    fn settled(&self, position: u64) -> u64 {
        self.due()
            .map(|turn| turn.reply_number().saturating_sub(1))
            .fold(position, u64::min)
    }
}

impl State {
    pub(crate) fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.conversations.iter().find(|found| found.id == id)
    }

    fn conversation_mut(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|found| found.id == id)
    }

    /// The conversation with this id, also if it was evicted and may come back.
    pub(crate) fn conversation_or_evicted(&self, id: &str) -> Option<&Conversation> {
        let evicted = self.evicted.iter().map(|evicted| &evicted.conversation);
        let mut all = self.conversations.iter().chain(evicted);
        all.find(|found| found.id == id)
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
            .flat_map(|conversation| &conversation.turns)
            .filter(|turn| turn.reply.is_none())
    }

    /// The turn whose reply that fact asked for, if it is still reachable.
    pub(crate) fn turn(&self, conversation: &str, number: u64) -> Option<&Turn> {
        let turns = &self.conversation_or_evicted(conversation)?.turns;
        turns.iter().find(|turn| turn.reply_number() == number)
    }

    /// Takes in the end of a reply. Not a fact, so it decides nothing that is numbered; but as an end
    /// never changes, whoever knows one with words knows that the evictions for it are final.
    pub(crate) fn settle(&mut self, number: u64, end: End) {
        if end.has_words() {
            self.confirm_evictions(number, end.time);
        }
        let pieces = end.pieces;
        let is_settled = self
            .all_conversations_mut()
            .any(|conversation| conversation.settle(number, &end));
        if is_settled && pieces > 0 {
            self.leftovers.push(Leftover::Pieces {
                number,
                count: pieces,
            });
        }
    }

    /// What has arrived of a reply that is due.
    pub(crate) fn arrived(&mut self, number: u64, arrived: Arrived) {
        for conversation in self.all_conversations_mut() {
            let mut turns = conversation.turns.iter_mut();
            if let Some(turn) = turns.find(|turn| turn.reply_number() == number) {
                conversation.updated = conversation.updated.max(arrived.time);
                turn.arrived = Some(arrived);
                return;
            }
        }
    }

    /// What a writer who begins a conversation now has to record.
    pub(crate) fn begins(&self, limit: u32) -> Begins {
        let newer = |found: &&Conversation| found.updated > found.touched;
        let touched = self.conversations.iter().filter(newer);
        Begins {
            limit,
            touched: touched
                .map(|found| (found.id.clone(), found.updated))
                .collect(),
        }
    }

    /// Whether something is to be erased at the time `now`.
    pub(crate) fn has_ready_leftovers(&self, now: u64) -> bool {
        self.leftovers.iter().any(|leftover| match leftover {
            Leftover::Running { until, erased, .. } => !erased || *until <= now,
            _ => true,
        })
    }

    /// Drops what only concerns facts that are erased.
    pub(crate) fn forget_erased(&mut self, erased: u64) {
        self.preference_facts.retain(|number| *number > erased);
        for conversation in &mut self.conversations {
            conversation.title_facts.retain(|number| *number > erased);
        }
    }

    fn take_message(&mut self, number: u64, message: Message) {
        let Message {
            conversation: id,
            begins,
            request,
            ..
        } = &message;
        if self.comes_too_late(&message) {
            self.leftovers.push(Leftover::Fact { number });
            return;
        }
        if let Some(request) = request
            && !self
                .requests
                .admit(request, id, &message.reply, message.time)
        {
            self.leftovers.push(Leftover::Fact { number });
            return;
        }
        if let (Some(begins), None) = (begins, self.conversation(id)) {
            let conversation = Conversation::begin(number, &message, begins);
            self.make_room(begins, id, number, message.time);
            self.conversations.push(conversation);
        } else {
            self.count_again(begins.as_ref(), id, number, message.time);
        }
        if self.conversation(id).is_none() {
            self.requests.forget(id);
        }
        let Some(conversation) = self.conversation_mut(id) else {
            self.leftovers.push(Leftover::Fact { number });
            return;
        };
        // The same message again: its writer was late and has appended it anew.
        let mut same = conversation.turns.iter();
        let moved = same.find(|turn| turn.id == message.id);
        let moved = moved.map(Turn::reply_number);
        conversation.turns.retain(|turn| turn.id != message.id);
        let dropped = conversation.drop_last(message.replaces.as_deref());
        let titles = match dropped {
            Some(_) => conversation.entitle_again(&message.text),
            None => Vec::new(),
        };
        conversation.touch(message.time);
        conversation.model.clone_from(&message.model);
        conversation.turns.push(Turn {
            number,
            id: message.id,
            name: message.name,
            reply_id: message.reply.clone(),
            time: message.time,
            model: message.model,
            text: message.text,
            again: None,
            stopped: None,
            reply: None,
            arrived: None,
        });
        self.move_evictions(moved, number);
        if let Some(turn) = dropped {
            self.confirm_evictions(turn.reply_number(), message.time);
            let facts = titles.into_iter().chain([turn.number]);
            let facts = facts.map(|number| Leftover::Fact { number });
            self.leftovers.extend(facts);
            self.leftovers.push(turn.reply_leftover(message.time));
            self.requests.replace(&turn.reply_id, &message.reply);
            self.removed = self.removed.max(message.time);
        }
    }

    /// Whether a message was to take the place of one that is not the last one any more.
    fn comes_too_late(&self, message: &Message) -> bool {
        let Some(replaced) = &message.replaces else {
            return false;
        };
        let found = self.conversation(&message.conversation);
        found.is_some_and(|found| {
            let has_moved = found.turns.iter().any(|turn| turn.id == message.id);
            let last = found.turns.last();
            !has_moved && last.is_none_or(|turn| turn.id != *replaced)
        })
    }

    /// Another reply to the last message, unless something came in between.
    fn take_again(&mut self, number: u64, again: Again) {
        let conversations = &mut self.conversations;
        let mut found = conversations.iter_mut();
        let found = found.find(|found| found.id == again.conversation);
        let Some(conversation) = found else { return };
        let Some(turn) = conversation.turns.last_mut() else {
            return;
        };
        let has_moved = turn.reply_id == again.reply;
        if turn.reply_id != again.drops && !has_moved {
            return;
        }
        if let Some(request) = &again.request
            && !self
                .requests
                .admit(request, &again.conversation, &again.reply, again.time)
        {
            return;
        }
        let dropped = turn.reply_number();
        if !has_moved {
            self.leftovers.push(turn.reply_leftover(again.time));
            self.requests.replace(&again.drops, &again.reply);
            self.removed = self.removed.max(again.time);
        }
        turn.reply_id = again.reply;
        turn.again = Some((number, again.time));
        turn.model.clone_from(&again.model);
        turn.stopped = None;
        turn.reply = None;
        turn.arrived = None;
        conversation.model = again.model;
        conversation.touch(again.time);
        if has_moved {
            self.move_evictions(Some(dropped), number);
        } else {
            // Its writer knew the end of that reply: had it failed, they would have come back.
            self.confirm_evictions(dropped, again.time);
        }
        self.count_again(
            again.begins.as_ref(),
            &again.conversation,
            number,
            again.time,
        );
    }

    /// The fact that requested a reply was appended anew.
    fn move_evictions(&mut self, from: Option<u64>, to: u64) {
        let evicted = self.evicted.iter_mut();
        evicted
            .filter(|evicted| Some(evicted.reply) == from)
            .for_each(|evicted| evicted.reply = to);
    }

    /// Makes room for a provisional conversation for which another reply is requested.
    fn count_again(&mut self, begins: Option<&Begins>, id: &str, number: u64, time: u64) {
        let is_provisional = self.conversation(id).is_some_and(|it| it.provisional);
        if let Some(begins) = begins.filter(|_| is_provisional) {
            self.make_room(begins, id, number, time);
            if let Some(conversation) = self.conversation_mut(id) {
                conversation.provisional = false;
            }
        }
    }

    /// Evicts the least recently updated conversations, so that one more fits: the conversation `id`,
    /// for the reply that fact `number` requests. Of other provisional ones nothing is kept.
    fn make_room(&mut self, begins: &Begins, id: &str, number: u64, time: u64) {
        for (id, time) in &begins.touched {
            if let Some(conversation) = self.conversation_mut(id) {
                conversation.touch(*time);
            }
        }
        let limit = usize::try_from(begins.limit.max(1)).unwrap_or(usize::MAX);
        let others = self.conversations.iter().filter(|found| found.id != id);
        let failed = others.filter(|found| found.provisional);
        let failed: Vec<String> = failed.map(|found| found.id.clone()).collect();
        for id in failed {
            self.remove(&id, time);
        }
        loop {
            let counted = self.conversations.iter().enumerate();
            let counted = counted.filter(|(_, found)| found.id != id);
            if counted.clone().count() < limit {
                return;
            }
            // Of two updated at once, the one that began first.
            let oldest = counted.min_by_key(|(_, found)| found.touched);
            let Some(at) = oldest.map(|(at, _)| at) else {
                return;
            };
            let conversation = self.conversations.remove(at);
            self.evicted.push(Evicted {
                reply: number,
                conversation,
            });
        }
    }

    /// Nothing is kept of what was evicted for a reply.
    fn confirm_evictions(&mut self, reply: u64, time: u64) {
        let (gone, kept) = std::mem::take(&mut self.evicted)
            .into_iter()
            .partition(|evicted| evicted.reply == reply);
        self.evicted = kept;
        let gone: Vec<Evicted> = gone;
        for evicted in gone {
            self.leave(evicted.conversation, time);
        }
    }

    /// Brings back what was evicted for a reply, in the order in which it began. The conversation of
    /// the reply exceeds the limit then.
    fn undo_evictions(&mut self, reply: u64) {
        let (back, kept): (Vec<Evicted>, Vec<Evicted>) = std::mem::take(&mut self.evicted)
            .into_iter()
            .partition(|evicted| evicted.reply == reply);
        self.evicted = kept;
        if back.is_empty() {
            return;
        }
        let failed = self.all_conversations_mut();
        for conversation in failed {
            let mut turns = conversation.turns.iter();
            conversation.provisional |= turns.any(|turn| turn.reply_number() == reply);
        }
        let back = back.into_iter().map(|evicted| evicted.conversation);
        // A client may have begun a conversation with the same id meanwhile.
        let (back, double): (Vec<_>, Vec<_>) =
            back.partition(|found| self.conversation(&found.id).is_none());
        self.conversations.extend(back);
        self.conversations.sort_by_key(|found| found.begun);
        for conversation in double {
            let time = conversation.updated;
            self.leave(conversation, time);
        }
    }

    /// A reply that ended without a word, and for which conversations were evicted. Of a conversation
    /// that is evicted itself, the end of a reply may have been erased already.
    pub(crate) fn failed_eviction(&self) -> Option<u64> {
        let mut evicted = self.evicted.iter().map(|evicted| evicted.reply);
        evicted.find(|number| {
            let mut turns = self.conversations.iter().flat_map(|it| &it.turns);
            let turn = turns.find(|turn| turn.reply_number() == *number);
            let reply = turn.and_then(|turn| turn.reply.as_ref());
            reply.is_some_and(|reply| !reply.has_words())
        })
    }

    fn remove(&mut self, id: &str, time: u64) {
        let at = self.conversations.iter().position(|found| found.id == id);
        if let Some(at) = at {
            let conversation = self.conversations.remove(at);
            self.leave(conversation, time);
        }
    }

    /// Notes what there is to erase of a conversation that is no more.
    fn leave(&mut self, conversation: Conversation, time: u64) {
        self.removed = self.removed.max(time);
        self.requests.forget(&conversation.id);
        if conversation.segments > 0 {
            self.leftovers.push(Leftover::Segments {
                conversation: conversation.place(),
                count: conversation.segments,
            });
        }
        for turn in &conversation.turns {
            self.confirm_evictions(turn.reply_number(), time);
        }
        let titles = conversation.title_facts.into_iter();
        self.leftovers
            .extend(titles.map(|number| Leftover::Fact { number }));
        for turn in conversation.turns {
            let number = turn.number;
            self.leftovers.push(Leftover::Fact { number });
            self.leftovers.push(turn.reply_leftover(time));
        }
    }
}

impl Reply {
    fn has_words(&self) -> bool {
        !self.text.is_empty() || self.outcome == Outcome::Complete
    }
}

impl Turn {
    /// The number of the fact that asked for the reply, which names its keys.
    pub(crate) fn reply_number(&self) -> u64 {
        self.again.map_or(self.number, |(number, _)| number)
    }

    /// When the reply was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.again.map_or(self.time, |(_, time)| time)
    }

    /// What there is to erase of a reply that is given up at a time.
    fn reply_leftover(&self, time: u64) -> Leftover {
        let number = self.reply_number();
        match self.reply {
            Some(_) => Leftover::Reply { number },
            None => Leftover::Running {
                number,
                until: time.max(self.asked()).saturating_add(REPLY_OVERDUE),
                erased: false,
            },
        }
    }
}

impl Conversation {
    fn begin(number: u64, message: &Message, begins: &Begins) -> Self {
        let share = INLINE_BYTES.checked_div(begins.limit).unwrap_or(u32::MAX);
        Self {
            id: message.conversation.clone(),
            begun: number,
            title: text::title(&message.text),
            renamed: false,
            model: message.model.clone(),
            created: message.time,
            touched: message.time,
            updated: message.time,
            provisional: false,
            segment_bytes: share.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
            segments: 0,
            sealed: 0,
            title_facts: Vec::new(),
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
        let mut turns = self.turns.iter_mut();
        let found = turns.find(|turn| turn.reply_number() == number && turn.reply.is_none());
        let Some(turn) = found else { return false };
        turn.arrived = None;
        turn.reply = Some(Reply {
            time: end.time,
            outcome: end.outcome,
            text: end.text.clone(),
            model: end.model.clone(),
        });
        self.updated = self.updated.max(end.time);
        true
    }

    /// Takes out the last turn if it has that id.
    fn drop_last(&mut self, id: Option<&str>) -> Option<Turn> {
        let last = self.turns.last()?;
        if Some(last.id.as_str()) == id {
            return self.turns.pop();
        }
        None
    }

    /// Takes a title of its own from its first message, if that is another one now. Answers the
    /// facts of the titles that were made of what is no more.
    fn entitle_again(&mut self, text: &str) -> Vec<u64> {
        if !self.turns.is_empty() || self.sealed > 0 || self.renamed {
            return Vec::new();
        }
        self.title = text::title(text);
        std::mem::take(&mut self.title_facts)
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

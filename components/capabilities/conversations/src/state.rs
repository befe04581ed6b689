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
    /// When it was last updated as far as facts tell: decides which one gives way.
    pub(crate) touched: u64,
    /// When it was last updated, ends of replies included: for people.
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
                time,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    conversation.title = title;
                    conversation.renamed = true;
                    conversation.title_facts.push(number);
                    conversation.touch(time);
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
            Fact::Cleared { time } => {
                self.removed = self.removed.max(time);
                for conversation in std::mem::take(&mut self.conversations) {
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

    /// The turns whose replies have no end yet.
    pub(crate) fn due(&self) -> impl Iterator<Item = &Turn> {
        self.conversations
            .iter()
            .flat_map(|conversation| &conversation.turns)
            .filter(|turn| turn.reply.is_none())
    }

    /// The turn whose reply that fact asked for, if it is still reachable.
    pub(crate) fn turn(&self, conversation: &str, number: u64) -> Option<&Turn> {
        let turns = &self.conversation(conversation)?.turns;
        turns.iter().find(|turn| turn.reply_number() == number)
    }

    /// Takes in the end of a reply. Not a fact, so it decides nothing.
    pub(crate) fn settle(&mut self, number: u64, end: End) {
        for conversation in &mut self.conversations {
            let found = conversation
                .turns
                .iter_mut()
                .find(|turn| turn.reply_number() == number && turn.reply.is_none());
            let Some(turn) = found else { continue };
            turn.arrived = None;
            conversation.updated = conversation.updated.max(end.time);
            turn.reply = Some(Reply {
                time: end.time,
                outcome: end.outcome,
                text: end.text,
                model: end.model,
            });
            if end.pieces > 0 {
                self.leftovers.push(Leftover::Pieces {
                    number,
                    count: end.pieces,
                });
            }
            return;
        }
    }

    /// What has arrived of a reply that is due.
    pub(crate) fn arrived(&mut self, number: u64, arrived: Arrived) {
        for conversation in &mut self.conversations {
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
            self.make_room(begins, message.time);
            self.conversations.push(conversation);
        }
        if self.conversation(id).is_none() {
            self.requests.forget(id);
        }
        let Some(conversation) = self.conversation_mut(id) else {
            self.leftovers.push(Leftover::Fact { number });
            return;
        };
        // The same message again: its writer was late and has appended it anew.
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
        if let Some(turn) = dropped {
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
    }

    /// Lets go of the least recently updated conversations, so that one more fits.
    fn make_room(&mut self, begins: &Begins, time: u64) {
        for (id, time) in &begins.touched {
            if let Some(conversation) = self.conversation_mut(id) {
                conversation.touch(*time);
            }
        }
        let limit = usize::try_from(begins.limit.max(1)).unwrap_or(usize::MAX);
        while self.conversations.len() >= limit {
            // Of two updated at once, the one that began first.
            let oldest = self.conversations.iter().min_by_key(|found| found.touched);
            let Some(id) = oldest.map(|found| found.id.clone()) else {
                return;
            };
            self.remove(&id, time);
        }
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

//! A user's conversations as folded from facts. Pure.

use serde::{Deserialize, Serialize};

use crate::facts::{Begins, End, Fact, Message, Outcome, Preferences};
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
    pub(crate) title: String,
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
    pub(crate) reply_id: String,
    pub(crate) time: u64,
    pub(crate) model: String,
    pub(crate) text: String,
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
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// Of the last sign of life.
    pub(crate) time: u64,
    pub(crate) text: String,
    pub(crate) pieces: u64,
}

/// Something to erase: content that no reader reaches any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leftover {
    /// The text in a fact.
    Fact { number: u64 },
    /// The end of a reply.
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
    /// The segments of a conversation, and the facts and replies named in them.
    Segments { conversation: String, count: u32 },
}

/// Content kept in the snapshot, over all conversations a user may have; what exceeds a
/// conversation's share goes into segments.
const INLINE_BYTES: u32 = 384 * 1024;
const SEGMENT_BYTES_MAX: u32 = 128 * 1024;
const SEGMENT_BYTES_MIN: u32 = 4 * 1024;

impl journal::Fold for State {
    const VERSION: u32 = 1;
    type Entry = Fact;

    fn apply(&mut self, number: u64, fact: Fact) {
        match fact {
            Fact::Message(message) => self.take_message(number, message),
            Fact::Renamed {
                conversation,
                title,
                time,
            } => match self.conversation_mut(&conversation) {
                Some(conversation) => {
                    conversation.title = title;
                    conversation.title_facts.push(number);
                    conversation.touch(time);
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
            .map(|turn| turn.number.saturating_sub(1))
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

    /// Whether the turn of this number is still reachable.
    pub(crate) fn has_turn(&self, conversation: &str, number: u64) -> bool {
        self.conversation(conversation).is_some_and(|found| {
            let mut turns = found.turns.iter();
            turns.any(|turn| turn.number == number)
        })
    }

    /// Takes in the end of a reply. Not a fact, so it decides nothing.
    pub(crate) fn settle(&mut self, number: u64, end: End) {
        for conversation in &mut self.conversations {
            let found = conversation
                .turns
                .iter_mut()
                .find(|turn| turn.number == number && turn.reply.is_none());
            let Some(turn) = found else { continue };
            turn.arrived = None;
            conversation.updated = conversation.updated.max(end.time);
            turn.reply = Some(Reply {
                time: end.time,
                outcome: end.outcome,
                text: end.text,
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
            if let Some(turn) = turns.find(|turn| turn.number == number) {
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
            ..
        } = &message;
        if let (Some(begins), None) = (begins, self.conversation(id)) {
            let conversation = Conversation::begin(&message, begins);
            self.make_room(begins, message.time);
            self.conversations.push(conversation);
        }
        let Some(conversation) = self.conversation_mut(id) else {
            self.leftovers.push(Leftover::Fact { number });
            return;
        };
        // The same message again: its writer was late and has appended it anew.
        conversation.turns.retain(|turn| turn.id != message.id);
        conversation.touch(message.time);
        conversation.model.clone_from(&message.model);
        conversation.turns.push(Turn {
            number,
            id: message.id,
            reply_id: message.reply,
            time: message.time,
            model: message.model,
            text: message.text,
            reply: None,
            arrived: None,
        });
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
        if conversation.segments > 0 {
            self.leftovers.push(Leftover::Segments {
                conversation: conversation.id,
                count: conversation.segments,
            });
        }
        let titles = conversation.title_facts.into_iter();
        self.leftovers
            .extend(titles.map(|number| Leftover::Fact { number }));
        for turn in conversation.turns {
            let number = turn.number;
            self.leftovers.push(Leftover::Fact { number });
            self.leftovers.push(match turn.reply {
                Some(_) => Leftover::Reply { number },
                None => Leftover::Running {
                    number,
                    until: time.max(turn.time).saturating_add(REPLY_OVERDUE),
                    erased: false,
                },
            });
        }
    }
}

impl Conversation {
    fn begin(message: &Message, begins: &Begins) -> Self {
        let share = INLINE_BYTES.checked_div(begins.limit).unwrap_or(u32::MAX);
        Self {
            id: message.conversation.clone(),
            title: text::title(&message.text),
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

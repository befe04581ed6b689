//! One turn of a conversation: a version of a user's message and a reply to it.

use serde::{Deserialize, Serialize};

use crate::entries::values::{Attachment, Failure, Outcome, Reasoning};

/// A reply without an end is overdue when nothing of it was written for this long (milliseconds).
/// A writer stores a heartbeat at least every 30 seconds.
pub(crate) const REPLY_OVERDUE: u64 = 180_000;

/// A message of the user and the reply to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The number of the message's entry. Several replies to one message share it.
    pub(crate) number: u64,
    pub(crate) id: String,
    /// A hash of the client's own name for the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) reply_id: String,
    pub(crate) time: u64,
    pub(crate) model: String,
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Attachment>,
    /// Present if the reply was regenerated: by which entry, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<(u64, u64)>,
    /// When the user asked for the end of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<u64>,
    /// Whether it becomes the active version with the first word of its reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pending: bool,
    /// None while the reply is being written.
    #[serde(default)]
    pub(crate) reply: Option<Reply>,
    /// What has arrived of a reply that is being written; known to who has just read it.
    #[serde(skip)]
    pub(crate) received: Option<ReceivedText>,
    /// The other versions of this turn, each with the turns that follow it. Only the active version
    /// holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<Vec<Turn>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) time: u64,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    /// As in [`crate::entries::End`].
    #[serde(default, skip_serializing_if = "Reasoning::is_empty")]
    pub(crate) reasoning: Reasoning,
    /// As in [`crate::entries::End`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReceivedText {
    /// Of the last heartbeat.
    pub(crate) time: u64,
    pub(crate) text: String,
    /// What the model thought so far.
    pub(crate) reasoning: String,
    /// Writes so far, heartbeats included.
    pub(crate) deltas: u64,
    /// Of each delta of the text, in bytes.
    pub(crate) lengths: Vec<u32>,
}

/// Something to erase: content that no reader reaches any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leftover {
    /// The text in an entry.
    Entry { number: u64 },
    /// The end of a reply, by the number that names its keys; so below.
    Reply { number: u64 },
    /// The deltas of a reply that has an end.
    Deltas { number: u64, count: u64 },
    /// A reply, end and deltas, that may still be written to until this time, so that it has to be
    /// erased now (if not done already) and again then.
    Running {
        number: u64,
        until: u64,
        #[serde(default)]
        erased: bool,
    },
    /// The segments of a conversation (by [`super::Conversation::place`]), and the entries and
    /// replies named in them.
    Segments { conversation: String, count: u32 },
    /// Values of the archive that a writer announced and may still write until this time.
    Prepared {
        token: String,
        contents: u32,
        pages: u32,
        until: u64,
    },
    /// Values of the archive, by their names.
    Values { names: Vec<String> },
    /// A whole archive, by its root, after an item of it: the ones before are erased.
    Archive {
        root: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

impl Reply {
    /// Whether the reply had a first word, or was complete without any.
    pub(crate) fn has_words(&self) -> bool {
        !self.text.is_empty() || self.outcome == Outcome::Complete
    }
}

impl Turn {
    /// The number of the entry that requested the reply, which names its keys.
    pub(crate) fn reply_number(&self) -> u64 {
        self.again.map_or(self.number, |(number, _)| number)
    }

    /// When the reply was requested.
    pub(crate) fn requested_at(&self) -> u64 {
        self.again.map_or(self.time, |(_, time)| time)
    }

    /// Whether the reply ended without a word.
    pub(crate) fn has_failed(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| !reply.has_words())
    }

    /// What there is to erase of a reply that is given up at a time.
    pub(super) fn reply_leftover(&self, time: u64) -> Leftover {
        let number = self.reply_number();
        match self.reply {
            Some(_) => Leftover::Reply { number },
            None => Leftover::Running {
                number,
                until: time.max(self.requested_at()).saturating_add(REPLY_OVERDUE),
                erased: false,
            },
        }
    }
}

/// All turns of a list, with all of their versions and what follows those.
pub(crate) fn all_turns(turns: &[Turn]) -> impl Iterator<Item = &Turn> {
    let mut lists = vec![turns.iter()];
    std::iter::from_fn(move || {
        loop {
            match lists.last_mut()?.next() {
                Some(turn) => {
                    lists.extend(turn.versions.iter().map(|version| version.iter()));
                    return Some(turn);
                }
                None => {
                    lists.pop();
                }
            }
        }
    })
}

/// The first turn of [`all_turns`] for which `is` holds.
pub(super) fn find_turn_mut<'a>(
    turns: &'a mut [Turn],
    is: &dyn Fn(&Turn) -> bool,
) -> Option<&'a mut Turn> {
    for turn in turns {
        if is(turn) {
            return Some(turn);
        }
        for version in &mut turn.versions {
            if let Some(conversation) = find_turn_mut(version, is) {
                return Some(conversation);
            }
        }
    }
    None
}

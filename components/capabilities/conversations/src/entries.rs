//! What is stored: the entries of the journal, and the ends and deltas of replies.

pub(crate) mod values;

use serde::{Deserialize, Serialize};

use crate::state::conversation::Conversation;

pub(crate) use values::{Attachment, Failure, Outcome, Reasoning, ReasoningBlock};

/// One entry of a user's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Message(Message),
    Regenerated(Regenerated),
    /// The user wants these replies to end.
    Stopped {
        conversation: String,
        replies: Vec<String>,
        time: u64,
    },
    Renamed {
        conversation: String,
        title: String,
        time: u64,
    },
    /// A title that a model made.
    Titled {
        conversation: String,
        title: String,
        time: u64,
    },
    Deleted {
        conversation: String,
        time: u64,
    },
    Drafted(Draft),
    Confirmed(Confirmed),
    /// The user chose another version of a message, by the id of the message or of the reply.
    Chosen {
        conversation: String,
        version: String,
        time: u64,
    },
    Pinned {
        conversation: String,
        /// How many conversations may be pinned, this one included.
        limit: u32,
        time: u64,
    },
    Unpinned {
        conversation: String,
        time: u64,
    },
    /// The user wants an evicted conversation back.
    Restored {
        conversation: String,
        time: u64,
        begins: Begins,
    },
    /// Evictions that can no longer be undone at this time become final.
    EvictionsExpired {
        time: u64,
    },
    /// All conversations and preferences.
    Cleared {
        time: u64,
    },
    Preferences(Preferences),
    ArchivePrepared(ArchivePrepared),
    ArchiveChanged(ArchiveChange),
    /// Conversations beyond the limit are evicted, where an entry before could not because they were in the
    /// archive.
    LimitEnforced {
        time: u64,
        begins: Begins,
    },
}

/// Values of the archive are about to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchivePrepared {
    /// Names the values.
    pub(crate) token: String,
    pub(crate) contents: u32,
    pub(crate) pages: u32,
    /// Until when they may be written (milliseconds since the epoch).
    pub(crate) until: u64,
}

/// The archive is another one. Refused if it is not the one that the writer knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveChange {
    pub(crate) token: String,
    /// The root before, and the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// [`crate::state::Archive::oldest`] of the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) oldest: Option<u64>,
    /// The conversations that are in the archive from now on, by id and the last entry that changed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) out: Vec<(String, u64)>,
    /// The conversations that are in it no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) back: Vec<Conversation>,
    /// The names of values that the new archive does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaced: Vec<String>,
}

/// The user said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) conversation: String,
    pub(crate) id: String,
    /// The id that the reply to it will have.
    pub(crate) reply: String,
    pub(crate) time: u64,
    pub(crate) model: String,
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Attachment>,
    /// Present on the first message of a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begins: Option<Begins>,
    /// Present if it may begin a conversation whose id is the client's: the root of the archive, which does
    /// not have the id; empty if the archive is. If the archive is another one now, nothing begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) absent_from: Option<String>,
    /// A hash of the client's own name for it, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Present if it is another version of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Version>,
    /// Present where the client named its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Request>,
}

/// A conversation without messages, which its first message begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// The system prompt of all its replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system: Option<String>,
    pub(crate) time: u64,
    /// How many drafts the user may have, this one included.
    pub(crate) limit: u32,
}

/// The user wants another version of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Regenerated {
    pub(crate) conversation: String,
    /// Its `of` is the id of the reply.
    pub(crate) version: Version,
    /// The id that the new reply will have.
    pub(crate) reply: String,
    pub(crate) time: u64,
    pub(crate) model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Request>,
}

/// What a writer of another version of a message knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// The active version of the message or reply, by its id.
    pub(crate) of: String,
    /// [`crate::state::Conversation::latest`]. If it is another number now, nothing changes.
    pub(crate) latest: u64,
    /// Whether the version is active at once, because the active one has no word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) at_once: bool,
    /// The versions that are erased for it, by the ids of their replies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) drops: Vec<String>,
}

/// A reply has its first word, or the user keeps a provisional conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    pub(crate) conversation: String,
    /// The id of the reply, whose version becomes active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<String>,
    pub(crate) time: u64,
    /// What decides about evictions, if the conversation is provisional.
    pub(crate) begins: Begins,
}

/// A request that its client has named, so that it is known when it comes again. Hashes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Of the name.
    pub(crate) key: String,
    /// Of what is asked.
    pub(crate) asks: String,
}

/// What decides which conversation is evicted for another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begins {
    /// How many conversations the user may have, this one included.
    pub(crate) limit: u32,
    /// How long an eviction can be undone, in milliseconds.
    #[serde(default)]
    pub(crate) undo: u64,
    /// When others were last updated, where the writer knew more than the entries before say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) touched: Vec<(String, u64)>,
    /// Those whose replies ended without a word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<String>,
}

/// Preferences; in an entry, those that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preferences {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default_model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) theme: Option<Theme>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    Light,
    Dark,
}

/// The end of a reply, with all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) time: u64,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    /// How many deltas were written before, and are to be erased.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) deltas: u64,
    /// The bytes of each delta of the text as the model sent it; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lengths: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Usage>,
    /// What the model thought before it replied.
    #[serde(default, skip_serializing_if = "Reasoning::is_empty")]
    pub(crate) reasoning: Reasoning,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    /// Who answered, where that is not the model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
}

/// The tokens that a reply took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) prompt: u32,
    pub(crate) completion: u32,
    #[serde(default)]
    pub(crate) estimated: bool,
}

/// Some of a reply, or only a sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delta {
    pub(crate) time: u64,
    pub(crate) text: String,
    /// As in [`End`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lengths: Vec<u32>,
    /// The next part of what the model thought.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reasoning: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Failure {
    /// The writer of a reply died.
    pub(crate) fn interrupted() -> Self {
        Self {
            code: "INTERNAL".to_owned(),
            message: "The reply was interrupted.".to_owned(),
        }
    }
}

impl End {
    /// Whether the reply had a first word, or was complete without any.
    pub(crate) fn has_words(&self) -> bool {
        !self.text.is_empty() || self.outcome == Outcome::Complete
    }
}

impl Message {
    /// What the title is made from: the text, or without text the name of the first attachment.
    pub(crate) fn subject(&self) -> &str {
        let first = self.attachments.first();
        match first.filter(|_| self.text.trim().is_empty()) {
            Some(attachment) => &attachment.name,
            None => &self.text,
        }
    }
}

impl Entry {
    /// The conversation that it may change.
    pub(crate) fn conversation(&self) -> Option<&str> {
        match self {
            Self::Message(Message { conversation, .. })
            | Self::Regenerated(Regenerated { conversation, .. })
            | Self::Stopped { conversation, .. }
            | Self::Renamed { conversation, .. }
            | Self::Titled { conversation, .. }
            | Self::Deleted { conversation, .. }
            | Self::Confirmed(Confirmed { conversation, .. })
            | Self::Chosen { conversation, .. }
            | Self::Pinned { conversation, .. }
            | Self::Unpinned { conversation, .. }
            | Self::Restored { conversation, .. } => Some(conversation),
            Self::Drafted(_)
            | Self::EvictionsExpired { .. }
            | Self::Cleared { .. }
            | Self::Preferences(_)
            | Self::ArchivePrepared(_)
            | Self::ArchiveChanged(_)
            | Self::LimitEnforced { .. } => None,
        }
    }

    /// The same entry without anything that a person wrote. Folding it decides the same.
    pub(crate) fn redacted(self) -> Self {
        match self {
            Self::Message(message) => Self::Message(Message {
                text: String::new(),
                attachments: Vec::new(),
                ..message
            }),
            Self::Renamed {
                conversation, time, ..
            } => Self::Renamed {
                conversation,
                title: String::new(),
                time,
            },
            Self::Titled {
                conversation, time, ..
            } => Self::Titled {
                conversation,
                title: String::new(),
                time,
            },
            Self::Drafted(draft) => Self::Drafted(Draft {
                title: None,
                system: None,
                ..draft
            }),
            Self::Preferences(_) => Self::Preferences(Preferences::default()),
            Self::ArchiveChanged(mut change) => {
                change.back.iter_mut().for_each(Conversation::redact);
                Self::ArchiveChanged(change)
            }
            other @ (Self::Regenerated(_)
            | Self::Stopped { .. }
            | Self::Deleted { .. }
            | Self::Confirmed(_)
            | Self::Chosen { .. }
            | Self::Pinned { .. }
            | Self::Unpinned { .. }
            | Self::Restored { .. }
            | Self::EvictionsExpired { .. }
            | Self::Cleared { .. }
            | Self::ArchivePrepared(_)
            | Self::LimitEnforced { .. }) => other,
        }
    }
}

impl Preferences {
    /// Takes over what is present in `changes`.
    pub(crate) fn merge(&mut self, changes: Self) {
        self.default_model = changes.default_model.or(self.default_model.take());
        self.theme = changes.theme.or(self.theme);
        self.system_prompt = changes.system_prompt.or(self.system_prompt.take());
    }
}

//! Turns: the contract's `turns`, one writer for each.
//!
//! A writer is opened ([`open`]), begun ([`begin`]), told of the deltas of the reply ([`append`],
//! at the pace of [`pace`]) and finished ([`finish`]).

mod append;
mod begin;
mod client_message;
mod confirm;
mod finish;
mod open;
mod pace;
mod reasoning;
mod reply_text;

use journal::{Journal, Platform, View};

use crate::archive;
use crate::entries::{Attachment, Draft, Failure, Preferences, Request, Version};
use crate::error::Error;
use crate::readers::Started;
use crate::state::{Conversation, EvictedTitle, Limits, State, Turn};

use pace::Pace;
use reasoning::ReasoningText;
use reply_text::ReplyText;

pub(crate) use append::Directive;
#[cfg(any(target_family = "wasm", test))]
pub(crate) use append::StopReason;
#[cfg(any(target_family = "wasm", test))]
pub(crate) use begin::{BeginResult, UserMessage};
#[cfg(any(target_family = "wasm", test))]
pub(crate) use client_message::{ClientMessage, MessageAction};

/// Writes one turn.
pub(crate) struct TurnWriter<P> {
    journal: Journal<P>,
    view: View<State>,
    conversation: Option<String>,
    /// The conversation, while it is in the archive.
    archived: Option<Box<Conversation>>,
    /// Whether its id may be another conversation's: it is not one that was made here for this turn.
    has_given_id: bool,
    /// Whether the turn begins the conversation if it does not exist.
    may_begin: bool,
    /// The turn whose reply is regenerated, and what was known of it.
    regenerated: Option<(Turn, Version)>,
    /// The turn whose message is edited.
    replaced: Option<(Turn, Version)>,
    /// A hash of the client's own id for the message.
    client_id: Option<String>,
    request: Option<Request>,
    /// The turns of the conversation that are in segments.
    sealed: Vec<Turn>,
    stage: Stage,
}

enum Stage {
    Open,
    /// The request is a repetition and has this reply.
    Existing(Started),
    Writing(Box<Writing>),
    Finished,
}

/// A reply that is being written.
struct Writing {
    conversation: String,
    /// The number of the entry that requested the reply.
    number: u64,
    text: ReplyText,
    pace: Pace,
    /// How many chunks are stored.
    chunks: u64,
    /// A chunk whose write failed: it may be stored all the same, so no other value is written
    /// under its key.
    unconfirmed: Option<Vec<u8>>,
    /// When the last write succeeded.
    stored_at: Instant,
    /// The value of the signal key when it was last read.
    signal: Option<Vec<u8>>,
    /// Whether the reply has to end. Never becomes false again.
    cancelled: bool,
    /// Present until the first word is recorded, where that has consequences.
    awaits_first_word: Option<Limits>,
    /// What the model thinks before it replies.
    reasoning: ReasoningText,
    /// Why the reply fails.
    failure: Option<Failure>,
    /// What was evicted and not reported yet.
    evicted: Vec<EvictedTitle>,
    requested_model: String,
    /// The model that replies, where that is not the requested one.
    resolved_model: Option<String>,
    /// The provider of the model that replies.
    provider: Option<String>,
}

/// The next part of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplyDelta {
    Text(String),
    Reasoning(String),
    /// Ends a block of reasoning.
    ReasoningData(String),
}

impl Writing {
    /// Takes in what has arrived of the reply.
    fn push(&mut self, deltas: Vec<ReplyDelta>) {
        for delta in deltas {
            match delta {
                ReplyDelta::Text(text) => self.text.push(&text),
                ReplyDelta::Reasoning(text) => self.reasoning.push(&text),
                ReplyDelta::ReasoningData(data) => self.reasoning.end_block(data),
            }
        }
    }

    /// How many bytes are not stored yet.
    fn pending_bytes(&self) -> usize {
        let text = self.text.pending_bytes();
        text.saturating_add(self.reasoning.pending_bytes())
    }
}

/// A time on both clocks: the one may be set, the other may stand still while the machine sleeps.
#[derive(Clone, Copy)]
struct Instant {
    /// Milliseconds since the epoch.
    now: u64,
    monotonic: u64,
}

impl Instant {
    fn of<P: Platform>(platform: &P) -> Self {
        Self {
            now: platform.now(),
            monotonic: platform.monotonic(),
        }
    }
}

impl<P: Platform> TurnWriter<P> {
    /// The reply that this request already has.
    pub(crate) fn existing_reply(&self) -> Option<&Started> {
        match &self.stage {
            Stage::Existing(started) => Some(started),
            Stage::Open | Stage::Writing(_) | Stage::Finished => None,
        }
    }

    /// The turns before the one to reply to, oldest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Turn> {
        let own = match (
            self.regenerated.as_ref().or(self.replaced.as_ref()),
            &self.stage,
        ) {
            (Some((turn, _)), _) => turn.number,
            (None, Stage::Writing(writing)) => writing.number,
            (None, Stage::Open | Stage::Existing(_) | Stage::Finished) => u64::MAX,
        };
        let inline = self
            .current()
            .into_iter()
            .flat_map(|conversation| &conversation.turns);
        self.sealed
            .iter()
            .chain(inline)
            .filter(move |turn| turn.number < own)
    }

    /// The text of the message whose reply is regenerated.
    pub(crate) fn regenerated_message(&self) -> Option<&str> {
        let regenerated = self.regenerated.as_ref();
        regenerated.map(|(turn, _)| turn.text.as_str())
    }

    /// The attachments of the message whose reply is regenerated, or that is edited.
    pub(crate) fn attachments(&self) -> &[Attachment] {
        let known = self.regenerated.as_ref().or(self.replaced.as_ref());
        known.map_or(&[], |(turn, _)| turn.attachments.as_slice())
    }

    /// The model that was requested last.
    pub(crate) fn model(&self) -> Option<&str> {
        match self.current() {
            Some(conversation) => Some(conversation.model.as_str()),
            None => self.draft()?.model.as_deref(),
        }
    }

    /// The system prompt of the conversation.
    pub(crate) fn system(&self) -> Option<&str> {
        match self.current() {
            Some(conversation) => conversation.system.as_deref(),
            None => self.draft()?.system.as_deref(),
        }
    }

    /// Whether the conversation begins with this turn, and has no title of the user's own.
    pub(crate) fn needs_title(&self) -> bool {
        self.current().is_none() && self.draft().is_none_or(|draft| draft.title.is_none())
    }

    /// The draft that this turn begins.
    fn draft(&self) -> Option<&Draft> {
        self.view.state.draft(self.conversation.as_deref()?)
    }

    pub(crate) fn preferences(&self) -> &Preferences {
        &self.view.state.preferences
    }

    fn current(&self) -> Option<&Conversation> {
        let known = self.view.state.conversation(self.conversation.as_deref()?);
        known.or(self.archived.as_deref())
    }

    /// The reply to an earlier request with the same key.
    async fn find_existing(&mut self) -> Result<Option<Started>, Error> {
        let Some(request) = &self.request else {
            return Ok(None);
        };
        let state = &self.view.state;
        let now = self.journal.platform().now();
        let Some(known) = state.requests.find(request, now) else {
            return Ok(None);
        };
        if known.request.asks != request.asks {
            let why = "This Idempotency-Key was used for another request.";
            return Err(Error::Conflict(why.to_owned()));
        }
        let (id, reply) = (known.conversation.clone(), known.reply.clone());
        let archived = archive::look_up(&self.journal, &mut self.view, &id).await?;
        let conversation = self.view.state.conversation(&id).or(archived.as_ref());
        Ok(conversation.map(|existing| Started {
            conversation: existing.id.clone(),
            reply,
            title: existing.title.clone(),
        }))
    }
}

fn not_writing() -> Error {
    Error::Invalid("the turn has no reply to write".to_owned())
}

fn reply_in_progress() -> Error {
    Error::Conflict("A reply is being written in this conversation.".to_owned())
}

fn too_old() -> Error {
    let why = "This message is too old to be changed.";
    Error::Conflict(why.to_owned())
}

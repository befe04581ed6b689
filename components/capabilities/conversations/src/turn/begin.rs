//! Beginning a turn: storing the message.

use journal::Platform;

use super::pace::Pace;
use super::{
    Directive, Instant, ReasoningText, ReplyText, Stage, TurnWriter, Writing, reply_in_progress,
};
use crate::entries::{Attachment, Begins, Entry, Message, Regenerated};
use crate::error::Error;
use crate::preferences::MODEL_CHARS_MAX;
use crate::readers::Started;
use crate::state::Limits;
use crate::{archive, erasure, ids, text};

/// How often the entry of a turn is appended while its conversation moves.
const ATTEMPTS: usize = 4;

/// The result of [`TurnWriter::begin`].
#[derive(Debug)]
pub(crate) enum BeginResult {
    /// The message is stored; the reply has to be written.
    Started(Started, Directive),
    /// The request is a repetition and has this reply.
    Existing(Started),
}

/// What the user says.
#[derive(Debug, Default)]
pub(crate) struct UserMessage {
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
}

impl From<String> for UserMessage {
    fn from(text: String) -> Self {
        Self {
            text,
            attachments: Vec::new(),
        }
    }
}

impl<P: Platform> TurnWriter<P> {
    /// Stores the user's message, or the request for another reply to the last one. Nothing is
    /// evicted before the reply has a word.
    pub(crate) async fn begin(
        &mut self,
        message: impl Into<UserMessage>,
        model: String,
        limits: Limits,
    ) -> Result<BeginResult, Error> {
        if !matches!(self.stage, Stage::Open) {
            return Err(Error::Invalid("the turn has begun already".to_owned()));
        }
        let message = message.into();
        validate_model(&model)?;
        if self.regenerated.is_none() {
            validate_message(&message)?;
        }
        let conversation = self.conversation.clone().unwrap_or_else(ids::new_id);
        let started_at = Instant::of(self.journal.platform());
        let mut entry = self.entry(&conversation, message, model, started_at.now);
        let mut number = self.append_begin(&conversation, &mut entry, limits).await?;
        for _ in 1..ATTEMPTS {
            if !self
                .is_worth_repeating(&conversation, number, &entry)
                .await?
            {
                break;
            }
            number = self.append_begin(&conversation, &mut entry, limits).await?;
        }
        let state = &self.view.state;
        let (Some(begun), Some(turn)) = (
            state.conversation(&conversation),
            state.turn(&conversation, number),
        ) else {
            return self.explain_refusal().await;
        };
        let started = Started::of(begun, turn);
        let requested_model = turn.model.clone();
        let is_confirmed = begun.counts() && !turn.pending;
        self.conversation = Some(conversation.clone());
        let pace = Pace::new(started_at.monotonic);
        let directive = Directive::of(&pace, started_at.monotonic);
        self.stage = Stage::Writing(Box::new(Writing {
            conversation,
            number,
            text: ReplyText::default(),
            pace,
            chunks: 0,
            unconfirmed: None,
            stored_at: started_at,
            signal: None,
            cancelled: false,
            awaits_first_word: (!is_confirmed).then_some(limits),
            reasoning: ReasoningText::default(),
            failure: None,
            evicted: Vec::new(),
            requested_model,
            resolved_model: None,
            provider: None,
        }));
        Ok(BeginResult::Started(started, directive))
    }

    fn entry(&self, conversation: &str, message: UserMessage, model: String, time: u64) -> Entry {
        match &self.regenerated {
            Some((_, version)) => Entry::Regenerated(Regenerated {
                conversation: conversation.to_owned(),
                version: version.clone(),
                reply: ids::new_id(),
                time,
                model,
                request: self.request.clone(),
            }),
            None => Entry::Message(Message {
                conversation: conversation.to_owned(),
                id: ids::new_id(),
                reply: ids::new_id(),
                time,
                model,
                text: message.text,
                attachments: message.attachments,
                begins: None,
                absent_from: None,
                name: self.client_id.clone(),
                version: self.replaced.as_ref().map(|(_, version)| version.clone()),
                request: self.request.clone(),
            }),
        }
    }

    /// Appends the entry, after the conversation came back from the archive if it was there.
    async fn append_begin(
        &mut self,
        conversation: &str,
        entry: &mut Entry,
        limits: Limits,
    ) -> Result<u64, Error> {
        if self.archived.take().is_some() {
            archive::bring_back(&self.journal, &mut self.view, conversation).await?;
        }
        if let Entry::Message(message) = entry {
            message.begins = self.begins(limits);
            let root = self.view.state.archive.root.clone();
            let begins = message.begins.is_some() && self.has_given_id;
            message.absent_from = begins.then(|| root.unwrap_or_default());
        }
        Ok(self.journal.append(&mut self.view, entry).await?)
    }

    /// Whether the entry of this number changed nothing because the conversation had moved to the archive
    /// since the turn was opened, or may have.
    async fn is_worth_repeating(
        &mut self,
        conversation: &str,
        number: u64,
        entry: &Entry,
    ) -> Result<bool, Error> {
        let state = &self.view.state;
        if state.turn(conversation, number).is_some() {
            return Ok(false);
        }
        let absent_from = match entry {
            Entry::Message(message) => message.absent_from.as_deref(),
            _ => None,
        };
        let root = state.archive.root.as_deref().unwrap_or_default();
        let has_changed = absent_from.is_some_and(|known| known != root);
        let archived = archive::look_up(&self.journal, &mut self.view, conversation).await?;
        self.archived = archived.map(Box::new);
        Ok(self.archived.is_some() || has_changed)
    }

    /// What decides about evictions, if the conversation begins.
    fn begins(&self, limits: Limits) -> Option<Begins> {
        let is_new = self.current().is_none() && self.may_begin;
        let state = &self.view.state;
        is_new.then(|| state.begins(limits))
    }

    /// Finds out why the entry of this turn changed nothing, and erases its text.
    async fn explain_refusal(&mut self) -> Result<BeginResult, Error> {
        self.stage = Stage::Finished;
        erasure::write_snapshot(&self.journal, &mut self.view, Vec::new()).await?;
        if let Some(started) = self.find_existing().await? {
            // Two requests with the same key came at once, and the other one was first.
            self.stage = Stage::Existing(started.clone());
            return Ok(BeginResult::Existing(started));
        }
        // The conversation was deleted since the turn was opened, or has another last turn.
        let concerns_last = self.regenerated.is_some() || self.replaced.is_some();
        if concerns_last && self.current().is_some() {
            return Err(reply_in_progress());
        }
        Err(Error::NotFound)
    }
}

fn validate_message(message: &UserMessage) -> Result<(), Error> {
    let UserMessage { text, attachments } = message;
    let is_valid = |attachment: &Attachment| {
        attachment.name.len() <= text::ATTACHMENT_NAME_MAX
            && attachment.media_type.len() <= text::ATTACHMENT_NAME_MAX
            && ids::conversation_id(&attachment.id).is_ok()
    };
    if attachments.len() > text::ATTACHMENTS_MAX || !attachments.iter().all(is_valid) {
        return Err(Error::Invalid("attachments: at most 10 files".to_owned()));
    }
    let least = usize::from(attachments.is_empty());
    if (least..=text::MESSAGE_CHARS_MAX).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid("message: 1 to 10000 characters".to_owned()))
}

pub(super) fn validate_model(model: &str) -> Result<(), Error> {
    if (1..=MODEL_CHARS_MAX).contains(&model.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid("model: 1 to 200 characters".to_owned()))
}

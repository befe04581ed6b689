//! Beginning a turn: storing the message.

use journal::Platform;

use super::pace::Pace;
use super::{Directive, Instant, ReplyText, Stage, TurnWriter, Writing, reply_in_progress};
use crate::error::Error;
use crate::facts::{Again, Begins, Fact, Message};
use crate::following::Started;
use crate::preferences::MODEL_CHARS_MAX;
use crate::{erasing, ids, text};

/// The result of [`TurnWriter::begin`].
#[derive(Debug)]
pub(crate) enum BeginResult {
    /// The message is stored; the reply has to be written.
    Started(Started, Directive),
    /// The request is a repetition and has this reply.
    Existing(Started),
}

impl<P: Platform> TurnWriter<P> {
    /// Stores the user's message, or the request for another reply to the last one. `limit` is how
    /// many conversations the user may have.
    pub(crate) async fn begin(
        &mut self,
        message: String,
        model: String,
        limit: u32,
    ) -> Result<BeginResult, Error> {
        if !matches!(self.stage, Stage::Open) {
            return Err(Error::Invalid("the turn has begun already".to_owned()));
        }
        validate_model(&model)?;
        let conversation = self.conversation.clone().unwrap_or_else(ids::new_id);
        let started_at = Instant::of(self.journal.platform());
        let fact = match &self.regenerated {
            Some(turn) => Fact::Again(Again {
                conversation: conversation.clone(),
                drops: turn.reply_id.clone(),
                reply: ids::new_id(),
                time: started_at.now,
                model,
                begins: self.begins(limit),
                request: self.request.clone(),
            }),
            None => {
                validate_message(&message)?;
                Fact::Message(Message {
                    conversation: conversation.clone(),
                    id: ids::new_id(),
                    reply: ids::new_id(),
                    time: started_at.now,
                    model,
                    text: message,
                    begins: self.begins(limit),
                    name: self.client_id.clone(),
                    replaces: self.replaced.as_ref().map(|turn| turn.id.clone()),
                    request: self.request.clone(),
                })
            }
        };
        let number = self.journal.append(&mut self.view, &fact).await?;
        let state = &self.view.state;
        let (Some(found), Some(turn)) = (
            state.conversation(&conversation),
            state.turn(&conversation, number),
        ) else {
            return self.explain_refusal().await;
        };
        let started = Started::of(found, turn);
        let requested_model = turn.model.clone();
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
            requested_model,
            resolved_model: None,
        }));
        Ok(BeginResult::Started(started, directive))
    }

    /// What decides about evictions, if room has to be made for the conversation.
    fn begins(&self, limit: u32) -> Option<Begins> {
        let needs_room = match self.current() {
            Some(conversation) => conversation.provisional,
            None => self.may_begin,
        };
        needs_room.then(|| self.view.state.begins(limit))
    }

    /// Finds out why the fact of this turn changed nothing, and erases its text.
    async fn explain_refusal(&mut self) -> Result<BeginResult, Error> {
        self.stage = Stage::Finished;
        erasing::write_snapshot(&self.journal, &mut self.view, Vec::new()).await?;
        if let Some(started) = self.find_existing()? {
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

fn validate_message(message: &str) -> Result<(), Error> {
    if (1..=text::MESSAGE_CHARS_MAX).contains(&message.chars().count()) {
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

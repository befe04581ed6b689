//! Opening a turn: reading what the prompt needs.

use journal::{Journal, Platform};

use super::{Stage, TurnWriter, reply_in_progress, too_old};
use crate::entries::{Request, Version};
use crate::error::Error;
use crate::state::{Turn, all_turns};
use crate::{archive, ids, recovery, segments};

impl<P: Platform> TurnWriter<P> {
    /// Opens a turn that appends a message to a conversation, or begins a new one.
    pub(crate) async fn open(
        journal: Journal<P>,
        conversation: Option<&str>,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let conversation = conversation.map(ids::conversation_id).transpose()?;
        let may_begin = conversation.is_none();
        Self::read(journal, conversation, may_begin, request).await
    }

    /// Opens a turn that adds a version of a reply: of the one with the id `reply`, or the last one.
    pub(crate) async fn open_regenerate(
        journal: Journal<P>,
        conversation: &str,
        reply: Option<&str>,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let mut writer = Self::open(journal, Some(conversation), request).await?;
        if writer.existing_reply().is_some() {
            return Ok(writer);
        }
        if writer.is_reply_in_progress() {
            return Err(reply_in_progress());
        }
        let turns = writer.current().map_or(&[][..], |current| &current.turns);
        let turn = match reply {
            Some(reply) => writer.active_turn(|turn| turn.reply_id == reply)?,
            None => turns.last().cloned().ok_or_else(|| {
                Error::Conflict("This conversation has no reply to regenerate.".to_owned())
            })?,
        };
        let version = writer.version(&turn, &turn.reply_id)?;
        writer.regenerated = Some((turn, version));
        Ok(writer)
    }

    /// Opens a turn that adds a version of a user's message.
    pub(crate) async fn open_edit(
        journal: Journal<P>,
        conversation: &str,
        message: &str,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let mut writer = Self::open(journal, Some(conversation), request).await?;
        if writer.existing_reply().is_some() {
            return Ok(writer);
        }
        let turn = writer.active_turn(|turn| turn.id == message)?;
        if writer.is_reply_in_progress() {
            return Err(reply_in_progress());
        }
        let version = writer.version(&turn, &turn.id)?;
        writer.replaced = Some((turn, version));
        Ok(writer)
    }

    /// The active turn that `is` names, if it can have another version.
    pub(super) fn active_turn(&self, is: impl Fn(&Turn) -> bool) -> Result<Turn, Error> {
        let turns = self
            .current()
            .map_or(&[][..], |conversation| &conversation.turns);
        if let Some(turn) = turns.iter().find(|turn| is(turn)) {
            return Ok(turn.clone());
        }
        if self.sealed.iter().any(&is) {
            return Err(too_old());
        }
        if all_turns(turns).any(is) {
            let why = "This version of the message is not active. Choose it first.";
            return Err(Error::Conflict(why.to_owned()));
        }
        Err(Error::Invalid(
            "is not a message of this conversation".to_owned(),
        ))
    }

    pub(super) fn is_reply_in_progress(&self) -> bool {
        let turns = self
            .current()
            .map_or(&[][..], |conversation| &conversation.turns);
        all_turns(turns).any(|turn| turn.reply.is_none())
    }

    /// What is recorded with another version of the message or reply `of`.
    pub(super) fn version(&self, turn: &Turn, of: &str) -> Result<Version, Error> {
        let conversation = self.current().ok_or(Error::NotFound)?;
        let at = conversation
            .position(&turn.reply_id)
            .ok_or(Error::NotFound)?;
        conversation.version_at(at, of)
    }

    pub(super) async fn read(
        journal: Journal<P>,
        conversation: Option<String>,
        may_begin: bool,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let view = recovery::read(&journal).await?;
        let mut writer = Self {
            journal,
            view,
            has_given_id: conversation.is_some(),
            conversation,
            archived: None,
            may_begin,
            regenerated: None,
            replaced: None,
            client_id: None,
            request,
            sealed: Vec::new(),
            stage: Stage::Open,
        };
        if let Some(started) = writer.find_existing().await? {
            writer.stage = Stage::Existing(started);
            return Ok(writer);
        }
        if let Some(id) = &writer.conversation {
            let archived = archive::look_up(&writer.journal, &mut writer.view, id).await?;
            writer.archived = archived.map(Box::new);
        }
        writer.may_begin |= writer.draft().is_some();
        match writer.current() {
            Some(current) if current.segments > 0 => {
                let (place, segments) = (current.place(), current.segments);
                let sealed = segments::sealed_turns(&writer.journal, &place, segments);
                writer.sealed = sealed.await?;
            }
            None if !writer.may_begin => return Err(Error::NotFound),
            Some(_) | None => {}
        }
        Ok(writer)
    }
}

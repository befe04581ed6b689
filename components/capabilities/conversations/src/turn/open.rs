//! Opening a turn: reading what the prompt needs.

use journal::{Journal, Platform};

use super::{Stage, TurnWriter, reply_in_progress};
use crate::error::Error;
use crate::facts::Request;
use crate::{ids, reading, segments};

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

    /// Opens a turn that replaces the reply to the last message of a conversation.
    pub(crate) async fn open_regenerate(
        journal: Journal<P>,
        conversation: &str,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let mut writer = Self::open(journal, Some(conversation), request).await?;
        if writer.existing_reply().is_some() {
            return Ok(writer);
        }
        let turns = writer.current().map_or(&[][..], |found| &found.turns);
        if turns.iter().any(|turn| turn.reply.is_none()) {
            return Err(reply_in_progress());
        }
        let last = turns.last().cloned();
        writer.regenerated = Some(last.ok_or_else(|| {
            Error::Conflict("This conversation has no reply that can be replaced.".to_owned())
        })?);
        Ok(writer)
    }

    pub(super) async fn read(
        journal: Journal<P>,
        conversation: Option<String>,
        may_begin: bool,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let view = reading::read(&journal).await?;
        let mut writer = Self {
            journal,
            view,
            conversation,
            may_begin,
            regenerated: None,
            replaced: None,
            client_id: None,
            request,
            sealed: Vec::new(),
            stage: Stage::Open,
        };
        if let Some(started) = writer.find_existing()? {
            writer.stage = Stage::Existing(started);
            return Ok(writer);
        }
        match writer.current() {
            Some(found) if found.segments > 0 => {
                let (place, segments) = (found.place(), found.segments);
                let sealed = segments::sealed_turns(&writer.journal, &place, segments);
                writer.sealed = sealed.await?;
            }
            None if !writer.may_begin => return Err(Error::NotFound),
            Some(_) | None => {}
        }
        Ok(writer)
    }
}

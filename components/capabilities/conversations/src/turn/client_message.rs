//! Turns of a client that keeps its own history and chooses the ids of conversations and messages.

use journal::{Journal, Platform};

use super::{TurnWriter, reply_in_progress};
use crate::error::Error;
use crate::facts::Request;
use crate::requests::{self, KEY_BYTES_MAX};
use crate::state::Turn;
use crate::{ids, stopping};

/// A message with the client's id for it.
pub(crate) struct ClientMessage {
    id: String,
    hash: String,
    /// How many messages of the user the client knows before this one.
    preceding: Option<u32>,
    action: MessageAction,
}

/// What to do with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageAction {
    Append,
    Replace,
    Regenerate,
}

impl ClientMessage {
    pub(crate) fn new(
        id: String,
        preceding: Option<u32>,
        action: MessageAction,
    ) -> Result<Self, Error> {
        if !(1..=KEY_BYTES_MAX).contains(&id.len()) {
            return Err(Error::Invalid("id: 1 to 255 bytes".to_owned()));
        }
        Ok(Self {
            hash: requests::hash(&id),
            id,
            preceding,
            action,
        })
    }

    fn is(&self, turn: &Turn) -> bool {
        turn.id == self.id || turn.name.as_ref() == Some(&self.hash)
    }
}

impl<P: Platform> TurnWriter<P> {
    /// Opens a turn of the conversation with this id, which begins if it does not exist.
    pub(crate) async fn open_client_message(
        journal: Journal<P>,
        conversation: &str,
        message: ClientMessage,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let id = ids::conversation_id(conversation)?;
        let read = |journal| Self::read(journal, Some(id.clone()), true, request.clone());
        let mut writer = read(journal).await?;
        if writer.existing_reply().is_some() {
            return Ok(writer);
        }
        let mut last = writer.last_if(&message)?;
        if last.as_ref().is_some_and(|turn| turn.reply.is_none()) {
            stopping::stop(&writer.journal, &id).await?;
            writer = read(writer.journal).await?;
            last = writer.last_if(&message)?;
            if last.as_ref().is_some_and(|turn| turn.reply.is_none()) {
                return Err(reply_in_progress());
            }
        }
        match (last, message.action) {
            (Some(turn), MessageAction::Regenerate) => writer.regenerated = Some(turn),
            (turn, _) => {
                writer.replaced = turn;
                writer.client_id = Some(message.hash);
            }
        }
        Ok(writer)
    }

    /// The last turn, if it has this message and is not to be appended. `conflict` if an earlier
    /// turn has it, or if the conversation has messages that the client does not know.
    fn last_if(&self, message: &ClientMessage) -> Result<Option<Turn>, Error> {
        if message.action == MessageAction::Append {
            return Ok(None);
        }
        let inline = self.current().map_or(&[][..], |found| &found.turns);
        if let Some(last) = inline.last().filter(|turn| message.is(turn)) {
            return Ok(Some(last.clone()));
        }
        let why = if self.history().any(|turn| message.is(turn)) {
            "Only the last message of a conversation can be changed or answered once more."
        } else if message.preceding.is_some_and(|preceding| {
            self.history().count() > usize::try_from(preceding).unwrap_or(usize::MAX)
        }) {
            "This message is not known here, and the conversation has gone on. Load it again."
        } else {
            return Ok(None);
        };
        Err(Error::Conflict(why.to_owned()))
    }
}

//! Turns of a client that keeps its own history and chooses the ids of conversations and messages.

use journal::{Journal, Platform};

use super::{TurnWriter, reply_in_progress};
use crate::entries::Request;
use crate::error::Error;
use crate::requests::{self, KEY_BYTES_MAX};
use crate::state::Turn;
use crate::{ids, stop};

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
        let mut known = writer.find_known(&message)?;
        if known.is_some() && writer.is_reply_in_progress() {
            stop::stop(&writer.journal, &id).await?;
            writer = read(writer.journal).await?;
            known = writer.find_known(&message)?;
            if known.is_some() && writer.is_reply_in_progress() {
                return Err(reply_in_progress());
            }
        }
        match (known, message.action) {
            (Some(turn), MessageAction::Regenerate) => {
                let version = writer.version(&turn, &turn.reply_id)?;
                writer.regenerated = Some((turn, version));
            }
            (known, _) => {
                if let Some(turn) = known {
                    let version = writer.version(&turn, &turn.id)?;
                    writer.replaced = Some((turn, version));
                }
                writer.client_id = Some(message.hash);
            }
        }
        Ok(writer)
    }

    /// The active turn with this message, unless the message is to be appended. `conflict` if it
    /// cannot be changed, or if the conversation has messages that the client does not know.
    fn find_known(&self, message: &ClientMessage) -> Result<Option<Turn>, Error> {
        if message.action == MessageAction::Append {
            return Ok(None);
        }
        match self.active_turn(|turn| message.is(turn)) {
            Ok(turn) => return Ok(Some(turn)),
            Err(Error::Conflict(why)) => return Err(Error::Conflict(why)),
            Err(_) => {}
        }
        let is_incomplete = message.preceding.is_some_and(|preceding| {
            self.history().count() > usize::try_from(preceding).unwrap_or(usize::MAX)
        });
        if is_incomplete {
            let why =
                "This message is unknown, and the conversation has newer messages. Reload it.";
            return Err(Error::Conflict(why.to_owned()));
        }
        Ok(None)
    }
}

//! Turns of a client that names its conversations and messages itself, and has a history of its own
//! that may differ from ours.

use journal::{Journal, Platform};

use super::{Exchange, Stage, under_way};
use crate::error::Error;
use crate::facts::Request;
use crate::ids;
use crate::requests::{self, KEY_BYTES_MAX};
use crate::state::Turn;
use crate::stopping;

/// A message as its client names it.
pub(crate) struct Named {
    name: String,
    hash: String,
    /// How many messages of the user the client knows before it.
    before: Option<u32>,
    intent: Intent,
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Add,
    Change,
    Again,
}

impl Named {
    pub(crate) fn new(name: String, before: Option<u32>, intent: Intent) -> Result<Self, Error> {
        if !(1..=KEY_BYTES_MAX).contains(&name.len()) {
            return Err(Error::Invalid("name: 1 to 255 bytes".to_owned()));
        }
        Ok(Self {
            hash: requests::hash(&name),
            name,
            before,
            intent,
        })
    }

    fn is(&self, turn: &Turn) -> bool {
        turn.id == self.name || turn.name.as_ref() == Some(&self.hash)
    }
}

impl<P: Platform> Exchange<P> {
    /// Opens a turn of the conversation of that id, which begins if there is none.
    pub(crate) async fn open_named(
        journal: Journal<P>,
        conversation: &str,
        message: Named,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let id = ids::conversation_id(conversation)?;
        let read = |journal| Self::read(journal, Some(id.clone()), true, request.clone());
        let mut exchange = read(journal).await?;
        if matches!(exchange.stage, Stage::Repeated(_)) {
            return Ok(exchange);
        }
        let mut last = exchange.last(&message)?;
        if last.as_ref().is_some_and(|turn| turn.reply.is_none()) {
            stopping::stop(&exchange.journal, &id).await?;
            exchange = read(exchange.journal).await?;
            last = exchange.last(&message)?;
            if last.as_ref().is_some_and(|turn| turn.reply.is_none()) {
                return Err(under_way());
            }
        }
        match (last, message.intent) {
            (Some(turn), Intent::Again) => exchange.again = Some(turn),
            (turn, _) => {
                exchange.instead = turn;
                exchange.name = Some(message.hash);
            }
        }
        Ok(exchange)
    }

    /// The last turn, if the message is that one and not to be added.
    fn last(&self, message: &Named) -> Result<Option<Turn>, Error> {
        if message.intent == Intent::Add {
            return Ok(None);
        }
        let inline = self.current().map_or(&[][..], |found| &found.turns);
        if let Some(last) = inline.last().filter(|turn| message.is(turn)) {
            return Ok(Some(last.clone()));
        }
        let why = if self.history().any(|turn| message.is(turn)) {
            "Only the last message of a conversation can be changed or answered once more."
        } else if message.before.is_some_and(|before| {
            self.history().count() > usize::try_from(before).unwrap_or(usize::MAX)
        }) {
            "This message is not known here, and the conversation has gone on. Load it again."
        } else {
            return Ok(None);
        };
        Err(Error::Conflict(why.to_owned()))
    }
}

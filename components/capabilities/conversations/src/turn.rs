//! One exchange: the contract's `turn`.

use journal::{Journal, Platform, View};

use crate::erasing;
use crate::error::Error;
use crate::facts::{End, Fact, Message, Outcome, Piece, Preferences};
use crate::ids;
use crate::preferences::MODEL_CHARS_MAX;
use crate::reading;
use crate::segments;
use crate::state::{Conversation, REPLY_OVERDUE, State, Turn};
use crate::text;

/// A turn that was silent for this long (milliseconds) looks whether it was given up before it
/// writes its end; earlier than others give it up, so that clocks may differ.
const MAYBE_OVERDUE: u64 = REPLY_OVERDUE - 30_000;

/// An exchange under way.
pub(crate) struct Exchange<P> {
    journal: Journal<P>,
    view: View<State>,
    conversation: Option<String>,
    sealed: Vec<Turn>,
    stage: Stage,
}

enum Stage {
    Open,
    Begun(Begun),
    Finished,
}

struct Begun {
    conversation: String,
    number: u64,
    pieces: u64,
    /// JSON bytes in the pieces.
    bytes: usize,
    heard: u64,
}

/// What [`Exchange::begin`] stored.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) conversation: String,
    pub(crate) reply: String,
    pub(crate) title: String,
}

impl<P: Platform> Exchange<P> {
    /// Reads what is needed to ask a model.
    pub(crate) async fn open(
        journal: Journal<P>,
        conversation: Option<&str>,
    ) -> Result<Self, Error> {
        let conversation = conversation.map(ids::conversation_id).transpose()?;
        let view = reading::read(&journal).await?;
        let mut sealed = Vec::new();
        if let Some(id) = &conversation {
            let found = view.state.conversation(id).ok_or(Error::NotFound)?;
            if found.segments > 0 {
                sealed = segments::sealed_turns(&journal, id, found.segments).await?;
            }
        }
        Ok(Self {
            journal,
            view,
            conversation,
            sealed,
            stage: Stage::Open,
        })
    }

    /// The turns so far, without this one.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Turn> {
        let own = match &self.stage {
            Stage::Begun(begun) => begun.number,
            Stage::Open | Stage::Finished => u64::MAX,
        };
        let inline = self.current().into_iter().flat_map(|found| &found.turns);
        self.sealed
            .iter()
            .chain(inline)
            .filter(move |turn| turn.number < own)
    }

    /// The model asked last.
    pub(crate) fn model(&self) -> Option<&str> {
        self.current().map(|found| found.model.as_str())
    }

    pub(crate) fn preferences(&self) -> &Preferences {
        &self.view.state.preferences
    }

    /// Stores the user's message. `limit` is how many conversations the user may have.
    pub(crate) async fn begin(
        &mut self,
        message: String,
        model: String,
        limit: u32,
    ) -> Result<Started, Error> {
        if !matches!(self.stage, Stage::Open) {
            return Err(Error::Invalid("the turn has begun already".to_owned()));
        }
        validate(&message, &model)?;
        let begins = match self.conversation {
            None => Some(self.view.state.begins(limit)),
            Some(_) => None,
        };
        let conversation = self.conversation.clone().unwrap_or_else(ids::new_id);
        let time = self.journal.platform().now();
        let reply = ids::new_id();
        let fact = Fact::Message(Message {
            conversation: conversation.clone(),
            id: ids::new_id(),
            reply: reply.clone(),
            time,
            model,
            text: message,
            begins,
        });
        let number = self.journal.append(&mut self.view, &fact).await?;
        let state = &self.view.state;
        let title = match state.conversation(&conversation) {
            Some(found) if state.has_turn(&conversation, number) => found.title.clone(),
            _ => {
                // It was removed since the turn was opened; the message must not stay behind.
                self.stage = Stage::Finished;
                erasing::write_snapshot(&self.journal, &mut self.view, Vec::new()).await?;
                return Err(Error::NotFound);
            }
        };
        self.conversation = Some(conversation.clone());
        self.stage = Stage::Begun(Begun {
            conversation: conversation.clone(),
            number,
            pieces: 0,
            bytes: 0,
            heard: time,
        });
        Ok(Started {
            conversation,
            reply,
            title,
        })
    }

    /// Stores some of the reply, or, without any text, a sign of life.
    pub(crate) async fn append(&mut self, pieces: &[String]) -> Result<(), Error> {
        let Stage::Begun(begun) = &mut self.stage else {
            return Err(Error::Invalid("the turn is not under way".to_owned()));
        };
        let platform = self.journal.platform();
        let all = pieces.concat();
        let room = text::REPLY_MAX.saturating_sub(begun.bytes);
        let text = text::fitting(&all, room);
        let time = platform.now();
        let bytes = serde_json::to_vec(&Piece {
            time,
            text: text.to_owned(),
        });
        let key = ids::piece_key(&self.journal, begun.number, begun.pieces);
        platform.set(&key, &bytes.unwrap_or_default()).await?;
        begun.pieces = begun.pieces.saturating_add(1);
        // What did not fit is not followed by what would.
        begun.bytes = if text.len() < all.len() {
            text::REPLY_MAX
        } else {
            begun.bytes.saturating_add(text::json_len(text))
        };
        begun.heard = time;
        Ok(())
    }

    /// Stores the end of the reply, with all of it.
    pub(crate) async fn finish(&mut self, outcome: Outcome, content: &str) -> Result<(), Error> {
        let stage = std::mem::replace(&mut self.stage, Stage::Finished);
        let Stage::Begun(begun) = stage else {
            self.stage = stage;
            return Err(Error::Invalid("the turn is not under way".to_owned()));
        };
        let text = text::fitting(content, text::REPLY_MAX);
        let cut = text.len() < content.len();
        let end = End {
            time: self.journal.platform().now(),
            outcome: if cut { Outcome::Incomplete } else { outcome },
            text: text.to_owned(),
            pieces: begun.pieces,
        };
        if self.was_given_up(&begun).await? {
            return Err(Error::Unavailable("the reply was overdue".to_owned()));
        }
        self.journal.catch_up(&mut self.view).await?;
        if self.is_gone(&begun) {
            self.erase(&begun).await?;
            return Err(Error::NotFound);
        }
        self.store(&begun, end).await?;
        // Whoever removes the conversation from now on sees the end and erases it; who did so
        // while it was being written did not. If it cannot be known now, it is made up for when
        // the reply would have been overdue.
        if self.journal.catch_up(&mut self.view).await.is_ok() && self.is_gone(&begun) {
            self.erase(&begun).await?;
            return Err(Error::NotFound);
        }
        Ok(())
    }

    async fn store(&mut self, begun: &Begun, end: End) -> Result<(), Error> {
        let key = ids::reply_key(&self.journal, begun.number);
        let value = reading::encode_end(&end)?;
        // Pieces are erased along with the snapshot, and not before the end is safe.
        let mut pairs = vec![(key, value)];
        if begun.pieces > 0 {
            self.journal
                .platform()
                .set_many(std::mem::take(&mut pairs))
                .await?;
        }
        self.view.state.settle(begun.number, end);
        let now = self.journal.platform().now();
        if !erasing::is_due(&self.view, now) {
            return Ok(self.journal.platform().set_many(pairs).await?);
        }
        let saved = self.save(begun, pairs.clone()).await;
        if saved.is_err() && !pairs.is_empty() {
            // The reply matters, the snapshot does not.
            self.journal.platform().set_many(pairs).await?;
        }
        Ok(())
    }

    async fn save(&mut self, begun: &Begun, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        reading::resolve(&self.journal, &mut self.view, Some(begun.number)).await?;
        erasing::write_snapshot(&self.journal, &mut self.view, pairs).await
    }

    /// Whether somebody took this turn for dead and wrote its end.
    async fn was_given_up(&self, begun: &Begun) -> Result<bool, Error> {
        let platform = self.journal.platform();
        if platform.now().saturating_sub(begun.heard) < MAYBE_OVERDUE {
            return Ok(false);
        }
        let key = ids::reply_key(&self.journal, begun.number);
        Ok(platform.get(&key).await?.is_some())
    }

    fn is_gone(&self, begun: &Begun) -> bool {
        let Some(found) = self.view.state.conversation(&begun.conversation) else {
            return true;
        };
        // A turn with an end may have been sealed by others.
        let inline = found.turns.first().map_or(u64::MAX, |turn| turn.number);
        begun.number >= inline && !self.view.state.has_turn(&begun.conversation, begun.number)
    }

    /// Leaves nothing of a reply to a conversation that is no more.
    async fn erase(&self, begun: &Begun) -> Result<(), Error> {
        let platform = self.journal.platform();
        let key = ids::reply_key(&self.journal, begun.number);
        platform.set(&key, &[]).await?;
        let pieces = (0..begun.pieces).map(|k| ids::piece_key(&self.journal, begun.number, k));
        let pieces: Vec<String> = pieces.collect();
        for batch in pieces.chunks(journal::BATCH_MAX) {
            platform.delete_many(batch.to_vec()).await?;
        }
        Ok(())
    }

    fn current(&self) -> Option<&Conversation> {
        self.view.state.conversation(self.conversation.as_deref()?)
    }
}

fn validate(message: &str, model: &str) -> Result<(), Error> {
    if !(1..=text::MESSAGE_CHARS_MAX).contains(&message.chars().count()) {
        return Err(Error::Invalid("message: 1 to 10000 characters".to_owned()));
    }
    if !(1..=MODEL_CHARS_MAX).contains(&model.chars().count()) {
        return Err(Error::Invalid("model: 1 to 200 characters".to_owned()));
    }
    Ok(())
}

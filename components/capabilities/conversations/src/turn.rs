//! One exchange: the contract's `turn`.

mod named;

use journal::{Journal, Platform, View};

use crate::erasing;
use crate::error::Error;
use crate::facts::{Again, End, Fact, Message, Outcome, Piece, Preferences, Request, Usage};
use crate::following::Started;
use crate::ids;
use crate::preferences::MODEL_CHARS_MAX;
use crate::reading;
use crate::segments;
use crate::state::{Conversation, State, Turn};
use crate::text;

#[cfg(any(target_family = "wasm", test))]
pub(crate) use named::{Intent, Named};

/// A turn that was silent for this long (milliseconds) looks whether it was given up before it
/// writes its end: sooner than anybody gives it up, so that clocks may differ.
const MAYBE_OVERDUE: u64 = 5_000;

/// A reader who reads along rings more often than this (milliseconds).
const FOLLOWED_FOR: u64 = 12_000;

/// How often storing a piece is tried again, and after how long (milliseconds).
const APPEND_ATTEMPTS: usize = 3;
const APPEND_PAUSE: u64 = 250;

/// An exchange under way.
pub(crate) struct Exchange<P> {
    journal: Journal<P>,
    view: View<State>,
    conversation: Option<String>,
    /// The conversation begins if there is none.
    may_begin: bool,
    /// The last turn, which is to be answered once more.
    again: Option<Turn>,
    /// The last turn, whose place the message takes.
    instead: Option<Turn>,
    /// A hash of the client's own name for the message.
    name: Option<String>,
    request: Option<Request>,
    sealed: Vec<Turn>,
    stage: Stage,
}

enum Stage {
    Open,
    /// The request came before and has this reply.
    Repeated(Started),
    Begun(Begun),
    Finished,
}

struct Begun {
    conversation: String,
    /// Of the fact that asked for the reply.
    number: u64,
    pieces: u64,
    /// JSON bytes in the pieces.
    bytes: usize,
    heard: Heard,
    /// What the bell was like, and when it last changed.
    bell: Option<Vec<u8>>,
    rung: Option<u64>,
    /// Whether it is to end; once said, it stays so.
    stopped: bool,
    /// The model that was asked, and the one that answers where that is another.
    asked: String,
    served: Option<String>,
}

/// When others last heard of a turn, by both clocks: one may be set, the other may stand still
/// while the machine sleeps.
struct Heard {
    now: u64,
    monotonic: u64,
}

/// What has become of a request.
#[derive(Debug)]
pub(crate) enum Beginning {
    Started(Started),
    Repeated(Started),
}

/// What the writer of a reply should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) followed: bool,
    pub(crate) stopped: bool,
}

impl<P: Platform> Exchange<P> {
    /// Reads what is needed to ask a model.
    pub(crate) async fn open(
        journal: Journal<P>,
        conversation: Option<&str>,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let conversation = conversation.map(ids::conversation_id).transpose()?;
        let may_begin = conversation.is_none();
        Self::read(journal, conversation, may_begin, request).await
    }

    async fn read(
        journal: Journal<P>,
        conversation: Option<String>,
        may_begin: bool,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let view = reading::read(&journal).await?;
        let mut exchange = Self {
            journal,
            view,
            conversation,
            may_begin,
            again: None,
            instead: None,
            name: None,
            request,
            sealed: Vec::new(),
            stage: Stage::Open,
        };
        if let Some(started) = exchange.known().await? {
            exchange.stage = Stage::Repeated(started);
            return Ok(exchange);
        }
        match exchange.current() {
            Some(found) if found.segments > 0 => {
                let (place, segments) = (found.place(), found.segments);
                let sealed = segments::sealed_turns(&exchange.journal, &place, segments);
                exchange.sealed = sealed.await?;
            }
            None if !exchange.may_begin => return Err(Error::NotFound),
            Some(_) | None => {}
        }
        Ok(exchange)
    }

    /// The same, to answer the conversation's last message once more.
    pub(crate) async fn open_again(
        journal: Journal<P>,
        conversation: &str,
        request: Option<Request>,
    ) -> Result<Self, Error> {
        let mut exchange = Self::open(journal, Some(conversation), request).await?;
        if matches!(exchange.stage, Stage::Repeated(_)) {
            return Ok(exchange);
        }
        let turns = exchange.current().map_or(&[][..], |found| &found.turns);
        if turns.iter().any(|turn| turn.reply.is_none()) {
            return Err(under_way());
        }
        let last = turns.last().cloned();
        exchange.again = Some(last.ok_or_else(|| {
            Error::Conflict("This conversation has no reply that can be replaced.".to_owned())
        })?);
        Ok(exchange)
    }

    /// The reply that this request has already.
    pub(crate) fn repeats(&self) -> Option<&Started> {
        match &self.stage {
            Stage::Repeated(started) => Some(started),
            Stage::Open | Stage::Begun(_) | Stage::Finished => None,
        }
    }

    /// The turns before the one that is to be answered.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Turn> {
        let own = match (self.again.as_ref().or(self.instead.as_ref()), &self.stage) {
            (Some(turn), _) => turn.number,
            (None, Stage::Begun(begun)) => begun.number,
            (None, Stage::Open | Stage::Repeated(_) | Stage::Finished) => u64::MAX,
        };
        let inline = self.current().into_iter().flat_map(|found| &found.turns);
        self.sealed
            .iter()
            .chain(inline)
            .filter(move |turn| turn.number < own)
    }

    /// The message that is to be answered once more.
    pub(crate) fn question(&self) -> Option<&str> {
        self.again.as_ref().map(|turn| turn.text.as_str())
    }

    /// The model asked last.
    pub(crate) fn model(&self) -> Option<&str> {
        self.current().map(|found| found.model.as_str())
    }

    pub(crate) fn preferences(&self) -> &Preferences {
        &self.view.state.preferences
    }

    /// Stores the user's message, or the wish for another reply to the last one. `limit` is how many
    /// conversations the user may have.
    pub(crate) async fn begin(
        &mut self,
        message: String,
        model: String,
        limit: u32,
    ) -> Result<Beginning, Error> {
        if !matches!(self.stage, Stage::Open) {
            return Err(Error::Invalid("the turn has begun already".to_owned()));
        }
        let conversation = self.conversation.clone().unwrap_or_else(ids::new_id);
        let reply = ids::new_id();
        let heard = self.hear();
        let fact = match &self.again {
            Some(turn) => {
                validate_model(&model)?;
                Fact::Again(Again {
                    conversation: conversation.clone(),
                    drops: turn.reply_id.clone(),
                    reply: reply.clone(),
                    time: heard.now,
                    model,
                    request: self.request.clone(),
                })
            }
            None => {
                validate_message(&message)?;
                validate_model(&model)?;
                let is_new = self.may_begin && self.current().is_none();
                let begins = is_new.then(|| self.view.state.begins(limit));
                Fact::Message(Message {
                    conversation: conversation.clone(),
                    id: ids::new_id(),
                    reply: reply.clone(),
                    time: heard.now,
                    model,
                    text: message,
                    begins,
                    name: self.name.clone(),
                    replaces: self.instead.as_ref().map(|turn| turn.id.clone()),
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
            return self.refused().await;
        };
        let started = Started::of(found, turn);
        let asked = turn.model.clone();
        self.conversation = Some(conversation.clone());
        self.stage = Stage::Begun(Begun {
            conversation,
            number,
            pieces: 0,
            bytes: 0,
            heard,
            bell: None,
            rung: None,
            stopped: false,
            asked,
            served: None,
        });
        Ok(Beginning::Started(started))
    }

    /// Finds out why the fact that began this turn changed nothing. Its text must not stay behind.
    async fn refused(&mut self) -> Result<Beginning, Error> {
        self.stage = Stage::Finished;
        erasing::write_snapshot(&self.journal, &mut self.view, Vec::new()).await?;
        if let Some(started) = self.known().await? {
            // Both came at once, and the other one was first.
            self.stage = Stage::Repeated(started.clone());
            return Ok(Beginning::Repeated(started));
        }
        // The conversation was removed since the turn was opened, or went on.
        let concerns_last = self.again.is_some() || self.instead.is_some();
        if concerns_last && self.current().is_some() {
            return Err(under_way());
        }
        Err(Error::NotFound)
    }

    /// The reply of the request that came before under the same name.
    async fn known(&self) -> Result<Option<Started>, Error> {
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
        let conversation = state.conversation(&known.conversation);
        Ok(conversation.map(|found| Started {
            conversation: found.id.clone(),
            reply: known.reply.clone(),
            title: found.title.clone(),
        }))
    }

    /// Stores some of the reply, or, without any text, a sign of life.
    pub(crate) async fn append(&mut self, pieces: &[String]) -> Result<(), Error> {
        let heard = self.hear();
        let Stage::Begun(begun) = &mut self.stage else {
            return Err(Error::Invalid("the turn is not under way".to_owned()));
        };
        let platform = self.journal.platform();
        let all = pieces.concat();
        let room = text::REPLY_MAX.saturating_sub(begun.bytes);
        let text = text::fitting(&all, room);
        let lengths = pieces.iter().map(|piece| text::length(piece));
        let value = serde_json::to_vec(&Piece {
            time: heard.now,
            text: text.to_owned(),
            lengths: text::fitting_lengths(lengths, text.len()),
        });
        let value = value.unwrap_or_default();
        let key = ids::piece_key(&self.journal, begun.number, begun.pieces);
        // The same value every time: whoever reads along may have it already.
        for attempt in 1..=APPEND_ATTEMPTS {
            match platform.set(&key, &value).await {
                Ok(()) => break,
                Err(error) if attempt == APPEND_ATTEMPTS => return Err(error.into()),
                Err(_) => platform.sleep(APPEND_PAUSE).await,
            }
        }
        begun.pieces = begun.pieces.saturating_add(1);
        // What did not fit is not followed by what would.
        begun.bytes = if text.len() < all.len() {
            text::REPLY_MAX
        } else {
            begun.bytes.saturating_add(text::json_len(text))
        };
        begun.heard = heard;
        Ok(())
    }

    /// Looks whether anybody rang, and if so, whether the journal has news for this turn.
    pub(crate) async fn heed(&mut self) -> Result<Notice, Error> {
        let Stage::Begun(begun) = &mut self.stage else {
            return Err(Error::Invalid("the turn is not under way".to_owned()));
        };
        let key = ids::bell_key(&self.journal, begun.number);
        let platform = self.journal.platform();
        let bell = platform.get(&key).await?;
        let now = platform.monotonic();
        if bell != begun.bell {
            self.journal.catch_up(&mut self.view).await?;
            let turn = self.view.state.turn(&begun.conversation, begun.number);
            begun.stopped |= turn.is_none_or(|turn| turn.stopped.is_some());
            begun.bell = bell;
            begun.rung = Some(now);
        }
        let since = begun.rung.map(|rung| now.saturating_sub(rung));
        Ok(Notice {
            followed: since.is_some_and(|since| since < FOLLOWED_FOR),
            stopped: begun.stopped,
        })
    }

    /// Takes note of who answers; of none but names that a model may have.
    pub(crate) fn answered_by(&mut self, model: String) {
        if let Stage::Begun(begun) = &mut self.stage
            && validate_model(&model).is_ok()
        {
            begun.served = (begun.asked != model).then_some(model);
        }
    }

    /// Stores the end of the reply, with all of it and the lengths of its pieces.
    pub(crate) async fn finish(
        &mut self,
        outcome: Outcome,
        content: &str,
        pieces: Vec<u32>,
        usage: Option<Usage>,
    ) -> Result<(), Error> {
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
            lengths: text::bounded(text::fitting_lengths(pieces, text.len())),
            usage,
            model: begun.served.clone(),
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
        let silent = platform.now().saturating_sub(begun.heard.now);
        let waited = platform.monotonic().saturating_sub(begun.heard.monotonic);
        if silent.max(waited) < MAYBE_OVERDUE {
            return Ok(false);
        }
        let key = ids::reply_key(&self.journal, begun.number);
        Ok(platform.get(&key).await?.is_some())
    }

    fn is_gone(&self, begun: &Begun) -> bool {
        let Some(found) = self.view.state.conversation(&begun.conversation) else {
            return true;
        };
        if found
            .turns
            .iter()
            .any(|turn| turn.reply_number() == begun.number)
        {
            return false;
        }
        // A turn with an end may have been sealed by others.
        let inline = found.turns.first().map_or(u64::MAX, |turn| turn.number);
        let is_sealed = found.sealed > 0 && (found.begun..inline).contains(&begun.number);
        !is_sealed
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

    fn hear(&self) -> Heard {
        let platform = self.journal.platform();
        Heard {
            now: platform.now(),
            monotonic: platform.monotonic(),
        }
    }

    fn current(&self) -> Option<&Conversation> {
        self.view.state.conversation(self.conversation.as_deref()?)
    }
}

fn under_way() -> Error {
    Error::Conflict("A reply is under way in this conversation.".to_owned())
}

fn validate_message(message: &str) -> Result<(), Error> {
    if (1..=text::MESSAGE_CHARS_MAX).contains(&message.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid("message: 1 to 10000 characters".to_owned()))
}

fn validate_model(model: &str) -> Result<(), Error> {
    if (1..=MODEL_CHARS_MAX).contains(&model.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid("model: 1 to 200 characters".to_owned()))
}

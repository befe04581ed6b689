//! Reading a reply along with the one who writes it: the contract's `replies.reader`.

use journal::{Journal, Platform};

use crate::archive;
use crate::entries::{End, Failure, Outcome, Usage};
use crate::error::Error;
use crate::ids;
use crate::reading::{self, Due};
use crate::recovery;
use crate::segments;
use crate::state::{Conversation, State, Turn, all_turns};
use crate::stop;

/// A writer that has not responded to notifications for this long (milliseconds of the reader's own clock) is
/// dead. A running one responds within half a second, and one that was suspended reads the journal before it
/// writes the end (see the `turn` module).
pub(crate) const DEAD_AFTER: u64 = 15_000;

/// How many notifications in a row have no response before that: the reader itself may have been suspended during one.
const UNANSWERED_MAX: u32 = 3;

/// The time between two notifications of a reader, by which the writer knows that there is one (milliseconds).
const NOTIFY_INTERVAL: u64 = 4_000;

/// How often a reader looks for more.
const LOOK_EVERY: u64 = 100;

/// How many archived conversations are read at once when a reply is looked for by its id alone.
const SEARCHED_AT_ONCE: usize = 64;

/// How often they are read again because the archive changed meanwhile.
const SEARCH_ATTEMPTS: usize = 8;

/// How long one call waits for more.
const PATIENCE: u64 = 900;

/// A reply that is read delta by delta.
pub(crate) struct Reader<P> {
    journal: Journal<P>,
    due: Due,
    pub(crate) started: Started,
    /// The model that was requested, and after the end, the one that responded.
    pub(crate) model: String,
    /// Writes taken in.
    writes: u64,
    /// Deltas taken in, passed over or not, and their bytes.
    taken: u64,
    bytes: usize,
    /// Bytes of reasoning taken in.
    reasoning_bytes: usize,
    /// Deltas that are told after the reasoning that was stored with them.
    held: Vec<String>,
    /// Deltas up to this number are passed over.
    after: u64,
    end: Option<End>,
    /// When the writer was last notified.
    notified_at: Option<u64>,
    /// When the writer last wrote something, or was first notified; and the notifications since.
    writer_seen: Option<u64>,
    unanswered: u32,
}

/// Which reply it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) conversation: String,
    pub(crate) reply: String,
    pub(crate) title: String,
}

impl Started {
    pub(crate) fn of(conversation: &Conversation, turn: &Turn) -> Self {
        Self {
            conversation: conversation.id.clone(),
            reply: turn.reply_id.clone(),
            title: conversation.title.clone(),
        }
    }
}

/// Archived conversations that come before a place in the order of time, the newest first, and the place of the last.
async fn archived_page<P: Platform>(
    journal: &Journal<P>,
    state: &State,
    before: Option<(u64, &str)>,
) -> Result<(Vec<Conversation>, Option<(u64, String)>), journal::Error> {
    let page = archive::map::newest(journal, state, before, SEARCHED_AT_ONCE).await?;
    let names: Vec<String> = page.iter().map(|one| one.content.clone()).collect();
    let conversations = archive::map::contents(journal, &names).await?;
    let last = page.into_iter().next_back();
    Ok((conversations, last.map(|last| (last.updated, last.id))))
}

/// Looks for a reply in the turns that are in the conversations themselves.
fn search(conversations: &[Conversation], reply: &str) -> Option<(Started, Turn)> {
    conversations.iter().find_map(|conversation| {
        let turn = all_turns(&conversation.turns).find(|turn| turn.reply_id == reply)?;
        Some((Started::of(conversation, turn), turn.clone()))
    })
}

/// Looks for a reply in the segments of conversations.
async fn search_segments<P: Platform>(
    journal: &Journal<P>,
    conversations: &[Conversation],
    reply: &str,
) -> Result<Option<(Started, Turn)>, Error> {
    for conversation in conversations.iter().filter(|one| one.segments > 0) {
        let place = conversation.place();
        let sealed = segments::sealed_turns(journal, &place, conversation.segments).await?;
        if let Some(turn) = all_turns(&sealed).find(|turn| turn.reply_id == reply) {
            return Ok(Some((Started::of(conversation, turn), turn.clone())));
        }
    }
    Ok(None)
}

/// What a reader is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReaderEvent {
    Deltas(Vec<String>),
    /// The next part of what the model thinks.
    Reasoning(String),
    End(Outcome, Option<Usage>, Option<Failure>),
}

/// Where a reply stands for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderState {
    Live,
    Unread,
    Read,
}

impl<P: Platform> Reader<P> {
    /// Finds a reply by its id, or the one under way, or else the last one.
    pub(crate) async fn open(
        journal: Journal<P>,
        conversation: &str,
        reply: Option<&str>,
        after: u64,
    ) -> Result<Self, Error> {
        let id = ids::conversation_id(conversation)?;
        let mut view = recovery::read(&journal).await?;
        let mut archived = archive::look_up(&journal, &mut view, &id).await?;
        let conversations = &mut view.state.conversations;
        let one = conversations.iter_mut().find(|one| one.id == id);
        let conversation = one.or(archived.as_mut()).ok_or(Error::NotFound)?;
        let turns = std::mem::take(&mut conversation.turns);
        let mut turn = match reply {
            Some(reply) => all_turns(&turns)
                .find(|turn| turn.reply_id == reply)
                .cloned(),
            None => {
                let running = all_turns(&turns).filter(|turn| turn.reply.is_none());
                let running = running.max_by_key(|turn| turn.reply_number());
                running.or(turns.last()).cloned()
            }
        };
        if turn.is_none() && conversation.segments > 0 {
            let sealed =
                segments::sealed_turns(&journal, &conversation.place(), conversation.segments)
                    .await?;
            turn = match reply {
                Some(reply) => all_turns(&sealed)
                    .find(|turn| turn.reply_id == reply)
                    .cloned(),
                None => sealed.into_iter().next_back(),
            };
        }
        let turn = turn.ok_or(Error::NotFound)?;
        let started = Started::of(conversation, &turn);
        Self::of(journal, started, turn, after).await
    }

    /// Finds a reply by its id in all conversations. There is no index of replies: the turns in the state are looked
    /// through first, then the older turns of these conversations, then the archive, the newest conversations first. A
    /// reply that does not exist costs one read for each archived conversation and each segment of older turns.
    pub(crate) async fn find(journal: Journal<P>, reply: &str, after: u64) -> Result<Self, Error> {
        let mut view = recovery::read(&journal).await?;
        let mut conversations = view.state.conversations.clone();
        let mut last: Option<(u64, String)> = None;
        let mut attempts = 0;
        loop {
            let found = match search(&conversations, reply) {
                Some(found) => Some(found),
                None => search_segments(&journal, &conversations, reply).await?,
            };
            if let Some((started, turn)) = found {
                return Self::of(journal, started, turn, after).await;
            }
            conversations = loop {
                let before = last.as_ref().map(|(updated, id)| (*updated, id.as_str()));
                match archived_page(&journal, &view.state, before).await {
                    Ok((_, None)) => return Err(Error::NotFound),
                    Ok((page, at)) => {
                        last = at;
                        break page;
                    }
                    Err(journal::Error::Erased) if attempts < SEARCH_ATTEMPTS => {
                        attempts += 1;
                        archive::refresh(&journal, &mut view).await?;
                    }
                    Err(error) => return Err(error.into()),
                }
            };
        }
    }

    async fn of(
        journal: Journal<P>,
        started: Started,
        turn: Turn,
        after: u64,
    ) -> Result<Self, Error> {
        let due = Due::of(&turn);
        let end = match &turn.reply {
            Some(reply) => Some(ended(&journal, &due, reply).await?),
            None => None,
        };
        Ok(Self {
            journal,
            due,
            started,
            model: turn.model,
            writes: 0,
            taken: 0,
            bytes: 0,
            reasoning_bytes: 0,
            held: Vec::new(),
            after,
            end,
            notified_at: None,
            writer_seen: None,
            unanswered: 0,
        })
    }

    pub(crate) fn state(&self) -> ReaderState {
        let Some(end) = &self.end else {
            return ReaderState::Live;
        };
        let known = u64::try_from(end.lengths.len()).unwrap_or(u64::MAX);
        let deltas = if known > 0 {
            known
        } else {
            u64::from(!end.text.is_empty())
        };
        if self.after < deltas {
            ReaderState::Unread
        } else {
            ReaderState::Read
        }
    }

    /// What comes next; no deltas if nothing comes for a while.
    pub(crate) async fn next(&mut self) -> Result<ReaderEvent, Error> {
        let begun = self.now();
        if !self.held.is_empty() {
            return Ok(ReaderEvent::Deltas(std::mem::take(&mut self.held)));
        }
        loop {
            if let Some(end) = self.end.take() {
                if let Some(reasoning) = self.rest_of_reasoning(&end) {
                    self.end = Some(end);
                    return Ok(ReaderEvent::Reasoning(reasoning));
                }
                let rest = self.rest(&end);
                if let Some(model) = end.model.as_ref().filter(|_| rest.is_empty()) {
                    self.model.clone_from(model);
                }
                let event = if rest.is_empty() {
                    ReaderEvent::End(end.outcome, end.usage, end.failure.clone())
                } else {
                    ReaderEvent::Deltas(rest)
                };
                self.end = Some(end);
                return Ok(event);
            }
            let (reasoning, deltas) = self.look().await?;
            if !reasoning.is_empty() {
                self.held = deltas;
                return Ok(ReaderEvent::Reasoning(reasoning));
            }
            if !deltas.is_empty() {
                return Ok(ReaderEvent::Deltas(deltas));
            }
            self.end = reading::end(&self.journal, &self.due).await?;
            if self.end.is_some() {
                continue;
            }
            if self.is_dead() {
                self.end = Some(reading::end_dead(&self.journal, &self.due).await?);
                continue;
            }
            self.notify().await?;
            if self.now().saturating_sub(begun) >= PATIENCE {
                return Ok(ReaderEvent::Deltas(Vec::new()));
            }
            self.journal.platform().sleep(LOOK_EVERY).await;
        }
    }

    /// Takes in what was written since the last look.
    async fn look(&mut self) -> Result<(String, Vec<String>), Error> {
        let written = reading::pieces_from(&self.journal, &self.due, self.writes).await?;
        if !written.is_empty() {
            self.writer_seen = Some(self.now());
            self.unanswered = 0;
        }
        let mut deltas = Vec::new();
        let mut reasoning = String::new();
        for delta in written {
            reasoning.push_str(&delta.reasoning);
            self.writes = self.writes.saturating_add(1);
            self.bytes = self.bytes.saturating_add(delta.text.len());
            self.take(cut(&delta.text, &delta.lengths), &mut deltas);
        }
        self.reasoning_bytes = self.reasoning_bytes.saturating_add(reasoning.len());
        Ok((reasoning, deltas))
    }

    /// The reasoning that the end has beyond that.
    fn rest_of_reasoning(&mut self, end: &End) -> Option<String> {
        let whole = end.reasoning.text();
        let rest = whole.get(self.reasoning_bytes..)?;
        self.reasoning_bytes = whole.len();
        (!rest.is_empty()).then(|| rest.to_owned())
    }

    /// Takes in what the end has beyond that.
    fn rest(&mut self, end: &End) -> Vec<String> {
        let mut deltas = Vec::new();
        let taken = usize::try_from(self.taken).unwrap_or(usize::MAX);
        let text = end.text.get(self.bytes..).unwrap_or_default();
        let lengths = end.lengths.get(taken..).unwrap_or_default();
        self.bytes = self.bytes.max(end.text.len());
        self.take(cut(text, lengths), &mut deltas);
        deltas
    }

    fn take(&mut self, new: Vec<String>, to: &mut Vec<String>) {
        for delta in new {
            self.taken = self.taken.saturating_add(1);
            if self.taken > self.after {
                to.push(delta);
            }
        }
    }

    /// Notifies the writer if it is time to.
    async fn notify(&mut self) -> Result<(), Error> {
        let since = self.notified_at.map(|at| self.now().saturating_sub(at));
        if since.is_none_or(|since| since >= NOTIFY_INTERVAL) {
            stop::notify(&self.journal, self.due.number).await?;
            let now = self.now();
            self.notified_at = Some(now);
            self.writer_seen.get_or_insert(now);
            self.unanswered = self.unanswered.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the writer has written nothing though it was notified again and again. Call it after [`Self::look`].
    fn is_dead(&self) -> bool {
        let silent = self.writer_seen.map(|at| self.now().saturating_sub(at));
        self.unanswered >= UNANSWERED_MAX && silent.is_some_and(|silent| silent > DEAD_AFTER)
    }

    fn now(&self) -> u64 {
        self.journal.platform().monotonic()
    }
}

/// The end of a reply that has one: as its writer stored it, or as far as the conversation has it.
async fn ended<P: Platform>(
    journal: &Journal<P>,
    due: &Due,
    reply: &crate::state::Reply,
) -> Result<End, Error> {
    let stored = reading::end(journal, due).await?;
    Ok(stored.filter(|end| end.text == reply.text).unwrap_or(End {
        time: reply.time,
        outcome: reply.outcome,
        text: reply.text.clone(),
        deltas: 0,
        lengths: Vec::new(),
        usage: None,
        reasoning: reply.reasoning.clone(),
        failure: reply.failure.clone(),
        model: None,
    }))
}

/// A text in deltas of these lengths; what they do not cover is a delta of its own.
fn cut(text: &str, lengths: &[u32]) -> Vec<String> {
    let mut deltas = Vec::with_capacity(lengths.len());
    let mut rest = text;
    for length in lengths {
        let at = usize::try_from(*length).unwrap_or(usize::MAX);
        let Some((delta, more)) = rest.split_at_checked(at) else {
            break;
        };
        deltas.push(delta.to_owned());
        rest = more;
    }
    if !rest.is_empty() {
        deltas.push(rest.to_owned());
    }
    deltas
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn texts_are_cut_where_they_can_be() {
        assert_eq!(cut("aéb", &[1, 2, 1]), ["a", "é", "b"]);
        assert_eq!(cut("aéb", &[1]), ["a", "éb"]);
        assert_eq!(cut("aéb", &[2, 2]), ["aéb"]);
        assert_eq!(cut("ab", &[1, 7]), ["a", "b"]);
        assert!(cut("", &[]).is_empty());
        assert_eq!(cut("a", &[1, 0]), ["a", ""]);
    }
}

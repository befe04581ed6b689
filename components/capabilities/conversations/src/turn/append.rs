//! Deltas of a reply on their way to the store.

use journal::Platform;

use super::confirm;
use super::pace::Pace;
use super::{Instant, ReplyDelta, Stage, TurnWriter, Writing};
use crate::entries::Delta;
use crate::error::Error;
use crate::state::EvictedTitle;
use crate::{ids, text};

/// What the caller of [`TurnWriter::append`] does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// Call again after this many milliseconds at the latest,
    pub(crate) resume_after_ms: u64,
    /// or when this many bytes of deltas have received.
    pub(crate) resume_after_bytes: usize,
    /// Present when the reply has to end now.
    pub(crate) stop: Option<StopReason>,
    /// A failure of the store, for the log.
    pub(crate) warning: Option<String>,
    /// The conversations that were evicted since the last call.
    pub(crate) evicted: Vec<EvictedTitle>,
}

/// Why a reply has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The user stopped it, or its conversation was deleted.
    Cancelled,
    /// No more of it can be stored.
    TooLong,
}

impl Directive {
    pub(super) fn of(pace: &Pace, now: u64) -> Self {
        let (resume_after_ms, resume_after_bytes) = pace.resume_after(now, 0);
        Self {
            resume_after_ms,
            resume_after_bytes,
            stop: None,
            warning: None,
            evicted: Vec::new(),
        }
    }
}

impl<P: Platform> TurnWriter<P> {
    /// Takes in deltas, none at times, and stores them, or a heartbeat, when that is due. Looks for
    /// signals of readers and of those who cancel the reply.
    pub(crate) async fn append(&mut self, deltas: Vec<ReplyDelta>) -> Directive {
        let Stage::Writing(writing) = &mut self.stage else {
            return Directive {
                resume_after_ms: u64::MAX,
                resume_after_bytes: usize::MAX,
                stop: Some(StopReason::Cancelled),
                warning: Some("append outside of a turn".to_owned()),
                evicted: Vec::new(),
            };
        };
        let now = self.journal.platform().monotonic();
        writing.push(deltas);
        let pending_bytes = writing.pending_bytes();
        writing.pace.called(now, pending_bytes > 0);
        let is_store_due = writing.pace.is_store_due(now, pending_bytes);
        let has_text = writing.text.pending_bytes() > 0;
        let is_first_word = has_text && writing.awaits_first_word.is_some();
        if writing.pace.is_poll_due(now) {
            // A failure is not reported: the next poll comes soon.
            let _ = self.poll_signal().await;
        }
        let mut warning = None;
        if (is_store_due || is_first_word) && !self.is_cancelled() {
            warning = self.store_chunk().await.err().map(describe);
            if let Stage::Writing(writing) = &mut self.stage
                && writing.text.has_stored()
                && warning.is_none()
            {
                let confirmed = confirm::first_word(&self.journal, &mut self.view, writing).await;
                warning = confirmed.err().map(describe);
            }
        }
        self.directive(warning)
    }

    fn is_cancelled(&self) -> bool {
        matches!(&self.stage, Stage::Writing(writing) if writing.cancelled)
    }

    fn directive(&mut self, warning: Option<String>) -> Directive {
        let Stage::Writing(writing) = &mut self.stage else {
            return Directive::of(&Pace::new(0), 0);
        };
        let now = self.journal.platform().monotonic();
        let pending_bytes = writing.pending_bytes();
        let (resume_after_ms, resume_after_bytes) = writing.pace.resume_after(now, pending_bytes);
        Directive {
            resume_after_ms,
            resume_after_bytes,
            stop: if writing.cancelled {
                Some(StopReason::Cancelled)
            } else {
                writing.text.is_full().then_some(StopReason::TooLong)
            },
            warning,
            evicted: std::mem::take(&mut writing.evicted),
        }
    }

    /// Stores what has arrived since the last chunk; without any text, a heartbeat.
    pub(crate) async fn store_chunk(&mut self) -> Result<(), Error> {
        let Stage::Writing(writing) = &mut self.stage else {
            return Err(super::not_writing());
        };
        let platform = self.journal.platform();
        let at = Instant::of(platform);
        // Also after a failure: the retry is paced like any other write.
        writing.pace.stored(at.monotonic);
        if let Some(value) = writing.unconfirmed.take() {
            let key = ids::piece_key(&self.journal, writing.number, writing.chunks);
            if let Err(error) = platform.set(&key, &value).await {
                writing.unconfirmed = Some(value);
                return Err(error.into());
            }
            writing.chunks = writing.chunks.saturating_add(1);
            writing.stored_at = at;
        }
        let (text, lengths) = writing.text.pending();
        let value = serde_json::to_vec(&Delta {
            time: at.now,
            text: text.to_owned(),
            lengths: text::fitting_lengths(lengths.iter().copied(), text.len()),
            reasoning: writing.reasoning.take_pending(),
        });
        let value = value.map_err(|_| Error::Unavailable("chunk cannot be encoded".to_owned()))?;
        writing.text.mark_stored();
        let key = ids::piece_key(&self.journal, writing.number, writing.chunks);
        if let Err(error) = platform.set(&key, &value).await {
            writing.unconfirmed = Some(value);
            return Err(error.into());
        }
        writing.chunks = writing.chunks.saturating_add(1);
        writing.stored_at = at;
        Ok(())
    }

    /// Reads the signal key; if it has changed, reads the journal for a cancellation.
    async fn poll_signal(&mut self) -> Result<(), Error> {
        let Stage::Writing(writing) = &mut self.stage else {
            return Ok(());
        };
        let platform = self.journal.platform();
        writing.pace.polled(platform.monotonic());
        let key = ids::notification_key(&self.journal, writing.number);
        let signal = platform.get(&key).await?;
        if signal == writing.signal {
            return Ok(());
        }
        self.journal.catch_up(&mut self.view).await?;
        writing.pace.signalled(platform.monotonic());
        writing.signal = signal;
        writing.cancelled |= is_cancelled(&self.view.state, writing);
        Ok(())
    }
}

fn is_cancelled(state: &crate::state::State, writing: &Writing) -> bool {
    let turn = state.turn(&writing.conversation, writing.number);
    turn.is_none_or(|turn| turn.stopped.is_some())
}

fn describe(error: Error) -> String {
    match error {
        Error::NotFound => "not found".to_owned(),
        Error::Invalid(text) | Error::Conflict(text) | Error::Unavailable(text) => text,
    }
}

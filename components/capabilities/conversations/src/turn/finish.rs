//! Finishing a turn: storing the end of the reply.

use journal::Platform;

use super::begin::validate_model;
use super::confirm;
use super::{ReplyDelta, Stage, TurnWriter, Writing, not_writing};
use crate::entries::{End, Failure, Outcome, Usage};
use crate::error::Error;
use crate::state::{EvictedTitle, all_turns};
use crate::{archive, erasure, ids, reading, text};

/// After this much silence (milliseconds) a writer checks whether its reply was given up before it
/// writes the end: sooner than anybody gives it up, so that clocks may differ.
const MAYBE_OVERDUE: u64 = 5_000;

/// Longest code and longest sentence of a failure, in bytes of their JSON form.
const FAILURE_MAX: usize = 500;

impl<P: Platform> TurnWriter<P> {
    /// Notes which model of which provider replies. Anything that cannot be a model's id is ignored.
    pub(crate) fn resolve_model(&mut self, provider: String, model: String) {
        if let Stage::Writing(writing) = &mut self.stage
            && validate_model(&model).is_ok()
        {
            writing.resolved_model = (writing.requested_model != model).then_some(model);
            writing.provider = Some(provider);
        }
    }

    /// Notes why the reply fails, which is stored with an `incomplete` end. Long texts are cut.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if let Stage::Writing(writing) = &mut self.stage {
            writing.failure = Some(Failure {
                code: text::fitting(&failure.code, FAILURE_MAX).to_owned(),
                message: text::fitting(&failure.message, FAILURE_MAX).to_owned(),
            });
        }
    }

    /// Stores the end of the reply, and returns what was evicted for it. Of the reply, `deltas` are the last.
    pub(crate) async fn finish(
        &mut self,
        outcome: Outcome,
        deltas: Vec<ReplyDelta>,
        usage: Option<Usage>,
    ) -> Result<Vec<EvictedTitle>, Error> {
        let stage = std::mem::replace(&mut self.stage, Stage::Finished);
        let Stage::Writing(mut writing) = stage else {
            self.stage = stage;
            return Err(not_writing());
        };
        writing.push(deltas);
        let is_cut = writing.text.is_full();
        let (text, lengths) = std::mem::take(&mut writing.text).into_parts();
        // A chunk that may have been stored is erased like one that was.
        let in_doubt = u64::from(writing.unconfirmed.is_some());
        writing.chunks = writing.chunks.saturating_add(in_doubt);
        let outcome = if is_cut { Outcome::Incomplete } else { outcome };
        let end = End {
            time: self.journal.platform().now(),
            outcome,
            text,
            deltas: writing.chunks,
            lengths,
            usage,
            reasoning: std::mem::take(&mut writing.reasoning).into_stored(writing.provider.take()),
            failure: writing
                .failure
                .take()
                .filter(|_| outcome == Outcome::Incomplete),
            model: writing.resolved_model.clone(),
        };
        if self.was_given_up(&writing).await? {
            return Err(Error::Unavailable("the reply was overdue".to_owned()));
        }
        self.journal.catch_up(&mut self.view).await?;
        if self.is_deleted(&writing).await? {
            self.erase(&writing).await?;
            return Err(Error::NotFound);
        }
        let has_words = end.has_words();
        self.store_end(&writing, end).await?;
        if has_words {
            // What fails here is made up for by the next reader.
            let _ = confirm::first_word(&self.journal, &mut self.view, &mut writing).await;
        }
        // Whoever deletes the conversation from now on finds the end and erases it; who deleted it
        // while the end was being written did not. If that cannot be checked now, it is done when
        // the reply would have been overdue.
        let checked = match self.journal.catch_up(&mut self.view).await {
            Ok(()) => self.is_deleted(&writing).await,
            Err(error) => Err(error.into()),
        };
        if let Ok(true) = checked {
            self.erase(&writing).await?;
            return Err(Error::NotFound);
        }
        archive::move_surplus(&self.journal, &mut self.view).await;
        Ok(writing.evicted)
    }

    async fn store_end(&mut self, writing: &Writing, end: End) -> Result<(), Error> {
        let key = ids::reply_key(&self.journal, writing.number);
        let value = reading::encode_end(&end)?;
        // Chunks are erased along with the snapshot, so the end is stored before.
        let mut pairs = vec![(key, value)];
        if writing.chunks > 0 {
            self.journal
                .platform()
                .set_many(std::mem::take(&mut pairs))
                .await?;
        }
        self.view.state.settle(writing.number, &end);
        let now = self.journal.platform().now();
        if !erasure::is_due(&self.view, now) {
            return Ok(self.journal.platform().set_many(pairs).await?);
        }
        let saved = self.save_snapshot(writing.number, pairs.clone()).await;
        if saved.is_err() && !pairs.is_empty() {
            // The reply matters, the snapshot does not.
            self.journal.platform().set_many(pairs).await?;
        }
        Ok(())
    }

    async fn save_snapshot(
        &mut self,
        number: u64,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        reading::resolve(&self.journal, &mut self.view, Some(number)).await?;
        erasure::write_snapshot(&self.journal, &mut self.view, pairs).await
    }

    /// Whether another instance took this writer for dead and stored an end.
    async fn was_given_up(&self, writing: &Writing) -> Result<bool, Error> {
        let platform = self.journal.platform();
        let silence = platform.now().saturating_sub(writing.stored_at.now);
        let waited = platform
            .monotonic()
            .saturating_sub(writing.stored_at.monotonic);
        if silence.max(waited) < MAYBE_OVERDUE {
            return Ok(false);
        }
        let key = ids::reply_key(&self.journal, writing.number);
        Ok(platform.get(&key).await?.is_some())
    }

    async fn is_deleted(&mut self, writing: &Writing) -> Result<bool, Error> {
        let id = &writing.conversation;
        // A reply that has an end may be in the archive.
        let archived = match self.view.state.conversation_or_evicted(id) {
            Some(_) => None,
            None => archive::look_up(&self.journal, &mut self.view, id).await?,
        };
        let known = self.view.state.conversation_or_evicted(id);
        let Some(conversation) = known.or(archived.as_ref()) else {
            return Ok(true);
        };
        if all_turns(&conversation.turns).any(|turn| turn.reply_number() == writing.number) {
            return Ok(false);
        }
        // A turn with an end may have been sealed by others.
        let inline = conversation
            .turns
            .first()
            .map_or(u64::MAX, |turn| turn.number);
        let is_sealed =
            conversation.sealed > 0 && (conversation.begun..inline).contains(&writing.number);
        Ok(!is_sealed)
    }

    /// Erases a reply whose conversation was deleted.
    async fn erase(&self, writing: &Writing) -> Result<(), Error> {
        let platform = self.journal.platform();
        let key = ids::reply_key(&self.journal, writing.number);
        platform.set(&key, &[]).await?;
        let chunks = (0..writing.chunks).map(|k| ids::piece_key(&self.journal, writing.number, k));
        let chunks: Vec<String> = chunks.collect();
        for batch in chunks.chunks(journal::BATCH_MAX) {
            platform.delete_many(batch.to_vec()).await?;
        }
        Ok(())
    }
}

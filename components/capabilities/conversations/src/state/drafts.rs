//! Conversations without messages.

use serde::{Deserialize, Serialize};

use super::{Conversation, Leftover, State};
use crate::entries::Draft;

/// How many conversations without messages a user may have, where the limit is higher, and how much is in their
/// system prompts (bytes): they are part of the snapshot.
const DRAFTS_MOST: usize = 100;
const DRAFT_BYTES_MOST: usize = 128 * 1024;

/// A draft, and the number of its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drafted {
    number: u64,
    pub(crate) draft: Draft,
}

impl State {
    pub(crate) fn draft(&self, id: &str) -> Option<&Draft> {
        let mut drafts = self.drafts.iter().map(|drafted| &drafted.draft);
        drafts.find(|draft| draft.id == id)
    }

    /// How many of the newest drafts can be kept with this one, itself included.
    pub(crate) fn drafts_beside(&self, new: &Draft) -> u32 {
        let length = |draft: &Draft| draft.system.as_ref().map_or(0, String::len);
        let mut bytes = length(new);
        let newest = self.drafts.iter().rev().take(DRAFTS_MOST - 1);
        let kept = newest.take_while(|drafted| {
            bytes = bytes.saturating_add(length(&drafted.draft));
            bytes <= DRAFT_BYTES_MOST
        });
        u32::try_from(kept.count())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Adds a draft. Beyond the limit, the oldest one is removed.
    pub(super) fn add_draft(&mut self, number: u64, draft: Draft) {
        if self.draft(&draft.id).is_some() || self.conversation_or_evicted(&draft.id).is_some() {
            self.leftovers.push(Leftover::Entry { number });
            return;
        }
        let limit = usize::try_from(draft.limit).unwrap_or(usize::MAX).max(1);
        let excess = self.drafts.len().saturating_add(1).saturating_sub(limit);
        for drafted in self.drafts.drain(..excess) {
            let number = drafted.number;
            self.leftovers.push(Leftover::Entry { number });
        }
        self.drafts.push(Drafted { number, draft });
    }

    /// Takes the draft that its first message begins.
    pub(super) fn take_draft(&mut self, id: &str) -> Option<Drafted> {
        let at = self
            .drafts
            .iter()
            .position(|drafted| drafted.draft.id == id)?;
        Some(self.drafts.remove(at))
    }

    pub(super) fn remove_draft(&mut self, id: &str) {
        if let Some(Drafted { number, .. }) = self.take_draft(id) {
            self.leftovers.push(Leftover::Entry { number });
        }
    }

    pub(super) fn remove_drafts(&mut self) {
        let drafts = std::mem::take(&mut self.drafts).into_iter();
        let entries = drafts.map(|drafted| Leftover::Entry {
            number: drafted.number,
        });
        self.leftovers.extend(entries);
    }
}

impl Conversation {
    /// Takes over what its draft says. The entry of the draft is erased with those of its titles.
    pub(super) fn adopt(&mut self, drafted: Drafted) {
        let Drafted { number, draft } = drafted;
        if let Some(title) = draft.title {
            self.title = title;
            self.renamed = true;
        }
        self.system = draft.system;
        self.created = draft.time;
        self.title_entries.push(number);
    }
}

//! Versions of messages. A turn that is another version of an active one is kept with the turns that
//! follow it, so that choosing a version brings these back.

use super::turn::{Turn, all_turns};
use super::{Conversation, State};
use crate::entries::Version;
use crate::error::Error;
use crate::text;

/// How many versions of a turn are kept, the active one included.
pub(crate) const VERSIONS_MAX: usize = 10;

/// How many turns with versions there are at most from the first turn to any other one. The stored
/// JSON nests with them, and a JSON parser's depth is limited.
const NESTING_MAX: usize = 16;

/// What a turn costs besides its texts: ids, times, names. In bytes.
pub(crate) const TURN_OVERHEAD: usize = 300;

/// What an attachment takes besides its name and media type, in bytes of JSON.
const ATTACHMENT_OVERHEAD: usize = 90;

impl Conversation {
    /// What a writer who adds a version of the turn at `at` has to record.
    pub(crate) fn version_at(&self, at: usize, of: &str) -> Result<Version, Error> {
        let Some(active) = self.turns.get(at) else {
            return Err(Error::NotFound);
        };
        if active.versions.is_empty() && nesting(&self.turns) >= NESTING_MAX {
            let why = "Too many messages of this conversation have versions.";
            return Err(Error::Conflict(why.to_owned()));
        }
        let is_last = at.saturating_add(1) == self.turns.len();
        let at_once = active.has_failed();
        let is_worthless = at_once && is_last;
        let mut drops: Vec<String> = Vec::new();
        if is_worthless {
            drops.push(active.reply_id.clone());
        }
        let failed = |version: &&Vec<Turn>| version.iter().all(Turn::has_failed);
        let failed = active.versions.iter().filter(failed);
        drops.extend(failed.filter_map(|version| Some(version.first()?.reply_id.clone())));

        let mut own: Vec<&Vec<Turn>> = active.versions.iter().collect();
        own.retain(|version| !is_dropped(version, &drops));
        own.sort_by_key(|version| version.first().map(Turn::reply_number));
        let kept = VERSIONS_MAX.saturating_sub(if is_worthless { 1 } else { 2 });
        let surplus = own.len().saturating_sub(kept);
        let surplus = own.iter().take(surplus);
        drops.extend(surplus.filter_map(|version| Some(version.first()?.reply_id.clone())));

        let mut all: Vec<&Vec<Turn>> = self.turns.iter().flat_map(|turn| &turn.versions).collect();
        all.retain(|version| !is_dropped(version, &drops));
        all.sort_by_key(|version| version.first().map(Turn::reply_number));
        let mut bytes: usize = all.iter().map(|version| size(version)).sum();
        let most = usize::try_from(self.segment_bytes).unwrap_or(usize::MAX);
        for version in all {
            if bytes <= most {
                break;
            }
            bytes = bytes.saturating_sub(size(version));
            drops.extend(version.first().map(|turn| turn.reply_id.clone()));
        }
        Ok(Version {
            of: of.to_owned(),
            latest: self.latest,
            at_once,
            drops,
        })
    }

    /// Where the active turn with this message or reply is.
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        let mut turns = self.turns.iter();
        turns.position(|turn| turn.id == id || turn.reply_id == id)
    }

    /// Where the active turn is that has a version with this message or reply.
    pub(crate) fn position_of_version(&self, id: &str) -> Option<usize> {
        let has = |turn: &Turn| turn.id == id || turn.reply_id == id;
        self.turns.iter().position(|turn| {
            let mut others = turn.versions.iter().filter_map(|version| version.first());
            has(turn) || others.any(has)
        })
    }

    /// Whether the messages `message` and `active` are versions of one message, at that turn.
    pub(crate) fn has_version(&self, at: usize, message: &str, active: &str) -> bool {
        let Some(turn) = self.turns.get(at) else {
            return false;
        };
        let others = turn.versions.iter().filter_map(|version| version.first());
        let all: Vec<&Turn> = std::iter::once(turn).chain(others).collect();
        let is_message = |id: &str| all.iter().any(|turn| turn.id == id);
        let is_reply = |id: &str| all.iter().any(|turn| turn.reply_id == id);
        is_message(message) && is_message(active) || is_reply(message) && is_reply(active)
    }

    /// Adds a version of the turn at `at` and returns the turns that are dropped for it.
    pub(super) fn add_version(
        &mut self,
        at: usize,
        mut turn: Turn,
        version: &Version,
    ) -> Vec<Turn> {
        let mut dropped = Vec::new();
        for active in &mut self.turns {
            let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut active.versions)
                .into_iter()
                .partition(|other| is_dropped(other, &version.drops));
            active.versions = kept;
            dropped.extend(gone.into_iter().flatten());
        }
        let first = self.turns.first().map(|turn| turn.id.clone());
        if version.at_once {
            let mut replaced = self.turns.split_off(at.min(self.turns.len()));
            if let Some(active) = replaced.first_mut() {
                turn.versions = std::mem::take(&mut active.versions);
            }
            if is_dropped(&replaced, &version.drops) {
                dropped.extend(replaced);
            } else if !replaced.is_empty() {
                turn.versions.push(replaced);
            }
            self.turns.push(turn);
        } else if let Some(active) = self.turns.get_mut(at) {
            turn.pending = true;
            active.versions.push(vec![turn]);
        }
        self.update_title(first.as_deref());
        dropped
    }

    /// Makes the version active whose first turn `is` names, wherever it is.
    pub(super) fn activate(&mut self, is: &dyn Fn(&Turn) -> bool) {
        let first = self.turns.first().map(|turn| turn.id.clone());
        activate(&mut self.turns, is);
        self.update_title(first.as_deref());
    }

    /// Makes a version of an active turn the active one.
    pub(super) fn choose(&mut self, id: &str) {
        let first = self.turns.first().map(|turn| turn.id.clone());
        let Some(at) = self.position_of_version(id) else {
            return;
        };
        let is_active = self
            .turns
            .get(at)
            .is_some_and(|turn| turn.id == id || turn.reply_id == id);
        if !is_active {
            swap(&mut self.turns, at, &|turn| {
                turn.id == id || turn.reply_id == id
            });
        }
        if let Some(turn) = self.turns.get_mut(at) {
            turn.pending = false;
        }
        self.update_title(first.as_deref());
    }

    /// The title follows the first message, unless the user has set one.
    fn update_title(&mut self, before: Option<&str>) {
        let Some(first) = self.turns.first() else {
            return;
        };
        if self.sealed == 0 && !self.renamed && before.is_some_and(|before| before != first.id) {
            self.title = text::title(&first.text);
        }
    }
}

impl State {
    /// Notes what there is to erase of turns that are no more. `successor` is the reply that answers
    /// repetitions of their requests.
    pub(super) fn discard_turns(
        &mut self,
        conversation: &str,
        dropped: &[Turn],
        successor: &str,
        time: u64,
    ) {
        if dropped.is_empty() {
            return;
        }
        self.removed = self.removed.max(time);
        let kept_in = self.conversation_or_evicted(conversation);
        let kept = kept_in.map_or(&[][..], |kept_in| &kept_in.turns);
        let kept: Vec<u64> = all_turns(kept).map(|turn| turn.number).collect();
        for turn in all_turns(dropped) {
            // Several replies may belong to one message.
            if !kept.contains(&turn.number) {
                let number = turn.number;
                self.leftovers.push(super::Leftover::Entry { number });
            }
            self.leftovers.push(turn.reply_leftover(time));
            self.requests.replace(&turn.reply_id, successor);
        }
    }
}

fn is_dropped(version: &[Turn], drops: &[String]) -> bool {
    version
        .first()
        .is_some_and(|turn| drops.contains(&turn.reply_id))
}

fn activate(turns: &mut Vec<Turn>, is: &dyn Fn(&Turn) -> bool) -> bool {
    let here = turns.iter().position(|turn| {
        let mut others = turn.versions.iter().filter_map(|version| version.first());
        others.any(is)
    });
    if let Some(at) = here {
        swap(turns, at, is);
        return true;
    }
    let mut versions = turns.iter_mut().flat_map(|turn| &mut turn.versions);
    versions.any(|version| activate(version, is))
}

/// Exchanges the turns from `at` on for the version whose first turn `is` names. Several replies may belong to
/// one message: then for the one that was active last.
fn swap(turns: &mut Vec<Turn>, at: usize, is: &dyn Fn(&Turn) -> bool) {
    let mut replaced = turns.split_off(at.min(turns.len()));
    let mut versions = match replaced.first_mut() {
        Some(active) => std::mem::take(&mut active.versions),
        None => Vec::new(),
    };
    // What was active is added at the end; what never was is pending.
    let position = |accepts: &dyn Fn(&Turn) -> bool| {
        versions.iter().rposition(|version| {
            version
                .first()
                .is_some_and(|turn| is(turn) && accepts(turn))
        })
    };
    let chosen = position(&|turn| !turn.pending).or_else(|| position(&|_| true));
    let Some(chosen) = chosen else {
        if let Some(active) = replaced.first_mut() {
            active.versions = versions;
        }
        turns.append(&mut replaced);
        return;
    };
    // In order: the last one was active last.
    let mut chosen = versions.remove(chosen);
    versions.push(replaced);
    if let Some(active) = chosen.first_mut() {
        active.versions = versions;
        active.pending = false;
    }
    turns.append(&mut chosen);
}

/// How many turns with versions there are on the way to the turn that has the most before it.
fn nesting(turns: &[Turn]) -> usize {
    let mut deepest = 0_usize;
    for turn in turns.iter().rev() {
        if !turn.versions.is_empty() {
            let others = turn.versions.iter().map(|version| nesting(version));
            deepest = others.fold(deepest, usize::max).saturating_add(1);
        }
    }
    deepest
}

/// What turns cost in the store, in bytes.
pub(crate) fn size(turns: &[Turn]) -> usize {
    let sizes = all_turns(turns).map(|turn| {
        let reply = turn.reply.as_ref().map_or(0, |reply| {
            text::json_len(&reply.text).saturating_add(reply.reasoning.json_len())
        });
        TURN_OVERHEAD
            .saturating_add(text::json_len(&turn.text))
            .saturating_add(reply)
            .saturating_add(attachment_bytes(turn))
    });
    sizes.fold(0, usize::saturating_add)
}

/// How long the attachments of a turn are as JSON.
fn attachment_bytes(turn: &Turn) -> usize {
    let sizes = turn.attachments.iter().map(|attachment| {
        ATTACHMENT_OVERHEAD
            .saturating_add(text::json_len(&attachment.name))
            .saturating_add(attachment.media_type.len())
    });
    sizes.fold(0, usize::saturating_add)
}

//! Older turns of a long conversation leave the snapshot for segments: values that are written
//! once and never change. Where one segment ends and the next begins follows from the turns
//! alone, so whoever seals it writes the same.

use futures::future::try_join_all;
use journal::{Journal, Platform};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids;
use crate::state::{self, Conversation, Leftover, State, Turn, all_turns};

#[derive(Serialize)]
struct SegmentRef<'a> {
    v: u32,
    turns: &'a [Turn],
}

#[derive(Deserialize)]
struct Segment {
    v: u32,
    turns: Vec<Turn>,
}

const VERSION: u32 = 1;

/// Moves full segments out of the state and answers what to write for them, which has to be
/// written before a snapshot of the state is.
pub(crate) fn seal<P: Platform>(journal: &Journal<P>, state: &mut State) -> Vec<(String, Vec<u8>)> {
    let mut pairs = Vec::new();
    let mut dropped = Vec::new();
    for conversation in &mut state.conversations {
        while let Some(count) = full_segment(conversation) {
            let key = ids::segment_key(journal, &conversation.place(), conversation.segments);
            let mut turns: Vec<Turn> = conversation.turns.drain(..count).collect();
            let most = usize::try_from(conversation.segment_bytes).unwrap_or(usize::MAX);
            for turn in &mut turns {
                let versions = turn.versions.iter().map(|version| state::size(version));
                if versions.fold(0, usize::saturating_add) > most {
                    dropped.append(&mut turn.versions);
                }
            }
            let value = serde_json::to_vec(&SegmentRef {
                v: VERSION,
                turns: &turns,
            });
            pairs.push((key, value.unwrap_or_default()));
            conversation.segments = conversation.segments.saturating_add(1);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            conversation.sealed = conversation.sealed.saturating_add(count);
            // What does not fit beside the active version is erased by the next snapshot.
            for turn in dropped.drain(..).flatten() {
                for turn in all_turns(&[turn]) {
                    let is_kept = turns.iter().any(|kept| kept.number == turn.number);
                    if !is_kept {
                        let number = turn.number;
                        state.leftovers.push(Leftover::Entry { number });
                    }
                    let number = turn.reply_number();
                    state.leftovers.push(Leftover::Reply { number });
                }
            }
        }
    }
    pairs
}

/// How many of the oldest turns make a full segment; none while they are too few, or one of them
/// has no end. The last turn is not among them: it may yet get another reply.
fn full_segment(conversation: &Conversation) -> Option<usize> {
    let target = usize::try_from(conversation.segment_bytes).unwrap_or(usize::MAX);
    let mut bytes = 0_usize;
    let (_, settled) = conversation.turns.split_last()?;
    for (at, turn) in settled.iter().enumerate() {
        let turn = std::slice::from_ref(turn);
        if all_turns(turn).any(|turn| turn.reply.is_none()) {
            return None;
        }
        bytes = bytes.saturating_add(state::size(turn));
        if bytes >= target {
            return Some(at.saturating_add(1));
        }
    }
    None
}

/// The turns in a conversation's segments, oldest first; `place` is [`Conversation::place`].
pub(crate) async fn sealed_turns<P: Platform>(
    journal: &Journal<P>,
    place: &str,
    segments: u32,
) -> Result<Vec<Turn>, Error> {
    let keys: Vec<String> = (0..segments)
        .map(|k| ids::segment_key(journal, place, k))
        .collect();
    let values = try_join_all(keys.iter().map(|key| journal.platform().get(key))).await?;
    let mut turns = Vec::new();
    for value in values {
        let segment = value.and_then(|bytes| serde_json::from_slice::<Segment>(&bytes).ok());
        match segment {
            Some(segment) if segment.v == VERSION => turns.extend(segment.turns),
            _ => return Err(Error::Unavailable("a segment cannot be read".to_owned())),
        }
    }
    Ok(turns)
}

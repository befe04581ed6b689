//! Erasing what was removed, and writing snapshots without it.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use journal::{BATCH_MAX, Journal, Platform, View};

use crate::archive::map;
use crate::entries::Entry;
use crate::error::Error;
use crate::ids;
use crate::segments;
use crate::state::{Leftover, State, all_turns, value_names};

/// The bytes a snapshot may have for each entry it takes in; beyond, it waits for more entries,
/// so that what a turn writes stays in proportion to what it adds.
const BYTES_PER_ENTRY: u64 = 32 * 1024;

/// A reader writes a snapshot when it had this much to catch up; otherwise turns do.
const READER_TAIL: u64 = 12;

type Pairs = Vec<(String, Vec<u8>)>;

/// Whether a turn that ends should write a snapshot with it.
pub(crate) fn is_due(view: &View<State>, now: u64) -> bool {
    let bytes = u64::try_from(view.snapshot_bytes()).unwrap_or(u64::MAX);
    view.tail().saturating_mul(BYTES_PER_ENTRY) >= bytes || view.state.has_ready_leftovers(now)
}

/// How long the one who removed something has to erase it (milliseconds), before readers do.
const ERASE_PATIENCE: u64 = 10_000;

/// Writes a snapshot, when a reader found much to catch up or something to erase.
pub(crate) async fn tidy_after_reading<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
) -> Result<(), Error> {
    let now = journal.platform().now();
    if view.state.has_expired(now) {
        journal
            .append(view, &Entry::EvictionsExpired { time: now })
            .await?;
        return write_snapshot(journal, view, Vec::new()).await;
    }
    let forgotten = view.state.has_ready_leftovers(now)
        && now.saturating_sub(view.state.removed) > ERASE_PATIENCE;
    if forgotten || view.tail() >= READER_TAIL {
        write_snapshot(journal, view, Vec::new()).await?;
    }
    Ok(())
}

/// Erases what can be erased and writes a snapshot that no longer knows of it, all of it in the
/// batch that holds `pairs` where possible.
pub(crate) async fn write_snapshot<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
    mut pairs: Pairs,
) -> Result<(), Error> {
    let redacted = erase_leftovers(journal, view).await?;
    write_all(journal, segments::seal(journal, &mut view.state)).await?;
    let replies = |number| {
        vec![
            ids::reply_key(journal, number),
            ids::notification_key(journal, number),
        ]
    };
    journal.erase_settled(view, replies).await?;
    let erased = view.erased();
    view.state.forget_erased(erased);

    pairs.extend(redacted);
    // The snapshot comes last, since it forgets what there was to erase.
    pairs.extend(journal.snapshot(view));
    write_all(journal, pairs).await
}

/// Writes pairs in their order, with as few writes as it takes.
async fn write_all<P: Platform>(journal: &Journal<P>, mut pairs: Pairs) -> Result<(), Error> {
    while !pairs.is_empty() {
        let rest = pairs.split_off(pairs.len().min(BATCH_MAX));
        let batch = std::mem::replace(&mut pairs, rest);
        journal.platform().set_many(batch).await?;
    }
    Ok(())
}

/// Erases the leftovers that are ready, as far as it takes deletes, and answers what to write for
/// the rest.
async fn erase_leftovers<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<State>,
) -> Result<Pairs, Error> {
    let now = journal.platform().now();
    let mut entries = BTreeSet::new();
    let mut replies = BTreeSet::new();
    let mut doomed = Vec::new();
    let mut later = Vec::new();
    let mut archives = Vec::new();
    for leftover in std::mem::take(&mut view.state.leftovers) {
        match leftover {
            Leftover::Entry { number } => {
                entries.insert(number);
            }
            Leftover::Reply { number } => {
                replies.insert(number);
            }
            Leftover::Deltas { number, count } => {
                doomed.extend((0..count).map(|k| ids::piece_key(journal, number, k)));
            }
            Leftover::Running {
                until,
                erased: true,
                ..
            } if until > now => later.push(leftover),
            Leftover::Running { number, until, .. } => {
                if until > now {
                    later.push(Leftover::Running {
                        number,
                        until,
                        erased: true,
                    });
                }
                replies.insert(number);
                let key = |k| ids::piece_key(journal, number, k);
                let deltas = journal::probe(journal.platform(), 0, key).await?;
                let count = u64::try_from(deltas.len()).unwrap_or(0);
                doomed.extend((0..count).map(|k| ids::piece_key(journal, number, k)));
            }
            Leftover::Segments {
                conversation,
                count,
            } => {
                // Segments that cannot be read any more have been erased before, entries first.
                let sealed = segments::sealed_turns(journal, &conversation, count).await;
                for turn in all_turns(&sealed.unwrap_or_default()) {
                    entries.insert(turn.number);
                    replies.insert(turn.reply_number());
                }
                doomed.extend((0..count).map(|k| ids::segment_key(journal, &conversation, k)));
            }
            Leftover::Prepared { until, .. } if until > now => later.push(leftover),
            Leftover::Prepared {
                token,
                contents,
                pages,
                ..
            } => {
                let names = value_names(&token, contents, pages);
                doomed.extend(names.iter().map(|name| map::value_key(journal, name)));
            }
            Leftover::Values { names } => {
                doomed.extend(names.iter().map(|name| map::value_key(journal, name)));
            }
            Leftover::Archive { root, after } => {
                let part = map::part(journal, &root, after.as_deref()).await?;
                for one in &part.conversations {
                    entries.extend(&one.title_entries);
                    entries.extend(&one.archive_entries);
                    let sealed = segments::sealed_turns(journal, &one.place(), one.segments).await;
                    for turn in all_turns(&sealed.unwrap_or_default()).chain(all_turns(&one.turns))
                    {
                        entries.insert(turn.number);
                        replies.insert(turn.reply_number());
                    }
                    let place = one.place();
                    doomed.extend((0..one.segments).map(|k| ids::segment_key(journal, &place, k)));
                }
                let contents = part.contents.iter();
                doomed.extend(contents.map(|name| map::value_key(journal, name)));
                match part.last {
                    Some(last) => later.push(Leftover::Archive {
                        root,
                        after: Some(last),
                    }),
                    None => archives.push(root),
                }
            }
        }
    }
    view.state.leftovers = later;
    let mut pairs = redact(journal, entries, view.erased()).await?;
    let blank = replies.into_iter().filter(|number| *number > view.erased());
    pairs.extend(blank.map(|number| (ids::reply_key(journal, number), Vec::new())));
    // Segments name the entries to redact, so they go after these.
    if !doomed.is_empty() {
        write_all(journal, std::mem::take(&mut pairs)).await?;
    }
    for batch in doomed.chunks(BATCH_MAX) {
        journal.platform().delete_many(batch.to_vec()).await?;
    }
    for root in archives {
        map::delete_pages(journal, &root).await?;
    }
    Ok(pairs)
}

/// What to write over entries so that they keep no text.
async fn redact<P: Platform>(
    journal: &Journal<P>,
    numbers: BTreeSet<u64>,
    erased: u64,
) -> Result<Pairs, Error> {
    let numbers: Vec<u64> = numbers.into_iter().filter(|n| *n > erased).collect();
    let mut pairs = Vec::new();
    for some in numbers.chunks(BATCH_MAX) {
        let entries = some.iter().map(|number| journal.entry::<State>(*number));
        let entries = try_join_all(entries).await?;
        for (number, entry) in some.iter().zip(entries) {
            let Some(entry) = entry else { continue };
            let redacted = entry.clone().redacted();
            if redacted != entry {
                let value = journal.encode_entry::<State>(&redacted)?;
                pairs.push((journal.entry_key(*number), value));
            }
        }
    }
    Ok(pairs)
}

//! Doing the chores that facts left, and writing a snapshot that no longer knows of them.

use credentials::records;
use journal::{BATCH_MAX, Journal, Platform, View};

use crate::account::{Account, Fact};
use crate::claims;
use crate::directory;
use crate::types::Error;

/// Markers that are remembered for erasing them in time; of more, the oldest are left lying.
const MARKERS_MAX: usize = 1_000;

type Pairs = Vec<(String, Vec<u8>)>;

/// Does all that is to be done and writes a snapshot. May be repeated, by several at once.
///
/// # Errors
/// Those of the store, except for the snapshot, which only saves time.
pub(crate) async fn tidy<P: Platform + Clone>(
    journal: &Journal<P>,
    user: &str,
    view: &mut View<Account>,
) -> Result<(), Error> {
    write_markers(journal, view).await?;
    delete_records(journal, view).await?;
    for release in std::mem::take(&mut view.state.chores.releases) {
        claims::release(journal.platform(), &release.index, &release.claim).await?;
    }
    if let Some(listing) = view.state.chores.listing.take() {
        directory::announce(journal.platform(), user, listing).await?;
    }
    erase(journal, view).await?;
    journal.erase_settled(view, |_| Vec::new()).await?;
    if let Some((key, value)) = journal.snapshot(view) {
        let _ = journal.platform().set(&key, &value).await;
    }
    Ok(())
}

/// Refuses the sessions that have ended, and forgets those whose tokens are too old anyway.
async fn write_markers<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Account>,
) -> Result<(), Error> {
    let now = journal.platform().now();
    let markers = &mut view.state.chores.markers;
    let fresh = markers.iter_mut().filter(|marker| !marker.written);
    let mut pairs = Vec::new();
    for marker in fresh {
        marker.written = true;
        let key = records::revoked_session(&marker.session);
        pairs.push((key, records::REVOKED.to_vec()));
    }
    write_all(journal.platform(), pairs).await?;

    let markers = &mut view.state.chores.markers;
    let gone = markers.extract_if(.., |marker| marker.until <= now);
    let keys = gone.flat_map(|marker| {
        let session = marker.session;
        [
            records::revoked_session(&session),
            records::renewed_session(&session),
        ]
    });
    delete_all(journal.platform(), keys.collect()).await?;
    let markers = &mut view.state.chores.markers;
    markers.drain(..markers.len().saturating_sub(MARKERS_MAX));
    Ok(())
}

async fn delete_records<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Account>,
) -> Result<(), Error> {
    let hashes = std::mem::take(&mut view.state.chores.records);
    let uses = std::mem::take(&mut view.state.chores.uses);
    let keys = hashes.iter().map(|hash| records::api_key(hash));
    let uses = uses.iter().map(|id| records::last_used(id));
    delete_all(journal.platform(), keys.chain(uses).collect()).await
}

/// Writes over the entries that speak of what is gone. They keep their numbers, and only the one
/// that ended everything is left to be understood.
async fn erase<P: Platform>(journal: &Journal<P>, view: &mut View<Account>) -> Result<(), Error> {
    let through = std::mem::take(&mut view.state.chores.erase);
    let strays = std::mem::take(&mut view.state.chores.strays);
    let doomed = (view.erased().saturating_add(1)..=through).chain(strays);
    let nothing = journal.encode_entry::<Account>(&Fact::Erased)?;
    let pairs = doomed.map(|number| (journal.entry_key(number), nothing.clone()));
    write_all(journal.platform(), pairs.collect()).await
}

async fn write_all<P: Platform>(platform: &P, mut pairs: Pairs) -> Result<(), Error> {
    while !pairs.is_empty() {
        let rest = pairs.split_off(pairs.len().min(BATCH_MAX));
        let batch = std::mem::replace(&mut pairs, rest);
        platform.set_many(batch).await?;
    }
    Ok(())
}

async fn delete_all<P: Platform>(platform: &P, keys: Vec<String>) -> Result<(), Error> {
    for batch in keys.chunks(BATCH_MAX) {
        platform.delete_many(batch.to_vec()).await?;
    }
    Ok(())
}

//! Storage rules of a user's aggregate, and applying the effects of its events outside of the
//! journal: revocation markers, API key records, claims, the directory, erasing entries.

use credentials::records;
use journal::aggregate::{Pairs, Rules, SnapshotPolicy};
use journal::list::List;
use journal::{Journal, Platform, View};

use crate::account::{Account, DirectoryUpdate, Event};
use crate::types::Error;

/// The journal of the operator's directory.
const DIRECTORY: &str = "identity:d";

/// Maximum number of revocations that are remembered in order to delete their markers. The markers
/// of older ones stay in the store.
const REVOCATIONS_MAX: usize = 1_000;

/// The storage rules of one user's aggregate.
#[derive(Debug, Clone)]
pub(crate) struct AccountRules {
    pub(crate) user: String,
}

impl<P: Platform + Clone> Rules<P> for AccountRules {
    type State = Account;
    type Error = Error;
    const SNAPSHOTS: SnapshotPolicy = SnapshotPolicy {
        min_entries: 1,
        bytes_per_entry: 4 * 1024,
        reader_entries: 12,
        cleanup_patience: 10_000,
    };

    fn cleanup_due(&self, state: &Account, _now: u64) -> Option<u64> {
        let effects = &state.effects;
        effects.is_pending().then_some(effects.changed_at)
    }

    async fn clean_up(
        &self,
        journal: &Journal<P>,
        view: &mut View<Account>,
    ) -> Result<Pairs, Error> {
        write_revocations(journal, view).await?;
        delete_key_records(journal, view).await?;
        let platform = journal.platform();
        for release in std::mem::take(&mut view.state.effects.claim_releases) {
            release
                .name
                .claims(platform)
                .release(&release.claim)
                .await?;
        }
        match view.state.effects.directory_update.take() {
            Some(DirectoryUpdate::Registered) => directory(platform).add(&self.user).await?,
            Some(DirectoryUpdate::Deleted) => directory(platform).remove(&self.user).await?,
            None => {}
        }
        erase_entries(journal, view).await?;
        Ok(Pairs::new())
    }
}

/// The list of registered users.
pub(crate) fn directory<P: Platform + Clone>(platform: &P) -> List<P> {
    List::new(platform.clone(), DIRECTORY)
}

/// Writes a marker for each session that ended, and deletes markers whose tokens have all expired.
async fn write_revocations<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Account>,
) -> Result<(), Error> {
    let platform = journal.platform();
    let now = platform.now();
    let revocations = &mut view.state.effects.revocations;
    let unwritten = revocations
        .iter_mut()
        .filter(|revocation| !revocation.written);
    let mut pairs = Pairs::new();
    for revocation in unwritten {
        revocation.written = true;
        let key = records::revoked_session(&revocation.session);
        pairs.push((key, records::REVOKED.to_vec()));
    }
    journal::set_all(platform, pairs).await?;

    let revocations = &mut view.state.effects.revocations;
    let expired = revocations.extract_if(.., |revocation| revocation.until <= now);
    let keys = expired.flat_map(|revocation| {
        let session = revocation.session;
        [
            records::revoked_session(&session),
            records::renewed_session(&session),
        ]
    });
    let keys: Vec<String> = keys.collect();
    journal::delete_all(platform, &keys).await?;
    let revocations = &mut view.state.effects.revocations;
    revocations.drain(..revocations.len().saturating_sub(REVOCATIONS_MAX));
    Ok(())
}

async fn delete_key_records<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Account>,
) -> Result<(), Error> {
    let hashes = std::mem::take(&mut view.state.effects.key_records);
    let ids = std::mem::take(&mut view.state.effects.key_usage);
    let records = hashes.iter().map(|hash| records::api_key(hash));
    let usage = ids.iter().map(|id| records::last_used(id));
    let keys: Vec<String> = records.chain(usage).collect();
    Ok(journal::delete_all(journal.platform(), &keys).await?)
}

/// Overwrites the entries before a deletion and the late ones after it. They keep their numbers;
/// only the deletion itself stays readable.
async fn erase_entries<P: Platform>(
    journal: &Journal<P>,
    view: &mut View<Account>,
) -> Result<(), Error> {
    let through = std::mem::take(&mut view.state.effects.erase_through);
    let late = std::mem::take(&mut view.state.effects.late_entries);
    let numbers = (view.erased().saturating_add(1)..=through).chain(late);
    let erased = journal.encode_entry::<Account>(&Event::Erased)?;
    let pairs = numbers.map(|number| (journal.entry_key(number), erased.clone()));
    Ok(journal::set_all(journal.platform(), pairs.collect()).await?)
}

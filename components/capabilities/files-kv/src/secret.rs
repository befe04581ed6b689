//! The key that signs URLs, made at first use. Each instance appends a key to a journal, and the first
//! entry is the key: an append returns after all earlier entries were read.

use file_store::Error;
use journal::{Fold, Journal, Platform};
use serde::{Deserialize, Serialize};

use crate::files::failed;
use crate::keys;

/// The key that counts.
#[derive(Default, Serialize, Deserialize)]
struct Agreed(Option<String>);

impl Fold for Agreed {
    const VERSION: u32 = 1;

    type Entry = String;

    fn apply(&mut self, _number: u64, entry: String) {
        self.0.get_or_insert(entry);
    }
}

/// The stored key.
pub(crate) async fn key(platform: impl Platform) -> Result<Vec<u8>, Error> {
    let journal = Journal::new(platform, keys::SECRET);
    let mut view = journal.read::<Agreed>().await.map_err(failed)?;
    if view.state.0.is_none() {
        // 244 random bits.
        let own = format!("{}{}", ids::new_uuid(), ids::new_uuid());
        journal.append(&mut view, &own).await.map_err(failed)?;
    }
    let agreed = view.state.0.map(String::into_bytes);
    agreed.ok_or_else(|| Error::Unavailable("the journal of the signing key is empty".to_owned()))
}

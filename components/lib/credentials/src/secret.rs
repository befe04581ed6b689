//! Generating the master secret at first use, and agreeing on it with other instances. Each instance
//! appends a secret to a journal, and the first entry is the secret. Appending returns when all earlier
//! entries are written, so no later reader sees another first entry.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use journal::{Error, Fold, Journal, Platform};
use serde::{Deserialize, Serialize};

const JOURNAL: &str = "identity:secret";

/// Random bytes in a secret.
const SECRET_BYTES: usize = 32;

/// The secret that counts.
#[derive(Default, Serialize, Deserialize)]
struct Agreed(Option<String>);

impl Fold for Agreed {
    const VERSION: u32 = 1;

    type Entry = String;

    fn apply(&mut self, _number: u64, entry: String) {
        self.0.get_or_insert(entry);
    }
}

/// The stored secret. `own` becomes the secret if there is none yet.
///
/// # Errors
/// Those of the journal. May be retried.
pub async fn agree(platform: impl Platform, own: String) -> Result<String, Error> {
    let journal = Journal::new(platform, JOURNAL);
    let mut view = journal.read::<Agreed>().await?;
    if view.state.0.is_none() {
        journal.append(&mut view, &own).await?;
    }
    view.state.0.ok_or(Error::Corrupt("it has no secret"))
}

/// A random secret, as text.
///
/// # Errors
/// `Error::Store` if the host has no randomness.
pub fn random() -> Result<String, Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::Store(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use journal::testing::{Client, Fault, World};
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Keys;

    /// Starts a client that agrees on a secret, with `own` as its proposal.
    fn start(world: &World, client: Client, own: &str, agreed: &Rc<RefCell<Vec<String>>>) {
        let (own, agreed) = (own.to_owned(), Rc::clone(agreed));
        world.spawn(async move {
            if let Ok(secret) = agree(client, own).await {
                agreed.borrow_mut().push(secret);
            }
        });
    }

    #[test]
    fn random_is_long_enough_and_different() {
        let secret = random().unwrap();
        assert!(Keys::derive(secret.as_bytes()).is_some());
        assert_ne!(secret, random().unwrap());
    }

    #[test]
    fn agree_with_stored_secret_only_reads() {
        let world = World::new(1);
        let first = world.finish(agree(world.client(), "first".to_owned()));
        assert_eq!(first, Some(Ok("first".to_owned())));
        world.take_counts();
        let second = world.finish(agree(world.client(), "second".to_owned()));
        assert_eq!(second, Some(Ok("first".to_owned())));
        let (_, writes) = world.take_counts();
        assert_eq!(writes, 0);
        for key in world.keys() {
            assert!(key.starts_with("identity:"), "{key}");
        }
    }

    proptest! {
        /// All instances that get a secret get the same one, also if others are killed at any step,
        /// and so do later ones.
        #[test]
        fn agree_of_concurrent_instances_is_equal_also_after_faults(
            seed in any::<u64>(),
            latency in 0u64..400,
            deaths in prop::collection::vec(prop::option::of(0u64..12), 1..8),
        ) {
            let world = World::new(seed);
            world.set_latency(latency);
            let agreed = Rc::new(RefCell::new(Vec::new()));
            for (index, death) in deaths.iter().enumerate() {
                let client = match death {
                    Some(after) => world.client().with_fault(*after, Fault::DieBefore),
                    None => world.client(),
                };
                start(&world, client, &format!("secret {index}"), &agreed);
            }
            world.run();
            start(&world, world.client(), "late", &agreed);
            world.run();
            let mut secrets = agreed.take();
            prop_assert!(!secrets.is_empty());
            secrets.dedup();
            prop_assert_eq!(secrets.len(), 1);
        }
    }
}

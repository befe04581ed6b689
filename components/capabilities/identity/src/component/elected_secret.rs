//! The secret that is made at random at first use and kept in the store. See `election`.

use std::time::{Duration, Instant};

use spin_sdk::experimental::wasi::keyvalue::{atomics, store as bucket_store};
use spin_sdk::key_value::Store;

use crate::election::{self, Ballot, SECRET_BYTES};

const STORE: &str = "default";
const DECISION: &str = "identity:secret";
const COUNTER: &str = "identity:secret:candidates";

/// The stored secret; one read once it was made.
///
/// # Errors
/// Says for the log why it cannot be had.
pub(super) async fn get() -> Result<Vec<u8>, String> {
    let store = Store::open(STORE).await.map_err(log_text)?;
    let started = Instant::now();
    election::elect(&StoreBallot { store, started }).await
}

struct StoreBallot {
    store: Store,
    started: Instant,
}

impl Ballot for StoreBallot {
    async fn decision(&self) -> Result<Option<Vec<u8>>, String> {
        self.store.get(DECISION).await.map_err(log_text)
    }

    async fn decide(&self, secret: &[u8]) -> Result<(), String> {
        self.store.set(DECISION, secret).await.map_err(log_text)
    }

    async fn take_number(&self) -> Result<u64, String> {
        let bucket = bucket_store::open(STORE).map_err(log_text)?;
        let number = atomics::increment(&bucket, COUNTER, 1).map_err(log_text)?;
        u64::try_from(number).map_err(log_text)
    }

    async fn candidate(&self, number: u64) -> Result<Option<Vec<u8>>, String> {
        self.store.get(key_of(number)).await.map_err(log_text)
    }

    async fn propose(&self, number: u64, secret: &[u8]) -> Result<(), String> {
        self.store
            .set(key_of(number), secret)
            .await
            .map_err(log_text)
    }

    fn random(&self) -> Result<[u8; SECRET_BYTES], String> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(log_text)?;
        Ok(secret)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }
}

fn key_of(number: u64) -> String {
    format!("identity:secret:candidate:{number}")
}

/// A store's error names its trouble and no values.
fn log_text(error: impl std::fmt::Debug) -> String {
    format!("agreeing on a secret: {error:?}")
}

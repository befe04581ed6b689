//! Fakes of identity providers. Each checks what the real one checks, and rejects requests with the
//! same errors.

mod clerk;
mod codes;
mod github;
mod google;
mod signing;
mod workos;

pub use clerk::Clerk;
pub use github::{GitHub, GitHubEmail, GitHubUser};
pub use google::{Google, GoogleUser};
pub use signing::SigningKey;
pub use workos::{WorkOs, WorkOsSession};

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A fake's state; a test that panicked with it does not make others fail.
fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;

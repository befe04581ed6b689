//! Random numbers for what is not secret: jitter of pauses, choice of a key, ids of tool calls.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

/// A random number: the hash of nothing under a new random key.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

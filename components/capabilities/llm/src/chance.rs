//! Chance, where nothing is secret: jitter, weights, ids for calls. Asked for only when one of
//! these is needed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

/// Any number: the standard library's hash of nothing under a new random key.
pub(crate) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

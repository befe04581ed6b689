//! Serializes JSON.

use serde::Serialize;

/// The value as JSON. What this crate and the routes serialize has string keys and finite numbers, so
/// this cannot fail; if it did, an empty object is better than a panic.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}
